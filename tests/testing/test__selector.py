"""Deadlines in their order, and the selector that asks how to wait."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from healthkit.testing._selector import Moment, Selector

if TYPE_CHECKING:
    from healthkit.testing._selector import Events

TIMES = st.lists(st.sampled_from([0.0, 0.1, 0.3, 1.0]))


@given(TIMES)
def test_deadlines_at_one_time_keep_the_order_in_which_they_were_asked_for(
    times: list[float],
) -> None:
    """A sort by the time alone, which is stable, is the model."""
    moments = [Moment(when, order) for order, when in enumerate(times)]
    expected = sorted(range(len(times)), key=times.__getitem__)
    moments.reverse()  # a sort by the time alone would keep this order
    assert [one.order for one in sorted(moments)] == expected


def test_a_deadline_is_a_number_among_others() -> None:
    """The loop compares it with the time."""
    assert Moment(1.5, 7) < 2
    assert Moment(1.5, 7) - 1 == 0.5
    assert not Moment(1.5, 7) < 1.5


def test_the_selector_waits_as_it_is_told() -> None:
    """And really only when asked to; it knows whether anybody else can write to it."""
    asked: list[float | None] = []

    def wait(timeout: float | None) -> Events:
        asked.append(timeout)
        return []

    ours, theirs = socket.socketpair()
    with Selector(wait) as selector, ours, theirs:
        selector.register(ours, 1)
        assert selector.is_alone()
        assert selector.select(5) == selector.select() == []
        assert asked == [5, None]
        theirs.send(b"x")
        assert len(selector.really(0)) == 1
        selector.register(theirs, 1)
        assert not selector.is_alone()
