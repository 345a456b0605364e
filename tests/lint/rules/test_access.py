"""Rules about what a container may write, use, hear and ask for, beyond their examples."""

from __future__ import annotations

import pytest

from healthkit.lint._rules.access import thousandths
from tests.lint.objects import place, pod, told

LIMITED = """\
containers:
  - name: web
    image: %s
    command: %s
    resources: {limits: {cpu: 100m}}
    readinessProbe: {%s}
"""


@pytest.mark.parametrize(
    ("quantity", "found"),
    [
        ("1", 1000.0),
        ("0.1", 100.0),
        ("'0.1'", 100.0),
        ("100m", 100.0),
        ("500u", 0.5),
        ("1000000n", 1.0),
        ("1e-1", 100.0),
        ("2k", None),
        ("-1", None),
        ("many", None),
        ("null", None),
        ("'\uff11'", None),
    ],
)
def test_a_quantity_of_cpu(quantity: str, found: float | None) -> None:
    """In thousandths of a processor; 1e-1 is a number in YAML."""
    assert thousandths(place(f"cpu: {quantity}") / "cpu") == found


@pytest.mark.parametrize(
    ("image", "command", "is_told"),
    [
        ("python:3.13", "[]", True),
        ("registry.example.com/library/python3.12-slim", "[]", True),
        ("ghcr.io/acme/PyPy:3", "[]", True),
        ("shop:1", "[/usr/bin/python3, main.py]", True),
        ("shop:1", "[sh, -c, exec uvicorn main:app]", True),
        ("pythonistas/shop:1", "[]", False),
        ("shop:1", "[shop]", False),
    ],
)
def test_python_is_seen_by_a_word(image: str, command: str, is_told: bool) -> None:
    """Of the image, or of the command."""
    probe = "httpGet: {port: 8000}"
    assert bool(told(pod(LIMITED % (image, command, probe)), "HK504")) is is_told


def test_python_is_seen_by_its_server() -> None:
    """By whatever knows servers by their command lines."""
    text = pod(LIMITED % ("shop:1", "[daphne]", "exec: {command: [check]}"))
    assert told(text, "HK504") == ["the CPU limit is 100m, and timeoutSeconds 1 in readinessProbe"]


@pytest.mark.parametrize("probe", ["tcpSocket: {port: 8000}", "grpc: {port: 8000}"])
def test_who_opens_a_port_only_is_not_slow(probe: str) -> None:
    """The kernel accepts."""
    assert told(pod(LIMITED % ("python:3", "[]", probe)), "HK504") == []


@pytest.mark.parametrize("path", ["", "run/healthkit"])
def test_what_is_no_directory_is_not_looked_for(path: str) -> None:
    """An empty variable switches it off."""
    text = f"""\
containers:
  - name: web
    env: [{{name: HEALTHKIT_STATE_DIR, value: "{path}"}}]
    securityContext: {{readOnlyRootFilesystem: true}}
"""
    assert told(pod(text), "HK502") == []


def test_who_ends_is_not_waited_for() -> None:
    """A pod that runs once is never ready by a gate."""
    gate = "readinessGates: [{conditionType: healthkit.dev/x}]\ncontainers: [{name: web}]"
    assert told(pod(gate), "HK506")
    assert told(pod(f"restartPolicy: Never\n{gate}"), "HK506") == []
