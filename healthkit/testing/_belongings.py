"""The tasks that belong to a played process: found when they begin, ended when it ends.

A real process takes all its tasks with it. Here they run on a loop that many processes share, so a
task is told apart by who starts it: a context variable names the process, and every task that an
owned context or an owned task starts is owned too, also in a context of its own. The place where
that is seen is the loop's task factory: `asyncio.Task.get_context` is there from Python 3.12 only.
The factory that was there before still makes the tasks, and is put back when the last process on
the loop has let go.

What can't be taken along, and lives on:

1. Threads: nothing ends a thread.
2. Timers (``loop.call_later``) and callbacks of the app's own: they run once more, at their time.
3. ``finally`` blocks: a real SIGKILL runs none; here a cancelled task runs its own.
4. Tasks that are made after somebody else has replaced the loop's task factory.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextvars import Context

    AnyTask: TypeAlias = asyncio.Task[Any]

    class Factory(Protocol):
        """A loop's task factory. asyncio passes it `context`, and later Pythons more."""

        def __call__(
            self,
            loop: asyncio.AbstractEventLoop,
            work: Coroutine[Any, Any, Any],
            /,
            **more: Any,  # noqa: ANN401  # what it passes depends on the Python
        ) -> asyncio.Future[Any]:
            """Make a task."""
            ...


#: How often a task is cancelled that does not end, a turn of the loop in between. A cancellation
#: takes a turn for each task or task group that it passes through.
TURNS: Final = 100

logger: Final = logging.getLogger("healthkit.testing")


class Belongings:
    """The tasks of one process. Everything here is on the loop's thread."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._loop = loop
        self._killed = False
        self.tasks: set[AnyTask] = set()
        #: Set when nothing is left that could be waited for; only after `kill`.
        self.gone = asyncio.Event()
        _hold(loop)

    def __repr__(self) -> str:
        return f"<Belongings of {self._name}: {len(self.tasks)} tasks>"

    def add(self, task: AnyTask) -> None:
        """Own a task until it ends."""
        if task.done():
            return
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        if self._killed:
            _end(task)

    async def ended(self) -> None:
        """Cancel all tasks once, and wait for their end, as `asyncio.run` does when it closes."""
        tasks = tuple(self.tasks)
        for task in tasks:
            _end(task)
        if tasks:
            await asyncio.wait(tasks)

    def kill(self) -> None:
        """Have all tasks end, whatever they think of it. What is left is named in the log."""
        if not self._killed:
            self._killed = True
            self._kill(TURNS)

    def _kill(self, turns: int) -> None:
        for task in tuple(self.tasks):
            _end(task)
        if self.tasks and turns:
            self._loop.call_soon(self._kill, turns - 1)
            return
        for task in tuple(self.tasks):
            self._forsake(task)
        self.gone.set()
        _release(self._loop)

    def _forsake(self, task: AnyTask) -> None:
        """Close the coroutine of a task that swallows its cancellation; say so if that fails."""
        try:
            cast("Coroutine[Any, Any, Any]", task.get_coro()).close()
        except BaseException as exc:  # noqa: BLE001  # the app's code may raise anything
            line = "task %r outlives %s: it refuses every cancellation (%r)"
            logger.warning(line, task.get_name(), self._name, exc)
        task.cancel()


#: Whose code is running.
OWNER: Final = ContextVar["Belongings | None"]("healthkit testing owner", default=None)


def _end(task: AnyTask) -> None:
    task.remove_done_callback(_retrieve)
    task.add_done_callback(_retrieve)
    task.cancel()


def _retrieve(task: AnyTask) -> None:
    """Take note of how an ended task ended, so that nobody is told that it was overlooked."""
    if not task.cancelled():
        task.exception()


class _Factory:
    """A task factory that sees whose each task is. One per loop, while any process is on it."""

    def __init__(self, before: Factory | None) -> None:
        self.before = before
        #: How many processes hold it.
        self.holders = 0
        self._owners: WeakKeyDictionary[AnyTask, Belongings] = WeakKeyDictionary()

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any],
        /,
        **more: Any,  # noqa: ANN401  # as above
    ) -> asyncio.Future[Any]:
        owner = self._owner(loop, more.get("context"))
        make = self.before or _make
        made = make(loop, work, **more)
        if owner is not None and isinstance(made, asyncio.Task):
            self._owners[made] = owner
            owner.add(made)
        return made

    def _owner(self, loop: asyncio.AbstractEventLoop, context: Context | None) -> Belongings | None:
        """Return whose a task is that begins: by its context, its starter's, or the starter."""
        owner = context.get(OWNER) if context is not None else None
        if owner is not None or (owner := OWNER.get()) is not None:
            return owner
        starter = asyncio.current_task(loop)  # None also where the loop does not run
        return self._owners.get(starter) if starter is not None else None


def _make(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Any],
    /,
    **more: Any,  # noqa: ANN401  # as above
) -> asyncio.Future[Any]:
    """Make a task as a loop without a factory does."""
    return asyncio.Task(work, loop=loop, **more)


def _hold(loop: asyncio.AbstractEventLoop) -> None:
    """See from now on whose tasks begin on a loop."""
    factory = cast("Factory | None", loop.get_task_factory())
    if not isinstance(factory, _Factory):
        factory = _Factory(factory)
        loop.set_task_factory(cast("Any", factory))  # typeshed knows no keywords
    factory.holders += 1


def _release(loop: asyncio.AbstractEventLoop) -> None:
    """Let go of a loop, and put its own factory back if nobody else holds it."""
    factory = cast("Factory | None", loop.get_task_factory())
    if not isinstance(factory, _Factory):
        return  # somebody has replaced it
    factory.holders -= 1
    if not factory.holders:
        loop.set_task_factory(cast("Any", factory.before))
