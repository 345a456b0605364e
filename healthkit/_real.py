"""Threads, locks and queues of the operating system, whatever gevent has replaced.

Under ``gevent.monkey.patch_all`` a `threading.Thread` is a greenlet: it runs in the app's own
thread and only while the app waits, so that one C call which blocks would hold up every check, the
drain and the worker's record. What healthkit runs beside the app is therefore made from what was
there before, by gevent's public `get_original`.

gevent is asked only if somebody has imported it, and at each use: it may patch after healthkit was
imported. Without it everything here is the standard library's.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import queue
    import select
    from collections.abc import Callable


class Thread(Protocol):
    """A daemon thread."""

    def start(self) -> None:
        """Start it.

        Raises:
            RuntimeError: there can't be one more, or the interpreter is ending.
        """
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, for so many seconds at most."""
        ...


def thread(target: Callable[[], object], name: str) -> Thread:
    """Make a daemon thread that has not started."""
    if is_patched():
        return _Native(target, name)
    return threading.Thread(target=target, name=name, daemon=True)


def lock() -> threading.Lock:
    """Make a lock that is free. It blocks the thread, with all of its greenlets."""
    return cast("Callable[[], threading.Lock]", original("_thread", "allocate_lock"))()


def simple_queue() -> queue.SimpleQueue[Any]:
    """Make a queue in which a thread waits."""
    return cast("Callable[[], queue.SimpleQueue[Any]]", original("queue", "SimpleQueue"))()


def poll() -> select.poll:
    """Make a polling object that blocks the thread."""
    return cast("Callable[[], select.poll]", original("select", "poll"))()


class Latch:
    """Set once, waited for in any thread."""

    def __init__(self) -> None:
        self._lock = lock()
        self._lock.acquire()
        self._is_set = False

    def __repr__(self) -> str:
        return f"<Latch {'set' if self._is_set else 'open'}>"

    def set(self) -> None:
        """Let everybody go on. Idempotent, for one thread."""
        if not self._is_set:
            self._is_set = True
            self._lock.release()

    def wait(self, timeout: float) -> bool:
        """Wait for so many seconds at most; return whether it is set."""
        if not self._lock.acquire(timeout=timeout):
            return False
        self._lock.release()
        return True


def is_patched() -> bool:
    """Whether `threading` makes greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def original(module: str, name: str) -> object:
    """Return what a module of the standard library had before it was patched."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return getattr(importlib.import_module(module), name)
    found: object = monkey.get_original(module, name)
    return found


class _Native:
    """A thread where `threading` has none."""

    def __init__(self, target: Callable[[], object], name: str) -> None:
        self._target = target
        self._name = name
        self._ended = Latch()

    def start(self) -> None:
        start = cast("Callable[..., object]", original("_thread", "start_new_thread"))
        start(self._run, ())

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(-1 if timeout is None else timeout)

    def _run(self) -> None:
        threading.current_thread().name = self._name  # for the log
        try:
            self._target()
        finally:
            self._ended.set()
