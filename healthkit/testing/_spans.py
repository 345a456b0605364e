"""A pod's events as what the picture shows: spans of states. Marks are in `_marks`.

Owns what is drawn, not where: everything here is in seconds. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from healthkit.testing._words import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from healthkit.manifests._spec import PodSpec
    from healthkit.testing._events import Event

#: The states of a pod's container, as the bar shows them.
State: TypeAlias = Literal[
    "waiting", "booting", "unready", "ready", "ending", "backoff", "over", "gone"
]


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one pod, for the picture.

    Args:
        name: the pod's.
        events: what was seen of it, in the order of their moments.
        in_flight: samples of how many requests it was serving: (seconds, number), in order; each
            holds until the next.
        spec: what the manifest says of it; then the end of the grace period is drawn.
    """

    name: str
    events: Sequence[Event]
    in_flight: Sequence[tuple[float, int]] = ()
    spec: PodSpec | None = None

    @property
    def most(self) -> int:
        """How many requests were in flight at once, at most."""
        return max((number for _, number in self.in_flight), default=0)

    @property
    def end(self) -> float:
        """The last moment of which something is known, in seconds."""
        moments = [event.at for event in self.events[-1:]]
        return max([0.0, *moments, *(at for at, _ in self.in_flight[-1:])])


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in one state."""

    start: float
    end: float
    kind: str


def _joined(changes: Iterable[tuple[float, str]], end: float) -> list[Span]:
    """Make spans of the moments at which a state began. Those of no length are left out."""
    spans: list[Span] = []
    for at, kind in changes:
        if spans and spans[-1].kind == kind:
            continue
        if spans:
            spans[-1] = Span(spans[-1].start, at, spans[-1].kind)
        spans.append(Span(at, end, kind))
    return [span for span in spans if span.end > span.start]


# -- states ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Pod:
    """What is known of a pod at a moment."""

    runs: bool = False
    started: bool = False
    ready: bool = False
    ending: bool = False
    deleted: bool = False
    backoff: bool = False
    over: bool = False
    gone: bool = False

    def state(self) -> State:
        if self.gone:
            return "gone"
        if not self.runs:
            return "over" if self.over else "backoff" if self.backoff else "waiting"
        if self.ending:
            return "ending"
        return "booting" if not self.started else "ready" if self.ready else "unready"

    def see(self, event: Event) -> None:
        see = _SEES.get(event.name)
        if see is not None:
            see(self, event)


def _container_started(pod: _Pod, _event: Event) -> None:
    pod.runs, pod.started, pod.ending, pod.backoff = True, False, pod.deleted, False


def _started(pod: _Pod, event: Event) -> None:
    pod.started = bool(event.details.get("value"))


def _ready(pod: _Pod, event: Event) -> None:
    pod.ready = bool(event.details.get("value"))


def _killing(pod: _Pod, event: Event) -> None:
    pod.ending = True
    pod.deleted = pod.deleted or event.details.get("why") == "deletion"


def _exit(pod: _Pod, _event: Event) -> None:
    pod.runs, pod.over = False, pod.deleted


def _backoff(pod: _Pod, _event: Event) -> None:
    pod.backoff = True


def _phase(pod: _Pod, event: Event) -> None:
    pod.over = pod.over or event.details.get("value") in {"Succeeded", "Failed"}


def _deleted(pod: _Pod, _event: Event) -> None:
    pod.gone = True


_SEES: Final[dict[str, Callable[[_Pod, Event], None]]] = {
    "container_started": _container_started,
    "started": _started,
    "ready": _ready,
    "killing": _killing,
    "exit": _exit,
    "backoff": _backoff,
    "phase": _phase,
    "deleted": _deleted,
}


def states(life: Story, end: float) -> list[Span]:
    """Return the states of the pod's container, from its first event to `end`; none once gone."""
    pod = _Pod()
    changes: list[tuple[float, str]] = []
    for event in life.events:
        pod.see(event)
        changes.append((event.at, pod.state()))
    return [span for span in _joined(changes, end) if span.kind != "gone"]


def endpoints(life: Story, end: float) -> list[Span]:
    """Return how the pod stood in the Service's EndpointSlice, while it was there."""
    seen = [(event.at, endpoint_of(event)) for event in life.events if event.name == "endpoint"]
    return [span for span in _joined(seen, end) if span.kind != "gone"]
