"""A look at an object that refuses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.manifests._loose import Loose
from healthkit.manifests._objects import objects
from healthkit.manifests._source import Source

TEXT = """\
apiVersion: v1
kind: Thing
text: a
whole: 3
also: 3.0
half: 3.5
huge: 18446744073709551615
least: -9223372036854775808
bad: 1e300
flag: true
nothing: null
items: [a, 1, null]
table: {a: x, b: 1, c: null, d: ''}
deep: {er: [{name: b}]}
"""


def thing(text: str = TEXT) -> Loose:
    """Return the only object of a text."""
    (document,) = objects(Source("test.yaml", text))
    return Loose(document, (), document.root)


def test_what_is_missing_is_false() -> None:
    """And so is null; an empty string and false are there."""
    root = thing()
    assert root / "text"
    assert root / "table" / "d"
    for part in ("nothing", "gone"):
        assert not root / part
        assert not root / part / "deeper" / 3


def test_values_are_of_one_type_or_not_there() -> None:
    """None is made of another."""
    root = thing()
    assert [(root / name).text for name in ("text", "whole", "flag", "items")] == ["a", "", "", ""]
    assert [(root / name).flag for name in ("flag", "text", "whole")] == [True, None, None]
    assert (root / "half").value == 3.5
    assert (root / "items").value is None


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("whole", 3),
        ("also", 3),
        ("half", None),
        ("huge", None),
        ("least", -(2**63)),
        ("bad", None),
        ("flag", None),
        ("text", None),
        ("gone", None),
    ],
)
def test_a_whole_number_is_of_64_bits(name: str, whole: int | None) -> None:
    """No field of the API is wider, and what is computed of it stays finite."""
    assert (thing() / name).whole == whole


def test_lists_and_mappings() -> None:
    """What is none has no items and no keys."""
    root = thing()
    assert [one.value for one in (root / "items").items] == ["a", 1, None]
    assert (root / "items").texts == ("a",)
    assert (root / "table").keys == ["a", "b", "d"]
    assert (root / "table").all_keys == ["a", "b", "c", "d"]
    assert (root / "table").table == {"a": "x", "d": ""}
    for name in ("text", "items", "gone"):
        assert (root / name).keys == (root / name).all_keys == []
    for name in ("text", "table", "gone"):
        assert (root / name).items == []


def test_items_by_their_index() -> None:
    """There is none before the first and behind the last; a mapping has none."""
    items = thing() / "items"
    assert (items / 1).whole == 1
    assert not items / 3
    assert (items / -1).node is None
    assert not items / "a"


def test_a_place_has_a_path_and_a_position() -> None:
    """What isn't there stands where what lacks it does."""
    deep = thing() / "deep" / "er" / 0 / "name"
    assert deep.dotted == "deep.er[0].name"
    assert deep.position == (14, 14)
    assert (thing() / "deep" / "er" / 0 / "other").position == (14, 13)
    assert (thing() / "items" / 17).position == (12, 1)
    assert repr(deep) == "<deep.er[0].name in test.yaml>"
    assert repr(thing()) == "<an object in test.yaml>"


_PARTS = st.one_of(
    st.sampled_from(["text", "items", "table", "deep", "er", "name", "0"]), st.integers()
)


@given(st.lists(_PARTS, max_size=5))
def test_any_path_leads_somewhere(parts: list[str | int]) -> None:
    """Whatever stands there, each view of it answers."""
    place = thing()
    for part in parts:
        place /= part
    assert place.position.line >= 1
    assert [bool(place), place.text, place.whole, place.flag, place.keys, place.items] != []
    assert len(place.path) == len(parts)
