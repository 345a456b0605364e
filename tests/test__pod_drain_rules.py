"""When the drain of a pod is over; how it comes there in time, tests/test__pod_drain.py plays."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from healthkit._facts import Facts
from healthkit._pod_drain_rules import Order, Sight, Stage, sight, told_at
from healthkit._state_dir import View
from tests.drains import a_record


def test_no_record_ends_the_delay() -> None:
    """Not even one that says it was written later than now, by a worker whose clock is another."""
    ahead = a_record(Facts(pid=12, app="", joined=0, told=7.0, drain_delay=5), 99.0)
    assert sight(Order(7.0), View((ahead,)), 11.9).stage is Stage.DELAY
    assert sight(Order(7.0), View((ahead,)), 12.0).stage is Stage.DRAINED


def test_whoever_was_first_counts() -> None:
    """A request, or a worker that has latched one that is there no more."""
    assert told_at(View()) is None
    assert told_at(View((), 7.0)) == 7.0
    facts = Facts(pid=1, app="", joined=0, told=6.0)
    assert told_at(View((a_record(facts, 8.0),), 7.0)) == 6.0


def test_a_drain_that_has_seen_workers_awaits_others() -> None:
    """By the settings of the last ones, until the delay is over or the limit is reached."""
    order, last = Order(7.0), Facts(pid=12, app="", joined=0, told=6.0, drain_delay=5)
    assert sight(order, View(), 7.0).stage is Stage.DESERTED
    assert sight(order, View(), 10.9, (last,)).stage is Stage.DELAY
    assert sight(order, View(), 11.0, (last,)).stage is Stage.DESERTED
    limited = Order(7.0, limit=2.0)
    assert sight(limited, View(), 8.9, (last,)).stage is Stage.DELAY
    assert sight(limited, View(), 9.0, (last,)).stage is Stage.DESERTED


def test_the_settings_of_the_living_come_first() -> None:
    """Whoever was there before has taken its own with it."""
    gone = Facts(pid=11, app="", joined=0, told=1.0, drain_delay=90, drain_timeout=90)
    living = Facts(pid=12, app="", joined=0, drain_delay=5, drain_timeout=15)
    seen = sight(Order(7.0), View((a_record(living, 7.0),)), 7.0, (gone,))
    assert (seen.delay_ends, seen.deadline) == (12.0, 27.0)


def test_what_is_in_flight_has_its_time_however_long_ago_the_drain_began() -> None:
    """The delay was over then; the timeout counts from when it was asked for."""
    facts = Facts(pid=12, app="", joined=0, told=1.0, drain_delay=5, drain_timeout=15, requests=1)
    for now, stage in ((100.0, Stage.WAITING), (114.9, Stage.WAITING), (115.0, Stage.GAVE_UP)):
        seen = sight(Order(100.0), View((a_record(facts, now),)), now)
        assert (seen.delay_ends, seen.deadline, seen.stage) == (6.0, 115.0, stage)


def test_a_worker_is_silent_when_it_is_late() -> None:
    """More than a second with latching, then with a record from after the delay."""
    deaf = a_record(Facts(pid=1, app="", joined=0), 9.0)
    latched = a_record(Facts(pid=2, app="", joined=0, told=0.0), 5.0)
    answered = a_record(Facts(pid=3, app="", joined=0, told=0.0), 5.1)
    for now, silent in [(1.0, []), (1.1, [deaf]), (6.0, [deaf]), (6.1, [deaf, latched])]:
        seen = Sight(now, (deaf, latched, answered), delay_ends=5.0, deadline=20.0)
        assert [peer for peer in seen.peers if seen.is_silent(peer, 0.0)] == silent
        assert not any(seen.is_silent(peer, now) for peer in seen.peers)


@given(
    asked=st.floats(1, 1e6),
    told=st.one_of(st.none(), st.floats(1, 1e6)),
    wanted=st.one_of(st.none(), st.floats(0, 1e4)),
    limit=st.one_of(st.none(), st.floats(0.1, 1e4)),
    now=st.floats(1, 2e6),
    lives=st.booleans(),
)
def test_a_sight_is_in_order(  # noqa: PLR0913  # what a drain depends on
    *,
    asked: float,
    told: float | None,
    wanted: float | None,
    limit: float | None,
    now: float,
    lives: bool,
) -> None:
    """The delay never ends later than wanted, the deadline is within the limit, and is the end."""
    facts = Facts(pid=1, app="", joined=0, told=told, drain_delay=5, drain_timeout=15)
    view = View((a_record(facts, now),) if lives else ())
    seen = sight(Order(asked, wanted, limit=limit), view, now, (facts,))
    assert seen.delay_ends <= asked + (5 if wanted is None else wanted)
    assert seen.deadline <= asked + (math.inf if limit is None else limit)
    assert seen.deadline <= max(seen.delay_ends, asked) + 15
    if now >= seen.deadline:
        assert seen.stage in ({Stage.DRAINED, Stage.GAVE_UP} if lives else {Stage.DESERTED})
    if now < min(seen.delay_ends, seen.deadline):
        assert seen.stage is Stage.DELAY
