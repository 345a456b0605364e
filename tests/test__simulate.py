"""``healthkit simulate``: a pod's life, from the command line."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import pytest

from healthkit import _simulate, _simulate_progress, _validate
from healthkit.testing import _running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Lines = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch

MANIFEST: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  progressDeadlineSeconds: 40
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: web:1
        ports: [{containerPort: 8080}]
        env: [{name: COLOUR, value: green}]
        startupProbe:
          {httpGet: {path: /startupz, port: 8080}, periodSeconds: 1, failureThreshold: 60}
        livenessProbe: {httpGet: {path: "/livez?verbose", port: 8080}, periodSeconds: 2}
        readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 5}}}
"""

#: The same pod twice: with a container more, and with none of the probes.
MORE: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: two}
spec:
  containers:
  - {name: app, image: web:1, readinessProbe: {exec: {command: ["true"]}}}
  - {name: proxy, image: proxy:1}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: app, image: web:1}]}
"""

APP: Final = """\
import os
print("imported in", os.environ["COLOUR"], os.environ["KUBERNETES_SERVICE_HOST"])

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

class Holder:
    inner = app
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: Patch) -> Iterator[None]:
    """Work in a directory with manifests and apps; leave the process as it was."""
    (tmp_path / "deploy.yaml").write_text(MANIFEST)
    (tmp_path / "more.yaml").write_text(MORE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLOUR", "red")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "")
    yield
    sys.modules.pop("shop", None)


def call(*arguments: str) -> int:
    """Call the command."""
    return _simulate.main(arguments)


def sums(out: str) -> dict[str, str]:
    """Return what the end of the text says."""
    rows = out.rpartition("\n\n")[2].splitlines()
    return {row[:12].rstrip(): row[12:].strip() for row in rows}


def refused(capsys: Lines, *arguments: str) -> str:
    """Return the one line that is said of a wrong call."""
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line.removeprefix("healthkit simulate: ")


# -- a described app ------------------------------------------------------------------------------


def test_a_life_is_told_from_start_to_end(capsys: Lines) -> None:
    """The pod is deleted 30 s after it became ready, and nothing is lost: 0."""
    assert call("deploy.yaml") == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "seconds  web"
    assert [line[9:] for line in lines if "Ready" in line] == [
        "Ready: readiness passed",
        "not Ready: the container has ended",
    ]
    assert lines[-7].endswith("the Pod object is gone")
    said = sums(out)
    ready = float(said["ready after"].removesuffix(" s"))
    assert 2 <= ready <= 5
    deleted = next(line for line in lines if "deletion" in line)
    assert float(deleted.split()[0]) == pytest.approx(ready + 30, abs=0.1)
    assert int(said["requests"].replace(",", "")) > 300
    assert (said["restarts"], said["lost"], said["answered 5xx"]) == ("0", "0", "0")


def test_the_app_is_as_the_options_describe_it(capsys: Lines) -> None:
    """It listens after its boot, and passes readiness after its warm-up."""
    assert call("deploy.yaml", "--boot", "6", "--warm-up=0.2m", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert 18.4 <= said["ready_after_seconds"] <= 20.6
    refused = [one for one in said["events"] if one.get("error") == "refused"]
    assert {one["type"] for one in refused} == {"startup"}
    assert max(one["t"] for one in refused) < 6.6


def test_a_failing_probe_has_its_consequences(capsys: Lines) -> None:
    """Liveness: the container starts again, which is no good life. A query is no part of a path."""
    assert call("deploy.yaml", "--fail", "liveness", "10..16", "--for", "30s", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["restarts"] == 1
    assert not said["ok"]
    failed = [one["t"] for one in said["events"] if one.get("status") == 503]
    assert failed
    assert all(10 <= at < 16 for at in failed)


def test_readiness_may_fail_without_a_loss(capsys: Lines) -> None:
    """Several faults may be named."""
    faults = ["--fail", "readiness", "10..15", "--fail", "readiness", "20..26"]
    assert call("deploy.yaml", *faults, "--json") == 0
    events = json.loads(capsys.readouterr().out)["events"]
    assert [one["value"] for one in events if one["event"] == "ready"][:5] == [
        *(True, False, True, False, True)
    ]


def test_a_pod_that_is_never_ready_is_watched_for_its_deadline(capsys: Lines) -> None:
    """Then it is deleted; that is no good life."""
    assert call("deploy.yaml", "--warm-up", "300") == 1
    out = capsys.readouterr().out
    assert sums(out)["ready after"] == "never"
    deleted = next(line for line in out.splitlines() if "deletion" in line)
    assert float(deleted.split()[0]) == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize(
    ("options", "deleted", "end"),
    [
        (["--for", "12"], 12, None),
        (["--for", "12", "--delete"], 12, None),
        (["--delete-at", "9"], 9, None),
        (["--delete-at", "9", "--for", "1m"], 9, None),
        (["--no-delete", "--for", "12.5"], None, 12.5),
        (["--no-delete"], None, 34),
    ],
)
def test_the_end_is_where_the_options_have_it(
    options: list[str], deleted: float | None, end: float | None, capsys: Lines
) -> None:
    """A deleted pod is always watched until it is gone."""
    assert call("deploy.yaml", "--json", *options) == 0
    events = json.loads(capsys.readouterr().out)["events"]
    killed = [one["t"] for one in events if one["event"] == "killing"]
    assert killed == ([] if deleted is None else [pytest.approx(deleted, abs=0.1)])
    assert (events[-1]["event"] == "deleted") is (deleted is not None)
    if end is not None:
        assert events[-1]["t"] == pytest.approx(end, abs=1.1)


def test_one_of_several_workloads_is_named(capsys: Lines) -> None:
    """A pod without a readiness probe is ready before it listens, and loses what comes then."""
    assert call("more.yaml", "--workload", "once") == 1
    out = capsys.readouterr().out
    assert "Ready: no readiness probe" in out
    assert int(sums(out)["lost"]) > 0


def test_a_pod_that_ends_by_itself_is_not_waited_for(tmp_path: Path, capsys: Lines) -> None:
    """Nothing will be ready any more; an app whose start-up fails exits with 3."""
    failing = MANIFEST[MANIFEST.index("      containers:") :].replace("      ", "  ", 1)
    spec = failing.replace("\n      ", "\n  ")
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  restartPolicy: Never\n"
    (tmp_path / "pod.yaml").write_text(head + spec)
    (tmp_path / "shop.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': ''})\n"
    )
    assert call("pod.yaml", "--app", "shop:app", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["ready_after_seconds"] is None
    assert {"event": "phase", "value": "Failed"}.items() <= said["events"][-2].items() or any(
        one.get("value") == "Failed" for one in said["events"]
    )
    assert said["events"][-1]["t"] < 30


def test_the_picture_is_written(tmp_path: Path, capsys: Lines) -> None:
    """Beside the text."""
    assert call("deploy.yaml", "--svg", "life.svg") == 0
    root = ET.fromstring((tmp_path / "life.svg").read_text())  # noqa: S314  # our own words
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "web"
    assert capsys.readouterr().out.startswith("seconds  web\n")


# -- an app of one's own --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["shop:app", "shop:Holder.inner"])
def test_an_app_is_imported_as_in_its_container(path: str, tmp_path: Path, capsys: Lines) -> None:
    """From the working directory, with the manifest's environment; its prints go to stderr."""
    (tmp_path / "shop.py").write_text(APP)
    assert call("deploy.yaml", "--app", path, "--json") == 0
    out, err = capsys.readouterr()
    assert err == "imported in green 10.96.0.1\n"
    said = json.loads(out)
    assert said["ok"]
    assert said["lost_requests"] == 0
    assert said["requests"] > 300


@pytest.mark.parametrize(
    ("source", "name", "line"),
    [
        ("", "shop", "--app='shop': expected MODULE:APP, as in main:app"),
        ("", "shop:", "--app='shop:': expected MODULE:APP, as in main:app"),
        ("", ":app", "--app=':app': expected MODULE:APP, as in main:app"),
        ("", "shop:app", "found no app in shop, expected an ASGI application"),
        ("app = 7", "shop:app", "found 7 as app in shop, expected an ASGI application"),
        ("1/0", "shop:app", "importing shop raised ZeroDivisionError: division by zero; expected"),
        (
            "raise ValueError('a\\nb')",
            "shop:app",
            "importing shop raised ValueError: a b; expected",
        ),
        ("raise SystemExit", "shop:app", "importing shop raised SystemExit; expected"),
        ("import nowhere", "shop:app", "raised ModuleNotFoundError: No module named 'nowhere'"),
        ("x =", "shop:app", "importing shop raised SyntaxError: invalid syntax"),
        ("", "sh op:app", "raised ModuleNotFoundError: No module named 'sh op'"),
        ("", ".shop:app", "importing .shop raised TypeError: the 'package' argument is required"),
        (
            "class E(Exception):\n  def __str__(self): raise self\nraise E",
            "shop:app",
            "importing shop raised E; expected",
        ),
    ],
)
def test_an_app_that_can_not_be_imported_is_one_line(
    source: str, name: str, line: str, tmp_path: Path, capsys: Lines
) -> None:
    """Whatever it raises."""
    (tmp_path / "shop.py").write_text(source)
    assert line in refused(capsys, "deploy.yaml", "--app", name)


def test_an_app_that_ends_the_simulation_is_one_line(
    tmp_path: Path, capsys: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    """A task of its own that raises SystemExit would end any event loop."""
    gc.collect()  # what earlier tests have left may log as it goes
    caplog.clear()
    start = "import asyncio\nasync def leave():\n    raise SystemExit(3)\n"
    task = '"lifespan":\n        app.task = asyncio.ensure_future(leave())'
    (tmp_path / "shop.py").write_text(start + APP.replace('"lifespan":', task))
    assert call("deploy.yaml", "--app", "shop:app") == 2
    gc.collect()
    assert capsys.readouterr().err.splitlines() == [
        "imported in green 10.96.0.1",
        "healthkit simulate: the app ended the simulation with SystemExit: 3",
    ]
    assert not caplog.records


def test_whatever_ends_the_simulation_is_one_line(capsys: Lines, monkeypatch: Patch) -> None:
    """An exception out of one of its callbacks, for instance."""

    def fail(*_: object) -> None:
        raise RuntimeError("no\nmore")

    monkeypatch.setattr(_running, "run", fail)
    line = refused(capsys, "deploy.yaml")
    assert line == "the app ended the simulation with RuntimeError: no more"


def test_what_a_task_of_the_app_raises_is_logged(
    tmp_path: Path, capsys: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    """As it would be in its container; the simulation goes on."""
    gc.collect()  # what earlier tests have left may log as it goes
    caplog.clear()
    start = "import asyncio\nasync def leave():\n    raise ValueError(3)\n"
    task = '"lifespan":\n        asyncio.ensure_future(leave())'
    (tmp_path / "shop.py").write_text(start + APP.replace('"lifespan":', task))
    assert call("deploy.yaml", "--app", "shop:app", "--for", "5") == 0
    gc.collect()
    (record,) = caplog.records
    assert record.message.startswith("Task exception was never retrieved")
    assert capsys.readouterr().out.startswith("seconds  web")


# -- wrong calls ----------------------------------------------------------------------------------


def test_it_says_what_it_is_for(capsys: Lines) -> None:
    """In lines that fit; all options are there."""
    assert call("--help") == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: healthkit simulate MANIFEST ")
    assert all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("", "found no MANIFEST, expected a file, as in: healthkit simulate deploy.yaml"),
        ("a b", "found 'b', expected MANIFEST, --app MODULE:APP, --boot S,"),
        ("nosuch.yaml", "nosuch.yaml: no such file or directory"),
        ("deploy.yaml -- x", "found 'x' after '--', expected options only"),
        ("deploy.yaml --workload db", "deploy.yaml: found no workload 'db'"),
        ("more.yaml", "more.yaml: found 2 workloads: pass the name of one of them"),
        ("more.yaml --workload two", "expected one of app, proxy"),
        ("deploy.yaml --container db", "container='db': expected one of app"),
        ("deploy.yaml --for", "found --for without a value, expected --for S"),
        ("deploy.yaml --for 3d", "--for='3d': expected seconds, or a number with a unit: 90, 90s,"),
        ("deploy.yaml --for -3", "--for='-3': expected seconds, or a number with a unit"),
        ("deploy.yaml --boot 25h", "--boot=90000.0: expected seconds as a number from 0 to 86400"),
        ("deploy.yaml --fail", "found --fail '', expected --fail PROBE AT..UNTIL"),
        ("deploy.yaml --fail liveness", "found --fail 'liveness', expected --fail PROBE"),
        ("deploy.yaml --fail live 1..2", "found --fail 'live 1..2', expected --fail PROBE"),
        ("deploy.yaml --fail liveness 2", "found --fail 'liveness 2', expected --fail PROBE"),
        ("deploy.yaml --fail liveness 2..x", "--fail='x': expected seconds, or a number"),
        ("deploy.yaml --fail liveness 2..2", "found --fail '2..2', which ends before it begins"),
        ("deploy.yaml --app a:b --boot 2", "found --boot and --app, expected one"),
        ("deploy.yaml --app a:b --fail liveness 1..2", "found --fail and --app, expected one"),
        ("deploy.yaml --delete --no-delete", "found --delete and --no-delete, expected one"),
        (
            "deploy.yaml --delete-at 6 --for 5",
            "found --delete-at 6, which is after the end at --for",
        ),
        ("deploy.yaml --delete-at 5 --no-delete", "found --delete-at and --no-delete, expected"),
        (
            "more.yaml --workload once --warm-up 3",
            "--warm-up: found no readiness probe in container 'app', expected one with httpGet",
        ),
        (
            "more.yaml --workload two --container app --fail readiness 1..2",
            "--fail: found a Exec readiness probe in container 'app', expected one with httpGet",
        ),
        (
            "more.yaml --workload two --container proxy --fail startup 1..2",
            "--fail: found no startup probe in container 'proxy', expected one with httpGet",
        ),
    ],
)
def test_a_wrong_call_is_one_line(arguments: str, line: str, capsys: Lines) -> None:
    """What was found, and what was expected; never a traceback."""
    assert line in refused(capsys, *arguments.split())


@pytest.mark.parametrize("path", ["nowhere/life.svg", ".", "a\0b"])
def test_a_picture_that_can_not_be_written_is_one_line(path: str, capsys: Lines) -> None:
    """The text has been shown by then."""
    assert call("deploy.yaml", "--svg", path) == 2
    out, err = capsys.readouterr()
    assert out.startswith("seconds  web")
    assert len(err.splitlines()) == 1
    assert err.endswith("; expected a file to write\n")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("2m", 120), ("1h", 3600), ("1.5m", 90), (".5", 0.5)],
)
def test_durations_may_have_a_unit(text: str, seconds: float) -> None:
    """Without one they are seconds."""
    assert _validate.duration("--for", text) == seconds


# -- the bar --------------------------------------------------------------------------------------


class Terminal:
    """A stderr that is a terminal, or isn't."""

    encoding = "utf-8"

    def __init__(self, *, terminal: bool = True) -> None:
        self.written: list[str] = []
        self.terminal = terminal

    def isatty(self) -> bool:
        """Say what it is."""
        return self.terminal

    def write(self, text: str) -> int:
        """Keep what is written."""
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        """Have nothing to do."""


class Ticks:
    """Real time that goes on by itself."""

    def __init__(self, each: float) -> None:
        self.now = 0.0
        self.each = each

    def __call__(self) -> float:
        """Return the moment, and let time pass."""
        self.now += self.each
        return self.now


@pytest.mark.parametrize(
    ("terminal", "each", "total", "shows"),
    [
        (True, 0.4, 60.0, True),
        (True, 0.4, None, True),
        (True, 0.001, 60.0, False),
        (False, 0.4, 60.0, False),
    ],
)
def test_a_bar_is_for_terminals_and_long_simulations(
    terminal: bool, each: float, total: float | None, shows: bool, monkeypatch: Patch
) -> None:
    """After a second of real time."""
    stderr = Terminal(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    with _simulate_progress.Progress(total, Ticks(each)) as progress:
        for moment in range(10):
            progress.show(float(moment))
    assert bool(stderr.written) is shows
    if shows:
        assert "9 s" in "".join(stderr.written)


@pytest.mark.parametrize("stderr", [None, Terminal()])
def test_without_rich_there_is_no_bar(stderr: object, monkeypatch: Patch) -> None:
    """And without a stderr neither: nothing else comes of it."""
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with _simulate_progress.Progress(None, Ticks(1)) as progress:
        progress.show(1)
        progress.show(2)
    assert stderr is None or (isinstance(stderr, Terminal) and not stderr.written)


# -- the drain of a described app ------------------------------------------------------------------

SLEEP: Final = "        lifecycle: {preStop: {sleep: {seconds: 5}}}\n"
COLOUR: Final = "{name: COLOUR, value: green}"


def ended(capsys: Lines) -> tuple[list[float], set[int], int]:
    """Return when SIGTERM came and the end, what readiness was told between, and what was lost."""
    said = json.loads(capsys.readouterr().out)
    events = said["events"]
    (sigterm,) = [one["t"] for one in events if one["event"] == "sigterm"]
    (over,) = [one["t"] for one in events if one["event"] == "exit"]
    after = [one for one in events if one["event"] == "probe" and one["t"] > sigterm]
    return [sigterm, over], {one["status"] for one in after}, said["lost_requests"]


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_described_app_drains_at_sigterm(capsys: Lines, tmp_path: Path, by: str) -> None:
    """By the option, or by what the manifest says; it is unready meanwhile, and nothing is lost."""
    text = MANIFEST.replace(SLEEP, "")
    if by == "variable":
        text = text.replace(COLOUR, '{name: HEALTHKIT_DRAIN_DELAY, value: "5"}')
    (tmp_path / "deploy.yaml").write_text(text)
    options = ["--drain", "5s"] if by == "option" else []
    assert call("deploy.yaml", *options, "--json") == 0
    (sigterm, over), statuses, lost = ended(capsys)
    assert over - sigterm == pytest.approx(5.1, abs=0.2)
    assert (statuses, lost) == ({503}, 0)


def test_healthkit_drain_is_waited_for(capsys: Lines, tmp_path: Path) -> None:
    """As a hook it takes what the drain takes, and SIGTERM comes when it is over."""
    hook = "        lifecycle: {preStop: {exec: {command: [healthkit, drain]}}}\n"
    text = MANIFEST.replace(SLEEP, hook)
    (tmp_path / "deploy.yaml").write_text(text)
    assert call("deploy.yaml", "--drain", "5", "--delete-at", "20", "--json") == 0
    (sigterm, over), _, lost = ended(capsys)
    assert sigterm == pytest.approx(25, abs=0.3)
    assert over - sigterm < 0.5
    assert lost == 0


def test_another_probe_is_not_told_of_a_drain(capsys: Lines, tmp_path: Path) -> None:
    """Only a path can be unready."""
    probe = 'readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}'
    ready = "readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}"
    assert ready in MANIFEST
    (tmp_path / "deploy.yaml").write_text(MANIFEST.replace(ready, probe))
    assert call("deploy.yaml", "--drain", "5", "--json") == 0
    assert ended(capsys)[2] == 0


def test_a_drain_that_is_none_is_one_line(capsys: Lines, tmp_path: Path) -> None:
    """Of the manifest's variable too."""
    text = MANIFEST.replace(COLOUR, "{name: HEALTHKIT_DRAIN_DELAY, value: soon}")
    (tmp_path / "deploy.yaml").write_text(text)
    assert "HEALTHKIT_DRAIN_DELAY='soon': expected seconds" in refused(capsys, "deploy.yaml")
