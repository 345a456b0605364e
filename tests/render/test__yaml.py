"""Lines of YAML, written by hand."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from healthkit.render._yaml import comment, decimal, item, scalar, shown, under

#: All that UTF-8 has.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("text", ["shop", "/livez", "main:app", "shop:1.0.0", "a@sha256:0f", "a-b"])
def test_plain_words_need_no_quotes(text: str) -> None:
    """They are read as they are written."""
    assert scalar(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "y", "No", "NULL", "8000", "--port", "a:", "a b", "a #b", "~", "1e3", "a,b", "=", "-"],
)
def test_what_yaml_knows_is_quoted(text: str) -> None:
    """As numbers, words, comments, or its own marks."""
    assert scalar(text) == f'"{text}"'
    assert yaml.safe_load(scalar(text)) == text


@given(TEXT)
@example("\N{GRINNING FACE}\ufeff\u2028\x85\x00\x7f\t\r\n\\\"'")
@example("\ue000\uffff\U0010ffff")
def test_a_string_is_read_back_as_it_was(text: str) -> None:
    """Alone, as a value and in a list; in one line."""
    assert "\n" not in scalar(text)
    assert yaml.safe_load(scalar(text)) == text
    lines = [*under("key", [f"inner: {scalar(text)}"]), *under("list", item([scalar(text)]))]
    assert yaml.safe_load("\n".join(lines)) == {"key": {"inner": text}, "list": [text]}


@given(st.floats(0, 86_400))
@example(1e-7)
@example(5e-324)
def test_a_number_is_written_exactly(number: float) -> None:
    """Without an exponent, which a duration may not have."""
    assert float(decimal(number)) == number
    assert set(decimal(number)) <= set("0123456789.")


def test_whole_numbers_have_no_point() -> None:
    """And what is shown ends with the millisecond."""
    assert [decimal(one) for one in (0, 5.0, 100, 0.25)] == ["0", "5", "100", "0.25"]
    assert [shown(one) for one in (0, 100.0, 5.1999999, 0.25)] == ["0", "100", "5.2", "0.25"]


@given(st.text())
def test_a_comment_is_nothing_but_a_comment(text: str) -> None:
    """Whatever stands in it."""
    lines = comment(text)
    assert all(line.startswith("# ") and line.isprintable() for line in lines)
    assert yaml.safe_load("\n".join(lines).encode(errors="replace")) is None


def test_a_number_stays_with_its_unit() -> None:
    """At the end of a line."""
    for width in range(60, 80):
        assert comment("x" * width + " 35 s") in (
            [f"# {'x' * width} 35 s"],
            [f"# {'x' * width}", "# 35 s"],
        )


def test_the_comment_of_an_item_stands_above_it() -> None:
    """A dash needs something behind it."""
    assert item(["# why", "# so", "a: 1", "b: 2"]) == ["# why", "# so", "- a: 1", "  b: 2"]
