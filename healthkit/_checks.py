"""Background checks: run by their own interval, never by a probe.

Owns when a check runs, and what is said in the log about it: one line for each change, none for a
run that changes nothing. What its outcomes come to is a pure rule (`_thresholds`); what that means
for readiness is not decided here. A probe reads memory.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from healthkit._calls import TooLateError, reason_of, trace_of
from healthkit._log import logger
from healthkit._loop import current_time
from healthkit._model import CheckState, Component, Kind, Outcome
from healthkit._thresholds import Tally
from healthkit.errors import CheckFailed

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from healthkit._calls import Call, Calls

#: A tenth to either side, so that the checks of a fleet that was started together drift apart.
JITTER: Final = 0.1


#: Turns of the loop in which a coroutine that obeys its cancellation has ended.
OBEDIENT: Final = 2


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it was registered. Seconds; see `Health.check`."""

    name: str
    function: Callable[..., object]
    interval: float = 10.0
    timeout: float = 0.8
    failure_threshold: int = 1
    success_threshold: int = 1
    required: bool = True
    #: Above `longest_cycle`, or a healthy check would grow stale between two runs.
    max_age: float = 20.8
    #: Types of exceptions that say nothing about what is checked.
    unknown: tuple[type[BaseException], ...] = ()

    def outcome(self, failure: BaseException | None) -> Outcome:
        """Say what it means that a run ended with `failure`, or without."""
        if failure is None:
            return Outcome.SUCCESS
        if isinstance(failure, CheckFailed | TooLateError):
            return Outcome.FAILURE
        try:
            broken = isinstance(failure, self.unknown)
        except Exception:  # noqa: BLE001  # a type may have an opinion of its own on its instances
            broken = False
        return Outcome.UNKNOWN if broken else Outcome.FAILURE


def longest_cycle(interval: float, timeout: float) -> float:
    """Return the longest time from the end of one run to the end of the next, both in time."""
    return interval * (1 + JITTER) + timeout


class CheckWatch:
    """One check in one life. Its state may be read in any thread; it runs on the life's loop."""

    def __init__(
        self,
        check: Check,
        changed: Callable[[], None],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Watch a check that has not run yet.

        Args:
            check: which.
            changed: called when an answer may have become another.
            wall_clock: Unix time, for people and other machines; ages never depend on it.
        """
        self.check = check
        #: The last reason since it passed, for whom `show_reasons` admits. May hold a secret.
        self.reason: str | None = None
        self._tally = Tally(
            failure_threshold=check.failure_threshold,
            success_threshold=check.success_threshold,
            max_age=check.max_age,
        )
        self._changed = changed
        self._wall_clock = wall_clock
        #: The state that the log knows of.
        self._said = CheckState.PENDING
        self._last = Outcome.SUCCESS
        self._hanging = False
        self._timed_out = False
        #: Whether the log knows, in this state, that the diagnosis breaks.
        self._broken_said = False
        self._time: float | None = None
        self._duration: float | None = None
        #: Set, and replaced, at each success or failure.
        self._counted = anyio.Event()

    def __repr__(self) -> str:
        return f"<CheckWatch {self.check.name} {self._tally!r}{' hanging' * self._hanging}>"

    @property
    def fresh_until(self) -> float:
        """When the state expires, on the loop's clock."""
        return self._tally.fresh_until

    def component(self, now: float) -> Component:
        """Say how it stands at `now` on the loop's clock. Safe in any thread."""
        last_at = self._tally.last_at
        return Component(
            name=self.check.name,
            kind=Kind.CHECK,
            state=self._tally.state_at(now),
            required=self.check.required,
            note="hanging" if self._hanging else "timed out" if self._timed_out else "",
            overdue=self._hanging,
            age=None if last_at is None else max(0.0, now - last_at),
            time=self._time,
            duration=self._duration,
            runs=dict(self._tally.runs),
        )

    async def run(self, calls: Calls, rng: random.Random) -> None:
        """Run the check at once, then an interval after each end, until cancelled.

        The next run waits for the end of the last one, also when that is long past its timeout:
        runs never pile up.
        """
        self._begin()
        while True:
            call = calls.start(self.check.function, kind="check", name=self.check.name)
            failure = await call.failure(self.check.timeout)
            if failure is None and call.value is False:
                failure = CheckFailed("returned False")
            self._hanging = not await _has_ended(call)
            self._duration = self.check.timeout if self._hanging else call.took
            self._record(failure)
            if self._hanging:
                await self._ended(call)
            del call, failure  # what a run has left behind need not last until the next
            await anyio.sleep(self.check.interval * rng.uniform(1 - JITTER, 1 + JITTER))

    async def watch_age(self) -> None:
        """Say so when the last success or failure has become too old, until cancelled."""
        self._begin()
        while True:
            counted = self._counted
            with anyio.move_on_after(self.fresh_until - current_time()):
                await counted.wait()
            if not counted.is_set():
                self._announce(None)
                await counted.wait()

    def _begin(self) -> None:
        """Begin to grow old, at the first turn of either task: trio gives them in any order."""
        if math.isinf(self.fresh_until):
            self._tally.begin(current_time())

    async def _ended(self, call: Call) -> None:
        """Wait for the end of a run that is late; log it only if it keeps the next one waiting."""
        with anyio.move_on_after(self.check.interval):
            await call.ended.wait()
        overdue = not call.ended.is_set()
        if overdue:
            line = "check %s hangs: its next run has to wait for the end of this one"
            logger.warning(line, self.check.name, extra=self._extra())
            await call.ended.wait()
        self._hanging = False
        self._duration = call.took
        if overdue:
            logger.info("check %s hangs no more", self.check.name, extra=self._extra())
        self._changed()

    def _record(self, failure: BaseException | None) -> None:
        """Count how a run ended, and say what follows from it."""
        outcome = self.check.outcome(failure)
        self._last = outcome
        self._tally.count(outcome, current_time())
        self._timed_out = isinstance(failure, TooLateError)
        if failure is not None:
            self.reason = reason_of(failure)
        elif self._tally.state_at(current_time()) is CheckState.PASSING:
            self.reason = None
        if failure is not None and outcome is Outcome.UNKNOWN:
            self._log_unknown(failure)
        else:
            self._time = self._wall_clock()
            self._announce(failure)
            self._counted.set()
            self._counted = anyio.Event()
        self._changed()

    def _log_unknown(self, failure: BaseException) -> None:
        """Say that the diagnosis broke, once in each state."""
        level = logging.DEBUG if self._broken_said else logging.WARNING
        self._broken_said = True
        line = "check %s: unknown, the diagnosis broke; it stays %s: %s"
        arguments = (self.check.name, self._said, self.reason)
        trace = trace_of(failure)
        logger.log(level, line, *arguments, exc_info=trace, extra=self._extra())

    def _announce(self, failure: BaseException | None) -> None:
        """Log the state if it is another than the log knows of, with what has led to it."""
        before, self._said = self._said, self._tally.state_at(current_time())
        trace = None if failure is None else trace_of(failure)
        because = "" if failure is None else f": {self.reason}"
        extra = {**self._extra(), "state_before": str(before)}
        if self._said is not before:
            self._broken_said = False
            level, line = SAID[self._said]
            if level > logging.INFO and not self.check.required:
                line += ", and is not required"
            line += "%s"
            logger.log(level, line, self.check.name, because, exc_info=trace, extra=extra)
        elif failure is not None:
            line = "check %s: a failure; it stays %s%s"
            logger.debug(line, self.check.name, before, because, exc_info=trace, extra=extra)

    def _extra(self) -> dict[str, object]:
        """Return the structured fields of every log record about this check."""
        return {
            "check": self.check.name,
            "state": str(self._said),
            "outcome": str(self._last),
            "required": self.check.required,
            "hanging": self._hanging,
            "reason": self.reason,
        }


async def _has_ended(call: Call) -> bool:
    """Whether a run is over, or is about to be: one that was cancelled needs a moment to obey."""
    for _ in range(OBEDIENT):
        if call.ended.is_set():
            break
        await anyio.lowlevel.checkpoint()
    return call.ended.is_set()


#: What the log says of a new state, and how loudly.
SAID: Final[Mapping[CheckState, tuple[int, str]]] = {
    CheckState.PENDING: (logging.INFO, "check %s is pending"),
    CheckState.PASSING: (logging.INFO, "check %s passes"),
    CheckState.FAILING: (logging.WARNING, "check %s fails"),
    CheckState.STALE: (logging.WARNING, "check %s is stale: no result for too long"),
}
