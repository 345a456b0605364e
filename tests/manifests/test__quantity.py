"""Quantities: what they are, as exact numbers."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.manifests._quantity import quantity

SUFFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(1000), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12),
    "P": Fraction(10**15), "E": Fraction(10**18), "Ki": Fraction(1024), "Mi": Fraction(2**20),
    "Gi": Fraction(2**30), "Ti": Fraction(2**40), "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1000m", "1"), ("0.5", "500m"), (".5", "0.50"), ("1.", "+1"), ("1e3", "1k"),
        ("1E3", "1e+3"), ("1e-3", "1m"), ("1Gi", "1024Mi"), ("1.5Gi", "1536Mi"), ("-1k", "-1000"),
        (" 1 ", "1"), ("0.1n", "1n"), ("-0.1n", "-1n"), ("1e-99", "1n"), ("007", "7"),
    ],
)  # fmt: skip
def test_quantities_are_compared_by_value(text: str, same: str) -> None:
    """Whatever their suffix; what is finer than a billionth is rounded away from 0."""
    assert quantity(text) == quantity(same)


@pytest.mark.parametrize("text", ["0", "+", "-", ".", "Ki", "0e9", "0.000Gi"])
def test_what_has_no_digit_is_zero(text: str) -> None:
    """As it is for the API server's parser."""
    assert quantity(text) == 0


@pytest.mark.parametrize(
    "text",
    ["", " ", "1g", "1gi", "512mb", "1 Gi", "abc", "1Ki5", "e", "1e", "1.2.3", "--1", "1e+", "inf",
     "1e99999999999999999999", "1\u0660", "1Gi\n1"],
)  # fmt: skip
def test_what_is_no_quantity_is_refused(text: str) -> None:
    """In the API server's words."""
    with pytest.raises(ValueError, match="^quantities must match the regular expression"):
        quantity(text)


def test_far_exponents_take_no_time() -> None:
    """They are as good as a thousand: nothing has so many bytes."""
    assert quantity("1e999999999") == quantity("1e1000")
    assert quantity("1e-999999999") == Fraction(1, 10**9)


@given(
    st.sampled_from(["", "+", "-"]),
    st.integers(0, 10**12),
    st.integers(0, 999),
    st.sampled_from(sorted(SUFFIXES)),
)
def test_a_number_is_multiplied_by_its_suffix(
    sign: str, whole: int, places: int, suffix: str
) -> None:
    """Exactly, where it has no more than nine decimals."""
    value = (whole + Fraction(places, 1000)) * SUFFIXES[suffix] * (-1 if sign == "-" else 1)
    found = quantity(f"{sign}{whole}.{places:03}{suffix}")
    if value % Fraction(1, 10**9) == 0:
        assert found == value
    else:
        assert abs(value) < abs(found) < abs(value) + Fraction(1, 10**9)


@given(st.text("0123456789.+-eEinumkKMGTP ", max_size=8))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """Nothing else is ever raised."""
    with contextlib.suppress(ValueError):
        assert isinstance(quantity(text), Fraction)
