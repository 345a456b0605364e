"""What is left to other linters."""

from __future__ import annotations

import re

import pytest

from healthkit import lint
from healthkit.lint._formats.left_out import LEFT_OUT, LeftOut

LINTERS = ("kube-linter", "kube-score", "polaris", "checkov")


@pytest.mark.parametrize("one", LEFT_OUT, ids=lambda one: one.id)
def test_what_is_left_out_is_done_elsewhere(one: LeftOut) -> None:
    """By a linter that is named; and no rule has its id, but for the part that it says."""
    assert re.match(r"HK[1-7]\d\d($|, )", one.id)
    assert any(name in one.elsewhere for name in LINTERS)
    assert one.id not in {rule.id for rule in lint.rules()}


def test_nothing_is_left_out_twice() -> None:
    """Each has its own line."""
    assert len({one.id for one in LEFT_OUT}) == len(LEFT_OUT)
