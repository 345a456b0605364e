"""What a YAML scalar means to Kubernetes."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from healthkit.manifests._scalars import Value, resolve

WORDS = {
    "y": True, "Y": True, "yes": True, "on": True, "true": True, "TRUE": True,
    "n": False, "No": False, "off": False, "false": False,
    "": None, "~": None, "null": None, "NULL": None,
    "yES": "yES", "oN": "oN", "nULL": "nULL", "None": "None", "True ": "True ",
}  # fmt: skip

NUMBERS = {
    "0": 0, "15": 15, "-15": -15, "+15": 15, "1_000": 1000,
    "017": 15, "0o17": 15, "0O17": 15, "0x1F": 31, "0b101": 5, "-0b11": -3, "-0x1f": -31,
    "08": 8.0, "019": 19.0, "3.0": 3.0, ".5": 0.5, "-.5": -0.5, "5.": 5.0, "1e3": 1000.0,
    "1E-3": 0.001, "18446744073709551615": 2**64 - 1, "18446744073709551616": float(2**64),
    "-9223372036854775808": -(2**63), ".inf": math.inf, "-.Inf": -math.inf,
}  # fmt: skip

STRINGS = [
    "1:30", "12:30:45", "2026-11-23", "2026-11-23T10:00:00Z", "1.2.3", "v1", "0o18", "0x", "0b2",
    "1e999", "-", "+", ".", "..", ".e5", "._5", "1e", "e5", "--1", "=", "<<", "9" * 5000, "0xg",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), {**WORDS, **NUMBERS}.items())
def test_plain_scalars_are_what_go_reads(text: str, value: Value) -> None:
    """Words and numbers of YAML 1.1, and Go's own."""
    found = resolve(text, None, plain=True)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", STRINGS)
def test_all_else_is_a_string(text: str) -> None:
    """Times, dates and versions among them, which other parsers make something of."""
    assert resolve(text, None, plain=True) == text


def test_nan_is_a_number() -> None:
    """No comparison is true of it."""
    assert resolve(".nan", None, plain=True) != resolve(".nan", None, plain=True)


@pytest.mark.parametrize("text", ["yes", "5", "", "null"])
@pytest.mark.parametrize("tag", [None, "!", "tag:yaml.org,2002:str", "!mine"])
def test_what_is_quoted_is_a_string(text: str, tag: str | None) -> None:
    """So is what has the tag of one, or one of somebody's own."""
    assert resolve(text, tag, plain=False) == text


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("int", "5", 5),
        ("float", "5", 5),
        ("float", "5.5", 5.5),
        ("bool", "y", True),
        ("null", "", None),
    ],
)
def test_a_tag_takes_the_quotes_away(tag: str, text: str, value: Value) -> None:
    """``!!int "5"`` is a number."""
    assert resolve(text, f"tag:yaml.org,2002:{tag}", plain=False) == value


@pytest.mark.parametrize(
    ("tag", "text"), [("int", "x"), ("int", "yes"), ("int", "5.5"), ("bool", "1"), ("null", "0")]
)
def test_a_tag_that_does_not_fit_is_refused(tag: str, text: str) -> None:
    """True is no whole number, though Python thinks so."""
    with pytest.raises(ValueError, match="^$"):
        resolve(text, f"tag:yaml.org,2002:{tag}", plain=False)


@given(st.integers(min_value=-(2**63), max_value=2**64 - 1))
def test_whole_numbers_are_themselves(number: int) -> None:
    """In all bases."""
    for text in (str(number), hex(number), oct(number), bin(number)):
        assert resolve(text, None, plain=True) == number


@given(st.text(max_size=20))
@example("0:_")
@example("1_000 pods")
def test_every_text_means_something(text: str) -> None:
    """A string is the text itself."""
    value = resolve(text, None, plain=True)
    assert not isinstance(value, str) or value == text
