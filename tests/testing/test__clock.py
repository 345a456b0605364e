"""A clock of callbacks alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.errors import ConfigError
from healthkit.testing._clock import Schedule, length


@given(st.lists(st.integers(-3, 8)))
def test_callbacks_come_in_the_order_of_their_moments(moments: list[int]) -> None:
    """Those of one moment in the order in which they were asked for; what is past is now."""
    clock = Schedule(start=1.0)
    seen: list[tuple[float, int]] = []
    for order, moment in enumerate(moments):
        clock.call_at(moment, lambda order=order: seen.append((clock.now(), order)))  # type: ignore[misc]  # a default
    clock.run_until(5.0)
    due = [(max(1.0, moment), order) for order, moment in enumerate(moments) if moment <= 5]
    assert seen == sorted(due)
    assert clock.now() == 5.0


def test_what_is_cancelled_does_not_happen() -> None:
    """Cancelling again, or after it has happened, is harmless."""
    clock = Schedule()
    seen: list[str] = []
    never = clock.call_at(1, lambda: seen.append("never"))
    once = clock.call_at(2, lambda: seen.append("once"))
    never.cancel()
    never.cancel()
    clock.run_until(3)
    once.cancel()
    assert seen == ["once"]


def test_a_callback_may_ask_for_more() -> None:
    """What falls into the same stretch of time happens in it, at its own moment."""
    clock = Schedule()
    seen: list[float] = []
    clock.call_at(1, lambda: clock.call_at(0.5, lambda: seen.append(clock.now())))
    clock.call_at(1, lambda: clock.call_at(2, lambda: seen.append(clock.now())))
    clock.run_until(2)
    assert seen == [1, 2]


def test_time_never_goes_back() -> None:
    """Running until a moment that is past changes nothing."""
    clock = Schedule(start=4)
    clock.run_until(2)
    assert clock.now() == 4


def test_its_repr_says_where_it_stands() -> None:
    """The moment, and how much is to come."""
    clock = Schedule(start=1.5)
    clock.call_at(2, lambda: None)
    assert repr(clock) == "<Schedule at 1.5 s, 1 to come>"


def test_a_length_is_a_number_that_time_can_pass() -> None:
    """Infinity is one only where nothing waits for it."""
    assert length("within", 2 * 86_400) == 172_800
    assert length("listens_at", math.inf, endless=True) == math.inf
    with pytest.raises(ConfigError, match="listens_at=nan: expected seconds as a number from 0"):
        length("listens_at", math.nan, endless=True)
