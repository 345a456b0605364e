"""Whatever a user's function does stays with its own call."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import time
import weakref
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

import anyio
import anyio.lowlevel
import pytest

from healthkit._calls import CALLED_AS, Calls, Threads, is_async, reason_of
from healthkit._loop import Loop, Tasks
from healthkit.errors import CheckFailed
from tests.virtual import BOTH_REAL, ON_ASYNCIO, ON_TRIO, REAL, jump, on_both, stubbornly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from healthkit._calls import _Job

in_real_time = BOTH_REAL
on_real_asyncio = pytest.mark.parametrize("anyio_backend", [REAL], ids=["asyncio"])

anyio_backend = on_both


class Odd(BaseException):
    """As far from Exception as a user can get."""


async def in_a_thread(threads: Threads, function: Callable[[], object]) -> object:
    """Call in a thread; return or raise what it does."""
    return await threads.result(threads.start(function))


class Hanging:
    """A plain function that hangs until it is released."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self) -> None:
        """Hang."""
        self._thread = threading.current_thread()
        self.release.wait()

    @property
    def ident(self) -> int | None:
        """The thread it hangs in."""
        return self._thread.ident if self._thread is not None else None

    async def started(self) -> None:
        """Wait until it hangs."""
        while self._thread is None:
            await anyio.lowlevel.checkpoint()

    def ends(self) -> None:
        """Release it, and see its thread end."""
        self.release.set()
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    """Calls whose tasks end with the test."""
    loop = Loop()
    tasks = Tasks(loop)
    made = Calls(tasks, loop)
    yield made
    made.close()
    tasks.cancel()
    assert await tasks.ended(60)


async def coroutine() -> str:
    """Return a word, on the loop."""
    return "done"


def plain() -> str:
    """Return a word, in a thread."""
    return "done"


class CallableObject:
    """An object whose call is a coroutine function, and one of its methods as well."""

    async def __call__(self) -> Self:
        """Return itself."""
        return self

    async def method(self) -> Self:
        """Return itself."""
        return self


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (coroutine, True),
        (partial(coroutine), True),
        (CallableObject(), True),
        (CallableObject().method, True),
        (plain, False),
        (partial(plain), False),
        (lambda: coroutine(), False),  # noqa: PLW0108  # a lambda is the point
    ],
)
def test_a_coroutine_function_is_recognised(
    function: Callable[[], object],
    expected: bool,  # a column of the table
) -> None:
    """Partials, bound methods and callable objects are seen through."""
    assert is_async(function) is expected


async def test_a_call_keeps_what_was_returned(calls: Calls) -> None:
    """The value is there when the call has ended without failure."""
    call = calls.start(coroutine, kind="check", name="it")
    assert await call.failure(1) is None
    assert call.value == "done"
    assert call.ended.is_set()


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        Odd(),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        BaseExceptionGroup("two", [Odd(), SystemExit()]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_is_raised_stays_in_the_call(error: BaseException, calls: Calls) -> None:
    """The loop does not end with what a function raises."""

    async def raises() -> None:
        raise error

    call = calls.start(raises, kind="check", name="it")
    assert await call.failure(1) is error
    assert await calls.start(coroutine, kind="check", name="next").failure(1) is None


@ON_ASYNCIO
async def test_a_function_that_cancels_itself_ends_its_own_call_only(calls: Calls) -> None:
    """A task's `cancel` on itself is no cancellation of ours."""

    async def cancels() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    failure = await calls.start(cancels, kind="check", name="it").failure(1)
    assert isinstance(failure, asyncio.CancelledError)
    assert await calls.start(coroutine, kind="check", name="next").failure(1) is None


async def test_a_late_call_has_failed_and_is_cancelled(calls: Calls) -> None:
    """The timeout is an outcome; the coroutine is told to end."""
    call = calls.start(anyio.sleep_forever, kind="check", name="it")
    failure = await call.failure(0.8)
    assert isinstance(failure, TimeoutError)
    assert str(failure) == "no result within 0.8 s"
    await call.ended.wait()


async def test_a_late_call_that_refuses_to_end_is_not_waited_for(calls: Calls) -> None:
    """`failure` returns at the timeout even if the function swallows its cancellation."""
    before = anyio.current_time()
    call = calls.start(partial(stubbornly, 100), kind="check", name="it")
    assert isinstance(await call.failure(1), TimeoutError)
    assert anyio.current_time() - before == pytest.approx(1)
    assert not call.ended.is_set()
    await call.ended.wait()
    assert anyio.current_time() - before == pytest.approx(100)


@ON_ASYNCIO
async def test_a_late_call_may_clean_up(calls: Calls) -> None:
    """It is cancelled once: what it awaits afterwards, to give a connection back, is its own."""
    steps: list[str] = []

    async def query() -> None:
        try:
            await anyio.sleep(1000)
        finally:
            await anyio.sleep(5)
            steps.append("connection given back")

    call = calls.start(query, kind="check", name="it")
    assert isinstance(await call.failure(1), TimeoutError)
    await call.ended.wait()
    assert steps == ["connection given back"]


@ON_TRIO
async def test_a_late_call_on_trio_may_clean_up_behind_a_shield(calls: Calls) -> None:
    """As everywhere on trio: a cancelled scope stays cancelled, and a shield is the way out."""
    steps: list[str] = []

    async def query() -> None:
        try:
            await anyio.sleep(1000)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(5)
                steps.append("connection given back")
            await anyio.sleep(5)
            steps.append("never")

    call = calls.start(query, kind="check", name="it")
    assert isinstance(await call.failure(1), TimeoutError)
    await call.ended.wait()
    assert steps == ["connection given back"]


async def test_blocking_the_loop_is_late_as_well(calls: Calls) -> None:
    """Nobody could interrupt it, but it took too long, and that is a failure."""

    async def block() -> None:
        jump(2)

    assert isinstance(
        await calls.start(block, kind="check", name="it").failure(1),
        TimeoutError,
    )
    assert await calls.start(block, kind="check", name="it").failure(3) is None


@ON_ASYNCIO
async def test_a_blocked_loop_makes_no_thread_late(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread's work is measured in the thread: its news may take longer to come through."""
    inbox: SimpleQueue[_Job | None] = SimpleQueue()
    monkeypatch.setattr(calls._threads, "_free_thread", lambda: inbox)
    call = calls.start(plain, kind="check", name="it")
    failure = asyncio.create_task(call.failure(60))
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    job = inbox.get_nowait()
    assert job is not None
    job.execute()  # as the thread does, while the loop is blocked
    jump(61)
    asyncio.get_running_loop().call_later(1, job.ended.set)
    assert await failure is None
    assert call.value == "done"


@in_real_time
async def test_a_coroutine_that_comes_too_late_is_not_awaited(calls: Calls) -> None:
    """The thread took longer than the timeout; what it returned is closed, without a warning."""
    hanging = Hanging()

    def late() -> object:
        hanging()
        return coroutine()

    call = calls.start(late, kind="check", name="it")
    assert isinstance(await call.failure(0.01), TimeoutError)
    hanging.release.set()
    await call.ended.wait()
    assert str(call.error) == "a coroutine that came too late was not awaited"


def test_a_coroutine_that_nobody_waits_for_is_closed() -> None:
    """A life that ended while the thread ran leaves no warning behind."""
    for closes_loop_first in (False, True):
        hanging = Hanging()

        def late(hanging: Hanging = hanging) -> object:
            hanging()
            return coroutine()

        async def abandon(hanging: Hanging, late: Callable[[], object], *, wait: bool) -> None:
            threads = Threads(Loop())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(in_a_thread, threads, late)
                await hanging.started()
                tasks.cancel_scope.cancel()
            threads.close()
            if not wait:
                hanging.ends()

        asyncio.run(abandon(hanging, late, wait=closes_loop_first))
        hanging.ends()


@in_real_time
@pytest.mark.parametrize("error", [None, SystemExit(3), asyncio.CancelledError()])
async def test_a_plain_function_runs_in_a_thread(error: BaseException | None, calls: Calls) -> None:
    """A plain function runs off the loop, with the context of its caller, and may raise as well."""
    seen: list[object] = []
    word = contextvars.ContextVar("word", default="none")
    word.set("carried")

    def function() -> None:
        seen.extend([threading.current_thread().daemon, word.get(), CALLED_AS.get()])
        if error is not None:
            raise error

    assert await calls.start(function, kind="check", name="it").failure(60) is error
    assert seen == [True, "carried", "check"]


@in_real_time
async def test_a_plain_function_may_return_a_coroutine(calls: Calls) -> None:
    """``lambda: pool.fetchval(...)`` means what its writer thinks it means."""
    call = calls.start(lambda: coroutine(), kind="check", name="it")  # noqa: PLW0108  # see above
    assert await call.failure(60) is None
    assert call.value == "done"


@on_real_asyncio
async def test_a_coroutine_that_a_plain_function_returns_has_its_limit(calls: Calls) -> None:
    """It is cancelled like one of a coroutine function, also if the loop was busy meanwhile."""
    for blocked in (0.0, 0.1):
        done = threading.Event()

        def plain(done: threading.Event = done) -> object:
            done.set()
            return anyio.sleep_forever()

        call = calls.start(plain, kind="check", name="it")
        failure = asyncio.create_task(call.failure(0.05))
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        assert done.wait(60)
        time.sleep(blocked)  # noqa: ASYNC251  # the loop is busy
        assert isinstance(await failure, TimeoutError)
        await call.ended.wait()


@in_real_time
async def test_a_thread_that_hangs_starves_no_other() -> None:
    """A further thread is made while others are busy, and an idle one is used again."""
    threads = Threads(Loop())
    hanging = Hanging()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(in_a_thread, threads, hanging)
        await hanging.started()
        idents = {await in_a_thread(threads, threading.get_ident) for _ in range(3)}
        assert len(idents) == 1
        assert hanging.ident not in idents
        hanging.release.set()
    threads.close()


@in_real_time
async def test_a_hanging_thread_is_left_behind() -> None:
    """Cancelling does not wait for the thread, and nothing is left when it ends after all."""
    threads = Threads(Loop())
    hanging = Hanging()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(in_a_thread, threads, hanging)
        await hanging.started()
        tasks.cancel_scope.cancel()
    threads.close()
    hanging.ends()


def test_a_thread_outlives_its_loop_without_harm() -> None:
    """A function that ends after its loop was closed ends quietly."""
    hanging = Hanging()

    async def abandon() -> None:
        threads = Threads(Loop())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_a_thread, threads, hanging)
            await hanging.started()
            tasks.cancel_scope.cancel()
        threads.close()

    asyncio.run(abandon())
    hanging.ends()


@in_real_time
async def test_a_call_knows_what_it_was_made_for(calls: Calls) -> None:
    """The kind of work is visible inside the call and in nothing else."""
    seen: list[str | None] = []

    async def look() -> None:
        seen.append(CALLED_AS.get())

    await calls.start(look, kind="warmup", name="it").failure(60)
    assert [*seen, CALLED_AS.get()] == ["warmup", None]


@in_real_time
async def test_an_idle_thread_keeps_nothing_alive(calls: Calls) -> None:
    """What it ran is let go of, with all that hangs on it."""

    class Pool:
        def ping(self) -> None: ...

    pool = Pool()
    gone = weakref.ref(pool)
    assert await calls.start(pool.ping, kind="check", name="it").failure(60) is None
    del pool
    deadline = time.monotonic() + 60
    while gone() is not None and time.monotonic() < deadline:
        gc.collect()
        await anyio.lowlevel.checkpoint()
    assert gone() is None


class _Mute(Exception):  # noqa: N818  # what it says is the point
    """An exception that can't say what it is."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (CheckFailed("replica lags"), "replica lags"),
        (CheckFailed(), "CheckFailed"),
        (ValueError("a\n b"), "ValueError: a b"),
        (OSError(), "OSError"),
        (_Mute(), "_Mute"),
        (CheckFailed("x" * 300), "x" * 200 + "..."),
    ],
)
def test_a_reason_is_one_short_line(failure: Exception, reason: str) -> None:
    """The type is said where the text alone would say little."""
    assert reason_of(failure) == reason


def test_a_reason_goes_back_to_its_causes() -> None:
    """The first of a group and what was raised from what, but not for ever."""
    failure: BaseException = OSError("at the bottom")
    for number in range(5):
        above = ValueError(str(number))
        above.__cause__ = failure
        failure = above
    said = "; caused by ".join(f"ValueError: {number}" for number in (4, 3, 2, 1))
    assert reason_of(failure) == said
    group = ExceptionGroup("both", [OSError("down"), ValueError("other")])
    expected = "ExceptionGroup: both (2 sub-exceptions); caused by OSError: down"
    assert reason_of(group) == expected
