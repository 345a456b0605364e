"""The app against the manifest, beyond the examples: what its server says of itself."""

from __future__ import annotations

import pytest

from healthkit.lint import AppSettings, Options
from healthkit.lint._facts.servers import Server
from healthkit.lint._rules import agreement as _agreement
from tests.lint.objects import always, pod, told

SPEC = """\
containers:
  - name: web
    %s: [uvicorn, "main:app"]
    ports: [{name: http, containerPort: 8000}]
    readinessProbe: {httpGet: {path: %s, port: %s}}
"""


def options(**fields: object) -> Options:
    """Return options with an app."""
    return Options(app=AppSettings(name="main:health", **fields))  # type: ignore[arg-type]  # each test its own


@pytest.fixture
def uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the command line say a port and workers."""
    found = Server(name="uvicorn", port=8000, workers=2)
    monkeypatch.setattr(_agreement, "server", always(found))


@pytest.mark.usefixtures("uvicorn")
def test_the_server_says_its_port() -> None:
    """Unless the app knows its own; of another port HK702 speaks, and not HK701."""
    text = pod(SPEC % ("command", "/livez", 9000))
    line = "the readinessProbe asks port 9000, and uvicorn listens on 8000"
    assert told(text, "HK702", options()) == [line]
    assert told(text, "HK701", options()) == []
    assert told(text, "HK702", options(port=9000)) == []
    line = "the readinessProbe asks /livez, which is the live endpoint of main:health"
    assert told(text, "HK701", options(port=9000)) == [line]


@pytest.mark.usefixtures("uvicorn")
def test_a_named_port_that_is_not_declared_is_not_compared() -> None:
    """That it errors is said by another rule."""
    assert told(pod(SPEC % ("command", "/readyz", "nobody")), "HK702", options()) == []


def test_without_a_port_there_is_nothing_to_compare() -> None:
    """Nobody has said one, or what is run is no server that is known."""
    text = pod(SPEC % ("command", "/readyz", 9000))
    assert told(text, "HK702", options()) == []


def test_a_server_may_not_say_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its default would be a guess."""
    monkeypatch.setattr(_agreement, "server", always(Server(name="uvicorn")))
    text = pod(SPEC % ("command", "/readyz", 9000))
    assert told(text, "HK702", options()) == []
    assert told(text, "HK706", options(workers=4)) == []


@pytest.mark.usefixtures("uvicorn")
@pytest.mark.parametrize("field", ["command", "args"])
def test_workers_are_as_many_as_the_app_waits_for(field: str) -> None:
    """It is said where they stand."""
    text = pod(SPEC % (field, "/readyz", 8000))
    line = "uvicorn has 2 workers, and main:health waits for 4"
    assert told(text, "HK706", options(workers=4)) == [line]
    assert told(text, "HK706", options(workers=2)) == []
    assert told(text, "HK706", options()) == []


def test_an_endpoint_that_is_switched_off_is_not_asked_for() -> None:
    """There is nothing to advise."""
    app = options(paths={"startup": "/startupz"})
    assert told(pod(SPEC % ("command", "/x", 8000)), "HK701", app) == []


def test_without_an_app_nothing_is_held_against_it() -> None:
    """Which of several containers it is in, is not guessed."""
    text = pod(SPEC % ("command", "/x", 8000))
    two = text + "---\n" + text
    for rule in ("HK701", "HK702", "HK703", "HK704", "HK705", "HK706"):
        assert told(text, rule) == []
        assert told(two, rule, options(startup=9000.0, state_dir="/run/x", port=1)) == []
