"""A slow, obvious model of one probe's worker: a loop over milliseconds, without any callback.

Written from what was measured of a real kubelet, and not from `healthkit.testing._worker`: the two
have nothing in common but what they should come to. All times are whole milliseconds.

Where two things of different causes happen at about one moment, their order is chance in a real
kubelet too; the model says so (`Found.ambiguous`), and nothing can be compared.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

_T = TypeVar("_T")

#: What is answered; a broken body breaks each of three attempts.
Answered = Literal["pass", "fail", "slow body", "short body"]

#: That, and after how many milliseconds.
Outcome = tuple[Answered, int]

#: How close two moments may come before their order is chance.
CLOSE: Final = 12

#: How long after an answer its consequences are seen, if it has any.
LATER: Final = 2


@dataclass(frozen=True)
class Box:
    """One container."""

    starts: int
    #: Its start as the API shows it.
    shown: int
    listens: int
    #: From when it is not running any more; None: until the next one.
    gone: int | None = None


@dataclass(frozen=True)
class Setting:
    """One probe and everything that happens to it. Delays and periods are seconds, as in a pod."""

    kind: Literal["startup", "liveness", "readiness"]
    delay: int
    period: int
    timeout: int
    successes: int
    failures: int
    boxes: tuple[Box, ...]
    #: One moment of the ticker, which began at 0.
    phase: int
    #: When `started` changes in the pod's status; it is False before.
    started: tuple[tuple[int, bool], ...]
    #: From when on what is answered, the first one from the beginning.
    answers: tuple[tuple[int, Outcome], ...]
    #: When a status sync asks at once.
    triggers: tuple[int, ...] = ()
    end: int = 25_000


@dataclass
class Found:
    """What the model says."""

    #: When the first request of each probe was sent.
    asked: list[int] = field(default_factory=list[int])
    #: When which result began to hold, of which container.
    results: list[tuple[int, bool, int]] = field(default_factory=list[tuple[int, bool, int]])
    #: When which container was first seen by the probe.
    met: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    ambiguous: bool = False


def play(setting: Setting) -> Found:  # noqa: C901, PLR0912, PLR0915  # one loop, to be read downwards
    """Go through the time millisecond by millisecond."""
    found = Found()
    moments: list[tuple[int, str]] = [*_changes(setting), (setting.end, "end")]
    period = setting.period * 1000
    next_tick = setting.phase % period or period
    triggers = set(setting.triggers)
    tick_waits = trigger_waits = False
    asking = False
    over_at = -1  # when the probe that is under way has its verdict, and that is taken to heart
    verdict: bool | None = None
    asked_box = known_box = 0
    holds = False
    last: bool | None = None
    row = 0
    told: bool | None = None
    for now in range(1, setting.end):
        look = False
        if asking and now >= over_at:
            asking = False
            if verdict is not None:
                row = row + 1 if verdict is last else 1
                last = verdict
                enough = setting.successes if verdict else setting.failures
                if row >= enough:
                    if told is not verdict:
                        found.results.append((now, verdict, asked_box))
                    told = verdict
                    if setting.kind == "startup" or (setting.kind == "liveness" and not verdict):
                        holds = True
                        row = 0
            if trigger_waits:
                look, trigger_waits, tick_waits = True, False, False
                next_tick = now + period
            elif tick_waits:
                look, tick_waits = True, False
        if now in triggers:
            moments += [(now, "trigger"), (next_tick, "tick")]
            if asking:
                trigger_waits = True
            else:
                look, tick_waits = True, False
                next_tick = now + period
        if now == next_tick:
            moments.append((now, "tick"))
            next_tick += period
            if asking:
                tick_waits = True
            else:
                look = True
        if not look:
            continue
        number = sum(box.starts <= now for box in setting.boxes)
        if number == 0:
            continue
        if number != known_box:
            known_box, holds, told = number, False, None
            found.met.append((now, number))
        box = setting.boxes[number - 1]
        if holds or (box.gone is not None and now >= box.gone):
            continue
        if (now - box.shown) // 1000 < setting.delay:
            continue
        if _newest(setting.started, now, before=False) is (setting.kind == "startup"):
            continue
        asking, asked_box = True, number
        found.asked.append(now)
        ended, verdict = _probe(setting, box, now)
        if ended > now:
            moments.append((ended, "answer"))
        nothing_new = verdict is not None and verdict is last and verdict is told
        over_at = ended if nothing_new else ended + LATER
    moments.sort()
    found.ambiguous = any(
        first[1] != second[1] and second[0] - first[0] <= CLOSE
        for first, second in itertools.pairwise(moments)
    )
    return found


def _probe(setting: Setting, box: Box, now: int) -> tuple[int, bool | None]:
    """Return when a probe that is sent now has its verdict, and which; None: thrown away."""
    for _ in range(3):
        answer, takes = _newest(setting.answers, now, before=setting.answers[0][1])
        if now < box.listens:
            return now, False
        if takes > setting.timeout * 1000:
            return now + setting.timeout * 1000, False
        if answer == "slow body":
            now += setting.timeout * 1000
        elif answer == "short body":
            now += takes
        else:
            return now + takes, answer == "pass"
    return now, None


def _newest(changes: tuple[tuple[int, _T], ...], now: int, *, before: _T) -> _T:
    """Return what holds at a moment."""
    found = before
    for since, value in changes:
        if since <= now:
            found = value
    return found


def _changes(setting: Setting) -> Iterable[tuple[int, str]]:
    """Yield when the world changes."""
    for box in setting.boxes:
        yield from ((moment, "world") for moment in (box.starts, box.listens))
        if box.gone is not None:
            yield box.gone, "world"
    yield from ((since, "world") for since, _ in setting.started)
    yield from ((since, "world") for since, _ in setting.answers)
