"""Patches that say of themselves that they are some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from healthkit.lint import _reading
from healthkit.lint._reading import Read, take
from healthkit.manifests._objects import objects
from healthkit.manifests._source import Source
from tests.lint.texts import SERVICE, read_text

if TYPE_CHECKING:
    from healthkit.manifests._document import Document
    from healthkit.manifests._source import Told

PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {template: {spec: {containers: [{name: web, livenessProbe: {$patch: delete}}]}}}
"""
TOLD = (
    "test.yaml:4: found $patch, so it is a patch: expected a whole object; "
    "render it first, as with kubectl kustomize"
)


def test_a_patch_is_no_object() -> None:
    """It is told if somebody has named it; in a directory it is left alone and counted."""
    named = read_text(PATCH)
    assert (named.documents, named.refusals, named.unusable) == ([], [], [TOLD])
    for other in (read_text(PATCH, named=False), read_text(PATCH, skip_others=True)):
        assert (other.documents, other.unusable, other.left_alone) == ([], [], 1)


def test_a_patch_keeps_no_other_from_being_looked_at() -> None:
    """Of the same text."""
    found = read_text(f"{PATCH}---\n{SERVICE}", named=False)
    assert [one.root.position.line for one in found.documents] == [6]
    assert (found.unusable, found.left_alone) == ([], 0)


class Searched(str):  # noqa: SLOT000  # it has a count of its own
    """A text that counts how often all of it is looked through for a word."""

    times = 0

    def __contains__(self, word: object, /) -> bool:
        self.times += 1
        return isinstance(word, str) and super().__contains__(word)


def test_a_text_is_looked_through_once_however_many_objects_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a large file takes as long as it is large, times the number of its objects."""

    def parsed(source: Source, told: Told) -> list[Document]:
        """Let PyYAML, which takes no kind of text but its own, have that."""
        plain = Source(source.name, f"{source.text}")
        return [replace(one, source=source) for one in objects(plain, told)]

    monkeypatch.setattr(_reading, "objects", parsed)
    times: list[int] = []
    for count in (1, 8):
        text, found = Searched("---\n".join([SERVICE] * count)), Read()
        take(found, Source("many.yaml", text), named=True)
        assert len(found.documents) == count
        times.append(text.times)
    assert times[0] == times[1]


@pytest.mark.parametrize(
    "data", ["{a: $patch}", "{a: [x, '$patch: delete']}", "{a: &a [1], b: *a} # $patch"]
)
def test_what_only_speaks_of_patches_is_an_object(data: str) -> None:
    """In a value, or in a comment; whatever aliases repeat."""
    found = read_text(f"apiVersion: v1\nkind: ConfigMap\ndata: {data}\n")
    assert (len(found.documents), found.unusable) == (1, [])
