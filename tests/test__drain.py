"""What a drain waits for, and for how long."""

from __future__ import annotations

from typing import NamedTuple

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit._drain import Detour, DrainPlan, Flight, settle

SECONDS = st.floats(0, 86_400)


class Drained(NamedTuple):
    """What a drain left behind, and its seconds."""

    left: str
    took: float


class Airport:
    """A present flight, those that landed or are landing, and what a drain said about them."""

    def __init__(self) -> None:
        self.flight = Flight(None)
        self.said: list[str] = []

    def barrier(self) -> Flight:
        """Open a new flight and return the one before."""
        landing, self.flight = self.flight, Flight(Detour.CLOSE)
        return landing

    async def settle(self, plan: DrainPlan) -> Drained:
        """Drain; return what was left and how long it took."""
        began = anyio.current_time()
        left = await settle(plan, self.barrier, self.said.append)
        return Drained(left, round(anyio.current_time() - began, 3))

    async def request(self, seconds: float) -> None:
        """Be in flight for some seconds."""
        flight = self.flight
        flight.count += 1
        await anyio.sleep(seconds)
        flight.count -= 1
        flight.left()


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
    airport = Airport()
    assert await airport.settle(plan()) == Drained("", 5)
    assert airport.said == []


@pytest.mark.parametrize("ago", [1, 4.5, 5, 60])
async def test_time_that_was_already_drained_counts(ago: float) -> None:
    """A SIGTERM after a preStop hook waits only for the rest of the delay."""
    assert await Airport().settle(plan(ago)) == Drained("", max(0, 5 - ago))


async def test_a_drain_waits_for_what_arrived_before_the_delay_was_over() -> None:
    """Also for a request that arrived in its last moment; it says what it waits for."""
    airport = Airport()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(airport.request, 7)
        tasks.start_soon(airport.request, 2)
        assert await airport.settle(plan()) == Drained("", 7)
    assert airport.said == ["1 request"]


async def test_a_drain_does_not_wait_for_what_arrives_later() -> None:
    """Steady traffic never stops; the process ends when the old requests have ended."""
    airport = Airport()

    async def steady_traffic() -> None:
        while True:
            tasks.start_soon(airport.request, 0.5)
            await anyio.sleep(0.1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(steady_traffic)
        drained = await airport.settle(plan())
        assert drained.left == ""
        assert 5.3 <= drained.took <= 5.6
        assert airport.flight.count > 0
        tasks.cancel_scope.cancel()


async def test_work_in_flight_is_waited_for_until_the_deadline() -> None:
    """After delay and timeout the drain is over, and says what it left behind."""
    airport = Airport()
    airport.flight.holds[object()] = "hold 'checkout job'"
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(airport.request, 60)
        drained = await airport.settle(plan())
        assert drained == Drained("2 requests, hold 'checkout job'", 20)
        assert airport.said == [drained.left]
        tasks.cancel_scope.cancel()


async def test_a_drain_past_its_deadline_waits_for_nothing() -> None:
    """However long ago it began."""
    airport = Airport()
    airport.flight.count = 1
    assert await airport.settle(plan(ago=1000)) == Drained("1 request", 0)


async def test_a_hold_delays_like_a_request() -> None:
    """And the drain ends with the last of the two kinds."""
    airport = Airport()
    token = object()
    flight = airport.flight
    flight.holds[token] = "job"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(airport.request, 6)

        async def job() -> None:
            await anyio.sleep(8)
            flight.holds.pop(token)
            flight.left()

        tasks.start_soon(job)
        assert await airport.settle(plan()) == Drained("", 8)


async def test_settling_can_be_cancelled_in_the_middle() -> None:
    """Whoever waits for the drain may stop waiting; the flight is unharmed."""
    airport = Airport()
    airport.flight.count = 1
    with anyio.move_on_after(6) as scope:
        await airport.settle(plan())
    assert scope.cancelled_caught
    assert await airport.settle(plan(ago=10, timeout=0)) == Drained("", 0)


def test_a_flight_shows_its_state() -> None:
    """In one line."""
    flight = Flight(None)
    assert repr(flight) == "<Flight requests=0 holds=0 open>"
    flight.count, flight.detour = 2, Detour.CLOSE
    flight.holds[object()] = "hold 'job'"
    assert repr(flight) == "<Flight requests=2 holds=1 close>"
