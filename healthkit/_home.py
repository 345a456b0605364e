"""A thread with a loop, for the lives of a `Health` whose server has neither a loop nor a lifespan.

Owns when a life begins and ends there: it begins when somebody starts it, at the latest a request,
and ends when it is stopped, at the latest at the interpreter's exit. What happens in between is the
life's. Nothing is started before that, so that work can be registered, and a server can fork.

The surprising facts are three.

1. A forked child has no threads. There, everything is as if nothing had ever begun, and what the
   parent had is never touched again, not even to be collected: an event loop that is closed takes
   its descriptors off the epoll instance that it shares with the parent's, which is deaf then.
2. Only the main thread can stand in front of SIGTERM. Whoever starts from another one is told.
3. An exit may find the thread busy with anything. It is waited for, but not for long, and it is a
   daemon.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from healthkit import _real, _relay
from healthkit._log import logger
from healthkit._loop import Loop
from healthkit._own_loop import new_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from healthkit._health import Health
    from healthkit._loop import Spawned

_T = TypeVar("_T")

#: Seconds that a start, and so a first request, waits for the worker to know its pod.
SETTLED_WITHIN: Final = 1.0
#: Seconds that an exit leaves for the drain that nobody asked for before: callbacks and holds.
STOPPED_WITHIN: Final = 2.0
#: Seconds beyond, for a thread that is about to end.
JOINED_WITHIN: Final = 1.0
#: Seconds between two looks for a result.
LOOK: Final = 0.05

UNGUARDED: Final = (
    "started in thread %r: SIGTERM is not held back, and the server ends without a drain; expected"
    " the main thread: in gunicorn.conf.py, `from healthkit.wsgi import post_worker_init`, or call"
    " start() there"
)


class Home:
    """Where the lives of one `Health` take place. All methods are safe in any thread."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._stay: _Stay | None = None
        self._moving = _real.lock()
        #: Whether it was said that there can be no thread.
        self._complained = False
        _HOMES.add(self)
        _hook_into_process()

    def __repr__(self) -> str:
        return f"<Home {self._stay or 'empty'}>"

    def start(self) -> None:
        """Begin a life, unless there is one; stand in front of SIGTERM if this is the main thread.

        Waits for a moment, so that what is asked next finds it begun. Raises nothing.
        """
        failure: RuntimeError | None = None
        with self._moving:
            if not self._health.life.running and (self._stay is None or self._stay.over):
                failure = self._move_in()
            stay = self._stay
        # Nothing is waited for or logged with the lock: under gevent either lets greenlets go on,
        # and one that comes here would block their only thread.
        if failure is not None:
            logger.error("can't start a thread (%s): expected one; the checks do not run", failure)
        if stay is not None:
            stay.settled.wait(SETTLED_WITHIN)
            self._guard(stay)

    def leave(self) -> None:
        """Ask the life to end. Never blocks."""
        if self._stay is not None:
            self._stay.leave()

    def left(self, deadline: float) -> None:
        """Wait until the life has ended, or until it must, on `time.monotonic`."""
        if self._stay is None:
            return
        self._stay.thread.join(max(0.0, deadline - time.monotonic()))
        if not self._stay.over:
            logger.warning("does not end, and is left behind: %r", self)
            self._health.life.end()

    def wait_for(self, work: Callable[[], Coroutine[object, object, _T]]) -> _T | None:
        """Start, and have the loop do some work; return its result, or None if there is no loop.

        It looks every now and then, so that under gevent other greenlets go on.
        """
        self.start()
        results: list[_T] = []
        ended: list[bool] = []
        stay = self._stay
        if stay is None or not stay.soon(lambda: stay.do(work, results, ended)):
            return None
        while not ended and not stay.over:
            time.sleep(LOOK)
        return results[0] if results else None

    def forked(self) -> None:
        """Be in a forked child."""
        _LEFT_BEHIND.append((self._stay, self._health.life))
        self._stay = None
        self._moving = _real.lock()  # the other may be held by a thread that is not here
        self._health.forked()

    def _move_in(self) -> RuntimeError | None:
        """Begin a stay; return why that failed, if it has not been said yet."""
        stay = _Stay(self._health, self)
        _relay.install()
        try:
            stay.thread.start()
        except RuntimeError as exc:
            complained, self._complained = self._complained, True
            return None if complained else exc
        self._stay = stay
        self._complained = False
        return None

    def _guard(self, stay: _Stay) -> None:
        """Stand in front of SIGTERM, or say once that it can't be done from here."""
        if threading.current_thread() is threading.main_thread():
            stay.guarded = True
            self._health.life.exit.guard()
        elif stay.guarded is None:
            stay.guarded = False
            say = functools.partial(logger.warning, UNGUARDED, threading.current_thread().name)
            # By the thread that logs all the rest: under gevent the locks of logging are greenlets'
            # own, and one that waited for another thread here was seen to be never woken.
            if not stay.soon(say):
                say()


class _Stay:
    """One thread, one loop, one life."""

    def __init__(self, health: Health, home: Home) -> None:
        """Make one that has not begun.

        Args:
            health: whose life.
            home: kept for as long as the thread runs.
        """
        self._health = health
        self._home = home
        self._loop: Loop | None = None
        self._told = False
        self._leaving = anyio.Event()
        #: What was done here for others: a loop keeps only weak references to its tasks.
        self._tasks: list[Spawned] = []
        self.thread = _real.thread(self._run, "healthkit loop")
        #: Set when the registered work has begun, or never will.
        self.settled = _real.Latch()
        #: Whether nothing is left of it.
        self.over = False
        #: Whether SIGTERM is held back, where that can be; None if nobody has said so yet.
        self.guarded: bool | None = None

    def __repr__(self) -> str:
        return f"<_Stay {'over' if self.over else 'leaving' if self._told else 'there'}>"

    def leave(self) -> None:
        """Ask for the end. Safe in any thread."""
        self._told = True
        self.soon(self._leaving.set)

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have the thread call `callback`; return whether it will. Safe in any thread."""
        return self._loop is not None and self._loop.soon(callback)

    def do(
        self,
        work: Callable[[], Coroutine[object, object, _T]],
        results: list[_T],
        ended: list[bool],
    ) -> None:
        """Do some work in a task, keep its result, and that it has ended. On the loop."""

        async def keep() -> None:
            try:
                results.append(await work())
            except Exception:  # noqa: BLE001  # a bug must be heard of, and hold up nobody
                logger.exception("work for a request has failed; a bug in healthkit")
            finally:
                ended.append(True)

        self._tasks.append(Loop().spawn(keep(), "work"))

    def _run(self) -> None:
        """Be the thread."""
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._live())
        except BaseException:  # noqa: BLE001  # a bug must be heard of
            logger.exception("the thread of healthkit's loop has failed; a bug in healthkit")
        finally:
            self.over = True
            self.settled.set()

    async def _live(self) -> None:
        self._leaving = anyio.Event()
        self._loop = Loop()
        life = self._health.begin_without_server()
        try:
            await life.joined()
            life.app_started({})
            self.settled.set()
            if not self._told:
                await self._leaving.wait()
            with anyio.move_on_after(STOPPED_WITHIN):
                await life.stop()
        finally:
            life.abandon()


def start_all() -> None:
    """Begin the lives of all homes in this process."""
    for home in tuple(_HOMES):
        home.start()


def stop_all() -> None:
    """End the lives of all homes in this process, at the same time."""
    stop(*_HOMES)


def stop(*homes: Home) -> None:
    """End the lives of these homes, and wait for that, but not for long."""
    for home in homes:
        home.leave()
    deadline = time.monotonic() + STOPPED_WITHIN + JOINED_WITHIN
    for home in homes:
        home.left(deadline)


#: Those of this process. One that has a thread is kept by it.
_HOMES: Final = weakref.WeakSet[Home]()

#: What the parents of this process have begun. See the module's docstring.
_LEFT_BEHIND: Final[list[object]] = []


def _forked() -> None:
    for home in tuple(_HOMES):
        home.forked()


@functools.cache
def _hook_into_process() -> None:
    """Register with the interpreter, once per process: a registration can't be taken back."""
    atexit.register(stop_all)
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=_forked)
