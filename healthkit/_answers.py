"""What each endpoint answers: pure functions of a `Report`.

An answer names obstacles. Each obstacle is one rule, their order is the order in which they are
said, and each probe minds some of them. A probe whose obstacles are all absent answers ``ok``. How
an answer looks on the wire is `_render`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from healthkit._model import CheckState, Component, Kind, Phase, Probe, Report, WorkState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How many names the one line holds: 20 of 63 characters with their progress are 2 KiB.
NAMED: Final = 20


class Obstacle(StrEnum):
    """Why a probe may fail, in the order in which it is said."""

    DRAINING = "draining"
    LIVENESS = "liveness failed"
    STARTING = "starting"
    WARMING = "warming"
    PAUSED = "paused"
    CHECK = "check"


def _names(what: str, components: tuple[Component, ...]) -> str:
    """Join what to say and whom it is about: ``warming: catalogue 41 %``."""
    if not components:
        return what
    named = [f"{one.name} {one.note}".rstrip() for one in components[:NAMED]]
    more = f" and {len(components) - NAMED} more" if len(components) > NAMED else ""
    return f"{what}: {', '.join(named)}{more}"


def _draining(report: Report) -> str | None:
    ending = report.phase in {Phase.DRAINING, Phase.STOPPED}
    return str(report.phase) if ending else None


def _liveness(report: Report) -> str | None:
    return "liveness failed" if report.liveness_failed else None


def _starting(report: Report) -> str | None:
    if report.started:
        return None
    failed = report.required(Kind.STARTUP, WorkState.FAILED)
    if failed:
        return _names("failed", failed)
    return _names("starting", report.required(Kind.STARTUP, WorkState.PENDING))


def _warming(report: Report) -> str | None:
    if report.warmed:
        return None
    return _names("warming", report.required(Kind.WARMUP, WorkState.PENDING))


def _paused(report: Report) -> str | None:
    return "paused" if report.paused else None


def _check(report: Report) -> str | None:
    """Say the worst state that a required check is in; `?verbose` has them all."""
    for state in (CheckState.FAILING, CheckState.STALE, CheckState.PENDING):
        checks = report.required(Kind.CHECK, state)
        if checks:
            return _names(str(state), checks)
    return None


#: What each obstacle says of a report; None when it is absent.
SAYS: Final[Mapping[Obstacle, Callable[[Report], str | None]]] = {
    Obstacle.DRAINING: _draining,
    Obstacle.LIVENESS: _liveness,
    Obstacle.STARTING: _starting,
    Obstacle.WARMING: _warming,
    Obstacle.PAUSED: _paused,
    Obstacle.CHECK: _check,
}

#: The obstacles that each probe minds. Liveness has one, which only the process itself can set.
MINDS: Final[Mapping[Probe, frozenset[Obstacle]]] = {
    Probe.LIVE: frozenset({Obstacle.LIVENESS}),
    Probe.STARTUP: frozenset({Obstacle.STARTING}),
    Probe.READY: frozenset(Obstacle),
    Probe.HEALTH: frozenset(Obstacle) - {Obstacle.PAUSED, Obstacle.CHECK},
}


#: Which obstacle the components of a kind are.
OBSTACLE_OF: Final[Mapping[Kind, Obstacle]] = {
    Kind.STARTUP: Obstacle.STARTING,
    Kind.WARMUP: Obstacle.WARMING,
    Kind.CHECK: Obstacle.CHECK,
}

#: The obstacles that are no component's: somebody has said so, or the phase says it.
CONDITIONS: Final = frozenset(Obstacle) - frozenset(OBSTACLE_OF.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a probe passes, and the one line that says why not."""

    passes: bool
    line: str
    #: The lines of all obstacles that are no component's.
    conditions: tuple[str, ...] = ()


def verdict(probe: Probe, report: Report, *, ready_while_draining: bool) -> Verdict:
    """Judge `report` for `probe`: the first obstacle that it minds, else ``ok``."""
    minds = MINDS[probe]
    if ready_while_draining and probe is Probe.READY and report.phase is Phase.DRAINING:
        minds -= {Obstacle.DRAINING}
    said = [(obstacle, say(report)) for obstacle, say in SAYS.items() if obstacle in minds]
    lines = {obstacle: line for obstacle, line in said if line is not None}
    conditions = tuple(line for obstacle, line in lines.items() if obstacle in CONDITIONS)
    return Verdict(not lines, next(iter(lines.values()), "ok"), conditions)


def could_serve(report: Report) -> bool:
    """Whether nothing but a pause, which is the pod's, is in the way of readiness."""
    return all(say(report) is None for what, say in SAYS.items() if what is not Obstacle.PAUSED)


def listed(probe: Probe, report: Report) -> tuple[Component, ...]:
    """Return the components that `probe` minds, the optional ones of the same kinds included."""
    minds = MINDS[probe]
    return tuple(one for one in report.components if OBSTACLE_OF[one.kind] in minds)


def verdict_on(component: Component) -> Verdict:
    """Judge one component by itself, whether or not readiness depends on it."""
    if component.passes:
        return Verdict(passes=True, line="ok")
    return Verdict(passes=False, line=_names(str(component.state), (component,)))
