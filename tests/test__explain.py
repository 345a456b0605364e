"""``healthkit explain``: a manifest told, from the command line."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthkit import _explain

if TYPE_CHECKING:
    from pathlib import Path

Lines = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch

TWO: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: app, image: "web:1", startupProbe: {exec: {command: ["true"]}, failureThreshold: 30}}
  - {name: log, image: "log:1"}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: job, image: "web:1"}]}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: Patch) -> None:
    """Work in a directory with manifests."""
    (tmp_path / "two.yaml").write_text(TWO)
    (tmp_path / "none.yaml").write_text("{apiVersion: v1, kind: Service}")
    (tmp_path / "wrong.yaml").write_text(TWO.replace("web:1", "", 1))
    monkeypatch.chdir(tmp_path)


def piped(monkeypatch: Patch, data: bytes) -> None:
    """Pipe something into the command."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def refused(capsys: Lines, *arguments: str) -> str:
    """Return the one line that is said of a wrong call."""
    assert _explain.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("healthkit explain: ")
    return line.removeprefix("healthkit explain: ")


def test_workloads_are_told_one_after_the_other(capsys: Lines) -> None:
    """With a blank line more between them."""
    assert _explain.main(["two.yaml"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("Pod/web (two.yaml:1)\n")
    assert "\n\n\nJob/once (two.yaml:9)\n" in out
    assert "guaranteed   290 s: " in out


def test_one_workload_and_one_container_may_be_named(capsys: Lines) -> None:
    """By name, or by kind and name; a container is looked for in all workloads."""
    assert _explain.main(["two.yaml", "--workload", "job/once"]) == 0
    assert capsys.readouterr().out.startswith("Job/once")
    assert _explain.main(["--container=log", "two.yaml"]) == 0
    out = capsys.readouterr().out
    assert "Container log" in out
    assert "Container app" not in out
    assert "Job/once" not in out


def test_json_has_everything(capsys: Lines) -> None:
    """In one object."""
    assert _explain.main(["two.yaml", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["workloads"]] == ["web", "once"]
    assert found["workloads"][0]["containers"][0]["start"]["guaranteed_boot"] == 290


def test_the_standard_input_is_a_dash(monkeypatch: Patch, capsys: Lines) -> None:
    """And is called so."""
    piped(monkeypatch, TWO.encode())
    assert _explain.main(["-", "--workload", "web"]) == 0
    assert capsys.readouterr().out.startswith("Pod/web (stdin:1)\n")


def test_a_picture_is_drawn(tmp_path: Path, capsys: Lines) -> None:
    """Beside the text."""
    assert _explain.main(["two.yaml", "--svg", "life.svg"]) == 0
    assert capsys.readouterr().out.startswith("Pod/web")
    root = ET.parse(tmp_path / "life.svg").getroot()  # noqa: S314  # our own words
    assert root.tag.endswith("svg")


def test_help_says_what_it_does(capsys: Lines) -> None:
    """On stdout, in lines that fit a terminal."""
    assert _explain.main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (_explain.HELP, "")
    assert max(len(line) for line in out.splitlines()) <= 100
    for name in ("--workload", "--container", "--format", "--svg"):
        assert f"  {name} " in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "found no MANIFEST, expected a file or -, as in: healthkit explain deploy.yaml"),
        (["two.yaml", "more.yaml"], "found 'more.yaml', expected MANIFEST, --workload NAME, "),
        (["two.yaml", "--", "x"], "found 'x' after '--', expected options only"),
        (["two.yaml", "--format", "xml"], "--format='xml': expected one of text, json"),
        (["two.yaml", "--svg"], "found --svg without a value, expected --svg FILE"),
        (["two.yaml", "--svg", "/no/where.svg"],
         "--svg='/no/where.svg': No such file or directory; expected a file to write"),
        (["two.yaml", "--svg", "a\0b"], r"--svg='a\x00b': embedded null byte; expected a file"),
        (["no.yaml"], "no.yaml: no such file or directory: expected a file of Kubernetes YAML"),
        (["."], ".: is a directory"),
        (["none.yaml"], "none.yaml: found no workload, but Service: expected a Pod, "),
        (["wrong.yaml"], "wrong.yaml:6: spec.containers[0].image: Required value"),
        (["two.yaml", "--workload", "x"],
         "found no workload 'x': expected one of job/once, pod/web"),
        (["two.yaml", "--container", "x"],
         "found no container 'x': expected one of app, job, log"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(arguments: list[str], line: str, capsys: Lines) -> None:
    """On stderr, with the exit code 2."""
    assert refused(capsys, *arguments).startswith(line)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "found no workload: expected a Pod, Deployment, StatefulSet, DaemonSet or Job"),
        (b"\xff", "stdin:1: not UTF-8: save it as UTF-8"),
        (b"a: [", "stdin:2: not YAML: "),
        (b"#" * 10_000_001, "stdin: more than 10,000,000 bytes: split the file"),
    ],
)
def test_what_is_wrong_with_a_pipe_is_one_line(
    data: bytes, line: str, monkeypatch: Patch, capsys: Lines
) -> None:
    """It has no name but the standard input's."""
    piped(monkeypatch, data)
    assert refused(capsys, "-").startswith(line)


def test_a_standard_input_that_is_none(monkeypatch: Patch, capsys: Lines) -> None:
    """It was closed before the command began, or while it read."""
    monkeypatch.setattr(sys, "stdin", None)
    assert refused(capsys, "-").startswith("found no standard input, expected a manifest")
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr(sys, "stdin", closed)
    assert refused(capsys, "-").startswith("the standard input can't be read: ")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 400), max_size=6), st.text(max_size=6))
def test_a_spoilt_manifest_is_told_or_refused(
    tmp_path: Path, capsys: Lines, places: list[int], bit: str
) -> None:
    """Nothing is ever raised, and a refusal is one line."""
    text = TWO
    for place in places:
        text = text[:place] + bit + text[place + 1 :]
    (tmp_path / "spoilt.yaml").write_text(text, encoding="utf-8", errors="replace")
    code = _explain.main(["spoilt.yaml", "--format=json"])
    out, err = capsys.readouterr()
    assert code in {0, 2}
    assert bool(out) is (code == 0)
    assert len(err.splitlines()) == (1 if code else 0)
