"""The fields of the objects that are read."""

from __future__ import annotations

from healthkit.manifests._schema import SCHEMA

LEAVES = {"string", "int32", "int64", "bool", "int or string", "object", "list", "any", "quantity"}


def test_every_type_is_known() -> None:
    """What a field names is a leaf, or is in the table."""
    for fields in SCHEMA.values():
        for kind in fields.values():
            assert kind.strip("[]{}") in LEAVES | SCHEMA.keys()


def test_every_type_is_used() -> None:
    """But for the kinds of objects that stand for themselves."""
    used = {kind.strip("[]{}") for fields in SCHEMA.values() for kind in fields.values()}
    assert SCHEMA.keys() - used == {"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job"}


def test_fields_are_sorted() -> None:
    """So that a new one finds its place."""
    for fields in SCHEMA.values():
        assert list(fields) == sorted(fields)
