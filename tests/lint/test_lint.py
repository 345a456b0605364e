"""The door of healthkit.lint."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from healthkit import lint
from healthkit.errors import ConfigError
from tests.lint.texts import FINE, STRETCHED

if TYPE_CHECKING:
    from pathlib import Path


def test_files_and_texts_are_checked(tmp_path: Path) -> None:
    """To the same, but for the name."""
    path = tmp_path / "deploy.yaml"
    path.write_text(STRETCHED)
    of_file = lint.check([path])
    of_text = lint.check_text(STRETCHED, str(path))
    assert (
        of_file
        == of_text
        == lint.check([str(tmp_path)])
        == lint.check_text(STRETCHED.encode(), str(path))
    )
    assert [one.rule for one in of_file.findings] == ["HK202"]


def test_a_text_has_a_name_for_findings() -> None:
    """`manifest`, if nobody says another; a long one is told in full."""
    assert [one.file for one in lint.check_text(STRETCHED).findings] == ["manifest"]
    name = "a/" * 100 + "b.yaml"
    assert [one.file for one in lint.check_text(STRETCHED, name).findings] == [name]


def test_what_cannot_be_used_is_told() -> None:
    """A text that is no YAML is in the report; one that is no text is refused."""
    assert len(lint.check_text("a: [").unusable) == 1
    assert lint.check_text("").unusable == ("manifest: found nothing: expected Kubernetes objects",)
    with pytest.raises(ConfigError, match="not UTF-8"):
        lint.check_text(b"\xff")


def test_options_reach_the_rules() -> None:
    """Which of them are asked."""
    assert lint.check_text(STRETCHED, options=lint.Options(only=frozenset())).findings == ()
    assert lint.check_text(FINE, options=lint.Options(kube_version=(1, 25))).findings == ()


def test_rules_are_in_order_and_each_id_is_one() -> None:
    """Once shipped it keeps its meaning."""
    ids = [rule.id for rule in lint.rules()]
    assert ids == sorted(set(ids))
    for rule in lint.rules():
        assert rule.title
        assert not f"{rule.title}{rule.why}{rule.fix}".endswith(".")


def test_severities_have_an_order() -> None:
    """The worst is first."""
    assert [one.rank for one in lint.Severity] == [0, 1, 2]


def test_the_engine_is_not_imported() -> None:
    """Nor what is optional: a linter starts at once."""
    program = "import sys, healthkit.lint; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own words
    assert set(done.stdout.split()).isdisjoint({"asyncio", "anyio", "starlette", "yaml", "rich"})
