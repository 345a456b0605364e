"""The gate stands in front of the server's SIGTERM handler, and leaves no trace."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
import weakref
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, cast

import pytest
import uvloop

from healthkit import _signals
from healthkit._signals import GATE, Gate, Keeper, Refusal
from healthkit._wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Server:
    """A server: something that handles SIGTERM."""

    def __init__(self) -> None:
        self.got = 0

    def handle(self, _signum: int, _frame: FrameType | None) -> None:
        """Count."""
        self.got += 1


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.moment = 100.0

    def now(self) -> float:
        """Return the moment."""
        return self.moment


class Front:
    """A server, a gate in front of it, and the one who keeps it closed."""

    def __init__(self, *, loop_is_alive: bool = True, gate: Gate | None = None) -> None:
        self.server = Server()
        signal.signal(signal.SIGTERM, self.server.handle)
        self.watch = Watch()
        self.began = 0
        self._loop_is_alive = loop_is_alive
        self.gate = gate or Gate(self.watch.now)
        self.woken = 0
        self.keeper = Keeper(self.begin, self.wake)

    def begin(self) -> bool:
        """Count, and say whether the drain will ever be over."""
        self.began += 1
        return self._loop_is_alive

    def wake(self) -> None:
        """Count."""
        self.woken += 1

    def close(self) -> Refusal | None:
        """Close the gate."""
        return self.gate.close(self.keeper)


@pytest.fixture(autouse=True)
def _handler_is_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def terminate() -> None:
    """Deliver a real SIGTERM to this process; its handler has run on return."""
    signal.raise_signal(signal.SIGTERM)


def _never(_thread: threading.Thread) -> None:
    """Begin nothing."""


def test_the_first_signal_begins_the_drain_and_is_held_back() -> None:
    """The server does not see it before the drain is over; then it gets exactly one."""
    front = Front()
    assert front.close() is None
    assert repr(front.gate) == "<Gate closed>"
    terminate()
    assert (front.began, front.server.got) == (1, 0)
    front.gate.finished(front.keeper)
    assert (front.began, front.server.got) == (1, 1)
    assert repr(front.gate) == "<Gate open>"
    assert signal.getsignal(signal.SIGTERM) == front.server.handle


def test_signals_within_a_second_are_one() -> None:
    """A process group delivers two; that must not cut the drain short."""
    front = Front()
    front.close()
    for _ in range(3):
        terminate()
        front.watch.moment += 0.49
    assert (front.began, front.server.got) == (1, 0)


def test_a_later_signal_passes_straight_through() -> None:
    """Whoever repeats himself is in a hurry; from then on the server has the signal to itself."""
    front = Front()
    front.close()
    terminate()
    front.watch.moment += 1
    terminate()
    assert (front.began, front.server.got) == (1, 1)
    terminate()
    assert (front.began, front.server.got) == (1, 2)
    front.gate.finished(front.keeper)
    assert front.server.got == 2


def test_what_gunicorns_master_repeats_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each second, to a worker that is one too many; after a pause it is somebody in a hurry."""
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/27.0.1")
    front = Front()
    front.close()
    for _ in range(20):
        terminate()
        front.watch.moment += 1.01
    assert (front.began, front.server.got) == (1, 0)
    front.watch.moment += 1
    terminate()
    assert (front.began, front.server.got) == (1, 1)


def test_no_other_server_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of somebody else changes nothing."""
    monkeypatch.setenv("SERVER_SOFTWARE", "waitress")
    front = Front()
    front.close()
    terminate()
    front.watch.moment += 1.01
    terminate()
    assert (front.began, front.server.got) == (1, 1)


def test_a_signal_without_a_loop_passes_straight_through() -> None:
    """Nobody would ever open the gate."""
    front = Front(loop_is_alive=False)
    front.close()
    terminate()
    assert front.server.got == 1


def test_opening_puts_the_server_back_and_gives_it_nothing() -> None:
    """A life that ends without a signal leaves the server as it was. Again is harmless."""
    front = Front()
    front.close()
    for _ in range(2):
        front.gate.leave(front.keeper)
        assert signal.getsignal(signal.SIGTERM) == front.server.handle
    front.gate.finished(front.keeper)
    assert front.server.got == 0


def test_a_handler_that_was_chained_on_top_stays() -> None:
    """What somebody else has installed since is not taken away; the gate passes on to below."""
    front = Front()
    front.close()
    below = signal.getsignal(signal.SIGTERM)
    assert callable(below)
    seen: list[int] = []

    def on_top(signum: int, frame: FrameType | None) -> None:
        seen.append(signum)
        below(signum, frame)

    signal.signal(signal.SIGTERM, on_top)
    terminate()
    assert (front.began, front.server.got) == (1, 0)
    front.gate.finished(front.keeper)
    assert seen == [signal.SIGTERM] * 2
    assert front.server.got == 1
    assert signal.getsignal(signal.SIGTERM) is on_top


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
def test_there_must_be_a_server_to_stand_in_front_of(handler: signal.Handlers) -> None:
    """Without a handler in Python the signal is left alone."""
    signal.signal(signal.SIGTERM, handler)
    assert Gate().close(Keeper(nobody, nobody)) == "nobody handles SIGTERM here"
    assert signal.getsignal(signal.SIGTERM) is handler


def nobody() -> bool:
    """Do nothing; never be called."""
    raise AssertionError


#: Seconds for what nothing keeps waiting.
PATIENCE: Final = 30.0


async def until(holds: Callable[[], object]) -> None:
    """Look again until something holds that another thread or the loop brings about."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # whatever it is
            await asyncio.sleep(0.001)


LOOPS = pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])


def installed() -> tuple[object, int]:
    """Return who handles the signal, and the wakeup descriptor."""
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    return signal.getsignal(signal.SIGTERM), descriptor


class LoopServer:
    """A server that handles SIGTERM by the loop, and a gate in front of it. Inside the loop."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.got = 0
        self.began = asyncio.Event()
        self.add_handler()
        self.before = installed()
        self.watch = Watch()
        self.gate = gate or Gate(self.watch.now)
        self.keeper = Keeper(self.begin, lambda: self.loop.call_soon_threadsafe(int))
        assert self.gate.close(self.keeper) is None

    def add_handler(self) -> None:
        """Handle the signal, as granian, hypercorn and gunicorn's ASGI worker do."""
        self.loop.add_signal_handler(signal.SIGTERM, self.handle)

    def handle(self) -> None:
        """Count."""
        self.got += 1

    def begin(self) -> bool:
        """Begin the drain, in the signal handler."""
        self.loop.call_soon_threadsafe(self.began.set)
        return True

    async def hears_nothing(self) -> bool:
        """Whether the server has not got the signal, after a while."""
        await asyncio.sleep(0.05)
        return self.got == 0

    async def hears(self, times: int = 1) -> bool:
        """Whether the server gets the signal, so many times by now."""
        await until(lambda: self.got >= times)
        return self.got == times


def on(factory: Callable[[], asyncio.AbstractEventLoop], play: Callable[[], object]) -> None:
    """Run a coroutine function on a real loop, in the main thread."""
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(play())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # a coroutine


@LOOPS
def test_a_loops_own_handler_is_stood_before(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """It acts on a byte, whatever Python handler is installed: the byte is held back too."""

    async def play() -> None:
        server = LoopServer()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(server.began.wait(), PATIENCE)
        assert await server.hears_nothing()
        server.gate.finished(server.keeper)
        assert await server.hears()
        assert installed() == server.before

    on(factory, play)


@LOOPS
def test_a_loop_in_a_hurry_gets_one_signal_and_no_other(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """A worker of granian's hangs at its third. At the end everything is put back."""

    async def play() -> None:
        server = LoopServer()
        for _ in range(4):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
            server.watch.moment += 1.2
        assert server.keeper.hurried
        assert await server.hears()
        await asyncio.sleep(0.05)
        server.gate.leave(server.keeper)
        await asyncio.sleep(0.05)
        assert server.got == 1
        assert installed() == server.before
        os.kill(os.getpid(), signal.SIGTERM)
        assert await server.hears(times=2)

    on(factory, play)


@LOOPS
def test_other_signals_reach_the_loop(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Only SIGTERM is held back, also when both come at once."""

    async def play() -> None:
        server = LoopServer()
        other = asyncio.Event()
        server.loop.add_signal_handler(signal.SIGUSR1, other.set)
        server.gate.renew()  # asyncio puts its own descriptor back with each handler
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGUSR1)
        await asyncio.wait_for(other.wait(), PATIENCE)
        await asyncio.wait_for(server.began.wait(), PATIENCE)
        assert await server.hears_nothing()
        server.gate.leave(server.keeper)
        assert await server.hears()
        server.loop.remove_signal_handler(signal.SIGUSR1)

    on(factory, play)


@LOOPS
def test_a_gate_is_closed_again_when_the_loop_has_put_its_own_back(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Granian's loop is started twice; a server may add its handler again."""

    async def play() -> None:
        server = LoopServer()
        server.loop.remove_signal_handler(signal.SIGTERM)
        server.add_handler()
        for _ in range(2):
            server.gate.renew()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(server.began.wait(), PATIENCE)
        assert await server.hears_nothing()
        server.gate.finished(server.keeper)
        assert await server.hears()

    on(factory, play)


def test_a_handler_of_a_loop_that_comes_later_is_stood_before() -> None:
    """Gunicorn's worker has one of its own first, then its loop's."""
    front = Front()
    front.close()

    async def play() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, front.server.handle, signal.SIGTERM, None)
        front.gate.renew()
        terminate()
        await asyncio.sleep(0.05)
        assert (front.began, front.server.got) == (1, 0)
        front.gate.finished(front.keeper)
        await until(lambda: front.server.got)
        assert front.server.got == 1

    on(asyncio.new_event_loop, play)


def test_an_open_gate_is_not_renewed() -> None:
    """Nothing is touched then; nor in another thread, where it can't be."""
    front = Front()
    front.gate.renew()
    assert signal.getsignal(signal.SIGTERM) == front.server.handle
    front.close()

    async def play() -> None:
        server = LoopServer()
        await asyncio.to_thread(server.gate.renew)
        server.gate.leave(server.keeper)

    on(asyncio.new_event_loop, play)


def test_where_nobody_handles_it_another_signal_may_stand_in() -> None:
    """Hypercorn's -w 0 on trio ends by SIGINT, and as process 1 it would ignore SIGTERM."""
    front = Front()
    got: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: got.append(number))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        assert front.gate.close(front.keeper, signal.SIGINT) is None
        terminate()
        assert (front.began, got) == (1, [])
        front.gate.finished(front.keeper)
        assert got == [signal.SIGINT]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_gate_that_another_thread_opens_hands_the_signal_over() -> None:
    """The life of a WSGI app is in a thread of its own."""
    front = Front()
    front.close()
    terminate()
    in_a_thread(lambda: front.gate.finished(front.keeper))
    for _ in range(10_000):
        if front.server.got:
            break
        time.sleep(0.001)
    assert (front.began, front.server.got) == (1, 1)


def test_what_another_thread_opens_stands_in_too() -> None:
    """The signal that comes instead comes then as well."""
    front = Front()
    got: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: got.append(number))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        front.gate.close(front.keeper, signal.SIGINT)
        in_a_thread(lambda: front.gate.leave(front.keeper))
        terminate()
        assert got == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_in_the_middle_of_closing_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its byte is held back from then on, so somebody must be there to hear of it."""
    install = Wakeup._replace

    def interrupted(wakeup: Wakeup) -> None:
        install(wakeup)
        monkeypatch.undo()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

    async def play() -> None:
        monkeypatch.setattr(Wakeup, "_replace", interrupted)
        server = LoopServer()
        await asyncio.wait_for(server.began.wait(), PATIENCE)
        assert await server.hears_nothing()
        server.gate.finished(server.keeper)
        assert await server.hears()

    on(asyncio.new_event_loop, play)


def test_a_later_signal_in_the_middle_of_opening_brings_no_third() -> None:
    """The loop has got the first by then, and hears of the later one itself: granian's hangs."""
    front = Front()

    class Opening:
        """What stands before a loop. It is interrupted."""

        given = 0

        def let_pass(self) -> None:
            """Pass on what comes from now on."""
            front.watch.moment += 1
            terminate()

        def give(self) -> bool:
            """Give the loop one."""
            self.given += 1
            return True

        def remove(self) -> None:
            """Be gone."""

    front.close()
    terminate()
    opening = Opening()
    front.gate._wakeup = cast("Wakeup", opening)
    front.gate.finished(front.keeper)
    assert (opening.given, front.server.got) == (1, 0)
    assert not front.gate.closed


def test_a_drain_that_is_over_before_its_beginning_has_returned() -> None:
    """In a thread of its own it may be: the gate opens all the same."""
    front = Front()

    def begin() -> bool:
        front.gate.finished(keeper)
        return True

    keeper = Keeper(begin, front.wake)
    front.gate.close(keeper)
    front.gate.close(front.keeper)
    terminate()
    assert (front.began, front.server.got, keeper.done) == (1, 0, True)
    front.gate.finished(front.keeper)
    assert front.server.got == 1


def test_a_keeper_who_joins_while_a_signal_comes_drains_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And is waited for."""
    front = Front()
    install = Gate._install

    def interrupted(gate: Gate, instead: signal.Signals | None) -> Refusal | None:
        refusal = install(gate, instead)
        terminate()
        return refusal

    monkeypatch.setattr(Gate, "_install", interrupted)
    front.close()
    assert (front.began, front.keeper.done, front.server.got) == (1, False, 0)
    front.gate.leave(front.keeper)


def test_a_server_that_comes_later_is_stood_before_too() -> None:
    """A second one in the process, with an app and a keeper of its own."""
    front = Front()
    front.close()
    later = Server()
    signal.signal(signal.SIGTERM, later.handle)
    second = Keeper(front.begin, front.wake)
    front.gate.close(second)
    terminate()
    assert (front.began, later.got) == (2, 0)
    front.gate.finished(front.keeper)
    front.gate.finished(second)
    assert later.got == 1


def test_handlers_do_not_pile_up() -> None:
    """A gate that another thread opens leaves its handler; the next closing stands in its place."""
    front = Front()
    for _ in range(3):
        front.close()
        in_a_thread(lambda: front.gate.leave(front.keeper))
    handler = signal.getsignal(signal.SIGTERM)
    assert isinstance(handler, _signals._Handler)
    assert handler.server == front.server.handle


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("healthkit._wakeup.Thread.start", RuntimeError("no thread")),
        ("healthkit._wakeup.socket.socketpair", OSError("no descriptor")),
        ("healthkit._wakeup.os.dup", OSError("no descriptor")),
    ],
)
def test_without_a_thread_or_a_descriptor_the_gate_stays_open(
    name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app starts all the same, and the server hears of its signal."""

    def fail(*_: object) -> None:
        raise error

    async def play() -> None:
        loop = asyncio.get_running_loop()
        got = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, got.set)
        before = installed()
        with monkeypatch.context() as patched:
            patched.setattr(name, fail)
            assert Gate().close(Keeper(nobody, nobody)) == "no descriptor or no thread is left"
        assert installed() == before
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(got.wait(), PATIENCE)

    on(asyncio.new_event_loop, play)


def test_what_can_not_be_renewed_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop keeps its own descriptor then."""

    def fail(_descriptor: int) -> int:
        raise OSError

    async def play() -> None:
        server = LoopServer()
        server.loop.remove_signal_handler(signal.SIGTERM)
        server.add_handler()
        before = installed()[1]
        with monkeypatch.context() as patched:
            patched.setattr("healthkit._wakeup.os.dup", fail)
            server.gate.renew()
        assert installed()[1] == before
        server.gate.leave(server.keeper)

    on(asyncio.new_event_loop, play)


def test_closing_twice_is_harmless() -> None:
    """A keeper is there or not."""
    front = Front()
    front.close()
    assert front.close() is None
    terminate()
    front.gate.finished(front.keeper)
    assert (front.began, front.server.got) == (1, 1)


def test_a_platform_that_does_not_fork_needs_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: developers serve there too."""
    monkeypatch.delattr(os, "register_at_fork")
    _signals._hook_into_fork.cache_clear()
    front = Front()
    assert front.close() is None
    monkeypatch.undo()
    _signals._hook_into_fork.cache_clear()


def in_a_thread(function: Callable[[], object]) -> object:
    """Call in another thread."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(PATIENCE)
    return results[0]


def test_only_the_main_thread_can_close_the_gate() -> None:
    """An app in another thread is not refused, its SIGTERM is left alone."""
    front = Front()
    assert in_a_thread(front.close) == "not in the main thread"
    assert signal.getsignal(signal.SIGTERM) == front.server.handle


def test_a_gate_that_was_opened_in_another_thread_lets_everything_pass() -> None:
    """The handler can't be put back there, so it passes on."""
    front = Front()
    front.close()
    in_a_thread(lambda: front.gate.leave(front.keeper))
    terminate()
    assert (front.began, front.server.got) == (0, 1)


#: CPython 3.12 and later warn of every fork beside a thread. It is what these tests are about.
beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def in_a_child(test: Callable[[], bool]) -> bool:
    """Fork; return what `test` found there."""
    child = os.fork()
    if child == 0:
        found = False
        try:
            found = test()
        finally:
            os._exit(0 if found else 1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


@beside_threads
def test_a_forked_child_has_the_servers_handler() -> None:
    """As without healthkit; the parent's gate stays closed."""
    front = Front(gate=GATE)
    front.close()

    def put_back() -> bool:
        terminate()
        handler = signal.getsignal(signal.SIGTERM)
        return handler == front.server.handle and (front.began, front.server.got) == (0, 1)

    assert in_a_child(put_back)
    terminate()
    assert (front.began, front.server.got) == (1, 0)
    front.gate.leave(front.keeper)


@beside_threads
def test_a_child_forked_in_a_thread_has_the_servers_handler() -> None:
    """The thread that forks is the child's main thread."""
    front = Front(gate=GATE)
    front.close()

    def put_back() -> bool:
        return signal.getsignal(signal.SIGTERM) == front.server.handle

    assert in_a_thread(lambda: in_a_child(put_back)) is True
    front.gate.leave(front.keeper)


def test_what_a_forked_child_does() -> None:
    """The same, in this process, where it can be looked at."""
    front = Front()
    front.close()
    front.gate.forked()
    assert signal.getsignal(signal.SIGTERM) == front.server.handle


@beside_threads
def test_a_forked_child_has_the_loops_handler_and_descriptor() -> None:
    """As without healthkit; nothing of the gate's is left, and the parent's stays."""

    async def play() -> None:
        server = LoopServer(GATE)
        # asyncio takes its own descriptor away there (CPython 3.12 Lib/asyncio/events.py, on_fork).
        handler, descriptor = server.before
        left = (handler, descriptor if sys.version_info < (3, 12) else -1)
        try:
            assert in_a_child(lambda: installed() == left and not GATE.closed)
            assert GATE.closed
            assert installed() != server.before
        finally:
            GATE.leave(server.keeper)
        assert installed() == server.before

    on(asyncio.new_event_loop, play)


def test_what_a_forked_child_of_a_loops_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for the descriptor. The thread is not there in a child, and did not begin here."""
    monkeypatch.setattr("healthkit._wakeup.Thread.start", _never)

    async def play() -> None:
        server = LoopServer()
        server.gate.forked()
        assert installed() == server.before
        assert not server.gate.closed

    on(asyncio.new_event_loop, play)


def test_a_gate_may_have_several_keepers() -> None:
    """An app and one mounted in it: both drain at once, the last to finish opens the gate."""
    front = Front()
    inner = Keeper(front.begin, front.wake)
    front.close()
    front.gate.close(inner)
    terminate()
    assert (front.began, front.server.got) == (2, 0)
    front.gate.finished(inner)
    assert front.server.got == 0
    front.gate.finished(front.keeper)
    assert (front.began, front.server.got) == (2, 1)


def test_one_who_leaves_does_not_hold_up_the_others() -> None:
    """The gate opens when those who are left are done."""
    front = Front()
    inner = Keeper(front.begin, front.wake)
    front.close()
    front.gate.close(inner)
    terminate()
    front.gate.finished(front.keeper)
    front.gate.leave(inner)
    assert front.server.got == 1


def test_a_stranger_can_leave_without_harm() -> None:
    """A life whose thread could not close the gate ends like the others."""
    front = Front()
    front.close()
    keepers = front.gate._keepers
    front.gate.leave(Keeper(front.begin, front.wake))
    assert front.gate._keepers is keepers
    assert repr(front.gate) == "<Gate closed>"
    terminate()
    assert (front.began, front.server.got) == (1, 0)


def test_one_who_comes_while_the_gate_is_held_drains_too() -> None:
    """And holds up nobody."""
    front = Front()
    late = Keeper(front.begin, front.wake)
    front.close()
    terminate()
    front.gate.close(late)
    assert front.began == 2
    front.gate.finished(front.keeper)
    assert front.server.got == 1


def test_everybody_learns_of_the_hurry() -> None:
    """A later signal is for all; the next closing knows nothing of it."""
    front = Front()
    inner = Keeper(front.begin, front.wake)
    front.close()
    front.gate.close(inner)
    terminate()
    assert not front.keeper.hurried
    front.watch.moment += 2
    terminate()
    assert (front.keeper.hurried, inner.hurried) == (True, True)


def test_a_gate_can_be_closed_again_above_a_chained_handler() -> None:
    """The earlier handler still passes on to the server that it stood before."""
    front = Front()
    front.close()
    below = signal.getsignal(signal.SIGTERM)
    assert callable(below)
    signal.signal(signal.SIGTERM, partial(below))
    front.gate.leave(front.keeper)
    again = Keeper(front.begin, front.wake)
    front.gate.close(again)
    terminate()
    assert (front.began, front.server.got) == (1, 0)
    front.gate.finished(again)
    assert (front.began, front.server.got) == (1, 1)


def test_any_callable_may_be_the_servers_handler() -> None:
    """Also one that belongs to no module."""
    front = Front()
    got: SimpleQueue[int] = SimpleQueue()
    signal.signal(signal.SIGTERM, got.put)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # it takes two
    assert front.close() is None
    terminate()
    front.gate.finished(front.keeper)
    assert got.get_nowait() == signal.SIGTERM


def test_a_gate_is_left_with_nobody() -> None:
    """The gate is the process's own and lives on, but it keeps no life alive."""
    front = Front()
    keeper = weakref.ref(front.keeper)
    front.close()
    front.gate.leave(front.keeper)
    del front
    gc.collect()
    assert keeper() is None
