"""Who hangs: the error of a simulation that can't go on, and the words that name its tasks.

A hanging test says nothing. Each of these messages is one line with the tasks or threads that are
to blame, and for each the line of the user's own code in which it stands: the innermost that is
neither the standard library's nor an installed package's nor this package's.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from healthkit._validate import one_line
from healthkit.errors import HealthkitError
from healthkit.testing._pod_signals import DRIVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

#: How many tasks or threads a message names.
NAMED: Final = 5

_STDLIB: Final = sysconfig.get_paths()["stdlib"]
_HERE: Final = str(Path(__file__).parent)

#: Where a coroutine, a generator and an asynchronous generator keep their frame, and what they
#: wait for (docs.python.org, `inspect`, "Types and members").
_INSIDE: Final = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))

#: What runs a callback of a loop, a task's step among them.
_CALLBACK: Final = asyncio.Handle._run.__code__  # noqa: SLF001  # compared with, never called

#: Modules of a debugger: while somebody looks at its prompt, nothing hangs.
_DEBUGGERS: Final = frozenset({"bdb", "pdb", "pydevd", "_pydevd_bundle"})


class StuckError(HealthkitError):
    """A simulation in virtual time can't go on: a deadlock, a loop without end, a blocking call."""


def listed(names: Iterable[str]) -> str:
    """Join names into one line, a few of them."""
    found = list(names)
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(found[:NAMED]) + more


def task_named(task: asyncio.Task[Any]) -> str:
    """Name a task: its name, its coroutine, and where it waits."""
    return label(task) + _at(list(_suspended(task.get_coro())))


def label(task: asyncio.Task[Any]) -> str:
    """Name a task and its coroutine."""
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    return f"task {task.get_name()!r} ({name})"


def callback_named(frame: FrameType | None) -> str:
    """Name the callback of a loop that a frame is in."""
    for one in _outwards(frame):
        if one.f_code is _CALLBACK:
            return f"callback {one_line(repr(one.f_locals['self']))}"
    return "a callback"


def frame_named(frame: FrameType | None) -> str:
    """Say where a running frame stands, in the user's code if it was called from there."""
    return _at(list(_outwards(frame))[::-1])


def is_for_users(frame: FrameType) -> bool:
    """Whether a frame was called from the user's code."""
    return any(_is_users(one) for one in _outwards(frame))


def is_debugged(frame: FrameType | None) -> bool:
    """Whether a debugger's prompt, and not the app, is what takes so long."""
    return any(_module(one).partition(".")[0] in _DEBUGGERS for one in _outwards(frame))


def frames() -> dict[int, FrameType]:
    """Return the innermost Python frame of each thread, by its number."""
    found: dict[int, FrameType] = getattr(sys, "_current_frames")()  # noqa: B009  # documented
    return found


def waiting_tasks(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """Return the tasks that have not ended, in the order of their names."""
    return sorted(asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name()))


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame, its caller, and so on; down to what a loop has called, not what runs it."""
    while frame is not None:
        yield frame
        frame = None if frame.f_code is _CALLBACK else frame.f_back


def _suspended(awaited: object) -> Iterator[FrameType]:
    """Yield the frames of a suspended coroutine, from the outermost to the one that waits."""
    while awaited is not None:
        here, awaited = _step(awaited)
        if here is not None:
            yield here


def _step(awaited: object) -> tuple[FrameType | None, object]:
    """Return the frame of something awaited, and what it awaits itself."""
    for frame, inner in _INSIDE:
        if hasattr(awaited, frame):
            here = getattr(awaited, frame)
            return here, _driven(here) or getattr(awaited, inner)
    return None, None


def _driven(frame: FrameType | None) -> object:
    """Return the coroutine that a frame drives by hand, if it does: no await leads to it."""
    return frame.f_locals["work"] if frame is not None and frame.f_code is DRIVER else None


def _at(frames: list[FrameType]) -> str:
    """Say where the innermost frame of the user's stands; the innermost at all if none is."""
    if not frames:
        return ""
    chosen = next((one for one in reversed(frames) if _is_users(one)), frames[-1])
    code = chosen.f_code
    return f" at {_path(code.co_filename)}:{chosen.f_lineno} in {code.co_name}"


def _is_users(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    is_library = file.startswith((_STDLIB, _HERE, "<frozen")) or "site-packages" in file
    return not is_library


def _path(file: str) -> str:
    """Return a path as one types it in the present directory."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def deadlock(loop: asyncio.AbstractEventLoop, threads: list[str]) -> StuckError:
    """Make the error of a loop in which everybody waits."""
    named = [task_named(task) for task in waiting_tasks(loop)] + threads
    return StuckError(
        f"deadlock at {loop.time():g} s: expected a deadline or an event, and nothing is left that "
        f"could wake anybody: {listed(named)}"
    )


def spin(loop: asyncio.AbstractEventLoop, turns: int) -> StuckError:
    """Make the error of a loop that turns without end."""
    named = [task_named(task) for task in waiting_tasks(loop) if _is_ready(task)]
    return StuckError(
        f"time stands still at {loop.time():g} s after {turns} turns of the loop: expected "
        "whatever spins to sleep or to wait for something: "
        f"{listed(named) or 'callbacks that schedule one another'}"
    )


def _is_ready(task: asyncio.Task[Any]) -> bool:
    """Whether a task waits for nothing but its turn."""
    return getattr(task, "_fut_waiter", None) is None


def report(message: str) -> None:
    """Tell whoever looks at the terminal: nothing can be raised in a thread that is blocked."""
    sys.stderr.write(f"healthkit: {message}\n")
