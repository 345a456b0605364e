"""Nodes know their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from healthkit.manifests._composer import documents
from healthkit.manifests._nodes import Mapping, position
from healthkit.manifests._source import Source

if TYPE_CHECKING:
    from healthkit.manifests._nodes import Path

TEXT = """\
a:
  b: 1
  c:
  - x
  -   d: 2
      e: {f: 3}
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("a",), (1, 1)),
        (("a", "b"), (2, 3)),
        (("a", "c"), (3, 3)),
        (("a", "c", 0), (4, 5)),
        (("a", "c", 1), (5, 7)),
        (("a", "c", 1, "e", "f"), (6, 11)),
        (("a", "nothing"), (1, 1)),
        (("a", "b", "deeper", 5), (2, 3)),
        (("a", "c", 7, "d"), (3, 3)),
        (("a", "c", "d"), (3, 3)),
        (("nothing",), (1, 1)),
        ((0,), (1, 1)),
    ],
)
def test_a_path_has_a_place(path: Path, place: tuple[int, int]) -> None:
    """What isn't there is where it would be: at what is nearest above it."""
    (root,) = documents(Source("x", TEXT))
    assert position(root, path) == place


def test_a_mapping_gives_its_values() -> None:
    """None for a key that it doesn't have."""
    (root,) = documents(Source("x", "a: 1"))
    assert isinstance(root, Mapping)
    assert root.get("a") is root.entries["a"][1]
    assert root.get("b") is None
