"""The registered work of one life: start-up work, warm-ups, checks and the drain's callbacks.

Owns the tasks and threads that run it, and what it has come to. What follows from that is the
life's business.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import anyio

from healthkit._calls import Calls
from healthkit._checks import CheckWatch
from healthkit._local import LocalCheck
from healthkit._log import logger
from healthkit._loop import Tasks
from healthkit._model import WorkState
from healthkit._warmup import WorkRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from healthkit._checks import Check
    from healthkit._loop import Loop
    from healthkit._model import Component
    from healthkit._registry import Registry
    from healthkit._warmup import Work

#: Seconds that cancelled work gets to obey at the end; then its coroutine is closed.
OBEDIENCE: Final = 1.0
#: And that this may take; the exit does not wait for longer.
LAST_WORDS: Final = 0.1


class Duties:
    """What one life has to do. On the life's loop."""

    def __init__(
        self,
        registry: Registry,
        changed: Callable[[], None],
        proceed: Callable[[], None],
    ) -> None:
        """Make duties that have not begun.

        Args:
            registry: what there is to do.
            changed: called, in any thread, when an answer may have become another.
            proceed: called when start-up work or a warm-up has ended.
        """
        self._callbacks = tuple(registry.callbacks)
        self._startups = [_run_of(work, changed, proceed) for work in registry.startups]
        self._warmups = [_run_of(work, changed, proceed) for work in registry.warmups]
        self._checks = [CheckWatch(_fresh(check), changed) for check in registry.checks]
        self._tasks: Tasks | None = None
        self._calls: Calls | None = None

    def __repr__(self) -> str:
        return f"<Duties {self._startups} {self._warmups} {self._checks}>"

    def start(self, loop: Loop, state: object, torn_down: Callable[[], None]) -> None:
        """Begin everything at once.

        Args:
            loop: where.
            state: the lifespan's state, for the work that takes it.
            torn_down: called when the tasks are cancelled, which a loop does when it is torn down.
        """
        rng = random.Random()  # noqa: S311  # jitter is no secret
        tasks = self._tasks = Tasks(loop)
        calls = self._calls = Calls(tasks, loop)
        tasks.start(_until_cancelled(torn_down), "life")
        for run in [*self._startups, *self._warmups]:
            tasks.start(run.run(calls, state, rng), f"{run.work.kind} {run.work.name}")
            tasks.start(run.watch_deadline(), f"deadline of {run.work.name}")
        for watch in self._checks:
            tasks.start(watch.run(calls, rng), f"check {watch.check.name}")
            tasks.start(watch.watch_age(), f"age of {watch.check.name}")

    def call_back(self, take: Callable[[str], Callable[[], None]]) -> None:
        """Start the drain's callbacks, if the work has begun.

        Args:
            take: puts a hold on board, and returns what takes it off. Called before this returns,
                so that no drain misses a callback.
        """
        if self._tasks is None or self._calls is None:
            return
        for name, function in self._callbacks:
            work = _call_back(self._calls, name, function, take(f"on_drain {name!r}"))
            self._tasks.start(work, f"on_drain {name}")

    def cancel(self) -> None:
        """Ask everything to end. Safe in any thread; never blocks."""
        if self._tasks is not None and self._calls is not None:
            self._tasks.cancel()
            self._calls.close()

    async def ended(self) -> None:
        """Wait for everything to end, but not for long."""
        if self._tasks is None or await self._tasks.ended(OBEDIENCE):
            return
        logger.warning("does not end when it is cancelled, and is closed: %r", self._tasks)
        self._tasks.forsake()
        await self._tasks.ended(LAST_WORDS)

    # -- what it has come to ----------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """Whether all start-up work is done."""
        return all(run.state is WorkState.DONE for run in self._startups)

    @property
    def warm(self) -> bool:
        """Whether all required warm-ups are done."""
        required = (run for run in self._warmups if run.work.required)
        return all(run.state is WorkState.DONE for run in required)

    def components(self, now: float) -> tuple[Component, ...]:
        """Say how everything stands at `now` on the loop's clock. Safe in any thread."""
        works = [run.component() for run in (*self._startups, *self._warmups)]
        return (*works, *(watch.component(now) for watch in self._checks))

    def fresh_until(self, now: float) -> float:
        """Return the moment at which the next check grows stale; infinity if none will."""
        moments = (watch.fresh_until for watch in self._checks)
        return min((moment for moment in moments if moment > now), default=math.inf)

    def reasons(self) -> Mapping[str, str]:
        """Return why what does not succeed does not, by name. May hold secrets."""
        reasons = [(run.work.name, run.reason) for run in (*self._startups, *self._warmups)]
        reasons += [(watch.check.name, watch.reason) for watch in self._checks]
        return {name: reason for name, reason in reasons if reason is not None}


def _fresh(check: Check) -> Check:
    """Return the check without what its function remembers of an earlier life."""
    if isinstance(check.function, LocalCheck):
        return replace(check, function=check.function.fresh())
    return check


def _run_of(work: Work, changed: Callable[[], None], proceed: Callable[[], None]) -> WorkRun:
    return WorkRun(work, changed=changed, ended=proceed)


async def _until_cancelled(torn_down: Callable[[], None]) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        torn_down()


async def _call_back(
    calls: Calls,
    name: str,
    function: Callable[..., object],
    release: Callable[[], None],
) -> None:
    """Run one callback of the drain to its end."""
    try:
        failure = await calls.start(function, kind="on_drain", name=name).failure(None)
        if failure is not None:
            logger.error("on_drain %s failed", name, exc_info=failure, extra={"callback": name})
    finally:
        release()
