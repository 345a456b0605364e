"""A pod's events as what the picture marks: moments with a name, a container's end, probes.

Owns what is drawn, not where: everything here is in seconds. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.testing._outcomes import result_of
from healthkit.testing._spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from healthkit.manifests._spec import PodSpec
    from healthkit.testing._events import Event
    from healthkit.testing._outcomes import Result
    from healthkit.testing._spans import Story

#: Nobody sees a preStop ``sleep``: SIGTERM that comes this late, in seconds, has waited for one.
_LATE: Final = 0.5

#: 128 and the number of SIGKILL.
_SIGKILLED: Final = 137


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a name. Of marks that fall together, those of the highest rank are named."""

    at: float
    text: str
    rank: int


def marks(life: Story) -> list[Mark]:
    """Return the moments of a pod that are worth a name."""
    found: list[Mark] = []
    was_ready = False
    for event in life.events:
        name = _NAMES.get(event.name)
        said = name(event) if name is not None else None
        turned = event.name != "ready" or bool(event.details.get("value")) or was_ready
        if said is not None and turned:
            found.append(Mark(event.at, *said))
        was_ready = _was_ready(event, before=was_ready)
    return found


def _was_ready(event: Event, *, before: bool) -> bool:
    """Say whether this container has been ready: that it isn't any more is news only then."""
    if event.name == "ready":
        return bool(event.details.get("value"))
    return before and event.name not in {"exit", "container_started"}


def _started(event: Event) -> tuple[str, int] | None:
    n = event.details.get("n")
    return (f"restart {n - 1}", 5) if isinstance(n, int) and n > 1 else None


def _ready(event: Event) -> tuple[str, int]:
    return ("ready", 6) if event.details.get("value") else ("not ready", 2)


def _killing(event: Event) -> tuple[str, int]:
    why = event.details.get("why")
    return ("deleted", 8) if why == "deletion" else (f"{why} kill", 7)


def _exit(event: Event) -> tuple[str, int]:
    code = event.details.get("code", "?")
    return ("SIGKILL", 9) if code == _SIGKILLED else (f"exit {code}", 3)


_NAMES: Final[Mapping[str, Callable[[Event], tuple[str, int] | None]]] = {
    "container_started": _started,
    "ready": _ready,
    "killing": _killing,
    "sigterm": lambda _event: ("SIGTERM", 4),
    "exit": _exit,
}


# -- the end of a container -----------------------------------------------------------------------


@dataclass(slots=True)
class _Ending:
    """One end of a container: from the decision, or from SIGTERM, to its exit."""

    begin: float
    why: str = ""
    grace: float | None = None
    hook: bool = False
    term: float | None = None

    def spans(self, end: float) -> list[Span]:
        term = end if self.term is None else min(self.term, end)
        found = [Span(term, end, "ending")]
        if self.hook or term - self.begin > _LATE:
            found.append(Span(self.begin, term, "preStop"))
        if self.grace is not None:
            found.append(Span(self.begin, self.begin + self.grace, "grace"))
        return [span for span in found if span.end > span.start]


def endings(life: Story, end: float) -> list[Span]:
    """Return each end of a container: ``preStop``, then ``ending`` (after SIGTERM).

    And ``grace``: from the decision for as long as the grace period is, if that is known.
    """
    spans: list[Span] = []
    ending: _Ending | None = None
    for event in life.events:
        if event.name == "exit" and ending is not None:
            spans += ending.spans(event.at)
            ending = None
        elif event.name in {"killing", "sigterm", "prestop_begin"}:
            ending = ending or _Ending(event.at)
            _see(ending, event, life.spec)
    return spans if ending is None else spans + ending.spans(end)


def _see(ending: _Ending, event: Event, spec: PodSpec | None) -> None:
    if event.name == "killing":
        ending.grace = _grace(event, spec)
    elif event.name == "sigterm":
        ending.term = event.at
    else:
        ending.hook = True


def _grace(killing: Event, spec: PodSpec | None) -> float | None:
    """Return the grace period of a decision: its own (``grace``), or what the manifest says."""
    said = killing.details.get("grace")
    if isinstance(said, int | float):
        return said
    if spec is None:
        return None
    container = spec.containers[0]
    probes = {"liveness": container.liveness, "startup": container.startup}
    probe = probes.get(str(killing.details.get("why")))
    own = None if probe is None else probe.termination_grace_period
    return spec.termination_grace_period if own is None else own


# -- what comes often -----------------------------------------------------------------------------


def probes(life: Story) -> dict[str, list[tuple[float, Result]]]:
    """Return each kind of probe with its moments and results, in the order of a life."""
    found: dict[str, list[tuple[float, Result]]] = {}
    for event in life.events:
        if event.name == "probe":
            kind = str(event.details.get("type"))
            found.setdefault(kind, []).append((event.at, result_of(event)))
    order = {"startup": 0, "liveness": 1, "readiness": 2}
    return dict(sorted(found.items(), key=lambda one: (order.get(one[0], 3), one[0])))


def lost(life: Story) -> list[float]:
    """Return the moments of the lost requests."""
    return [event.at for event in life.events if event.name == "request"]


def changes(life: Story) -> list[float]:
    """Return the moments at which something happened that is more than the same answer again."""
    said: dict[str, Result] = {}
    moments: list[float] = []
    for event in life.events:
        if event.name == "probe":
            kind, result = str(event.details.get("type")), result_of(event)
            if said.get(kind) == result:
                continue
            said[kind] = result
        moments.append(event.at)
    return moments
