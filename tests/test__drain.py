"""What a drain waits for, and for how long."""

from __future__ import annotations

import asyncio
import gc
import random
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit._drain import QUIET, Detour, DrainPlan, Flight, end_streams, land, sleep_until
from tests.servers import Exchange, http_scope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import MethodType

    from starlette.types import Message, Scope, Send

SECONDS = st.floats(0, 86_400)


class Drained(NamedTuple):
    """What a drain left behind, and its seconds."""

    left: str
    took: float


async def drain(flight: Flight, plan: DrainPlan) -> Drained:
    """Drain; return what was left and how long it took."""
    began = anyio.current_time()
    await sleep_until(plan.delay_ends)
    left = await land(flight, plan.deadline)
    return Drained(left, round(anyio.current_time() - began, 3))


async def request(flight: Flight, seconds: float) -> None:
    """Be in flight for some seconds."""
    call = board(flight)
    await anyio.sleep(seconds)
    del flight.calls[call]
    flight.left()


def board(flight: Flight) -> Send:
    """Be in flight from now on."""
    send = Exchange().send
    flight.calls[send] = http_scope()
    return send


def plan(ago: float = 0, delay: float = 5, timeout: float = 15) -> DrainPlan:
    """Make a plan for a drain that began some seconds ago."""
    return DrainPlan(anyio.current_time() - ago, delay, timeout)


@given(began=SECONDS, delay=SECONDS, timeout=SECONDS)
def test_a_plan_is_in_order(began: float, delay: float, timeout: float) -> None:
    """The delay ends before the deadline, and neither is before the drain."""
    made = DrainPlan(began, delay, timeout)
    assert began <= made.delay_ends <= made.deadline


async def test_an_idle_app_ends_with_the_delay() -> None:
    """Nothing in flight: the delay is all."""
    assert await drain(Flight(None), plan()) == Drained("", 5)


@pytest.mark.parametrize("ago", [1, 4.5, 5, 60])
async def test_time_that_was_already_drained_counts(ago: float) -> None:
    """A SIGTERM after a preStop hook waits only for the rest of the delay."""
    assert await drain(Flight(None), plan(ago)) == Drained("", max(0, 5 - ago))


async def test_a_drain_waits_until_nothing_is_in_flight() -> None:
    """Also for a request that arrives when the delay is over."""
    flight = Flight(None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(request, flight, 7)
        tasks.start_soon(request, flight, 2)
        asyncio.get_running_loop().call_later(6, tasks.start_soon, request, flight, 3)
        assert await drain(flight, plan()) == Drained("", 9)


async def test_work_in_flight_is_waited_for_until_the_deadline() -> None:
    """After delay and timeout the drain is over, and says what it left behind."""
    flight = Flight(None)
    flight.holds[object()] = "hold 'checkout job'"
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(request, flight, 60)
        assert await drain(flight, plan()) == Drained("2 requests, hold 'checkout job'", 20)
        tasks.cancel_scope.cancel()


async def test_a_drain_past_its_deadline_waits_for_nothing() -> None:
    """However long ago it began."""
    flight = Flight(None)
    board(flight)
    assert await drain(flight, plan(ago=1000)) == Drained("1 request", 0)


async def test_a_hold_delays_like_a_request() -> None:
    """And the drain ends with the last of the two kinds."""
    flight = Flight(None)
    token = object()
    flight.holds[token] = "hold 'job'"

    async def job() -> None:
        await anyio.sleep(8)
        flight.holds.pop(token)
        flight.left()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(request, flight, 6)
        tasks.start_soon(job)
        assert await drain(flight, plan()) == Drained("", 8)


async def test_landing_can_be_cancelled_in_the_middle() -> None:
    """Whoever waits may stop waiting; the flight is unharmed, and can be waited for again."""
    flight = Flight(None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(request, flight, 8)
        with anyio.move_on_after(6) as scope:
            await drain(flight, plan())
        assert scope.cancelled_caught
        assert await drain(flight, plan(ago=6)) == Drained("", 2)


def test_a_flight_shows_its_state() -> None:
    """In one line."""
    flight = Flight(None)
    assert repr(flight) == "<Flight requests=0 streams=0 holds=0 open>"
    flight.detour = Detour.CLOSE
    board(flight)
    flight.guests[object()] = False
    flight.calls[Exchange().send] = {"type": "websocket"}
    flight.holds[object()] = "hold 'job'"
    assert repr(flight) == "<Flight requests=2 streams=1 holds=1 close>"
    assert flight.manifest() == "2 requests, 1 stream, hold 'job'"


async def test_a_server_of_one_request_at_a_time_gets_time_for_the_next() -> None:
    """Between two of them nothing is in flight; what waits in the socket nobody sees."""
    flight = Flight(None)
    flight.one_at_a_time = True

    async def serve() -> None:
        for _ in range(3):
            flight.arrivals += 1
            guest = object()
            flight.guests[guest] = False
            await anyio.sleep(2)
            del flight.guests[guest]
            flight.left()
            await anyio.sleep(QUIET / 2)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await anyio.sleep(1)
        assert await drain(flight, plan(delay=0)) == Drained("", round(5 + QUIET + QUIET, 3))


# -- the ends of streams ---------------------------------------------------------------------------


class Middle(random.Random):
    """Chance without any: always the middle."""

    def uniform(self, a: float, b: float) -> float:
        """Return it."""
        return (a + b) / 2


class Streams:
    """A flight, and when each of its streams was ended."""

    def __init__(self) -> None:
        self.flight = Flight(None)
        self.began = anyio.current_time()
        self.ended: dict[int, float] = {}
        self.sends: list[Send] = []

    def board(self, refuses: int = 0, *, leaves: bool = True) -> int:
        """Begin a stream; return its number.

        Args:
            refuses: how often it can't be ended yet.
            leaves: whether its app hears of the end.
        """
        number = len(self.sends)
        left = [refuses]

        async def send(_message: Message) -> None:
            left[0] -= 1
            if left[0] >= 0:
                raise RuntimeError
            assert number not in self.ended
            self.ended[number] = anyio.current_time() - self.began
            if leaves:
                del self.flight.calls[send]

        self.sends.append(send)
        self.flight.calls[send] = {"type": "websocket"}
        return number

    @asynccontextmanager
    async def ending(
        self,
        jitter: float = 0,
        timeout: float = 15,  # noqa: ASYNC109  # the drain's
    ) -> AsyncGenerator[None]:
        """End them, beside the block."""
        async with anyio.create_task_group() as tasks:
            deadline = anyio.current_time() + timeout
            tasks.start_soon(end_streams, lambda: [self.flight], deadline, jitter, random.Random(4))  # noqa: S311  # no secret
            yield
            tasks.cancel_scope.cancel()


async def test_the_ends_of_streams_are_spread() -> None:
    """Evenly over the window, for all of their clients come back."""
    streams = Streams()
    for _ in range(200):
        streams.board()
    async with streams.ending(jitter=5):
        await anyio.sleep(6)
    moments = sorted(streams.ended.values())
    assert len(moments) == 200
    assert 0 <= moments[0] < moments[-1] <= 5
    for second in range(5):
        assert 20 <= sum(second <= moment < second + 1 for moment in moments) <= 60


@pytest.mark.parametrize(("left", "last"), [(15, 7.5), (2, 1), (0, 0), (-5, 0)])
async def test_the_window_leaves_time_to_end(left: float, last: float) -> None:
    """It is half the time that is left, at most."""
    streams = Streams()
    for _ in range(50):
        streams.board()
    async with streams.ending(jitter=60, timeout=left):
        await anyio.sleep(30)
    assert last * 0.8 <= max(streams.ended.values()) <= last


async def test_what_begins_later_is_ended_at_the_next_look() -> None:
    """Not spread: they are few; and however late they come."""
    streams = Streams()
    async with streams.ending(jitter=5, timeout=15):
        await anyio.sleep(3.1)
        late = streams.board()
        await anyio.sleep(60)
        very_late = streams.board()
        await anyio.sleep(1)
    assert streams.ended[late] == pytest.approx(3.25)
    assert streams.ended[very_late] == pytest.approx(63.25)


async def test_a_stream_that_cannot_be_ended_yet_is_tried_again() -> None:
    """At each look; meanwhile it does not count as ended."""
    streams = Streams()
    number = streams.board(refuses=3)
    async with streams.ending():
        await anyio.sleep(0.6)
        assert (streams.flight.ended, streams.ended) == (set(), {})
        await anyio.sleep(1)
    assert streams.ended == {number: pytest.approx(0.75)}


async def test_a_stream_that_leaves_by_itself_is_not_ended() -> None:
    """Its moment had not come."""
    streams = Streams()
    streams.board()
    async with streams.ending(jitter=5):
        await anyio.lowlevel.checkpoint()
        streams.flight.calls.clear()
        await anyio.sleep(10)
    assert streams.ended == {}


async def test_nothing_is_kept_of_streams_that_have_left() -> None:
    """Nor of what their servers used to send: it may be another's by now."""
    streams = Streams()
    streams.board()
    stubborn = streams.board(leaves=False)
    async with streams.ending():
        await anyio.sleep(1)
        assert streams.flight.ended == {streams.sends[stubborn]}
        streams.ended.clear()
        streams.flight.calls[streams.sends[0]] = {"type": "websocket"}
        await anyio.sleep(1)
        assert list(streams.ended) == [0]
        gone = weakref.ref(streams.sends[stubborn])
        streams.sends.clear()
        streams.flight.calls.clear()
        await anyio.sleep(1)
        gc.collect()
        assert (streams.flight.ended, gone()) == (set(), None)


async def test_who_ends_them_next_begins_nothing_twice() -> None:
    """The shutdown takes over from the drain: what was ended and stays is ended."""
    streams = Streams()
    number = streams.board(leaves=False)
    for _ in range(2):
        async with streams.ending():
            await anyio.sleep(1)
            assert streams.flight.ended == {streams.sends[number]}
    assert list(streams.ended) == [number]


async def test_an_end_that_is_interrupted_is_taken_up_again() -> None:
    """The shutdown came while the server was sending the last part."""
    flight = Flight(None)
    sent: list[Message] = []
    blocked = anyio.Event()

    async def send(message: Message) -> None:
        await blocked.wait()
        sent.append(message)

    flight.calls[send] = {"type": "websocket"}

    async def once(seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await end_streams(lambda: [flight], anyio.current_time() + 15, 0, Middle())

    await once(0.5)
    assert (flight.ended, sent) == (set(), [])
    blocked.set()
    await once(0.5)
    assert (flight.ended, len(sent)) == ({send}, 1)


async def test_a_stream_whose_server_hangs_holds_up_no_other() -> None:
    """Nor does one whose server was cancelled."""
    streams = Streams()

    async def hangs(_message: Message) -> None:
        await anyio.sleep_forever()

    async def was_cancelled(_message: Message) -> None:
        raise asyncio.CancelledError

    streams.flight.calls[hangs] = streams.flight.calls[was_cancelled] = {"type": "websocket"}
    for _ in range(3):
        streams.board()
    async with streams.ending(jitter=1):
        await anyio.sleep(2)
        late = streams.board()
        await anyio.sleep(1)
    assert set(streams.ended) == {0, 1, 2, late}


async def test_requests_are_left_alone() -> None:
    """However long they take."""
    flight = Flight(None)
    call = board(flight)
    with anyio.move_on_after(60):
        await end_streams(lambda: [flight], anyio.current_time() + 15, 1, Middle())
    assert list(flight.calls) == [call]
    assert cast("Exchange", cast("MethodType", call).__self__).messages == []


def test_a_count_is_of_one_moment() -> None:
    """Another thread may ask while the loop takes a stream on board: no count is negative."""
    flight = Flight(None)

    def is_stream(_scope: Scope) -> bool:
        flight.calls[Exchange().send] = {"type": "websocket"}
        return True

    flight._is_stream = is_stream
    flight.calls[Exchange().send] = {"type": "websocket"}
    assert flight.count()[0] == 0
    assert flight.manifest() == "2 streams"


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ("", ""),
        ("s", "1 stream"),
        ("r", "1 request"),
        ("rrs", "2 requests, 1 stream"),
        ("ss", "2 streams"),
    ],
)
def test_the_manifest_counts_apart(kinds: str, said: str) -> None:
    """With the plurals that there are."""
    flight = Flight(None)
    for kind in kinds:
        scope = {"type": "websocket"} if kind == "s" else http_scope()
        flight.calls[Exchange().send] = scope
    assert flight.manifest() == said
