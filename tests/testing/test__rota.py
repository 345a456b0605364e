"""Whose turn it is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from healthkit.testing._rota import Rota


def test_everybody_has_a_turn() -> None:
    """Three are gone through over and over."""
    rota: Rota[str] = Rota()
    for name in "abc":
        rota.put(name, there=True)
    assert Counter(rota.next() for _ in range(9)) == {"a": 3, "b": 3, "c": 3}
    assert repr(rota) == "<Rota of 3>"


def test_nobody_has_no_turn() -> None:
    """An empty rota says so; who is not there can't go."""
    rota: Rota[str] = Rota()
    rota.put("a", there=False)
    assert rota.next() is None


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans())))
def test_it_is_a_set(steps: list[tuple[int, bool]]) -> None:
    """Whoever comes and goes, a round has each of those that are there, once."""
    rota: Rota[int] = Rota()
    there: set[int] = set()
    for one, comes in steps:
        rota.put(one, there=comes)
        (there.add if comes else there.discard)(one)
        rota.next()
    assert sorted(rota.next() or 0 for _ in there) == sorted(there)
