"""What happened to a pod, in words a person understands: one event at a time, in their order.

What a decision meant is not in its event but in those before it ("liveness failed 3 times in a
row"), so a `Teller` remembers as much of them as it needs. It says nothing that the events don't
say: without the pod's spec there are fewer words, and no guesses.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from healthkit.testing._outcomes import passes, result_of, said_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import Container, PodSpec, Probe
    from healthkit.testing._events import Event


def moment(at: float) -> str:
    """Return seconds with as many decimals as they have, from one to three: ``10.5``, ``0.0``."""
    text = f"{at + 0.0:.3f}".rstrip("0")
    text = f"{text}0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def lasting(seconds: object) -> str:
    """Return a duration for people: ``5 s``, ``0.25 s``."""
    if not isinstance(seconds, int | float):
        return f"{seconds} s"
    return f"{round(seconds, 2) + 0.0:g} s"


class Teller:
    """Says of each event what it meant, given those it has been told of before."""

    def __init__(self, spec: PodSpec | None = None) -> None:
        self._container: Container | None = spec.containers[0] if spec else None
        self._spec = spec is not None
        #: How many times in a row each probe has passed (above 0) or failed (below).
        self._row = dict[str, int]()
        self._runs = True
        #: When the last one of each name was.
        self._last = dict[str, float]()
        self._was_in_service = False
        #: By the names of `_events`.
        self._tells: dict[str, Callable[[Event], str]] = {
            "probe": self._probe,
            "container_started": self._container_started,
            "started": self._started,
            "ready": self._ready,
            "containers_ready": self._containers_ready,
            "condition": self._condition,
            "endpoint": self._endpoint,
            "killing": self._killing,
            "prestop_begin": self._prestop_begin,
            "prestop_end": self._prestop_end,
            "sigterm": self._sigterm,
            "exit": self._exit,
            "backoff": self._backoff,
            "event": self._event,
            "phase": self._phase,
            "deleted": self._deleted,
            "request": self._request,
        }

    def tell(self, event: Event) -> str:
        """Say what happened, in one line."""
        words = self._tells.get(event.name, self._other)(event)
        self._last[event.name] = event.at
        return words

    def _other(self, event: Event) -> str:
        """Say something of what this module has never heard of."""
        return " ".join([event.name, *(f"{key}={value}" for key, value in event.details.items())])

    # -- probes -----------------------------------------------------------------------------------

    def _probe(self, event: Event) -> str:
        kind, result = str(event.details.get("type")), result_of(event)
        words, row = said_of(event), self._row.get(kind, 0)
        if result == "discarded":
            return words
        good = passes(result)
        self._row[kind] = max(row, 0) + 1 if good else min(row, 0) - 1
        needed = self._threshold(kind, good=good)
        counted = needed > 1 and abs(self._row[kind]) <= needed
        return f"{words} ({abs(self._row[kind])} of {needed})" if counted else words

    def _threshold(self, kind: str, *, good: bool) -> int:
        """Return how many results in a row decide; 0 if nobody knows."""
        probe = self._spec_of(kind)
        if probe is None:
            return 0
        return probe.success_threshold if good else probe.failure_threshold

    def _spec_of(self, kind: str) -> Probe | None:
        container = self._container
        if container is None:
            return None
        probes = {
            "startup": container.startup,
            "liveness": container.liveness,
            "readiness": container.readiness,
        }
        return probes.get(kind)

    def _why(self, kind: str, *, good: bool) -> str:
        """Say what a probe has done to decide it: ``liveness failed 3 times in a row``."""
        row = self._row.get(kind, 0)
        if (row > 0) is not good or row == 0:
            return ""
        times = "" if abs(row) == 1 else f" {abs(row)} times in a row"
        return f"{kind} {'passed' if good else 'failed'}{times}"

    # -- the container ----------------------------------------------------------------------------

    def _container_started(self, event: Event) -> str:
        self._row.clear()
        self._runs = True
        n = event.details.get("n")
        if not isinstance(n, int) or n <= 1:
            return "the container started"
        return f"the container started again (restart {n - 1})"

    def _started(self, event: Event) -> str:
        if not event.details.get("value"):
            return "not started: a new container, its startup probe has not passed"
        why = self._why("startup", good=True)
        if not why and self._spec and self._spec_of("startup") is None:
            why = "no startup probe"
        return f"started: {why}" if why else "started"

    def _prestop_begin(self, _event: Event) -> str:
        return "preStop begins"

    def _prestop_end(self, event: Event) -> str:
        return f"preStop is over{self._after('prestop_begin', event)}"

    def _killing(self, event: Event) -> str:
        why = str(event.details.get("why"))
        if why == "deletion":
            return "deletion: the container has to end"
        return f"{self._why(why, good=False) or f'{why} failed'}: killing the container"

    def _sigterm(self, _event: Event) -> str:
        return "SIGTERM"

    def _exit(self, event: Event) -> str:
        self._runs = False
        code = event.details.get("code")
        if code is None:
            return "the container ended, its exit code is unknown"
        how = "SIGKILL ended the container" if code == _SIGKILLED else "the container ended"
        begun, told = (self._last.get(name, -math.inf) for name in ("container_started", "sigterm"))
        since = "sigterm" if told >= begun else "container_started"
        return f"{how}, exit code {code}{self._after(since, event)}"

    def _after(self, name: str, event: Event) -> str:
        """Say how long after another event it is: ``, 0.1 s after SIGTERM``."""
        if name not in self._last:
            return ""
        return f", {lasting(event.at - self._last[name])} after {_SINCE[name]}"

    def _backoff(self, event: Event) -> str:
        return (
            f"CrashLoopBackOff: at least {lasting(event.details.get('seconds'))} to the next start"
        )

    # -- the pod ----------------------------------------------------------------------------------

    def _ready(self, event: Event) -> str:
        reason = event.details.get("reason")
        good = bool(event.details.get("value"))
        why = f"{reason}" if reason else self._why("readiness", good=good)
        if not good and not self._runs:
            why = why if reason else "the container has ended"
        elif not why and self._spec and self._spec_of("readiness") is None and good:
            why = "no readiness probe"
        return f"{'Ready' if good else 'not Ready'}{f': {why}' if why else ''}"

    def _containers_ready(self, event: Event) -> str:
        return (
            "all containers are ready" if event.details.get("value") else "a container is unready"
        )

    def _condition(self, event: Event) -> str:
        return f"condition {event.details.get('type')} is set to {event.details.get('status')}"

    def _endpoint(self, event: Event) -> str:
        state = endpoint_of(event)
        was, self._was_in_service = self._was_in_service, state == "ready"
        if state == "not ready" and not was:
            return "not in the Service: no requests"
        return f"endpoint: {_ENDPOINTS[state]}"

    def _phase(self, event: Event) -> str:
        return f"phase {event.details.get('value')}"

    def _event(self, event: Event) -> str:
        message = " ".join(str(event.details.get("message", "")).split())
        return f"event {event.details.get('reason')}{f': {message}' if message else ''}"

    def _deleted(self, _event: Event) -> str:
        return "the Pod object is gone"

    def _request(self, event: Event) -> str:
        return f"LOST a request: {event.details.get('why')}"


#: 128 and the number of SIGKILL, as containerd reports it.
_SIGKILLED: Final = 137

_SINCE: Final = {
    "prestop_begin": "it began",
    "sigterm": "SIGTERM",
    "container_started": "its start",
}

_ENDPOINTS: Final = {
    "ready": "in the Service, new requests come",
    "not ready": "out of the Service",
    "terminating serving": "terminating, still serving what comes",
    "terminating": "terminating, not serving",
    "gone": "gone from the Service",
}


def endpoint_of(event: Event) -> str:
    """Return an endpoint's state, in the words of its EndpointSlice."""
    details = event.details
    if details.get("gone"):
        return "gone"
    if details.get("terminating"):
        return "terminating serving" if details.get("serving") else "terminating"
    return "ready" if details.get("ready") else "not ready"
