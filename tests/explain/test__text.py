"""A workload told in words and numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from healthkit.explain import Explanation, as_text, explain, svg
from healthkit.explain._text import WIDTH, _wrapped, plain
from healthkit.manifests import read
from tests.explain.pods import EXPLANATIONS

HERE = Path(__file__).parent

#: Kept beside the project; the package does without.
CHARTS = Path(__file__).parents[3] / "shared/rendered-charts"


@pytest.mark.parametrize("name", ["good", "bad"])
def test_a_manifest_is_told_to_the_letter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of a good one and of a bad one."""
    monkeypatch.chdir(HERE)
    (one,) = read(f"{name}.yaml")
    assert as_text(explain(one)) == (HERE / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted(CHARTS.glob("*.yaml")) or [None], ids=lambda path: str(path and path.stem)
)
def test_real_manifests_are_told_and_drawn(path: Path | None) -> None:
    """Rendered public charts."""
    if path is None:
        pytest.skip("the charts are kept beside the project, and are not here")
    for one in map(explain, read(path)):
        assert all(len(line) <= WIDTH for line in as_text(one).splitlines())
        assert svg([one]).startswith("<svg ")


@given(EXPLANATIONS)
def test_no_line_is_longer_than_a_terminal(found: Explanation) -> None:
    """Whatever stands in the manifest; and all of it is printable ASCII."""
    text = as_text(found)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert len(line) <= WIDTH
        assert line.isascii()
        assert line == "" or line.isprintable()
        assert line == line.rstrip()


def test_what_is_not_ascii_is_escaped() -> None:
    """So that no terminal does what a manifest wants."""
    assert plain("caf\xe9 \x1b[31m \u4f60") == r"caf\xe9 \x1b[31m \u4f60"


def test_no_line_ends_with_a_blank() -> None:
    """Also not where a word that is longer than a line would begin at its end."""
    for length in range(70, 81):
        lines = _wrapped(f"{'a' * length} {'b' * 90}", "")
        assert lines == [line.rstrip() for line in lines]
