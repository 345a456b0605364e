"""The seam to the libraries: the loop as seen from elsewhere, and the tasks of a life."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
import trio

from healthkit import ConfigError
from healthkit._loop import Loop, Tasks, current_time
from healthkit._loop_trio import TrioTask
from tests.virtual import BOTH, BOTH_REAL, ON_TRIO, REAL_TRIO

if TYPE_CHECKING:
    from collections.abc import Generator

    from healthkit._loop import Spawned

on_real_trio = pytest.mark.parametrize("anyio_backend", [REAL_TRIO], ids=["trio"])


def complaints_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged, by whomever, since the test began."""
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("imported", [True, False])
def test_there_must_be_a_loop(monkeypatch: pytest.MonkeyPatch, *, imported: bool) -> None:
    """Outside of everything: one line that says what was expected, with trio at hand or not."""
    if not imported:
        monkeypatch.delitem(sys.modules, "trio")
    with pytest.raises(ConfigError, match="expected a server on asyncio, uvloop or trio"):
        Loop()


@BOTH_REAL
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


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_a_closed_loop_takes_no_callback(library: str) -> None:
    """And says so, so that nobody waits for it."""

    async def make() -> Loop:
        loop = Loop()
        assert loop.is_running_here()
        assert not loop.is_closed()
        return loop

    loop = anyio.run(make, backend=library)
    assert not loop.is_running_here()
    assert loop.is_closed()
    assert not loop.soon(lambda: None)


@pytest.mark.parametrize("library", ["asyncio", "trio"])
@pytest.mark.parametrize("other", ["asyncio", "trio"])
def test_another_loop_is_another(library: str, other: str) -> None:
    """A life that began on one loop is not the next one's, whatever library that is on."""

    async def make() -> Loop:
        return Loop()

    loop = anyio.run(make, backend=library)

    async def look() -> bool:
        return loop.is_running_here()

    assert not anyio.run(look, backend=other)


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_an_open_loop_is_open_for_other_threads(library: str) -> None:
    """Whoever asks from elsewhere hears the same."""

    async def look() -> bool:
        loop = Loop()
        return await anyio.to_thread.run_sync(loop.is_closed)

    assert not anyio.run(look, backend=library)


@ON_TRIO
async def test_a_callback_that_raises_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, as asyncio does; it would take the whole run down."""
    loop = Loop()
    after = anyio.Event()
    loop.soon(lambda: 1 / 0)
    loop.soon(after.set)
    await after.wait()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_a_callback_may_end_the_process(library: str) -> None:
    """As a server's own handler for SIGTERM may, when it is given the signal."""

    async def ends() -> None:
        Loop().soon(partial(_raise, SystemExit(3)))
        await anyio.sleep(60)

    with pytest.raises(BaseException) as caught:  # noqa: PT011  # trio has a word of its own for it
        anyio.run(ends, backend=library)
    causes = [caught.value, caught.value.__cause__]
    assert any(isinstance(cause, SystemExit | BaseExceptionGroup) for cause in causes)


def _raise(error: BaseException) -> None:
    raise error


@BOTH
async def test_a_callback_sees_the_context_of_whoever_asked() -> None:
    """On both libraries."""
    word = contextvars.ContextVar("word", default="none")
    word.set("lifespan")
    seen: list[str] = []
    done = anyio.Event()
    loop = Loop()
    loop.soon(lambda: seen.append(word.get()))
    loop.soon(done.set)
    await done.wait()
    assert seen == ["lifespan"]


@BOTH
async def test_whoever_starts_a_task_hears_of_its_end() -> None:
    """And whether it was cancelled."""
    loop = Loop()
    ends: list[tuple[Spawned, bool]] = []
    made = [
        loop.spawn(work, "work", lambda task: ends.append((task, task.cancelled())))
        for work in (anyio.sleep(1), anyio.sleep(2))
    ]
    await anyio.sleep(1.5)
    loop.soon(made[1].cancel)
    await anyio.sleep(0.1)
    assert ends == [(made[0], False), (made[1], True)]


@BOTH
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


@BOTH
async def test_tasks_are_cancelled_together() -> None:
    """From any thread; one that refuses is not waited for beyond the limit."""
    tasks = Tasks(Loop())
    over = anyio.Event()

    async def stubborn() -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
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


@BOTH
async def test_nothing_is_started_after_the_cancellation() -> None:
    """What comes too late is closed: no user's function begins in a life that has ended."""
    tasks = Tasks(Loop())
    tasks.cancel()
    late = anyio.lowlevel.checkpoint()
    tasks.start(late, "late")
    assert repr(tasks) == "<Tasks 0>"
    assert inspect.getcoroutinestate(late) == inspect.CORO_CLOSED


@BOTH
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


@BOTH
async def test_a_forsaken_task_ends_without_a_complaint(caplog: pytest.LogCaptureFixture) -> None:
    """Closed, or cancelled where it refuses to be closed; nobody is told of an exception."""
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
    assert complaints_of(caplog) == []


def test_durations_are_finer_than_uvloops_own_clock() -> None:
    """That one stands still within a turn of the loop; the system's is the same, and goes on."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    async def look() -> Loop:
        return Loop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(look()).clock is time.monotonic


@BOTH
async def test_a_tests_own_clock_is_kept() -> None:
    """Virtual time is what the loop says it is."""
    loop = Loop()
    assert loop.clock is not time.monotonic
    assert loop.now() == anyio.current_time() == current_time()


@on_real_trio
async def test_the_systems_clock_is_the_workers_common_one() -> None:
    """Trio's own has a random offset: no other worker would know what it means."""
    assert Loop().clock is time.monotonic
    before = time.monotonic()
    assert before <= current_time() <= time.monotonic()
    assert abs(anyio.current_time() - before) > 1000


def test_the_end_of_a_run_ends_its_tasks() -> None:
    """Trio cancels them when the main task is over; what they do at last is done."""
    ends: list[str] = []

    async def life() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ends.append("torn down")

    async def main() -> None:
        Loop().spawn(life(), "life", lambda task: ends.append(f"cancelled: {task.cancelled()}"))

    trio.run(main)
    assert ends == ["torn down", "cancelled: True"]


@ON_TRIO
async def test_a_bug_in_a_task_does_not_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """Nor does one in what is called at its end."""

    async def broken() -> None:
        await anyio.lowlevel.checkpoint()
        raise BaseExceptionGroup("two", [SystemExit(3), KeyboardInterrupt()])

    Loop().spawn(broken(), "broken", lambda _: _raise(ValueError("another")))
    await anyio.sleep(1)
    assert complaints_of(caplog) == [
        "a task of healthkit's failed: expected no exception",
        "a callback on the event loop failed: expected no exception",
    ]


@ON_TRIO
async def test_nobody_is_told_how_a_forsaken_task_ends(caplog: pytest.LogCaptureFixture) -> None:
    """It may answer its cancellation by anything."""
    tasks = Tasks(Loop())

    async def breaks() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError

    tasks.start(breaks(), "breaking")
    await anyio.sleep(0.1)
    tasks.forsake()
    assert await tasks.ended(1)
    assert complaints_of(caplog) == []


@ON_TRIO
async def test_what_trio_refuses_is_raised_in_the_work() -> None:
    """A coroutine of asyncio's in a check, perhaps."""
    loop = Loop()
    found: list[str] = []

    async def asyncios() -> None:
        try:
            await asyncio.sleep(0)
        except TypeError as exc:
            found.append(str(exc))

    loop.spawn(asyncios(), "asyncio's", found.append)  # type: ignore[arg-type]
    await anyio.sleep(0.1)
    assert "unrecognized yield" in found[0]


@ON_TRIO
async def test_a_task_that_is_collected_closes_its_work() -> None:
    """A run that is never finished leaves its tasks where they were."""
    ends: list[str] = []

    async def life() -> None:
        try:
            await _Pause()
        finally:
            ends.append("closed")

    run = TrioTask(life(), lambda _: ends.append("ended")).run()
    run.send(None)
    run.close()
    assert ends == ["closed"]


class _Pause:
    """Something to wait for that no loop knows."""

    def __await__(self) -> Generator[object, object, None]:
        yield self
