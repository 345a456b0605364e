"""RULES.md, and what it is made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from healthkit import lint
from healthkit.lint._formats import left_out as _left_out
from healthkit.lint._formats import rulebook as _rulebook
from healthkit.lint._formats import survey as _survey
from healthkit.lint._formats.left_out import LeftOut

if TYPE_CHECKING:
    import pytest

RULES_MD = Path(__file__).parents[3] / "RULES.md"


def test_rules_md_is_up_to_date() -> None:
    """`make rules` has written it since the rules have changed."""
    assert RULES_MD.read_text() == _rulebook.text()


def test_each_rule_is_in_the_table_and_has_a_section() -> None:
    """And nothing else has."""
    text = _rulebook.text()
    ids = [rule.id for rule in lint.rules()]
    assert (
        re.findall(r"^\| \[(HK\d+)\]\(#hk\d+\) \| (?:error|warning|info) \| ", text, re.MULTILINE)
        == ids
    )
    assert re.findall(r"^## (HK\d+)$", text, re.MULTILINE) == ids
    for rule in lint.rules():
        assert f"**Source:** {rule.source}" in text
        assert rule.arithmetic in text


def test_what_a_link_leads_to_is_there() -> None:
    """The examples, from the top level."""
    for target in re.findall(r"\]\(([^#)]+)\)", _rulebook.text()):
        assert (RULES_MD.parent / target).is_dir()


def test_the_survey_is_of_rules_that_there_are() -> None:
    """It is made anew when rules go."""
    assert {rule for rule, _, _ in _survey.FOUND} <= {rule.id for rule in lint.rules()}


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With who does it; a bar in a text is none of the table's."""
    monkeypatch.setattr(_left_out, "LEFT_OUT", (LeftOut("HK499", "a|b", "others"),))
    assert "| HK499 | a\\|b | others |" in _rulebook.text()
    monkeypatch.setattr(_left_out, "LEFT_OUT", ())
    assert "to other linters\n\nNothing.\n" in _rulebook.text()
