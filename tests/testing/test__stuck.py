"""The words for who hangs, and where."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

import pytest

from healthkit.errors import HealthkitError
from healthkit.testing import _stuck
from healthkit.testing._pod_signals import PodSignals, watched
from healthkit.testing._stuck import StuckError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator
    from types import FrameType

HERE = "tests/testing/test__stuck.py"


@types.coroutine
def old_style() -> Generator[Any, Any, None]:
    """Wait in a generator."""
    yield from asyncio.sleep(60).__await__()


async def counting() -> AsyncIterator[int]:
    """Wait in an asynchronous generator."""
    await asyncio.sleep(60)
    yield 1


async def plainly() -> None:
    """Wait in a coroutine, in another's."""
    await deeper()


async def deeper() -> None:
    """Wait in asyncio."""
    await asyncio.Event().wait()


async def by_generator() -> None:
    """Wait in a generator."""
    await old_style()


async def driven() -> None:
    """Wait in what is driven step by step, as an app's lifespan is."""
    await watched(deeper(), PodSignals(asyncio.get_running_loop(), print))


async def by_iterating() -> None:
    """Wait for an asynchronous generator, whose frame nobody can reach from here."""
    async for _ in counting():
        pass


@pytest.mark.parametrize(
    ("waits", "where"),
    [
        (plainly, "deeper"),
        (by_generator, "old_style"),
        (driven, "deeper"),
        (by_iterating, "by_iterating"),
    ],
)
async def test_a_task_is_named_with_the_innermost_line_of_the_users(
    waits: Callable[[], Coroutine[Any, Any, None]], where: str
) -> None:
    """Not with asyncio's, in which it waits."""
    task = asyncio.create_task(waits(), name="worker 7")
    await asyncio.sleep(1)
    named = _stuck.task_named(task)
    task.cancel()
    assert named.startswith(f"task 'worker 7' ({waits.__name__}) at {HERE}:")
    assert named.endswith(f" in {where}")


async def test_a_task_that_ended_has_no_place() -> None:
    """Its name is all that is left."""
    task = asyncio.create_task(asyncio.sleep(0), name="short")
    await task
    assert _stuck.task_named(task) == "task 'short' (sleep)"


async def test_a_task_without_code_of_the_users_is_where_it_is() -> None:
    """In a library, then."""
    task = asyncio.create_task(asyncio.sleep(60), name="theirs")
    await asyncio.sleep(1)
    named = _stuck.task_named(task)
    task.cancel()
    assert "/asyncio/tasks.py:" in named


async def test_tasks_are_named_in_their_order() -> None:
    """Task-10 after Task-9."""
    made = [asyncio.create_task(asyncio.sleep(60), name=f"{'x' * 9}{n}") for n in (10, 9)]
    names = [one.get_name()[-2:] for one in _stuck.waiting_tasks(asyncio.get_running_loop())]
    for one in made:
        one.cancel()
    assert names[-2:] == ["x9", "10"]


def test_a_list_of_names_is_short() -> None:
    """A few of them, and how many more."""
    assert _stuck.listed(["a"]) == "a"
    assert _stuck.listed("abcde") == "a; b; c; d; e"
    assert _stuck.listed("abcdefg") == "a; b; c; d; e; and 2 more"


def test_a_running_frame_is_named_by_its_line() -> None:
    """And nothing is said where there is none."""
    frame = sys._getframe()
    assert _stuck.frame_named(frame).startswith(f" at {HERE}:")
    assert _stuck.frame_named(None) == ""
    assert _stuck.is_for_users(frame)
    assert not _stuck.is_for_users(_deep())


def _deep() -> FrameType:
    """Return a frame of the standard library's that nobody has called, as a thread's first is."""
    frames: list[FrameType] = []

    class Seen:
        def __repr__(self) -> str:
            frames.append(sys._getframe(1))
            return ""

    thread = threading.Thread(target=repr, args=(Seen(),))
    thread.start()
    thread.join()
    return frames[0]


def test_a_path_elsewhere_is_whole(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401  # pytest's
    """Nobody could find a relative one."""
    monkeypatch.chdir(tmp_path)
    assert _stuck.frame_named(sys._getframe()).startswith(" at /")


def test_a_callback_is_named_by_its_handle() -> None:
    """Down to what the loop has called, and no further."""
    loop = asyncio.new_event_loop()
    named: list[str] = []

    def looks() -> None:
        frame = sys._getframe()
        named.extend((_stuck.callback_named(frame), _stuck.frame_named(frame)))
        named.append(str(_stuck.is_debugged(frame)))

    loop.call_soon(looks)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert named[0].startswith("callback <Handle ")
    assert named[1].endswith(" in looks")
    assert named[2] == "False"


def test_a_frame_outside_of_a_loop_is_in_no_handle() -> None:
    """It is some callback then."""
    assert _stuck.callback_named(sys._getframe()) == "a callback"


def test_a_debugger_is_seen_below() -> None:
    """By the module that holds its prompt."""
    frames: list[FrameType] = []
    namespace: dict[str, Any] = {"__name__": "pdb", "look": lambda: frames.append(sys._getframe())}
    exec("look()", namespace)  # noqa: S102  # a frame of another module
    assert _stuck.is_debugged(frames[0])
    assert not _stuck.is_debugged(sys._getframe().f_back)


def test_the_error_is_one_of_healthkits() -> None:
    """One `except` for all."""
    assert issubclass(StuckError, HealthkitError)


def test_a_report_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """With the name of who says it."""
    _stuck.report("it hangs")
    assert capsys.readouterr().err == "healthkit: it hangs\n"
