"""Numbers of pods, and percentages of them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.manifests._amounts import Amount, amount, rolling


@pytest.mark.parametrize(
    ("found", "read"),
    [
        (0, Amount(0, percent=False)),
        (3, Amount(3, percent=False)),
        (3.0, Amount(3, percent=False)),
        ("25%", Amount(25, percent=True)),
        ("250%", Amount(250, percent=True)),
    ],
)
def test_a_number_or_a_percentage_is_an_amount(found: float | str, read: Amount) -> None:
    """3.0 is whole, as it is for Go."""
    assert amount(found) == read


@pytest.mark.parametrize("found", [None, True, -1, 2.5, math.inf, math.nan, "3", "x%", "-1%", ""])
def test_all_else_is_none(found: float | str | None) -> None:
    """Nothing is guessed."""
    assert amount(found) is None


@given(st.integers(0, 1000), st.integers(0, 10_000))
def test_percentages_are_rounded_as_fractions_are(percent: int, pods: int) -> None:
    """Up or down, without a float in between."""
    exact = Fraction(percent * pods, 100)
    assert Amount(percent, percent=True).of(pods, round_up=True) == math.ceil(exact)
    assert Amount(percent, percent=True).of(pods, round_up=False) == math.floor(exact)


def test_a_rollout_can_always_go_on() -> None:
    """1 is taken where neither more nor less may be there, and never more than there are."""
    none = Amount(0, percent=False)
    assert rolling(none, none, 3).max_unavailable == 1
    assert rolling(Amount(9, percent=False), none, 3).max_unavailable == 3
