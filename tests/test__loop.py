"""The seam to asyncio: the loop as seen from elsewhere, and the tasks of a life."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import threading
import time

import anyio
import anyio.lowlevel
import pytest

from healthkit import ConfigError
from healthkit._loop import Loop, Tasks


def test_there_must_be_a_loop() -> None:
    """Under trio, or outside of everything: one line that says what was expected."""
    with pytest.raises(ConfigError, match="expected a server on asyncio or uvloop"):
        Loop()


async def test_a_callback_comes_from_another_thread() -> None:
    """It runs on the loop, soon."""
    loop = Loop()
    where: list[bool] = []
    done = anyio.Event()

    def callback() -> None:
        where.append(loop.is_mine())
        done.set()

    thread = threading.Thread(target=lambda: where.append(loop.is_mine() or loop.soon(callback)))
    thread.start()
    thread.join()
    await done.wait()
    assert where == [True, True]


def test_a_closed_loop_takes_no_callback() -> None:
    """And says so, so that nobody waits for it."""

    async def make() -> Loop:
        assert Loop().is_running_here()
        return Loop()

    loop = asyncio.run(make())
    assert loop.is_closed()
    assert not loop.soon(lambda: None)


async def test_tasks_are_kept_until_they_end() -> None:
    """A task without a reference could be collected in the middle."""
    tasks = Tasks(Loop())
    tasks.start(anyio.sleep(1), "nap")
    tasks.start(anyio.sleep(2), "sleep")
    assert repr(tasks) == "<Tasks 2>"
    assert not await tasks.ended(1.5)
    assert repr(tasks) == "<Tasks 1>"
    assert await tasks.ended(1)
    assert await tasks.ended(0)


async def test_tasks_are_cancelled_together() -> None:
    """From any thread; one that refuses is not waited for beyond the limit."""
    tasks = Tasks(Loop())
    over = anyio.Event()

    async def stubborn() -> None:
        with anyio.CancelScope(shield=True):
            try:
                await anyio.sleep_forever()
            except asyncio.CancelledError:
                await over.wait()

    tasks.start(anyio.sleep_forever(), "sleep")
    tasks.start(stubborn(), "stubborn")
    await anyio.sleep(0.1)
    thread = threading.Thread(target=tasks.cancel)
    thread.start()
    thread.join()
    assert not await tasks.ended(3)
    assert repr(tasks) == "<Tasks 1>"
    over.set()
    assert await tasks.ended(3)


async def test_nothing_is_started_after_the_cancellation() -> None:
    """What comes too late is closed: no user's function begins in a life that has ended."""
    tasks = Tasks(Loop())
    tasks.cancel()
    late = anyio.lowlevel.checkpoint()
    tasks.start(late, "late")
    assert repr(tasks) == "<Tasks 0>"
    assert inspect.getcoroutinestate(late) == inspect.CORO_CLOSED


async def test_tasks_may_not_see_the_context_that_began_them() -> None:
    """That of a request, perhaps; a lifespan's they do see."""
    word = contextvars.ContextVar("word", default="none")
    word.set("request")
    seen: list[str] = []

    async def look() -> None:
        seen.append(word.get())

    for inherit in (True, False):
        tasks = Tasks(Loop(inherit=inherit))
        tasks.start(look(), "look")
        await tasks.ended(1)
    assert seen == ["request", "none"]


async def test_a_forsaken_task_ends_without_a_complaint() -> None:
    """Closed, or cancelled where it refuses to be closed; nobody is told of an exception."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    tasks = Tasks(Loop())

    async def refuses_to_be_closed() -> None:
        try:
            await anyio.sleep_forever()
        except GeneratorExit:
            await anyio.sleep_forever()

    tasks.start(anyio.sleep_forever(), "sleep")
    tasks.start(refuses_to_be_closed(), "refusing")
    await anyio.sleep(0.1)
    tasks.forsake()
    assert await tasks.ended(1)
    gc.collect()
    assert complaints == []


def test_durations_are_finer_than_uvloops_own_clock() -> None:
    """That one stands still within a turn of the loop; the system's is the same, and goes on."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    async def look() -> Loop:
        return Loop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(look()).clock is time.monotonic


async def test_a_tests_own_clock_is_kept() -> None:
    """Virtual time is what the loop says it is."""
    loop = Loop()
    assert loop.clock is not time.monotonic
    assert loop.now() == asyncio.get_running_loop().time()
