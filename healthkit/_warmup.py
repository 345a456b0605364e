"""Start-up work and warm-ups: done once per life, with progress, retried with backoff.

The two differ in their parameters only. Start-up work has a number of attempts, and the last
failure is final; a warm-up is tried until it succeeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import anyio

from healthkit._calls import reason_of, trace_of
from healthkit._log import logger
from healthkit._model import Component, Kind, WorkState

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from healthkit._calls import Call, Calls

#: Seconds before the second attempt, at most; doubled for each one after.
FIRST_RETRY: Final = 1.0
#: Seconds between attempts, at most.
LONGEST_RETRY: Final = 60.0
#: What a count without a total is cut at: an answer has 10 KiB for all of them.
LARGEST_COUNT: Final = 10**15
#: A line of progress in the log for each tenth of the work.
LOGGED_STEP: Final = 10


def caps() -> Iterator[float]:
    """Yield the longest wait before each further attempt: 1 s, doubled up to 60 s, for ever."""
    cap = FIRST_RETRY
    while True:
        yield cap
        cap = min(cap * 2, LONGEST_RETRY)


def backoff(rng: random.Random) -> Iterator[float]:
    """Return the seconds to wait before each further attempt, for ever.

    The cap doubles from 1 s to 60 s; the wait is a random part of it between a half and the whole,
    so that a fleet which failed together does not come back together.
    """

    def jittered(cap: float) -> float:
        return rng.uniform(cap / 2, cap)

    return map(jittered, caps())


class Progress:
    """What a warm-up calls to say how far it is. Safe in any thread; never raises, never blocks."""

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        self._name = name
        self._changed = changed
        self._said = ""
        self._logged = 0
        #: How much is done, from 0 to 1; None without a total.
        self.ratio: float | None = None

    def __call__(self, done: float, total: float | None = None) -> None:
        """Report `done` of `total`, in any unit; without a total only the count is shown.

        What is no number is ignored: a slip in a report must not fail the work it reports on.
        """
        try:
            percent = None if not total else max(0, min(100, int(100 * done / total)))
            said = f"{max(0, min(int(done), LARGEST_COUNT))}" if percent is None else f"{percent} %"
        except (TypeError, ValueError, ArithmeticError):
            logger.debug("%s: progress(%r, %r) is no progress", self._name, done, total)
            return
        if said == self._said:
            return
        self._said = said
        self.ratio = None if percent is None else percent / 100
        self._changed()
        if percent is not None and abs(percent - self._logged) >= LOGGED_STEP:
            self._logged = percent - percent % LOGGED_STEP
            logger.info("%s: %s", self._name, said, extra={"work": self._name, "percent": percent})

    def __str__(self) -> str:
        return self._said

    def reset(self) -> None:
        """Forget what the last attempt reported."""
        self._said = ""
        self._logged = 0
        self.ratio = None
        self._changed()


@dataclass(frozen=True, slots=True)
class Work:
    """Start-up work or a warm-up as it was registered. Seconds; see `Health`."""

    kind: Kind
    name: str
    function: Callable[..., object]
    #: How many of ``(progress, state)`` the function takes.
    takes: int
    #: For one attempt; None is no limit.
    timeout: float | None
    #: After this long an error is logged, and it is overdue. The attempts go on.
    deadline: float | None
    #: None is: until it succeeds.
    attempts: int | None
    required: bool

    @property
    def longest(self) -> float | None:
        """What all attempts take, with the longest waits in between; None if it has no limit.

        An attempt that does not end when its timeout has come takes longer: the next one waits.
        """
        if self.timeout is None or self.attempts is None:
            return None
        return self.attempts * self.timeout + sum(islice(caps(), self.attempts - 1))


class WorkRun:
    """One piece of work in one life."""

    def __init__(
        self,
        work: Work,
        changed: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        """Make a run that has not begun.

        Args:
            work: what is to be done.
            changed: called, in any thread, when there is progress.
            ended: called on the loop when the work is done or has failed for good.
        """
        self.work = work
        self.state = WorkState.PENDING
        self.progress = Progress(work.name, changed)
        #: Why the last attempt failed, while the work is not done. May hold a secret.
        self.reason: str | None = None
        self._overdue = False
        self._attempt = 0
        self._changed = changed
        self._ended = ended

    def __repr__(self) -> str:
        return f"<WorkRun {self} {self.state}>"

    def __str__(self) -> str:
        return f"{self.work.name} {self.progress}".rstrip()

    def component(self) -> Component:
        """Say how it stands. Safe in any thread."""
        done = self.state is WorkState.DONE
        return Component(
            name=self.work.name,
            kind=self.work.kind,
            state=self.state,
            required=self.work.required,
            note="" if done else self._note(),
            overdue=self._overdue and not done,
            progress=1.0 if done else self.progress.ratio,
            attempts=self._attempt,
        )

    def _note(self) -> str:
        """Say how far it is, and what is not as it should be: ``41 % (attempt 3, overdue)``."""
        again = [f"attempt {self._attempt}"] if self._attempt > 1 else []
        odd = ", ".join([*again, *(["overdue"] if self._overdue else [])])
        return " ".join(filter(None, [str(self.progress), f"({odd})" if odd else ""]))

    async def run(self, calls: Calls, state: object, rng: random.Random) -> None:
        """Attempt the work until it is done or has failed for good."""
        arguments = (self.progress, state)[: self.work.takes]
        delays = backoff(rng)
        while True:
            self._attempt += 1
            self.progress.reset()
            kind, name = self.work.kind, self.work.name
            call = calls.start(self.work.function, *arguments, kind=kind, name=name)
            failure = await call.failure(self.work.timeout)
            self.reason = None if failure is None else reason_of(failure)
            if failure is None:
                self._end(WorkState.DONE)
                return
            if self._attempt == self.work.attempts:
                self._end(WorkState.FAILED, failure)
                return
            await self._retry(call, failure, next(delays))

    async def watch_deadline(self) -> None:
        """Log an error, once, if the work is not done when its deadline passes."""
        if self.work.deadline is None:
            return
        await anyio.sleep(self.work.deadline)
        if self.state is WorkState.PENDING:
            self._overdue = True
            self._changed()
            line = "%s %s is not done after its deadline of %g s; its attempts go on"
            logger.error(line, self.work.kind, self, self.work.deadline, extra=self._extra())

    def _end(self, state: WorkState, failure: BaseException | None = None) -> None:
        self.state = state
        if failure is None:
            logger.info("%s %s is done", self.work.kind, self.work.name, extra=self._extra())
        else:
            line = "%s %s has failed for good"
            name = self.work.name
            logger.error(line, self.work.kind, name, exc_info=failure, extra=self._extra())
        self._ended()

    async def _retry(self, call: Call, why: BaseException, delay: float) -> None:
        """Wait before the next attempt. It never starts while the last one still runs."""
        line = "%s %s: attempt %d failed; the next one in %.1f s: %s"
        kind, name, attempt = self.work.kind, self.work.name, self._attempt
        arguments = (kind, name, attempt, delay, self.reason)
        logger.warning(line, *arguments, exc_info=trace_of(why), extra=self._extra())
        if not call.ended.is_set():
            line = "%s %s: attempt %d does not end; the next one has to wait for it"
            logger.warning(line, kind, name, attempt, extra=self._extra())
        await call.ended.wait()
        await anyio.sleep(delay)

    def _extra(self) -> dict[str, object]:
        """Return the structured fields of every log record about this work."""
        return {
            "work": self.work.name,
            "kind": str(self.work.kind),
            "work_state": str(self.state),
            "overdue": self._overdue and self.state is not WorkState.DONE,
            "reason": self.reason,
        }
