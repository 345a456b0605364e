"""One rule for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from healthkit import lint
from healthkit.lint._formats import explained as _explained

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("rule", [rule.id for rule in lint.rules()])
def test_a_rule_says_all_that_there_is(rule: str) -> None:
    """What, why, the fix, the source, how it counts, examples, and how it is ignored."""
    text = _explained.text(rule)
    about = next(one for one in lint.rules() if one.id == rule)
    assert text.startswith(f"{rule}, {about.severity}: {about.title}\n\n")
    words = " ".join(text.split())
    for said in (about.why, about.fix, about.source, about.arithmetic):
        assert " ".join(said.split()) in words
    assert "This is told:\n\n    " in text
    assert "This is the same, mended:\n\n    " in text
    assert text.endswith(f'healthkit/ignore.{rule}: "the reason"\n')


def test_a_rule_without_numbers_has_no_arithmetic() -> None:
    """Nor a heading for it."""
    assert "\n\ncounts  " in _explained.text("HK202")
    assert "\n\ncounts  " not in _explained.text("HK002")


def test_examples_may_not_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed package has its own; those of a checkout are those of the tests."""
    (tmp_path / "HK202").mkdir()
    (tmp_path / "HK202" / "near.yaml").write_text("a: 1\n")
    monkeypatch.setattr(_explained, "_EXAMPLES", (tmp_path, tmp_path / "none"))
    assert _explained.examples("HK202") == {"near": "    a: 1"}
    assert "This is told" not in _explained.text("HK001")
