"""The gate stands in front of the server's SIGTERM handler, and leaves no trace."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import weakref
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
import uvloop

from healthkit import _signals
from healthkit._signals import GATE, Gate, Keeper

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
        self.keeper = Keeper(self.begin)

    def begin(self) -> bool:
        """Count, and say whether the drain will ever be over."""
        self.began += 1
        return self._loop_is_alive

    def close(self) -> bool:
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


def test_the_first_signal_begins_the_drain_and_is_held_back() -> None:
    """The server does not see it before the drain is over; then it gets exactly one."""
    front = Front()
    assert front.close()
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
    assert not Gate().close(Keeper(lambda: True))
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loops_own_handler_is_left_alone(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """It would act on the signal at once, whatever Python handler lies on top of it."""

    async def install() -> tuple[bool, bool]:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: None)
        before = signal.getsignal(signal.SIGTERM)
        installed = Gate().close(Keeper(lambda: True))
        return installed, signal.getsignal(signal.SIGTERM) == before

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(install()) == (False, True)


def test_a_platform_that_does_not_fork_needs_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: developers serve there too."""
    monkeypatch.delattr(os, "register_at_fork")
    _signals._hook_into_fork.cache_clear()
    front = Front()
    assert front.close()
    monkeypatch.undo()
    _signals._hook_into_fork.cache_clear()


def in_a_thread(function: Callable[[], object]) -> object:
    """Call in another thread."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(5)
    return results[0]


def test_only_the_main_thread_can_close_the_gate() -> None:
    """An app in another thread is not refused, its SIGTERM is left alone."""
    front = Front()
    assert in_a_thread(front.close) is False
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


def test_a_gate_may_have_several_keepers() -> None:
    """An app and one mounted in it: both drain at once, the last to finish opens the gate."""
    front = Front()
    inner = Keeper(front.begin)
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
    inner = Keeper(front.begin)
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
    front.gate.leave(Keeper(front.begin))
    assert front.gate._keepers is keepers
    assert repr(front.gate) == "<Gate closed>"
    terminate()
    assert (front.began, front.server.got) == (1, 0)


def test_one_who_comes_while_the_gate_is_held_drains_too() -> None:
    """And holds up nobody."""
    front = Front()
    late = Keeper(front.begin)
    front.close()
    terminate()
    front.gate.close(late)
    assert front.began == 2
    front.gate.finished(front.keeper)
    assert front.server.got == 1


def test_everybody_learns_of_the_hurry() -> None:
    """A later signal is for all; the next closing knows nothing of it."""
    front = Front()
    inner = Keeper(front.begin)
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
    again = Keeper(front.begin)
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
    assert front.close()
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
