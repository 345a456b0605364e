"""Lives of pods, made by hand: short, and complete enough for the timeline and the picture."""

from __future__ import annotations

from typing import Final

from healthkit.manifests._spec import Container, HttpGet, PodSpec, Probe
from healthkit.testing._events import Event

_ASKED: Final = HttpGet("/healthz", 8080)

#: A pod with all three probes.
SPEC: Final = PodSpec(
    "web",
    (
        Container(
            "app",
            startup=Probe(_ASKED, period=1, failure_threshold=60),
            liveness=Probe(_ASKED, period=10, termination_grace_period=12),
            readiness=Probe(_ASKED, period=1, success_threshold=2),
        ),
    ),
    termination_grace_period=20,
)

#: One with none.
BARE: Final = PodSpec("web", (Container("app"),))


def event(at: float, name: str, **details: object) -> Event:
    """Make an event."""
    return Event(at, name, details)


def probe(at: float, kind: str, answer: int | str, **details: object) -> Event:
    """Make a probe that was answered with a status, or with an error."""
    said = {"status": answer} if isinstance(answer, int) else {"error": answer}
    return event(at, "probe", type=kind, **said, **details)


def every_second(start: int, stop: int, kind: str, answer: int | str) -> list[Event]:
    """Make a probe for each second from `start` to `stop`, both included."""
    return [probe(float(at), kind, answer) for at in range(start, stop + 1)]


def endpoint(at: float, *, ready: bool, serving: bool, terminating: bool = False) -> Event:
    """Make a change of the EndpointSlice."""
    return event(at, "endpoint", ready=ready, serving=serving, terminating=terminating)


#: A pod that starts, serves for a while, and is deleted.
WHOLE: Final = [
    event(0, "phase", value="Pending"),
    event(0.5, "container_started", n=1),
    event(0.5, "phase", value="Running"),
    endpoint(0.5, ready=False, serving=False),
    probe(1, "startup", "refused"),
    probe(2, "startup", 200),
    event(2, "started", value=True, container=1),
    *every_second(2, 3, "readiness", 200),
    event(3, "ready", value=True),
    endpoint(3.1, ready=True, serving=True),
    *every_second(4, 20, "readiness", 200),
    event(20.5, "killing", why="deletion"),
    endpoint(20.5, ready=False, serving=True, terminating=True),
    event(20.5, "prestop_begin"),
    event(25.5, "prestop_end"),
    event(25.5, "sigterm"),
    event(26.1, "exit", code=0),
    event(26.4, "ready", value=False),
    event(26.5, "endpoint", gone=True),
    event(27, "deleted"),
]
