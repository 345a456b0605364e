"""Patches that say of themselves that they are some."""

from __future__ import annotations

import pytest

from tests.lint.texts import SERVICE, read_text

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


@pytest.mark.parametrize(
    "data", ["{a: $patch}", "{a: [x, '$patch: delete']}", "{a: &a [1], b: *a} # $patch"]
)
def test_what_only_speaks_of_patches_is_an_object(data: str) -> None:
    """In a value, or in a comment; whatever aliases repeat."""
    found = read_text(f"apiVersion: v1\nkind: ConfigMap\ndata: {data}\n")
    assert (len(found.documents), found.unusable) == (1, [])
