"""The way out of one life: its moments by each of the ways, in virtual time.

Those of a real life are in test__life.py; here the life only says when its drain began.
"""

from __future__ import annotations

import math
import signal
from typing import TYPE_CHECKING, cast

import anyio
import anyio.lowlevel
import pytest

from healthkit import Health
from healthkit._exit import Exit, _renew
from healthkit._loop import Loop
from healthkit._model import Phase
from healthkit._signals import Gate
from healthkit._traffic import Traffic
from tests.servers import Exchange, http_scope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import FrameType

    from healthkit._loop import Spawned
    from healthkit._settings import Settings
    from healthkit._signals import Gate


class Life:
    """A life that serves, until its drain begins."""

    def __init__(self) -> None:
        self.phase = Phase.SERVING
        self.drain_began = math.inf

    def __repr__(self) -> str:
        return f"<Life {self.phase}>"

    @property
    def drain_duration(self) -> float | None:
        """How long it has been under way."""
        return None if self.phase is Phase.SERVING else self.now() - self.drain_began

    def now(self) -> float:
        """Return the loop's time."""
        return anyio.current_time()

    def begin_drain(self) -> None:
        """Begin it once."""
        if self.phase is Phase.SERVING:
            self.phase = Phase.DRAINING
            self.drain_began = self.now()


class OtherLoop:
    """The loop of another thread, which turns when the test says so."""

    ends_by = signal.SIGINT

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], object]] = []

    def is_mine(self) -> bool:
        """Whether it is this thread's."""
        return False

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have it called later."""
        self.callbacks.append(callback)
        return True

    def turn(self) -> int:
        """Call what there is to call, and return how much that was."""
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()
        return len(callbacks)


class Task:
    """A task of that loop's."""

    def __init__(self) -> None:
        self.cancels = 0

    def cancel(self) -> None:
        """Count."""
        self.cancels += 1


class Looked:
    """A gate that somebody looks after."""

    def __init__(self, *, is_before_a_loop: bool) -> None:
        self.is_before_a_loop = is_before_a_loop
        #: When.
        self.looks: list[float] = []

    def renew(self) -> None:
        """Take note of the moment."""
        self.looks.append(anyio.current_time())


class Scene:
    """A server with a handler for SIGTERM, and a life behind the gate."""

    def __init__(self, settings: Settings) -> None:
        self.life = Life()
        self.traffic = Traffic(lambda scope: scope["path"] == "/feed")
        self.exit = Exit(settings, self.life, self.traffic)
        self.exit.begin(settings, Loop())
        self.began = anyio.current_time()
        #: When the server got its SIGTERM, in seconds from the beginning.
        self.terminated: list[float] = []

    def terminate(self, _number: int, _frame: FrameType | None) -> None:
        """Be the server's handler."""
        self.terminated.append(self.seconds())

    def seconds(self) -> float:
        """Return the time since the beginning."""
        return round(anyio.current_time() - self.began, 3)

    def request(self, path: str = "/") -> Callable[[], object]:
        """Begin a request; return what ends it."""
        exchange, flight = Exchange(), self.traffic.flight
        flight.calls[exchange.send] = http_scope(path)

        def end() -> None:
            flight.calls.clear()
            flight.left()

        return end


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    """Have 5 s of delay, and 15 s for what is in flight then."""
    found = Scene(Health(drain_delay=5, drain_timeout=15).settings)
    before = signal.signal(signal.SIGTERM, found.terminate)
    found.exit.guard()
    yield found
    found.exit.cancel()
    found.exit.leave()
    assert signal.getsignal(signal.SIGTERM) == found.terminate
    signal.signal(signal.SIGTERM, before)


async def test_sigterm_waits_for_the_delay_and_for_the_work(scene: Scene) -> None:
    """Work that arrives in the delay is waited for as well."""
    assert repr(scene.exit) == "<Exit of <Life serving> <Gate closed>>"
    signal.raise_signal(signal.SIGTERM)
    await anyio.sleep(4)
    assert (scene.life.phase, scene.exit.ends_streams) == (Phase.DRAINING, False)
    end = scene.request()
    await anyio.sleep(3)
    assert (scene.terminated, scene.exit.ends_streams) == ([], True)
    end()
    await anyio.sleep(1)
    assert scene.terminated == [7]


async def test_work_that_does_not_end_is_left(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """When delay and timeout are over, counted from the drain's beginning; and it is named."""
    scene.request()
    scene.life.begin_drain()
    await anyio.sleep(2)
    signal.raise_signal(signal.SIGTERM)
    await anyio.sleep(60)
    assert scene.terminated == [20]
    await scene.exit.finish()
    assert scene.seconds() == 62, "it has had its time"
    over = "the drain is over after 20 s with 1 request still in flight"
    assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == [over]


async def test_a_drain_by_a_call_ends_streams_and_no_more(scene: Scene) -> None:
    """SIGTERM comes next, and counts the time that has passed."""
    scene.request("/feed")
    feed = next(iter(scene.traffic.flight.calls))
    scene.life.begin_drain()
    scene.exit.close_streams()
    await anyio.sleep(4.9)
    assert feed not in scene.traffic.flight.ended
    await anyio.sleep(2.1)
    assert feed in scene.traffic.flight.ended
    scene.traffic.flight.calls.clear()
    assert scene.terminated == []
    signal.raise_signal(signal.SIGTERM)
    await anyio.sleep(0.1)
    assert scene.terminated == [7]


async def test_streams_end_in_the_very_moment_in_which_the_delay_is_over(scene: Scene) -> None:
    """The drain's own look is at that moment, and a thread's must not be of another opinion."""
    scene.life.drain_began = scene.life.now() - 5
    assert scene.exit.ends_streams


async def test_the_settings_are_those_of_where_the_life_has_begun(scene: Scene) -> None:
    """They were others where it was made: a server may fork, and begin in another place."""
    scene.exit.begin(Health(drain_delay=2).settings, Loop())
    signal.raise_signal(signal.SIGTERM)
    await anyio.sleep(60)
    assert scene.terminated == [2]


async def test_a_shutdown_takes_a_drain_over(scene: Scene) -> None:
    """The server ends already: it is signalled again only where its signal would be lost."""
    end = scene.request()
    signal.raise_signal(signal.SIGTERM)
    await anyio.sleep(1)
    async with anyio.create_task_group() as group:
        group.start_soon(scene.exit.finish)
        await anyio.sleep(1)
        end()
    assert (scene.seconds(), scene.terminated) == (2, [])
    await anyio.sleep(8)
    assert scene.terminated == []
    scene.exit.leave()
    assert scene.terminated == [10]


async def test_the_end_of_the_lifespan_waits_for_no_delay(scene: Scene) -> None:
    """What arrives meanwhile is served, and left to the server."""
    end = scene.request()
    scene.life.begin_drain()
    async with anyio.create_task_group() as group:
        group.start_soon(scene.exit.finish)
        await anyio.sleep(1)
        scene.request()
        await anyio.sleep(1)
        assert (scene.traffic.in_flight, scene.exit.ends_streams) == (2, True)
        end()
    assert scene.seconds() == 2
    assert scene.traffic.in_flight == 1


async def test_what_began_before_the_loop_is_caught_up_with_once(scene: Scene) -> None:
    """And nothing of it where there is no loop."""
    early = Exit(scene.exit._settings, scene.life, scene.traffic)
    scene.life.begin_drain()
    early.close_streams()
    assert early._closing is None
    early.begin(scene.exit._settings, Loop())
    early.catch_up()
    closing = early._closing
    early.catch_up()
    assert early._closing is closing
    early.cancel()
    await anyio.lowlevel.checkpoint()


def elsewhere(loop: OtherLoop) -> Exit:
    """Make the way out of a life in another thread."""
    settings, life = Health().settings, Life()
    found = Exit(settings, life, Traffic(settings.is_stream))
    found.begin(settings, cast("Loop", loop))
    return found


def test_the_loop_of_another_thread_is_only_asked_to_turn() -> None:
    """No task is begun or cancelled from here; of a SIGTERM that is held back it hears soon."""
    loop, task = OtherLoop(), Task()
    exit_ = elsewhere(loop)
    before = [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGINT)]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        exit_.guard()  # it ends by SIGINT, where nobody handles SIGTERM
        assert exit_._gate.closed
        assert exit_._renewing is None
        exit_.leave()
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    exit_._keeper.wake()
    assert loop.turn() == 1
    exit_._ending = cast("Spawned", task)
    exit_.cancel()
    assert task.cancels == 0
    assert loop.turn() == 1
    assert task.cancels == 1


@pytest.mark.parametrize(("is_before_a_loop", "every"), [(True, 1), (False, 60)])
async def test_the_gate_is_looked_after_often_at_first(
    is_before_a_loop: bool, every: float
) -> None:
    """A server puts its own things back when its start-up is over; before a loop also later."""
    gate, began = Looked(is_before_a_loop=is_before_a_loop), anyio.current_time()
    with anyio.move_on_after(300):
        await _renew(cast("Gate", gate))
    seconds = [look - began for look in gate.looks]
    assert seconds[:4] == pytest.approx([0.001, 0.003, 0.007, 0.015])
    assert seconds[-1] - seconds[-2] == pytest.approx(every)
