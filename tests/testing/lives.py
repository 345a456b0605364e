"""Pods with described apps, played on a bare schedule, for the tests of the kubelet's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.manifests._spec import Container, Exec, Hook, HttpGet, PodSpec, Probe, TcpSocket
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described
from healthkit.testing._pod import PodLife

if TYPE_CHECKING:
    from healthkit.manifests._spec import RestartPolicy
    from healthkit.testing._described import Life
    from healthkit.testing._events import Event
    from healthkit.testing._process import App
    from healthkit.testing._rules import Pace

PORT = 8080


def http(path: str = "/ready", **more: int | None) -> Probe:
    """Return an HTTP probe that asks every second, and fails at once."""
    return Probe(HttpGet(path, PORT), **{"period": 1, "failure_threshold": 1, **more})  # type: ignore[arg-type]  # None is a grace period


def command(*words: str, **more: int) -> Probe:
    """Return an exec probe that asks every second, and fails at once."""
    return Probe(Exec(words), **{"period": 1, "failure_threshold": 1, **more})


def tcp(port: int | str = PORT, **more: int) -> Probe:
    """Return a TCP probe that asks every second, and fails at once."""
    return Probe(TcpSocket(port), **{"period": 1, "failure_threshold": 1, **more})


class Played:
    """A pod that is played, and what was seen of it."""

    def __init__(  # noqa: PLR0913  # what a test leaves out is the usual
        self,
        *lives: Life,
        startup: Probe | None = None,
        liveness: Probe | None = None,
        readiness: Probe | None = None,
        hook: Hook | None = None,
        grace: int = 30,
        policy: RestartPolicy = "Always",
        gates: tuple[str, ...] = (),
        pace: Pace | None = None,
        image: bool = True,
        others: int = 0,
    ) -> None:
        container = Container(
            "app", startup=startup, liveness=liveness, readiness=readiness, pre_stop=hook
        )
        spec = PodSpec(
            "web",
            (container, *(Container(f"other-{n}") for n in range(others))),
            termination_grace_period=grace,
            restart_policy=policy,
            readiness_gates=gates,
        )
        self.clock = Schedule()
        self.events: list[Event] = []
        self.described = Described(*lives)
        app: App | None = self.described if image else None
        self.pod = PodLife(spec, app, self.clock, self.events.append, pace)
        self.pod.admit()

    def until(self, moment: float) -> Played:
        """Let time pass."""
        self.clock.run_until(moment)
        return self

    def delete(self, moment: float, grace: int | None = None) -> Played:
        """Delete the pod at a moment."""
        self.until(moment)
        self.pod.delete(grace)
        return self

    def seen(self, name: str, **details: object) -> list[Event]:
        """Return the events of a name that have these details."""
        return [
            event
            for event in sorted(self.events, key=lambda event: event.at)
            if event.name == name and details.items() <= event.details.items()
        ]

    def times(self, name: str, **details: object) -> list[float]:
        """Return their moments, to the hundredth of a second."""
        return [round(event.at, 2) for event in self.seen(name, **details)]

    def names(self, *without: str) -> list[str]:
        """Return the names of all events in order."""
        ordered = sorted(self.events, key=lambda event: event.at)
        return [event.name for event in ordered if event.name not in without]
