"""Wrong values are refused in one line: the name, what was found, what was expected."""

from __future__ import annotations

import math
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import _validate
from healthkit.errors import ConfigError

SECRETS = [
    "postgres://user:hunter2@db.internal/app",
    "hunter2@db.internal",
    "user:hunter2",
    "hunter2 ",
    "hunter2\n",
    "-hunter2",
    "hunter2" * 10,
    "hünter2",
    "",
]


class _Lines:
    """A value whose repr has several lines, as arrays and data frames do."""

    def __repr__(self) -> str:
        return "first\nsecond"


@pytest.mark.parametrize(("value", "expected"), [(1, 1.0), (0.5, 0.5), (86_400, 86_400.0)])
def test_seconds_are_returned_as_a_float(value: float, expected: float) -> None:
    """Whole numbers will do; what comes back is a float."""
    found = _validate.seconds("delay", value, zero=False)
    assert (found, type(found)) == (expected, float)


def test_zero_seconds_are_a_matter_of_the_parameter() -> None:
    """0 is a delay but no interval, and the message says which it is."""
    assert _validate.seconds("delay", 0, zero=True) == 0.0
    with pytest.raises(ConfigError, match="^interval=0: expected seconds .* above 0 to 86400$"):
        _validate.seconds("interval", 0, zero=False)
    with pytest.raises(ConfigError, match="^delay=-1: expected seconds .* from 0 to 86400$"):
        _validate.seconds("delay", -1, zero=True)


@pytest.mark.parametrize(
    "value",
    [True, False, None, "5", b"5", [5], 5j, math.nan, math.inf, -math.inf, -0.1, 86_400.1],
)
def test_what_are_no_seconds_is_refused(value: object) -> None:
    """The line has the name, the value and what was expected."""
    line = f"^{re.escape(f'delay={value!r}: expected seconds as a number')} .*$"
    with pytest.raises(ConfigError, match=line):
        _validate.seconds("delay", value, zero=True)


def test_seconds_beyond_what_a_float_holds_are_refused() -> None:
    """A whole number of 400 digits is a wrong value like any other."""
    with pytest.raises(ConfigError, match="^delay=1000"):
        _validate.seconds("delay", 10**400, zero=True)


@settings(deadline=None, database=None)
@given(st.integers() | st.floats())
def test_seconds_are_in_the_range_or_refused(value: float) -> None:
    """Nothing but a number from 0 to a day ever gets through, unchanged."""
    if 0 <= value <= _validate.LONGEST:
        assert _validate.seconds("delay", value, zero=True) == value
    else:
        with pytest.raises(ConfigError, match="^delay="):
            _validate.seconds("delay", value, zero=True)


def test_whole_numbers_are_returned() -> None:
    """The least is allowed."""
    assert [_validate.whole("attempts", value, least=1, most=10**6) for value in (1, 2, 10**6)] == [
        1,
        2,
        10**6,
    ]


@pytest.mark.parametrize("value", [0, -1, 10**6 + 1, 1.0, True, "1", None])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    """Neither are floats without a fraction, nor True."""
    line = f"^{re.escape(f'attempts={value!r}: expected a whole number from 1 to 1000000')}$"
    with pytest.raises(ConfigError, match=line):
        _validate.whole("attempts", value, least=1, most=10**6)


def test_flags_are_returned() -> None:
    """True is True and False is False."""
    assert _validate.flag("required", value=True) is True
    assert _validate.flag("required", value=False) is False


@pytest.mark.parametrize("value", [0, 1, "no", "", None, []])
def test_what_is_no_flag_is_refused(value: object) -> None:
    """``"no"`` is truthy: guessing would turn it on."""
    line = f"^{re.escape(f'required={value!r}: expected True or False')}$"
    with pytest.raises(ConfigError, match=line):
        _validate.flag("required", value)


def test_text_is_returned_as_it_is() -> None:
    """It is for people: spaces and any script are allowed."""
    assert _validate.text("hold name", " checkout jöb ") == " checkout jöb "


@pytest.mark.parametrize("value", ["", " ", "\n", None, 5, b"job"])
def test_what_says_nothing_is_refused(value: object) -> None:
    """Blank text would be a blank in the log."""
    with pytest.raises(ConfigError, match=f"^{re.escape(f'hold name={value!r}: expected text')} "):
        _validate.text("hold name", value)


@pytest.mark.parametrize("value", ["a", "0", "db", "orders-db.primary_2", "A" * 63])
def test_names_are_returned(value: str) -> None:
    """Letters, digits and three separators, up to the length of a Kubernetes label."""
    assert _validate.name("check name", value) == value


@pytest.mark.parametrize("value", SECRETS)
def test_what_is_no_name_is_refused_without_being_shown(value: str) -> None:
    """A DSN that was given as a name does not get its password into the log."""
    with pytest.raises(ConfigError, match=r"^check name is no name at character \d+ of ") as caught:
        _validate.name("check name", value)
    assert "unter2" not in str(caught.value)
    assert "db.internal" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "position"),
    [("", "1 of 0"), ("-a", "1 of 2"), ("db:5432", "3 of 7"), ("a" * 64, "64 of 64")],
)
def test_the_first_wrong_character_is_counted(value: str, position: str) -> None:
    """The position stands in for the value that is not shown."""
    with pytest.raises(ConfigError, match=f"^name is no name at character {position}: expected 1 "):
        _validate.name("name", value)


@pytest.mark.parametrize(("value", "kind"), [(None, "NoneType"), (5, "int"), (b"db", "bytes")])
def test_a_name_that_is_no_text_is_refused_by_its_type(value: object, kind: str) -> None:
    """Only the type is shown."""
    with pytest.raises(ConfigError, match=f"^name='{kind}': expected 1 to 63 .*; pass name='...'$"):
        _validate.name("name", value)


@settings(deadline=None, database=None)
@given(st.text(alphabet=[*string.printable, "é", "٣"], max_size=70))
def test_a_name_is_what_the_sentence_says(value: str) -> None:
    """The pattern agrees with its own description, character by character."""
    inner = set(string.ascii_letters + string.digits + "_.-")
    good = 1 <= len(value) <= 63 and set(value) <= inner and value[0] not in "_.-"
    if good:
        assert _validate.name("name", value) == value
    else:
        with pytest.raises(ConfigError, match="^name is no name at character "):
            _validate.name("name", value)


@pytest.mark.parametrize("value", ["a\nb", _Lines()])
def test_a_value_of_several_lines_is_refused_in_one(value: object) -> None:
    """Whatever the value's repr looks like, the message is one line."""
    message = str(_validate.refuse("required", value, "True or False"))
    assert len(message.splitlines()) == 1


class _Broken:
    """A value that can't even be shown."""

    def __repr__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (10**5000, "<int>"),
        (_Broken(), "<_Broken>"),
        ("x" * 1000, "'" + "x" * 99 + "..."),
    ],
    ids=["huge", "broken", "long"],
)
def test_a_value_is_shown_shortly(value: object, shown: str) -> None:
    """A message stays a line, and it never fails itself."""
    assert str(_validate.refuse("it", value, "else")) == f"it={shown}: expected else"
