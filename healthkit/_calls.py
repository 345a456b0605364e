"""Call a user's function so that whatever it does stays with it.

Each call is a task of its own: it may raise anything (``SystemExit`` and ``CancelledError``
included, which would otherwise end the event loop), cancel itself, return
nonsense or hang, and its :class:`Call` merely ends with that. Plain functions run in healthkit's
own daemon threads, never in the app's pool or the loop's executor, and one that hangs does not hold
up the exit: the interpreter joins the threads of ``concurrent.futures``, but not these.

A thread is made when all others are busy. No registered function runs twice at once in one life, so
a life never has more threads than registered plain functions, and one that hangs starves no other.
"""

from __future__ import annotations

import contextvars
import inspect
import logging
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import anyio

from healthkit import _real, _validate
from healthkit._log import logger
from healthkit.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from queue import SimpleQueue

    from healthkit._loop import Loop, Spawned, Tasks

#: What kind of work the current code was called for ("check", "warmup", ...), if healthkit did.
CALLED_AS: Final = contextvars.ContextVar[str | None]("CALLED_AS", default=None)

#: What a reason is cut at, in characters: an answer has 10 KiB for all of them.
LONGEST_REASON: Final = 200

#: How much of an exception's text is looked at for it.
READ: Final = 4_096

#: How far a reason goes back.
CAUSES: Final = 4


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling `function` makes a coroutine; sees through partials and ``__call__``."""
    while isinstance(function, partial):
        function = cast("partial[object]", function).func
    if inspect.iscoroutinefunction(function):
        return True
    return inspect.iscoroutinefunction(type(function).__call__)


class TooLateError(TimeoutError):
    """The time for a call was over. Not what the function raised: a rule tells the two apart."""


def reason_of(failure: BaseException) -> str:
    """Say in one short line why a call failed, and what was behind it. It may hold a secret."""
    text = "; caused by ".join(_said(one) for one in _chain(failure))
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."


def _chain(failure: BaseException) -> Iterator[BaseException]:
    """Yield a failure and its causes, down to a few; of a group, the first that it holds."""
    cause: BaseException | None = failure
    for _ in range(CAUSES):
        if cause is None:
            return
        yield cause
        cause = _first(cause) or cause.__cause__


def _first(failure: BaseException) -> BaseException | None:
    """Return the first that a group holds; None if it is no group."""
    if not isinstance(failure, BaseExceptionGroup):
        return None
    return cast("BaseExceptionGroup[BaseException]", failure).exceptions[0]


def _said(failure: BaseException) -> str:
    try:
        text = _validate.one_line(str(failure)[:READ])
    except BaseException:  # noqa: BLE001  # an exception's text is the user's code too
        text = ""
    if isinstance(failure, CheckFailed | TooLateError) and text:
        return text
    return f"{type(failure).__name__}: {text}".removesuffix(": ")


def trace_of(failure: BaseException) -> BaseException | None:
    """Return what to log as ``exc_info`` beside the reason: the traceback, for a debugging eye."""
    return failure if logger.isEnabledFor(logging.DEBUG) else None


class _Job:
    """One call in a thread, and how it ended."""

    __slots__ = ("_context", "_function", "ended", "error", "forsaken", "took", "value")

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._context = contextvars.copy_context()
        self.ended = anyio.Event()
        self.value: object = None
        self.error: BaseException | None = None
        #: How long it ran, in seconds; None before its end. The thread's own measure: a loop that
        #: is busy with something else must not make it late.
        self.took: float | None = None
        #: Whether nobody waits for it any more.
        self.forsaken = False

    def execute(self) -> None:
        """Run, in the thread."""
        began = time.monotonic()
        try:
            self.value = self._context.run(self._function)
        except BaseException as exc:  # noqa: BLE001  # carried to the task that waits for it
            self.error = exc
        self.took = time.monotonic() - began

    def discard(self) -> None:
        """Let go of the result: a coroutine that nobody will await is closed, without a warning."""
        if inspect.iscoroutine(self.value):
            self.value.close()


class Threads:
    """Daemon threads, reused while they end their work. A life owns them; its loop calls them."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._idle: deque[SimpleQueue[_Job | None]] = deque()
        self._closed = False

    def start(self, function: Callable[[], object]) -> _Job:
        """Call `function` in a thread, and return at once. On the loop."""
        job = _Job(function)
        self._free_thread().put(job)
        return job

    async def result(self, job: _Job) -> object:
        """Return or raise what the job's function does.

        When the waiting task is cancelled, the thread is left alone to finish or to hang.
        """
        try:
            await job.ended.wait()
        except BaseException:
            job.forsaken = True
            job.discard()
            raise
        if job.error is not None:
            raise job.error
        return job.value

    def close(self) -> None:
        """Let idle threads end now, and busy ones with their work. Never blocks."""
        self._closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _free_thread(self) -> SimpleQueue[_Job | None]:
        """Return the inbox of an idle thread, of a new one if there is none."""
        if self._idle:
            return self._idle.pop()
        inbox: SimpleQueue[_Job | None] = _real.simple_queue()
        _real.thread(partial(self._work, inbox), "healthkit").start()
        return inbox

    def _work(self, inbox: SimpleQueue[_Job | None]) -> None:
        """Run jobs until told to end. Runs in the thread."""
        while (job := inbox.get()) is not None:
            job.execute()
            self._idle.append(inbox)
            if not self._loop.soon(job.ended.set) or job.forsaken:
                job.discard()
            del job  # an idle thread keeps nothing of the user's alive
            if self._closed:
                return


class Call:
    """One call of a user's function, from its start to its end."""

    def __init__(
        self,
        function: Callable[[], object],
        kind: str,
        threads: Threads,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._function = function
        self._kind = kind
        self._threads = threads
        self._job: _Job | None = None
        #: The task that it is; None if it never began.
        self.task: Spawned | None = None
        #: Whether there is a coroutine of the function's that can be cancelled.
        self._awaiting = False
        self._late = False
        self._took = 0.0
        #: Set when the function is over, however it ended.
        self.ended = anyio.Event()
        #: What it raised.
        self.error: BaseException | None = None
        #: What it returned.
        self.value: object = None

    @property
    def took(self) -> float:
        """How long the function ran, in seconds, without the waiting for a busy loop."""
        return self._took

    async def run(self) -> None:
        """Call, and keep what came of it. The body of a task of its own; raises nothing.

        Swallowing a cancellation is right here and only here: the task ends with this call.
        """
        CALLED_AS.set(self._kind)
        try:
            self.value = await self._result()
        except BaseException as exc:  # noqa: BLE001  # see the docstring
            self.error = exc
        finally:
            self.ended.set()

    async def failure(
        self,
        timeout: float | None,  # noqa: ASYNC109  # late is an outcome here, not an exception
    ) -> BaseException | None:
        """Wait until it ended; return what went wrong, or None.

        After `timeout` seconds it is cancelled, once, and a `TooLateError` returned; nobody waits
        for the function to obey: a thread can't be cancelled, and a coroutine may refuse, or need
        its time to give a connection back. Too long is too long also for a coroutine that blocked
        the loop, so that nobody could interrupt it.
        """
        with anyio.move_on_after(timeout):
            await self.ended.wait()
        if self._job is not None and self._job.took is not None and not self._awaiting:
            # The thread is done, its news has yet to come through a loop that was busy.
            with anyio.move_on_after(timeout):
                await self.ended.wait()
        if timeout is None or (self.ended.is_set() and self._took <= timeout):
            return self.error
        self._late = True
        if self._awaiting and self.task is not None and not self.ended.is_set():
            self.task.cancel()
        return TooLateError(f"no result within {timeout:g} s")

    async def _result(self) -> object:
        """Call, and await what is to be awaited: a plain function may return a coroutine too."""
        if is_async(self._function):
            return await self._awaited(self._function())
        self._job = self._threads.start(self._function)
        try:
            value = await self._threads.result(self._job)
        finally:
            self._took = self._job.took or 0.0
        return await self._awaited(value) if inspect.isawaitable(value) else value

    async def _awaited(self, value: object) -> object:
        """Await the coroutine that the function is, or has returned."""
        if self._late:
            message = "a coroutine that came too late was not awaited"
            close: Callable[[], None] = getattr(value, "close", _nothing)
            close()
            raise TimeoutError(message)
        began = self._clock()
        self._awaiting = True
        try:
            return await cast("Awaitable[object]", value)
        finally:
            self._took += self._clock() - began


def _nothing() -> None:
    """Close what has nothing to close."""


class Calls:
    """Starts calls among one life's tasks."""

    def __init__(self, tasks: Tasks, loop: Loop) -> None:
        self._tasks = tasks
        self._clock = loop.clock
        self._threads = Threads(loop)

    def start(self, function: Callable[..., object], *args: object, kind: str, name: str) -> Call:
        """Call ``function(*args)`` in a task of its own, and return at once."""
        call = Call(partial(function, *args), kind, self._threads, self._clock)
        call.task = self._tasks.start(call.run(), f"{kind} {name}")
        return call

    def close(self) -> None:
        """Let the threads end. Never blocks."""
        self._threads.close()
