"""``healthkit lint``, as somebody calls it."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import _app_asked, _lint
from healthkit.errors import ConfigError
from healthkit.lint import AppSettings, _run
from healthkit.manifests._source import LARGEST
from tests.lint.texts import CONFIG, FINE, STRETCHED

if TYPE_CHECKING:
    from collections.abc import Mapping

Lines = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: Patch) -> Path:
    """Work in a directory with manifests."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("bad", STRETCHED), ("fine", FINE), ("config", CONFIG)):
        Path(f"{name}.yaml").write_text(text)
    return tmp_path


def stdin(monkeypatch: Patch, data: bytes) -> None:
    """Write to the command."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def lint(capsys: Lines, *words: str) -> tuple[int, str, str]:
    """Call the command; return its code, and what it has written."""
    code = _lint.main(words)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_nothing_found_is_success(capsys: Lines) -> None:
    """The summary is all there is."""
    assert lint(capsys, "fine.yaml") == (0, "found nothing in 1 object of 1 file\n", "")


def test_a_warning_is_failure(capsys: Lines) -> None:
    """It is told with its file and line."""
    code, out, err = lint(capsys, "bad.yaml", "fine.yaml")
    assert (code, err) == (1, "")
    assert out.startswith(
        "bad.yaml:16:13: warning HK202 Deployment/shop, container web: timeoutSeconds 15 is"
    )
    assert out.endswith("found 1 warning in 2 objects of 2 files\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--ignore", "HK2"], 0), (["--only", "HK1"], 0), (["--only", "HK202"], 1), (["--strict"], 1)],
)
def test_rules_can_be_chosen(capsys: Lines, words: list[str], code: int) -> None:
    """What they find changes the code."""
    assert lint(capsys, "bad.yaml", *words)[0] == code


def test_advice_counts_if_somebody_is_strict() -> None:
    """Else it is only told."""
    from tests.lint.findings import ADVICE, FINDING, OTHER, report  # noqa: PLC0415  # only here

    codes = [
        [_lint.code(report(one), strict=strict) for one in (ADVICE, FINDING, OTHER)]
        for strict in (False, True)
    ]
    assert codes == [[0, 1, 1], [1, 1, 1]]
    assert _lint.code(report(), strict=True) == 0
    assert _lint.code(report(OTHER, unusable=("a",)), strict=False) == 2


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("gone.yaml", "gone.yaml: no such file or directory: expected a file of Kubernetes YAML"),
        ("empty.yaml", "empty.yaml: found nothing: expected Kubernetes objects"),
        (
            "text.yaml",
            "text.yaml:1: found no object: expected a Kubernetes object, with apiVersion",
        ),
        ("none", "none: found no Kubernetes object, expected manifests with apiVersion and kind"),
        ("chart", "chart: found a Helm chart, expected manifests: render it first, as in helm"),
        ("a\0b", "path='a\\x00b': expected the path of a YAML file"),
    ],
)
def test_what_cannot_be_used_is_a_line_and_code_2(capsys: Lines, path: str, line: str) -> None:
    """What is found in the rest is told even then."""
    for name in ("none", "chart"):
        Path(name).mkdir()
    Path("chart/Chart.yaml").write_text("apiVersion: v2\nname: a\n")
    Path("empty.yaml").write_text("")
    Path("text.yaml").write_text("just words")
    code, _, err = lint(capsys, path)
    assert code == 2
    assert err.startswith(f"healthkit lint: {line}")
    assert err.count("\n") == 1
    code, out, err = lint(capsys, path, "bad.yaml")
    assert "HK202" in out
    # A directory without manifests is nothing to look at only if there is nothing else.
    assert (code, err.count("\n")) == ((1, 0) if path == "none" else (2, 1))


def test_other_kinds_are_skipped_and_counted(capsys: Lines) -> None:
    """A file of them is no mistake."""
    code, out, _ = lint(capsys, "config.yaml")
    assert code == 0
    assert out == "found nothing in 0 objects of 1 file; skipped other kinds: 1 ConfigMap\n"


def test_others_can_be_skipped(capsys: Lines) -> None:
    """As for a hook that is given whatever a commit has."""
    Path("values.yaml").write_text("a: 1")
    assert lint(capsys, "values.yaml", "fine.yaml")[0] == 2
    code, out, err = lint(capsys, "--skip-others", "values.yaml", "fine.yaml")
    assert (code, err) == (0, "")
    assert out == "found nothing in 1 object of 2 files; 1 file without manifests\n"
    assert lint(capsys, "--skip-others", "values.yaml")[0] == 0


@pytest.mark.parametrize("words", [[], ["--bad"], ["--explain", "HK999"], ["a", "--only", "X"]])
def test_wrong_usage_is_a_line_and_code_2(capsys: Lines, words: list[str]) -> None:
    """And nothing else."""
    code, out, err = lint(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("healthkit lint: ")
    assert err.count("\n") == 1


def test_help(capsys: Lines) -> None:
    """On stdout."""
    code, out, err = lint(capsys, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: healthkit lint FILE|DIR|-... [options]\n")


# -- formats ---------------------------------------------------------------------------------------


def test_machines_read_it(capsys: Lines) -> None:
    """As JSON, as SARIF, as annotations; what can't be used is in it, and on stderr."""
    words = ["bad.yaml", "gone.yaml"]
    code, out, err = lint(capsys, *words, "--format", "json")
    assert code == 2
    assert [one["rule"] for one in json.loads(out)["findings"]] == ["HK202"]
    assert len(json.loads(out)["unusable"]) == err.count("\n") == 1
    _, out, _ = lint(capsys, *words, "--format", "sarif")
    (run,) = json.loads(out)["runs"]
    assert len(run["results"]) == 1
    _, out, _ = lint(capsys, *words, "--format", "github")
    assert [line.split("::")[1].split()[0] for line in out.splitlines()[:-1]] == [
        "warning",
        "error",
    ]


# -- stdin -----------------------------------------------------------------------------------------


def test_stdin_is_a_file(capsys: Lines, monkeypatch: Patch) -> None:
    """Beside others, in bytes."""
    stdin(monkeypatch, STRETCHED.encode())
    code, out, _ = lint(capsys, "-", "fine.yaml")
    assert code == 1
    assert out.startswith("<stdin>:16:13: warning HK202")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "<stdin>: found nothing: expected Kubernetes objects"),
        (b"\xff\xfe", "<stdin>:1: not UTF-8: save it as UTF-8"),
        (b"a" * (LARGEST + 2), "<stdin>: more than 10,000,000 bytes: split the file"),
        (b"kind: [\n", "<stdin>:2: not YAML: "),
        (b"{{ .Values }}\n", "<stdin>:1: found {{, a template that is not rendered"),
    ],
)
def test_stdin_may_be_anything(capsys: Lines, monkeypatch: Patch, data: bytes, line: str) -> None:
    """What is found in the files is told."""
    stdin(monkeypatch, data)
    code, out, err = lint(capsys, "bad.yaml", "-")
    assert code == 2
    assert "HK202" in out
    assert err.startswith(f"healthkit lint: {line}")


def test_stdin_may_be_closed(capsys: Lines, monkeypatch: Patch) -> None:
    """Then there is nothing."""
    monkeypatch.setattr(sys, "stdin", None)
    code, _, err = lint(capsys, "-")
    assert code == 2
    assert err == "healthkit lint: -: found no stdin, expected manifests\n"


# -- the app ---------------------------------------------------------------------------------------

APP = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - name: web
      image: shop:1
      env: [{name: A, value: x}, {name: B, valueFrom: {secretKeyRef: {name: s, key: b}}}]
    - {name: proxy, image: proxy:1}
"""


def test_an_app_is_asked_in_its_container(monkeypatch: Patch, capsys: Lines) -> None:
    """With that one's environment; the port is what somebody says, else the app's."""
    asked: list[object] = []

    def read(name: str, environ: Mapping[str, str], *, option: str) -> AppSettings:
        asked.append((name, dict(environ), option))
        return AppSettings(name, port=8000)

    seen: list[object] = []
    real = _run.run

    def run(found: object, options: object) -> object:
        seen.append(getattr(getattr(options, "app"), "port"))  # noqa: B009  # an object
        return real(found, options)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(_app_asked, "ask", read)
    monkeypatch.setattr(_lint, "run", run)
    Path("app.yaml").write_text(APP)
    words = ["app.yaml", "--against", "main:health", "--container", "web"]
    assert lint(capsys, *words)[2] == ""
    assert lint(capsys, *words, "--port", "9000")[2] == ""
    assert asked == [("main:health", {"A": "x"}, "--against")] * 2
    assert seen == [8000, 9000]


PRINTS: Final = """\
import atexit, os, threading, time
from healthkit import Health
print("hello")
os.write(1, b"raw\\n")
atexit.register(print, "bye")
threading.Thread(target=time.sleep, args=(3600,)).start()
health = Health()
"""


def test_an_app_can_say_nothing_between_what_machines_read(
    tmp_path: Path, monkeypatch: Patch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may print in all ways that there are, and leave a thread behind: nobody waits for it."""
    monkeypatch.chdir(tmp_path)
    Path("app.yaml").write_text(APP)
    Path("shop.py").write_text(PRINTS)
    words = ["app.yaml", "--format=json", "--against=shop:health", "--workload=Pod/web"]
    _lint.main([*words, "--container=web"])
    out, err = capfd.readouterr()
    assert json.loads(out)["unusable"] == []
    assert sorted(err.split()) == ["hello", "raw"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            [],
            (
                "found several containers that the app may be in, expected one; name it by "
                "--workload and --container: found pod/web web, pod/web proxy"
            ),
        ),
        (
            ["--container", "x"],
            (
                "found no container that the app may be in, expected one; name it "
                "by --workload and --container: found pod/web web, pod/web proxy"
            ),
        ),
    ],
)
def test_it_must_be_clear_where_the_app_is(capsys: Lines, words: list[str], line: str) -> None:
    """Else the candidates are named."""
    Path("app.yaml").write_text(APP)
    code, out, err = lint(capsys, "app.yaml", "--against", "main:health", *words)
    assert (code, out) == (2, "")
    assert err == f"healthkit lint: --against: {line}\n"


def test_there_may_be_no_container_at_all(capsys: Lines) -> None:
    """Or nothing; then that is told, and the app isn't asked."""
    code, _, err = lint(capsys, "config.yaml", "--against", "main:health")
    assert code == 2
    assert err.endswith("expected one; name it by --workload and --container\n")
    code, _, err = lint(capsys, "gone.yaml", "--against", "main:health")
    assert err.startswith("healthkit lint: gone.yaml: no such file")


def test_of_many_candidates_some_are_named(capsys: Lines) -> None:
    """The line stays one."""
    Path("app.yaml").write_text("---\n".join([APP] * 5))
    err = lint(capsys, "app.yaml", "--against", "main:health")[2]
    assert err.endswith("pod/web proxy and 4 more\n")


def test_an_app_that_cannot_be_asked_is_a_line(monkeypatch: Patch, capsys: Lines) -> None:
    """And code 2."""

    def read(*_: object, **__: object) -> AppSettings:
        raise ConfigError("--against='main:health': there is no module main")

    monkeypatch.setattr(_app_asked, "ask", read)
    code, out, err = lint(capsys, "fine.yaml", "--against", "main:health")
    assert (code, out) == (2, "")
    assert err == "healthkit lint: --against='main:health': there is no module main\n"


# -- explaining ------------------------------------------------------------------------------------


def test_a_rule_is_explained(capsys: Lines) -> None:
    """Or all are."""
    code, out, _ = lint(capsys, "--explain", "hk202")
    assert code == 0
    assert out.startswith("HK202, warning: timeoutSeconds is longer than periodSeconds\n")
    code, out, _ = lint(capsys, "--explain", "all")
    assert code == 0
    assert out.startswith("# The rules of `healthkit lint`\n")


# -- as a process ----------------------------------------------------------------------------------


def test_the_collector_is_as_it_was(capsys: Lines) -> None:
    """On or off, when the command has ended."""
    lint(capsys, "fine.yaml")
    assert gc.isenabled()
    gc.disable()
    try:
        lint(capsys, "fine.yaml")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_names_may_be_any_bytes(directory: Path) -> None:
    """Whatever the locale; nothing is written but lines."""
    for name in (b"\xff a.yaml", b"a\n::error::b.yaml", b"\x1b[31m.yaml"):
        Path(os.fsdecode(os.fsencode(directory) + b"/" + name)).write_text(STRETCHED)
    for format_ in ("text", "json", "sarif", "github"):
        command = [sys.executable, "-m", "healthkit", "lint", ".", "--format", format_]
        root = str(Path(_lint.__file__).parents[1])
        environ = {"PATH": os.defpath, "LC_ALL": "C", "PYTHONPATH": root, "PYTHONUTF8": "0"}
        done = subprocess.run(command, capture_output=True, env=environ, check=False, timeout=60)  # noqa: S603  # our own words
        assert (done.returncode, done.stderr) == (1, b"")
        lines = done.stdout.split(b"\n")
        assert all(line.isascii() and b"\x1b" not in line for line in lines)
        if format_ == "github":
            assert sum(line.startswith(b"::") for line in lines) == 4
        else:
            assert not [line for line in lines if line.startswith(b"::")]
