"""How long a hook sleeps."""

from __future__ import annotations

import pytest

from healthkit.lint import AppSettings
from healthkit.lint._facts.sleeping import drains, slept
from tests.lint.objects import place


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ("sleep: {seconds: 5}", 5.0),
        ("sleep: {seconds: 0}", 0.0),
        ("exec: {command: [sleep, '5']}", 5.0),
        ("exec: {command: [/bin/sleep, 0.5s]}", 0.5),
        ("exec: {command: [sh, -c, sleep 5]}", 5.0),
        ("exec: {command: [/bin/bash, -c, ' exec sleep 5 ; ']}", 5.0),
        ("exec: {command: [sh, -c, sleep 5; kill 1]}", None),
        ("exec: {command: [sh, -c, sleep 1m]}", None),
        ("exec: {command: [sleep]}", None),
        ("exec: {command: [healthkit, drain]}", None),
        ("httpGet: {path: /prestop}", None),
        ("other: {}", None),
    ],
)
def test_a_hook_sleeps(hook: str, seconds: float | None) -> None:
    """Of what does something else, or more, nothing is known."""
    assert slept(place(hook)) == seconds


@pytest.mark.parametrize(
    ("hook", "drained"),
    [
        ("exec: {command: [healthkit, drain]}", True),
        ("exec: {command: [python, -m, healthkit, drain, --timeout, 20s]}", True),
        ("exec: {command: [sh, -c, exec healthkit drain]}", True),
        ("exec: {command: [healthkit, status]}", False),
        ("httpGet: {path: /prestop}", True),
        ("httpGet: {path: /other}", False),
        ("sleep: {seconds: 5}", False),
    ],
)
def test_a_hook_drains(hook: str, drained: bool) -> None:
    """By the command, or over HTTP."""
    app = AppSettings(name="main:health", prestop_path="/prestop")
    assert drains(place(hook), app) is drained


def test_without_its_path_nothing_is_drained_over_http() -> None:
    """The app has none without a token."""
    app = AppSettings(name="main:health")
    assert not drains(place("httpGet: {path: /prestop}"), app)
