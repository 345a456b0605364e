"""HK115 to HK117, where examples are not enough."""

from __future__ import annotations

import pytest

from healthkit.lint import Severity
from tests.lint.told import of_command, of_container


@pytest.mark.parametrize(
    ("command", "severity"),
    [
        (["curl", "localhost"], Severity.WARNING),
        (["curl", "-sfm", "5", "localhost"], Severity.INFO),
        (["curl", "--max-time=5", "localhost"], Severity.INFO),
        (["wget", "-T5", "localhost"], Severity.INFO),
        (["wget", "--timeout", "5", "localhost"], Severity.INFO),
        (["wget", "--spider", "localhost"], Severity.WARNING),
        (["wget", "-qT5", "localhost"], Severity.INFO),
        (["curl", "-sXGET", "localhost"], Severity.WARNING),
        (["curl", "-oTEMP", "localhost"], Severity.WARNING),
        (["curl", "-T", "5", "localhost"], Severity.WARNING),
        (["wget", "-m", "5", "localhost"], Severity.WARNING),
        (["sh", "-c", "curl -m 5 localhost"], Severity.INFO),
        (["timeout", "5", "curl", "localhost"], Severity.INFO),
    ],
)
def test_a_client_with_a_time_limit_is_told_as_advice(
    command: list[str], severity: Severity
) -> None:
    """For it ends by itself."""
    (found,) = of_command("HK115", *command)
    assert found.severity is severity
    assert ("without a time limit" in found.what) is (severity is Severity.WARNING)
    assert ("pile up" in found.why) is (severity is Severity.WARNING)


@pytest.mark.parametrize(
    ("container", "pod"),
    [
        ("", "hostPID: true"),
        ("", "shareProcessNamespace: true"),
        ("command: [/usr/bin/dumb-init, --]", ""),
        ("args: [catatonit, --, serve]", ""),
        ("command: [/venv/bin/python3.12, -m, healthkit, run, --, serve]", ""),
    ],
)
def test_a_process_1_that_reaps_is_left_alone(container: str, pod: str) -> None:
    """The pod's, the node's, or an init that is started first."""
    probe = "livenessProbe: {exec: {command: [timeout, '5', check]}}"
    assert of_container("HK116", probe)
    assert not of_container("HK116", f"{probe}\n{container}", pod=pod)


@pytest.mark.parametrize(
    "container",
    [
        "command: [serve, tini]",
        "command: [healthkit, simulate]",
        "command: [sh, -c, healthkit run]",
    ],
)
def test_what_is_not_process_1_reaps_nothing(container: str) -> None:
    """An init must be the first, for orphans go to process 1."""
    probe = "livenessProbe: {exec: {command: [timeout, '5', check]}}"
    assert of_container("HK116", f"{probe}\n{container}")


@pytest.mark.parametrize(
    "command",
    [
        ["java", "-jar", "x"],
        ["/usr/bin/php8.2", "x"],
        ["sh", "-c", "exec node x"],
        ["python3", "x"],
    ],
)
def test_an_interpreter_is_told(command: list[str]) -> None:
    """With its version and its directory, in a script too."""
    (found,) = of_command("HK117", *command)
    assert "starts " in found.what


@pytest.mark.parametrize(
    "command",
    [
        ["healthkit", "probe", "live"],
        ["python", "-m", "healthkit", "probe", "live"],
        ["python3", "-I", "-S", "/venv/healthkit/probe.py", "live"],
        ["javac"],
        ["python-check"],
    ],
)
def test_healthkits_own_probe_is_no_interpreter(command: list[str]) -> None:
    """Nor is what only begins like one."""
    assert of_command("HK117", *command) == []


def test_both_reasons_are_told_at_once() -> None:
    """In one finding, with the period."""
    (found,) = of_container(
        "HK117", "livenessProbe: {exec: {command: [node, x]}, periodSeconds: 3}"
    )
    assert found.what == "the livenessProbe starts node and runs a command every 3 s"
    assert found.numbers == {"periodSeconds": 3}


def test_a_period_of_a_probe_that_runs_nothing_is_fine() -> None:
    """A request starts no process."""
    assert not of_container("HK117", "livenessProbe: {httpGet: {port: 80}, periodSeconds: 1}")
