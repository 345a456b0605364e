"""Whether healthkit is in a container."""

from __future__ import annotations

from dataclasses import replace

import pytest

from healthkit import _settings
from healthkit.lint._facts.inside import DRAIN_DELAY, DRAIN_TIMEOUT, SETTINGS, Said, inside
from tests.lint.served import APP, container, env


def test_the_settings_are_those_of_the_engine() -> None:
    """And so are its defaults."""
    assert set(_settings._KINDS) == SETTINGS
    assert (APP.drain_delay, APP.drain_timeout) == (DRAIN_DELAY, DRAIN_TIMEOUT)
    assert DRAIN_DELAY == _settings.DRAIN_DELAY_IN_KUBERNETES


@pytest.mark.parametrize(
    "fields",
    [
        {"env": env(HEALTHKIT_METRICS_PATH="")},
        {
            "env": [
                {"name": "HEALTHKIT_PRESTOP_TOKEN", "valueFrom": {"secretKeyRef": {"name": "x"}}}
            ]
        },
        {"command": ["healthkit", "run", "--", "uvicorn", "a:b"]},
        {"lifecycle": {"preStop": {"exec": {"command": ["healthkit", "drain"]}}}},
        {"livenessProbe": {"exec": {"command": ["python", "-m", "healthkit", "probe"]}}},
    ],
)
def test_it_is_inside_if_something_of_it_is(fields: dict[str, object]) -> None:
    """And then it has its defaults, which nobody has said."""
    found = inside(container(fields))
    assert found is not None
    assert found.drain_delay == Said(5, is_said=False)
    assert found.drain_timeout == Said(15, is_said=False)
    assert found.state_dir is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"env": env(HEALTHKIT_PORT="tcp://10.0.0.1:80", HEALTHKIT_SERVICE_HOST="10.0.0.1")},
        {"command": ["uvicorn", "healthkit:app"]},
    ],
)
def test_it_is_not_inside_otherwise(fields: dict[str, object]) -> None:
    """Variables of a Service called healthkit say nothing."""
    assert inside(container(fields)) is None


def test_the_first_who_says_a_delay_is_believed() -> None:
    """The option, the variable, the app."""
    run = ["healthkit", "run", "--drain-delay", "7", "--", "uvicorn", "a:b"]
    variable = env(HEALTHKIT_DRAIN_DELAY="8", HEALTHKIT_DRAIN_TIMEOUT="20")
    app = replace(APP, drain_delay=9, drain_timeout=21)
    cases: list[tuple[dict[str, object], tuple[float, float]]] = [
        ({"command": run, "env": variable}, (7, 20)),
        ({"env": variable}, (8, 20)),
        ({}, (9, 21)),
        ({"env": env(HEALTHKIT_DRAIN_DELAY="soon")}, (9, 21)),
    ]
    for fields, expected in cases:
        found = inside(container(fields, app))
        assert found is not None
        assert (found.drain_delay, found.drain_timeout) == (Said(expected[0]), Said(expected[1]))


def test_healthkit_run_waits_although_the_app_does_not() -> None:
    """Of a delay of 0 in the app it makes its own default."""
    run: dict[str, object] = {"command": ["healthkit", "run", "--", "uvicorn", "a:b"]}
    app = replace(APP, drain_delay=0)
    alone, below = inside(container({}, app)), inside(container(run, app))
    assert alone is not None
    assert below is not None
    assert (alone.drain_delay, below.drain_delay) == (Said(0), Said(5, is_said=False))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "/app"),
        ({"env": env(HEALTHKIT_STATE_DIR="/env")}, "/env"),
        ({"env": env(HEALTHKIT_STATE_DIR="")}, None),
        ({"command": ["healthkit", "run", "--state-dir=/run", "--", "uvicorn"]}, "/run"),
    ],
)
def test_the_state_directory_is_where_they_say(
    fields: dict[str, object], expected: str | None
) -> None:
    """An empty variable is none, and wins over the app."""
    found = inside(container(fields, replace(APP, state_dir="/app")))
    assert found is not None
    assert found.state_dir == expected
