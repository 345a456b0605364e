"""What another thread does, read from its innermost frame and from the kernel. `_threads` judges.

A frame that stands at a call of a method that blocks, with no frame of Python's inside, waits in C.
Which method that is stands in the byte code; whose method, if it is a local variable's.
"""

from __future__ import annotations

import dis
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from healthkit.testing._stuck import frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

#: Methods that block in C.
WAITING: Final = frozenset(
    {"__enter__", "acquire", "control", "get", "join", "poll", "select", "wait"}
)

_CALLS: Final = frozenset({"CALL", "CALL_FUNCTION_EX", "CALL_KW", "PRECALL"})
_LOADS: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})

#: From here on a queue hands an item to who waits, and a lock its ownership, without ever seeming
#: to have it (CPython's Modules/_queuemodule.c and Python/lock.c).
_QUEUES_HAND_OVER: Final = sys.version_info >= (3, 13)
_LOCKS_HAND_OVER: Final = sys.version_info >= (3, 14)

#: The clock of the CPU time of a thread, by its number, in Linux's <linux/posix-timers.h>:
#: CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED.
_PER_THREAD: Final = 6


class Place(NamedTuple):
    """The call that an instruction makes."""

    #: The name of the method, if it is one.
    method: str | None
    #: The local variable whose method it is, if it is one.
    owner: str | None


@lru_cache(maxsize=1024)
def place(code: CodeType, at: int) -> Place:
    """Read from the byte code what the instruction at an offset calls."""
    before = [one for one in dis.get_instructions(code) if one.offset <= at]
    if not before:
        return Place(None, None)
    call = before[-1]
    if call.opname == "BEFORE_WITH":
        return Place("__enter__", None)
    if call.opname not in _CALLS:
        return Place(None, None)
    return _callee(before, _start(call))


def _callee(before: list[dis.Instruction], start: object) -> Place:
    """Find what is called: the last attribute read at the call's own beginning in the source.

    `lock.acquire` begins where `lock.acquire(timeout=self.limit)` does, and no argument of it does.
    """
    for index in range(len(before) - 2, 0, -1):
        one = before[index]
        if one.opname in _LOADS and _start(one) == start:
            return Place(str(one.argval), _variable(before[index - 1]))
    return Place(None, None)


def _variable(loaded: dis.Instruction) -> str | None:
    """Return the local variable that an instruction reads; of two the one on top."""
    if not loaded.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
        return None
    value: object = loaded.argval
    return str(cast("tuple[object, ...]", value)[-1] if isinstance(value, tuple) else value)


def _start(one: dis.Instruction) -> object:
    return one.positions and (one.positions.lineno, one.positions.col_offset)


class Doing(NamedTuple):
    """What a thread seems to do."""

    waits: bool
    #: Whether it would be seen if it had been woken.
    is_certain: bool


WORKS: Final = Doing(waits=False, is_certain=False)


def doing(frame: FrameType) -> Doing:
    """Say what a thread seems to do, by its innermost frame."""
    method, owner = place(frame.f_code, frame.f_lasti)
    if method not in WAITING:
        return WORKS
    free = _has_joined(frame) or _is_free(frame.f_locals.get(owner) if owner else None)
    return WORKS if free else Doing(waits=True, is_certain=free is not None)


def _has_joined(frame: FrameType) -> bool:
    """Whether a thread waits for the end of one that has ended, as far as Python can see."""
    if frame.f_globals.get("__name__") != "threading":
        return False
    joined = frame.f_locals.get("self")
    if not isinstance(joined, threading.Thread):
        return False
    return joined.ident not in frames()


def _is_free(waited_for: object) -> bool | None:
    """Whether what a thread waits for is there; None if that can't be seen."""
    if isinstance(waited_for, SimpleQueue):
        full = waited_for.qsize() > 0
        return None if _QUEUES_HAND_OVER and not full else full
    locked: Callable[[], bool] | None = getattr(waited_for, "locked", None)
    if locked is None or (_LOCKS_HAND_OVER and locked()):
        return None
    return not locked()


class Used(NamedTuple):
    """What the kernel knows of a thread."""

    #: Nanoseconds of CPU.
    cpu: int
    number: int

    def sleeps(self) -> bool:
        """Whether it waits in the kernel, and is not about to run."""
        try:
            stat = Path(f"/proc/self/task/{self.number}/stat").read_bytes()
        except OSError:  # it has ended
            return False
        return stat[stat.rindex(b")") + 2 :].startswith(b"S")


def used(thread: threading.Thread | None) -> Used | None:
    """Ask the kernel about a thread; None if it can't say."""
    if thread is None or thread.native_id is None or sys.platform != "linux":
        return None
    try:
        cpu = time.clock_gettime_ns(~thread.native_id << 3 | _PER_THREAD)
    except OSError:  # it has ended
        return None
    return Used(cpu, thread.native_id)


def is_endless(frame: FrameType) -> bool:
    """Whether a thread waits until another thread wakes it: for a condition, or an executor's job.

    Every queue, event, semaphore and future of Python's is a condition.
    """
    if frame.f_code is threading.Condition.wait.__code__:
        return frame.f_locals["timeout"] is None
    is_executors = frame.f_globals.get("__name__") == "concurrent.futures.thread"
    return is_executors and frame.f_code.co_name == "_worker" and doing(frame).waits
