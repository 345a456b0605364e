"""The loop of healthkit's own thread: what a check that is a coroutine finds there."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import pytest

from healthkit._own_loop import new_daemon_loop, new_event_loop
from tests.test__real import FakeMonkey
from tests.test__real import patched as _patched_process

if TYPE_CHECKING:
    from collections.abc import Iterator

patched = _patched_process

#: Seconds for what nothing keeps waiting.
PATIENCE: Final = 30.0


@pytest.fixture
def runner(patched: FakeMonkey) -> Iterator[asyncio.Runner]:
    """Have a loop as it is under gevent, but threads that coverage can see."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.get_loop()
        patched.patched = False
        yield runner


def test_without_gevent_it_is_the_policy_s() -> None:
    """Whatever the app has chosen."""
    loop, other = new_event_loop(), asyncio.new_event_loop()
    assert type(loop) is type(other)
    loop.close()
    other.close()


def test_a_resolver_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the end of the loop nor the interpreter's, which waits for no daemon."""
    released = threading.Event()
    looking: SimpleQueue[threading.Thread] = SimpleQueue()
    ends: list[bool] = []

    def hang(*_what: object, **_more: object) -> list[object]:
        looking.put(threading.current_thread())
        ends.append(released.wait(PATIENCE))
        return []

    async def main() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.get_running_loop().getaddrinfo("api.example", 443)

    monkeypatch.setattr("socket.getaddrinfo", hang)
    with asyncio.Runner(loop_factory=new_daemon_loop) as runner:
        runner.run(main())
    # It may begin only now: a thread begins when the machine has time for it.
    thread = looking.get(timeout=PATIENCE)
    released.set()
    thread.join(PATIENCE)
    assert (thread.daemon, ends) == (True, [True])


def test_a_thread_is_a_thread(runner: asyncio.Runner) -> None:
    """`asyncio.to_thread` returns and raises what the function does."""

    def fail() -> None:
        raise ValueError

    async def main() -> None:
        assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()
        with pytest.raises(ValueError):  # noqa: PT011  # its own
            await asyncio.to_thread(fail)

    runner.run(main())


def test_an_executor_of_one_s_own_is_used(runner: asyncio.Runner) -> None:
    """Only the default one is replaced."""

    async def main() -> str:
        with ThreadPoolExecutor(1, "own") as pool:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(pool, lambda: threading.current_thread().name)

    assert runner.run(main()) == "own_0"


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_cancelled_call_comes_to_nothing(runner: asyncio.Runner, ends: str) -> None:
    """Its thread goes on, and nobody hears of its end."""
    cancelled = threading.Event()
    threads: SimpleQueue[threading.Thread] = SimpleQueue()
    complaints: list[object] = []

    def slow() -> None:
        threads.put(threading.current_thread())
        cancelled.wait(PATIENCE)
        if ends == "badly":
            raise ValueError

    async def main() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(slow), 0.01)
        cancelled.set()
        threads.get(timeout=PATIENCE).join(PATIENCE)
        await asyncio.sleep(0)  # what it has told the loop

    runner.get_loop().set_exception_handler(lambda _loop, what: complaints.append(what))
    runner.run(main())
    assert complaints == []


@pytest.mark.usefixtures("patched")
def test_a_call_may_outlive_the_loop() -> None:
    """And harms nobody."""
    closed, done = threading.Event(), threading.Event()

    def slow() -> None:
        closed.wait(PATIENCE)
        done.set()

    async def main() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(slow), 0.01)

    with asyncio.Runner(loop_factory=new_event_loop) as short:
        short.run(main())
    closed.set()
    assert done.wait(PATIENCE)
    time.sleep(0.05)


def test_an_address_is_found(runner: asyncio.Runner) -> None:
    """By the system's resolver."""

    async def main() -> list[object]:
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
        return [address for *_, address in found]

    assert ("127.0.0.1", 80) in runner.run(main())
