"""What a drain waits for, and for how long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit._drain import QUIET, Detour, DrainPlan, Flight, land, sleep_until
from tests.servers import Exchange, http_scope

if TYPE_CHECKING:
    from starlette.types import Send

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
    flight.guests[object()] = None
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
            flight.guests[guest] = None
            await anyio.sleep(2)
            del flight.guests[guest]
            flight.left()
            await anyio.sleep(QUIET / 2)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await anyio.sleep(1)
        assert await drain(flight, plan(delay=0)) == Drained("", round(5 + QUIET + QUIET, 3))
