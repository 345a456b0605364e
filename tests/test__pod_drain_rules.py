"""When the drain of a pod is over; how it comes there in time, tests/test__pod_drain.py plays."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from healthkit._facts import Facts
from healthkit._pod_drain_rules import Order, Stage, sight, told_at
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


@given(
    asked=st.floats(1, 1e6),
    told=st.one_of(st.none(), st.floats(1, 1e6)),
    wanted=st.one_of(st.none(), st.floats(0, 1e4)),
    limit=st.one_of(st.none(), st.floats(0.1, 1e4)),
    now=st.floats(1, 2e6),
)
def test_a_sight_is_in_order(
    asked: float, told: float | None, wanted: float | None, limit: float | None, now: float
) -> None:
    """The delay never ends later than wanted, the deadline is within the limit, and is the end."""
    facts = Facts(pid=1, app="", joined=0, told=told, drain_delay=5, drain_timeout=15)
    seen = sight(Order(asked, wanted, limit=limit), View((a_record(facts, now),)), now)
    assert seen.delay_ends <= asked + (5 if wanted is None else wanted)
    assert seen.deadline <= asked + (math.inf if limit is None else limit)
    assert seen.deadline <= seen.delay_ends + 15
    if now >= seen.deadline:
        assert seen.stage in {Stage.DRAINED, Stage.GAVE_UP}
    if now < min(seen.delay_ends, seen.deadline):
        assert seen.stage is Stage.DELAY
