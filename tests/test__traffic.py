"""What is in flight through one life, and who counts it."""

from __future__ import annotations

import asyncio
import threading

import anyio

from healthkit._drain import Detour
from healthkit._loop import Loop
from healthkit._streams import reconnects
from healthkit._traffic import Traffic
from tests.servers import Exchange, http_scope


def traffic_with(*paths: str) -> Traffic:
    """Make one with requests in the app; those for a feed are streams."""
    traffic = Traffic(lambda scope: scope["path"] == "/feed")
    for path in paths:
        traffic.flight.calls[Exchange().send] = http_scope(path)
    return traffic


def test_requests_streams_and_holds_are_counted_apart() -> None:
    """A thread's as well as the loop's, and in every flight."""
    traffic = traffic_with("/", "/", "/feed")
    traffic.enter(one_at_a_time=False)
    traffic.enter(one_at_a_time=False, is_stream=True)
    traffic.take("hold 'b'")
    traffic.open_anew()
    traffic.take("hold 'a'")
    traffic.enter(one_at_a_time=True)
    assert (traffic.in_flight, traffic.streams) == (4, 2)
    assert traffic.holds == ["hold 'a'", "hold 'b'"]
    assert repr(traffic) == (
        "<Traffic [<Flight requests=3 streams=2 holds=1 begin>,"
        " <Flight requests=1 streams=0 holds=1 begin>]>"
    )


def test_a_new_flight_goes_where_the_last_one_went() -> None:
    """Only what has something on board is kept."""
    traffic = traffic_with("/")
    first = traffic.flight
    traffic.divert(Detour.CLOSE)
    traffic.open_anew()
    assert [one.detour for one in traffic.flights] == [Detour.CLOSE, Detour.CLOSE]
    traffic.divert(None)
    assert [one.detour for one in traffic.flights] == [Detour.CLOSE, None]
    traffic.open_anew()
    assert traffic.flights == [first, traffic.flight]
    first.calls.clear()
    traffic.open_anew()
    assert traffic.flights == [traffic.flight]
    traffic.flight.calls[Exchange().send] = http_scope("/feed")
    assert (traffic.in_flight, traffic.streams) == (0, 1), "the rule goes with it"


def test_whose_rule_it_is() -> None:
    """The app's own costs a WSGI request a scope."""
    assert not Traffic(reconnects).has_own_rule
    assert traffic_with().has_own_rule


def test_a_hold_is_never_filed_in_a_closed_flight() -> None:
    """The loop may close the flight while another thread is about to take a hold."""
    traffic = traffic_with()

    class Closing(dict[object, str]):
        """A flight's holds; the flight is closed while the first one is filed."""

        def __setitem__(self, token: object, label: str) -> None:
            super().__setitem__(token, label)
            traffic.open_anew()

    closed = traffic.flight
    closed.holds = Closing()
    release = traffic.take("hold 'job'")
    assert (closed.manifest(), traffic.flight.manifest()) == ("", "hold 'job'")
    release()
    release()
    assert traffic.flight.manifest() == ""


async def test_whoever_waits_hears_of_a_thread_that_leaves() -> None:
    """On the loop, though the thread is not its own."""
    traffic = traffic_with()
    traffic.begin(Loop())
    flight = traffic.flight
    leave = traffic.enter(one_at_a_time=False)
    landed = asyncio.ensure_future(flight.landed())
    await anyio.sleep(1)
    assert not landed.done()
    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    assert flight.landing is not None
    assert not flight.landing.is_set(), "that is the loop's to do"
    await landed


async def test_without_a_loop_nobody_is_told() -> None:
    """Nobody can wait either."""
    traffic = traffic_with()
    leave = traffic.enter(one_at_a_time=True)
    traffic.flight.landing = anyio.Event()
    leave()
    assert not traffic.flight.landing.is_set()
    assert (traffic.flight.arrivals, traffic.flight.one_at_a_time) == (1, True)
