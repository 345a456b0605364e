"""What each endpoint answers: pure functions of a `Report`.

An answer names obstacles. Each obstacle is one rule, their order is the order in which they are
said, and each probe minds some of them. A probe whose obstacles are all absent answers ``ok``.

A stranger reads names, states and progress only; reasons are in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from healthkit._model import Phase, Probe, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The kubelet reads 10 KiB of a body; 20 names of 63 characters with their progress are 2 KiB.
NAMED: Final = 20

OK: Final = 200
UNAVAILABLE: Final = 503
METHOD_NOT_ALLOWED: Final = 405


class Obstacle(StrEnum):
    """Why a probe may fail, in the order in which it is said."""

    DRAINING = "draining"
    LIVENESS = "liveness failed"
    STARTING = "starting"
    WARMING = "warming"
    PAUSED = "paused"
    CHECK = "check"


def _names(what: str, names: tuple[str, ...]) -> str:
    """Join what to say and whom it is about: ``warming: catalogue 41 %``."""
    if not names:
        return what
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{what}: {', '.join(names[:NAMED])}{more}"


def _draining(report: Report) -> str | None:
    ending = report.phase in {Phase.DRAINING, Phase.STOPPED}
    return str(report.phase) if ending else None


def _liveness(report: Report) -> str | None:
    return "liveness failed" if report.liveness_failed else None


def _starting(report: Report) -> str | None:
    if report.started:
        return None
    if report.failed:
        return _names("failed", report.failed)
    return _names("starting", report.starting)


def _warming(report: Report) -> str | None:
    return None if report.warmed else _names("warming", report.warming)


def _paused(report: Report) -> str | None:
    return "paused" if report.paused else None


def _check(report: Report) -> str | None:
    if report.failing:
        return _names("failing", report.failing)
    return _names("pending", report.pending) if report.pending else None


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a probe passes, and the one line that says why not."""

    passes: bool
    line: str


def verdict(probe: Probe, report: Report, *, ready_while_draining: bool) -> Verdict:
    """Judge `report` for `probe`: the first obstacle that it minds, else ``ok``."""
    minds = MINDS[probe]
    if ready_while_draining and probe is Probe.READY and report.phase is Phase.DRAINING:
        minds -= {Obstacle.DRAINING}
    for obstacle, say in SAYS.items():
        line = say(report) if obstacle in minds else None
        if line is not None:
            return Verdict(passes=False, line=line)
    return Verdict(passes=True, line="ok")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on the wire, immutable: whoever sends it makes fresh objects from it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def _answer(status: int, line: str, *extra: tuple[bytes, bytes]) -> Answer:
    body = f"{line}\n".encode()
    headers = (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *extra,
    )
    return Answer(status, headers, body)


def render(judged: Verdict, retry_after: int) -> Answer:
    """Make the answer for a verdict: 200, or 503 with ``Retry-After`` in seconds."""
    if judged.passes:
        return _answer(OK, judged.line)
    return _answer(UNAVAILABLE, judged.line, (b"retry-after", b"%d" % retry_after))


#: To anything but GET and HEAD (RFC 9110, 15.5.6: Allow is required).
WRONG_METHOD: Final = _answer(METHOD_NOT_ALLOWED, "method not allowed", (b"allow", b"GET, HEAD"))
