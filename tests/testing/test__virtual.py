"""Virtual time for real apps: it stands still while anybody works, and jumps when all wait."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import socket
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from asgiref.sync import async_to_sync, sync_to_async

from healthkit.errors import ConfigError
from healthkit.testing import _watchdog
from healthkit.testing._running import LoopClock, run
from healthkit.testing._stuck import StuckError, report
from healthkit.testing._virtual import VirtualLoop
from tests.testing.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator

    from healthkit.testing._clock import Clock

#: Long enough for a busy machine, short enough for a test that waits for its end.
PATIENCE = 0.3


def work() -> None:
    """Work for a while, really."""
    end = time.perf_counter() + 0.02
    while time.perf_counter() < end:
        pass


def works_until(stop: list[object]) -> None:
    """Work until there is a reason to stop, really."""
    while not stop:
        work()


def loop() -> VirtualLoop:
    """Return the running loop."""
    found = asyncio.get_running_loop()
    assert isinstance(found, VirtualLoop)
    return found


async def in_bare_thread(function: Callable[[], object]) -> None:
    """Have a thread call back by itself."""
    done = loop().create_future()
    here = loop()

    def calls() -> None:
        function()
        here.call_soon_threadsafe(done.set_result, None)

    thread = threading.Thread(target=calls)
    thread.start()
    await done
    thread.join()


async def in_django(function: Callable[[], object]) -> None:
    """Have asgiref's thread call it."""
    await sync_to_async(function)()


async def in_executor(function: Callable[[], object]) -> None:
    """Have the loop's own executor call it."""
    await loop().run_in_executor(None, function)


WAYS = [asyncio.to_thread, anyio.to_thread.run_sync, in_bare_thread, in_django, in_executor]


@pytest.fixture(params=[0.005, 0.000001], ids=["usual", "eager"])
def _interval(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the interpreter change threads as usual, or all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(request.param)
    yield
    sys.setswitchinterval(before)


def test_time_begins_at_nought_and_jumps() -> None:
    """To each deadline exactly, however far."""

    async def main() -> list[float]:
        moments = [loop().time()]
        for seconds in (0.1, 0.2, 0.5, 86_400, 10_000_000):
            await asyncio.sleep(seconds)
            moments.append(loop().time())
        return moments

    began = time.monotonic()
    moments = run(main)
    assert moments == [0.0, 0.1, 0.1 + 0.2, 0.1 + 0.2 + 0.5, *moments[4:]]
    assert moments[-1] == pytest.approx(10_086_400.8)
    assert time.monotonic() - began < 60


def test_callbacks_for_one_moment_keep_their_order() -> None:
    """And come after those for earlier ones."""

    async def main() -> list[int]:
        called: list[int] = []
        for number in range(100):
            loop().call_at(1.0, called.append, number)
        loop().call_later(0.5, called.append, -1)
        await asyncio.sleep(1.5)
        return called

    assert run(main) == [-1, *range(100)]


@pytest.mark.usefixtures("_interval")
@pytest.mark.parametrize("way", WAYS)
def test_time_stands_still_while_a_thread_works(
    way: Callable[[Callable[[], object]], Awaitable[object]],
) -> None:
    """Whoever made it, and whoever calls back; and takes real time only."""

    async def main() -> float:
        async with asyncio.timeout(0.8):
            for _ in range(5):
                await way(work)
        return loop().time()

    assert run(main) == 0.0


def by_anyio(_: VirtualLoop) -> None:
    """Sleep in the loop, from anyio's thread."""
    anyio.from_thread.run(anyio.sleep, 5)


def by_asyncio(here: VirtualLoop) -> None:
    """Sleep in the loop, from any thread."""
    asyncio.run_coroutine_threadsafe(asyncio.sleep(5), here).result()


@pytest.mark.usefixtures("_interval")
@pytest.mark.parametrize("waits", [by_anyio, by_asyncio])
def test_time_goes_on_while_a_thread_waits_for_the_loop(
    waits: Callable[[VirtualLoop], None],
) -> None:
    """Nobody else would ever wake it."""

    async def main() -> float:
        await anyio.to_thread.run_sync(waits, loop())
        return loop().time()

    assert run(main) == 5.0


def test_time_goes_on_for_a_view_that_calls_back() -> None:
    """As Django's do: asgiref runs the coroutine where the thread's caller is."""

    async def main() -> float:
        await sync_to_async(async_to_sync(anyio.sleep))(5)
        return loop().time()

    assert run(main) == 5.0


@pytest.mark.usefixtures("_interval")
def test_a_thread_that_was_handed_work_is_waited_for() -> None:
    """Though it has not run yet: by a queue, a lock that nobody sees, another thread."""

    async def main() -> list[float]:
        box: queue.SimpleQueue[None] = queue.SimpleQueue()
        moments: list[float] = []

        def reads() -> None:
            box.get()
            work()

        for _ in range(20):
            job = asyncio.create_task(in_bare_thread(reads))
            await asyncio.sleep(1)
            box.put(None)
            async with asyncio.timeout(0.5):
                await job
            moments.append(loop().time())
        return moments

    assert run(main) == [float(n) for n in range(1, 21)]


@pytest.mark.usefixtures("_interval")
def test_a_chain_of_threads_is_waited_for() -> None:
    """One that starts another, and waits for its end."""

    def chain() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    async def main() -> float:
        async with asyncio.timeout(0.5):
            for _ in range(10):
                await asyncio.to_thread(chain)
        return loop().time()

    assert run(main) == 0.0


def test_a_thread_in_the_background_holds_nobody_up_for_long() -> None:
    """It is named in a warning, and time goes on without it."""
    stop: list[object] = []

    async def main() -> float:
        thread = threading.Thread(target=works_until, args=[stop], name="metrics")
        thread.start()
        try:
            with pytest.warns(RuntimeWarning, match="thread 'metrics' has worked for 0.05 s at"):
                await asyncio.sleep(60)
            await asyncio.sleep(60)
            return loop().time()
        finally:
            stop.append("it is over")
            thread.join()

    with patient(0.05) as runner:
        assert runner.run(main()) == 120.0


@contextlib.contextmanager
def patient(patience: float, turns: int = 1000) -> Generator[asyncio.Runner]:
    """Make a runner whose loop has little patience; with what blocks it only when a test allows."""

    def make() -> VirtualLoop:
        made = VirtualLoop(patience, turns)
        made._dog._stop = Looks()
        return made

    with asyncio.Runner(loop_factory=make) as runner:
        yield runner


def test_a_warning_that_is_an_error_ends_the_simulation() -> None:
    """As whoever makes errors of warnings wants it."""
    stop: list[object] = []

    async def main() -> None:
        job = asyncio.create_task(asyncio.to_thread(works_until, stop))
        try:
            await asyncio.sleep(60)
        finally:
            stop.append("it is over")
            job.cancel()

    with warnings.catch_warnings(), patient(0.05) as runner:
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="has worked for 0.05 s"):
            runner.run(main())


@pytest.mark.usefixtures("alone")
def test_a_deadlock_is_named() -> None:
    """At once, if nobody is left who could end it; with the user's line."""

    async def main() -> None:
        await asyncio.sleep(3)
        await asyncio.to_thread(work)
        await asyncio.Event().wait()

    began = time.monotonic()
    with pytest.raises(
        StuckError, match=r"deadlock at 3 s: .*main\) at .*test__virtual.py:\d+ in main"
    ):
        run(main, patience=60)
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("alone")
def test_a_deadlock_with_a_thread_names_the_thread() -> None:
    """Which waits for what never comes."""
    event = threading.Event()

    def waits() -> None:
        event.wait()

    thread = threading.Thread(target=waits, name="lost")

    async def main() -> None:
        thread.start()
        await asyncio.Event().wait()

    try:
        with pytest.raises(StuckError, match="deadlock at 0 s.*; thread 'lost' at .* in waits"):
            run(main)
    finally:
        event.set()
        thread.join()


@pytest.mark.parametrize("opened", [True, False], ids=["a socket", "a limit"])
def test_what_may_come_from_outside_is_waited_for(*, opened: bool) -> None:
    """For as long as there is patience: a socket, a thread with a limit of its own."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            if opened:
                loop().add_reader(ours, ours.recv, 1)
                await asyncio.Event().wait()
            await asyncio.to_thread(threading.Event().wait, 0.1)

    if not opened:
        run(main)
        return
    began = time.monotonic()
    with patient(PATIENCE) as runner, pytest.raises(StuckError, match="deadlock"):
        runner.run(main())
    assert time.monotonic() - began >= PATIENCE


def test_sockets_work() -> None:
    """What two ends in this process say to each other takes no time."""

    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        _, other = await asyncio.open_connection(sock=theirs)
        other.write(b"hello")
        async with asyncio.timeout(1):
            read = await reader.readexactly(5)
        for one in (writer, other):
            one.close()
            await one.wait_closed()
        assert loop().time() == 0
        return read

    assert run(main) == b"hello"


async def spins() -> None:
    """Turn without end."""
    while True:  # noqa: ASYNC110  # what is tested
        await asyncio.sleep(0)


def test_a_task_that_spins_is_named() -> None:
    """Not the one that waits for it."""

    async def main() -> None:
        spinner = asyncio.create_task(spins(), name="spinner")
        await asyncio.sleep(60)
        await spinner

    with (
        patient(5) as runner,
        pytest.raises(StuckError, match=r"at 0 s after 1001 turns .*: task 'spinner' \(spins\)"),
    ):
        runner.run(main())


def test_a_task_that_spins_slowly_is_named_too() -> None:
    """By the real time that it takes."""

    async def main() -> None:
        await asyncio.gather(spins(), asyncio.sleep(60))

    # Ten times the patience.
    with patient(0.05, 100_000_000) as runner, pytest.raises(StuckError, match=r"after \d+ turns"):
        runner.run(main())


def test_callbacks_that_spin_are_no_task() -> None:
    """Nobody can be named."""

    def again() -> None:
        asyncio.get_running_loop().call_soon(again)

    async def main() -> None:
        again()
        await asyncio.sleep(60)

    with patient(5) as runner, pytest.raises(StuckError, match="callbacks that schedule one"):
        runner.run(main())


def test_who_refuses_to_end_is_left_behind() -> None:
    """The second time nobody is asked."""

    async def main() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await spins()

    stubborn: asyncio.AbstractEventLoop = VirtualLoop(5, 1000)
    task = stubborn.create_task(main())
    with pytest.raises(StuckError, match="time stands still"):
        stubborn.run_until_complete(task)
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # its own: nobody is to hear of it
    task.get_coro().close()
    stubborn.close()


def looks() -> Looks:
    """Return what the watchdog of a loop of `patient` looks by."""
    found = loop()._dog._stop
    assert isinstance(found, Looks)
    return found


def blocks() -> None:
    """Block whoever calls."""
    looks().allow()
    time.sleep(60)  # what is tested


@pytest.mark.parametrize("where", ["main", "task", "callback"])
def test_what_blocks_the_loop_is_interrupted(where: str) -> None:
    """The error is raised in it, and in whoever awaits the simulation."""

    async def child() -> None:
        blocks()

    async def main() -> None:
        if where == "main":
            blocks()
        elif where == "task":
            async with asyncio.TaskGroup() as group:
                group.create_task(child(), name="child")
        else:
            loop().call_soon(blocks)
        await asyncio.sleep(60)

    who = {"main": "Task-", "task": "'child'", "callback": "callback <Handle .*blocks"}[where]
    before = signal.getsignal(signal.SIGURG)
    said = f"{who}.*blocked the event loop for 0.1 s at .* in blocks"
    with patient(0.1) as runner, pytest.raises(StuckError, match=said):
        runner.run(main())
    assert signal.getsignal(signal.SIGURG) == before


def test_in_another_thread_it_ends_with_what_blocks(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be raised there before; it is reported."""
    reported = threading.Event()

    def reports(message: str) -> None:
        report(message)
        reported.set()

    monkeypatch.setattr(_watchdog, "report", reports)

    async def main() -> None:
        looks().allow()
        assert reported.wait(60)  # what is tested
        await asyncio.sleep(60)

    raised: list[BaseException] = []

    def runs() -> None:
        try:
            with patient(0.1) as runner:
                runner.run(main())
        except StuckError as exc:
            raised.append(exc)

    thread = threading.Thread(target=runs)
    thread.start()
    thread.join()
    assert "has blocked the event loop" in str(raised[0])
    assert "healthkit: task" in capfd.readouterr().err


def test_a_loop_that_ended_is_told_nothing() -> None:
    """The report of a watchdog that came too late."""
    ended = VirtualLoop()
    ended.close()
    ended._later(print)
    ended.fail(StuckError("late"))
    assert repr(ended) == "<VirtualLoop closed at 0 s>"


@pytest.mark.parametrize("error", [ZeroDivisionError, pytest.fail.Exception])
def test_what_a_clocks_callback_raises_surfaces(error: type[BaseException]) -> None:
    """In whoever awaits the simulation, not in the log."""

    def fails() -> None:
        raise error

    async def main() -> None:
        clock: Clock = LoopClock(loop())
        clock.call_at(3, fails)
        clock.call_at(3, lambda: loop().fail(ValueError("the second one")))
        await asyncio.sleep(10)

    with pytest.raises(error):
        run(main)


def test_a_failure_is_not_lost() -> None:
    """Though the simulation's main task caught it, or ended with something else."""

    def fails() -> None:
        raise ZeroDivisionError

    async def swallows() -> None:
        LoopClock(loop()).call_at(3, fails)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)

    async def changes() -> None:
        LoopClock(loop()).call_at(3, fails)
        try:
            await asyncio.sleep(10)
        finally:
            raise ValueError

    for main in (swallows, changes):
        with pytest.raises(ZeroDivisionError):
            run(main)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_whoever_ends_the_program_ends_it(error: type[BaseException]) -> None:
    """These go their own way."""

    def ends() -> None:
        raise error

    async def main() -> None:
        LoopClock(loop()).call_at(3, ends)
        await asyncio.sleep(10)

    with pytest.raises(error):
        run(main)


def test_a_clock_tells_the_loops_time() -> None:
    """A moment that is past is now, and a timer can be cancelled."""

    async def main() -> list[float]:
        clock = LoopClock(loop())
        called: list[float] = []
        await asyncio.sleep(5)
        clock.call_at(2, lambda: called.append(clock.now()))
        clock.call_at(6, lambda: called.append(clock.now())).cancel()
        assert repr(clock) == "<LoopClock at 5 s>"
        await asyncio.sleep(5)
        return called

    assert run(main) == [5.0]


def test_a_guarded_part_fails_alone() -> None:
    """Its task goes on, as one that runs several tests does, and can wait again."""

    async def spun() -> None:
        await asyncio.Event().wait()

    async def quick() -> None:
        loop().fail(ZeroDivisionError())

    async def main() -> None:
        for part, error in ((spun, StuckError), (quick, ZeroDivisionError)):
            loop()._failure = None  # as each run of the loop begins
            with pytest.raises(error):
                await loop().guarded(part)
            await asyncio.sleep(1)
        loop()._failure = None
        assert await loop().guarded(_seven) == 7

    run(main)


async def _seven() -> int:
    return 7


def test_other_errors_pass() -> None:
    """Those of the user's own code, and of other callbacks."""

    async def main() -> None:
        loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)
        raise ValueError

    said: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: said.append(context))
        with pytest.raises(ValueError, match="^$"):
            runner.run(main())
    assert isinstance(said[0]["exception"], ZeroDivisionError)


def test_run_says_what_it_takes() -> None:
    """In one line, and leaves no coroutine behind."""
    with pytest.raises(ConfigError, match="expected a coroutine function: run"):
        run(print)  # type: ignore[arg-type]  # what is tested

    async def main() -> None:
        with pytest.raises(ConfigError, match="found a running loop"):
            run(_seven)

    run(main)
    for wrong in ({"patience": 0}, {"turns": 0}):
        with pytest.raises(ConfigError):
            VirtualLoop(**wrong)


def test_the_loop_shows_its_time() -> None:
    """And whether it runs."""

    async def main() -> str:
        await asyncio.sleep(2)
        return repr(loop())

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == "<VirtualLoop running at 2 s>"
        assert repr(runner.get_loop()) == "<VirtualLoop stopped at 2 s>"
