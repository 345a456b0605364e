"""What the README says is true: its code runs, and its tables are those of the code."""

from __future__ import annotations

import inspect
import os
import re
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import anyio
import pytest
from starlette.testclient import TestClient

from healthkit import Health, Phase, Probe
from healthkit._answers import verdict
from healthkit._explain import main as explain
from healthkit._lint import main as lint
from healthkit._settings import DRAIN_DELAY_IN_KUBERNETES, PRESETS
from healthkit._simulate import main as simulate
from healthkit.lint import check_text
from healthkit.testing import Kubelet, run
from healthkit.timing import EXIT_RESERVE
from tests.frameworks import FRAMEWORKS, program
from tests.integration.endings_servers import SERVERS, WSGI_SERVERS, Gate
from tests.reports import a_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def readme() -> Iterator[ModuleType]:
    """Execute all code of the README, from its first line to its last, as one module."""
    module = ModuleType("readme")
    sys.modules["readme"] = module  # where the annotations of FastAPI's routes would be looked up
    for block in PYTHON.finditer(README):
        line = README.count("\n", 0, block.start()) + 1
        code = compile("\n" * line + block[1], "README.md", "exec")
        exec(code, module.__dict__)  # noqa: S102  # our own README
    yield module
    del sys.modules["readme"]


def test_there_is_code() -> None:
    """Every block that looks like Python is found and run."""
    assert len(PYTHON.findall(README)) == README.count("```python") >= 8


def test_the_code_works_as_one_app(readme: ModuleType) -> None:
    """What the README registers is done, in the order it promises."""
    app: ASGIApp = readme.app
    health: Health = readme.health
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(health.wait_for, "serving")
        assert len(readme.products) == 50
        client.portal.call(readme.checkout)
        assert client.get("/startupz").text == "ok\n"
        health.drain()
    assert readme.products == {}, "on_drain was called"


def test_the_tests_in_it_pass(readme: ModuleType) -> None:
    """The tests we show are tests, whichever comes first."""
    names = [name for name in vars(readme) if name.startswith("test_") and "deletion" not in name]
    assert len(names) == 2
    for name in [*names, *names]:
        test = cast("Callable[[], object]", vars(readme)[name])
        if inspect.iscoroutinefunction(test):
            anyio.run(test)
        else:
            test()


def test_the_test_of_a_pod_s_life_passes(
    readme: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that the README registers, and with the manifest that it shows."""
    (tmp_path / "deploy.yaml").write_text(YAML.findall(README)[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    async def play() -> None:
        kubelet = Kubelet()
        try:
            await readme.test_a_deletion_loses_no_request(kubelet)
        finally:
            await kubelet.close()

    run(play)


def test_a_simulation_prints_what_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """To the letter, and the picture is the one that it draws."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    picture = tmp_path / "life.svg"
    arguments = ["examples/shop.yaml", "--app", "examples.14_pod_life:app", "--svg", str(picture)]
    assert simulate(arguments) == 0
    assert f"```text\n{capsys.readouterr().out}```" in README
    shown = ROOT / "examples" / "14_pod_life.svg"
    assert picture.read_text(encoding="utf-8") == shown.read_text(encoding="utf-8")


def test_the_linter_says_what_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of what everybody writes; and nothing, at its strictest, of the manifests that we show."""
    monkeypatch.chdir(ROOT)
    assert lint(["examples/before.yaml"]) == 1
    assert f"```text\n{capsys.readouterr().out}```" in README
    assert lint(["examples/shop.yaml", "--strict"]) == 0
    block = re.search(r"```yaml\n(apiVersion: apps/v1\n.*?)```", README, re.DOTALL)
    assert block is not None
    assert check_text(block[1]).findings == ()


def test_an_explanation_says_what_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """To the letter, and the picture is the one that it draws."""
    monkeypatch.chdir(ROOT)
    picture = tmp_path / "explain.svg"
    assert explain(["examples/shop.yaml", "--svg", str(picture)]) == 0
    assert f"```text\n{capsys.readouterr().out}```" in README
    shown = ROOT / "examples" / "explain.svg"
    assert picture.read_text(encoding="utf-8") == shown.read_text(encoding="utf-8")


def test_a_rollout_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The example's output, to the letter."""
    run(runpy.run_path(str(ROOT / "examples" / "15_rollout.py"))["main"])
    assert f"```text\n{capsys.readouterr().out}```" in README


def table(head: str) -> list[list[str]]:
    """Return the rows below the table's head that begins with `head`, without their markup."""
    lines = iter(README.splitlines())
    titles = next(line for line in lines if line.startswith(head))
    assert next(lines).startswith("|---"), titles
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip(" `*") for cell in line.strip("|").split("|")])
    return rows


SERVING = partial(a_report, Phase.SERVING, started=True, warmed=True)
DRAINING = partial(a_report, Phase.DRAINING)

#: What each column of the table is about: all reports that belong to it.
COLUMNS = [
    [
        a_report(Phase.STARTING, starting=("lifespan",)),
        a_report(Phase.STARTING, failed=("schema",)),
    ],
    [a_report(Phase.WARMING, started=True, warming=("catalogue 41 %",))],
    [SERVING()],
    [
        SERVING(failing=("database",)),
        SERVING(stale=("database",)),
        SERVING(pending=("database",)),
        SERVING(paused=True),
    ],
    [
        DRAINING(started=True, warmed=True),
        DRAINING(started=True, warming=("catalogue",)),
        DRAINING(starting=("schema",)),
    ],
    [
        SERVING(liveness_failed=True),
        a_report(Phase.WARMING, started=True, warming=("catalogue",), liveness_failed=True),
        a_report(Phase.STARTING, starting=("schema",), liveness_failed=True),
    ],
]


@pytest.mark.parametrize("probe", list(Probe))
def test_the_endpoints_answer_as_the_table_says(probe: Probe) -> None:
    """Each cell, for every state that its column stands for."""
    path = PRESETS["kubernetes"][probe]
    (cells,) = [row[1:] for row in table("| | starting |") if row[0] == path]
    for cell, reports in zip(cells, COLUMNS, strict=True):
        for report in reports:
            passes = verdict(probe, report, ready_while_draining=False).passes
            expected = {"200": True, "503": False, "as it was": report.started}[cell]
            assert passes is expected, (path, cell, report)


def test_the_table_has_every_endpoint() -> None:
    """Four probes, and what becomes of ordinary requests."""
    paths = [row[0] for row in table("| | starting |")]
    assert paths == ["/startupz", "/livez", "/readyz", "/healthz", "app requests"]


def test_the_settings_are_those_of_health() -> None:
    """Every setting is in the table, with its default."""
    rows = {row[0]: row[1] for row in table("| setting |")}
    parameters = inspect.signature(Health).parameters
    assert list(rows) == list(parameters)
    delay = rows.pop("drain_delay")
    assert delay == f"{DRAIN_DELAY_IN_KUBERNETES:g} in Kubernetes, else 0"
    for name, default in rows.items():
        value = parameters[name].default
        assert default == (f"{value:g}" if isinstance(value, float) else str(value))


def test_the_grace_period_adds_up() -> None:
    """The sum in the README is the one that healthkit warns by."""
    parameters = inspect.signature(Health).parameters
    parts = (DRAIN_DELAY_IN_KUBERNETES, parameters["drain_timeout"].default, EXIT_RESERVE)
    grace = parameters["grace_period"].default
    said = " + ".join(f"{part:g}" for part in parts)
    assert f"{said} = {sum(parts):g} s of {grace:g} s" in README
    assert f"terminationGracePeriodSeconds: {grace:g}" in README
    assert f'--timeout-graceful-shutdown, "{EXIT_RESERVE:g}"' in README


def test_every_framework_has_its_line_and_its_example() -> None:
    """None is in the table that is not tested, and the other way round."""
    rows = table("| framework |")
    assert {row[0] for row in rows} == set(FRAMEWORKS)
    for name, _, file in rows:
        assert (ROOT / "examples" / file).exists(), name


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_line_of_a_framework_is_all_it_takes(name: str, tmp_path: Path) -> None:
    """Probes by the pod's address are answered; the app's own host check stays as strict."""
    pytest.importorskip(FRAMEWORKS[name].module)
    (line,) = [row[1] for row in table("| framework |") if row[0] == name]
    (tmp_path / "program.py").write_text(program(FRAMEWORKS[name], line), encoding="utf-8")
    command = [sys.executable, "-W", "error", "program.py"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(  # noqa: S603  # our own interpreter
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr


def options(line: str) -> set[str]:
    """Return the options of a command line, by name."""
    return set(re.findall(r"--[a-z-]+", line))


def test_the_servers_are_those_whose_endings_are_counted() -> None:
    """Each has a row, which says whether SIGTERM alone does it; the options were measured."""
    servers = {server.name: server for server in (*SERVERS, *WSGI_SERVERS)}
    rows = {
        name.strip(): row for row in table("| server | SIGTERM alone") for name in row[0].split(",")
    }
    assert set(rows) == set(servers)
    for name, (_, alone, line, _) in rows.items():
        server = servers[name]
        assert alone == ("yes" if server.gate is Gate.HERE else "no"), name
        command = re.match(r"[^`]*", line)
        assert command is not None
        ours = options(command[0]) - {"--threads"}
        assert ours <= options(server.command.replace("{loop}", "")) | {"--workers"}, name


def test_limits_that_count_from_sigterm_exceed_the_drain() -> None:
    """Those in the table are the delay, the time for what is in flight, and the reserve."""
    parameters = inspect.signature(Health).parameters
    timeout = parameters["drain_timeout"].default
    from_sigterm = DRAIN_DELAY_IN_KUBERNETES + timeout + EXIT_RESERVE
    for _, _, line, limit in table("| server | SIGTERM alone"):
        found = re.findall(r"--(?:graceful-timeout|workers-kill-timeout|\S+shutdown) (\d+)", line)
        if "Counts from SIGTERM" in limit:
            assert found == [f"{from_sigterm:g}"]
        elif "end of the drain" in limit:
            assert found == [f"{EXIT_RESERVE:g}"]
