"""All the probes of one container: their workers together, and what is shown of each request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from healthkit.testing import _rules
from healthkit.testing._events import Event
from healthkit.testing._prober import Prober
from healthkit.testing._worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import Container, Probe, ProbeKind
    from healthkit.testing._clock import Clock
    from healthkit.testing._events import Observer
    from healthkit.testing._prober import Sent
    from healthkit.testing._rules import Pace, Sync
    from healthkit.testing._status import Status
    from healthkit.testing._verdict import Verdict


class Probes:
    """The workers of one container's probes."""

    def __init__(  # noqa: PLR0913  # two are told
        self,
        container: Container,
        status: Status,
        clock: Clock,
        pace: Pace,
        *,
        observe: Observer,
        heard: Callable[[ProbeKind, bool, int], object],
    ) -> None:
        """Make workers that have not begun.

        Args:
            container: the probes'.
            status: what the workers see.
            clock: the time.
            pace: the phases of the tickers.
            observe: told of each request.
            heard: told of each threshold that is reached: the kind, whether it is that of
                successes, and by which container, from 1.
        """
        self._status = status
        self._clock = clock
        self._observe = observe
        self._heard = heard
        self._workers = {
            kind: Worker(kind, Prober(container, probe, clock), status, pace, self)
            for kind, probe in _of(container)
        }

    def __repr__(self) -> str:
        return f"<Probes {', '.join(map(repr, self._workers.values()))}>"

    def begin(self) -> None:
        """Start all tickers."""
        for worker in self._workers.values():
            worker.begin()

    def wake(self) -> None:
        """Let those that wait for a new container tick on."""
        for worker in self._workers.values():
            worker.wake()

    def stop(self) -> None:
        """Ask nothing any more."""
        for worker in self._workers.values():
            worker.stop()

    def stop_but_readiness(self) -> None:
        """Ask only about readiness any more (prober_manager.go, StopLivenessAndStartup)."""
        for kind, worker in self._workers.items():
            if kind != "readiness":
                worker.stop()

    def ask_readiness(self) -> None:
        """Ask now, in a status sync, whether a container is ready that is started and was not."""
        status = self._status
        worker = self._workers.get("readiness")
        if worker is not None and status.running and status.started and not status.containers_ready:
            worker.trigger()

    def given_sync(self, sync: Sync) -> None:
        """Do what a recorded sync did."""
        worker = self._workers.get("readiness")
        if worker is not None:
            (worker.trigger if sync.asks else worker.rephase)()

    # What the workers tell.

    def new_container(self, kind: ProbeKind) -> None:
        """Hear that a worker has met a new container: its startup probe has not passed yet.

        That is seen a moment later, as a result would be: by no probe that is due now.
        """
        if kind == "startup" and self._status.started:
            forget = partial(self._status.startup, passed=False)
            self._clock.call_at(self._clock.now() + _rules.SETTLING, forget)

    def sent(self, kind: ProbeKind, sent: Sent, verdict: Verdict) -> None:
        """Hear of a request."""
        details: dict[str, object] = {"type": kind}
        answer = sent.answer
        if answer.error is None:
            details["status"] = answer.status
        else:
            details["error"] = answer.error
        if sent.attempt is not None:
            details["request"] = sent.attempt
        details["result"] = verdict.result
        if verdict.message:
            details["message"] = verdict.message
        self._observe(Event(sent.at, "probe", details))

    def result(self, kind: ProbeKind, passes: bool, number: int) -> None:  # noqa: FBT001  # as told
        """Hear that a threshold has been reached."""
        self._heard(kind, passes, number)


def _of(container: Container) -> list[tuple[ProbeKind, Probe]]:
    """Return the probes that a container has. Their order is that of ticks at one moment."""
    kinds: list[tuple[ProbeKind, Probe | None]] = [
        ("startup", container.startup),
        ("readiness", container.readiness),
        ("liveness", container.liveness),
    ]
    return [(kind, probe) for kind, probe in kinds if probe is not None]
