"""The fields of the objects that are read."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from healthkit.manifests._schema import SCHEMA

#: Where the package of schemas has each of our kinds.
FILES: Final = {
    "Pod": "pod-v1",
    "Deployment": "deployment-apps-v1",
    "StatefulSet": "statefulset-apps-v1",
    "DaemonSet": "daemonset-apps-v1",
    "Job": "job-batch-v1",
}

#: What the schemas call our types.
TYPES: Final = {
    "string": "string",
    "bool": "boolean",
    "int32": "integer",
    "int64": "integer",
    "list": "array",
    "object": "object",
    "{string}": "object",
    "{quantity}": "object",
}

#: A JSON schema: whatever it says.
Schema = dict[str, Any]

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


@cache
def schemas(version: str) -> Path:
    """Return where the strict schemas of a Kubernetes version are."""
    package = pytest.importorskip("kubernetes_validate", reason="it is in the dev extra")
    return Path(package.__file__).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict"


@cache
def definitions(version: str) -> dict[str, Schema]:
    """Return what the schemas refer to."""
    found = json.loads((schemas(version) / "_definitions.json").read_text())
    return found["$defs"]  # type: ignore[no-any-return]  # a file of that package


def resolved(schema: Schema, version: str) -> Schema:
    """Return what a schema refers to, or itself."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return definitions(version)[name] if name else schema


def kind_of(schema: Schema) -> str:
    """Return a schema's type, null apart."""
    found: str | list[str] = schema.get("type", "")
    return found if isinstance(found, str) else next(one for one in found if one != "null")


def differences(kind: str, schema: Schema, version: str, path: str) -> list[str]:
    """Return the fields that a schema has, and our table has not, or has with another type."""
    found: list[str] = []
    for name, field in resolved(schema, version)["properties"].items():
        ours, theirs = SCHEMA[kind].get(name, "nothing"), resolved(field, version)
        where, inner = f"{path}.{name}", ours.strip("[]")
        if ours in SCHEMA:
            found += differences(ours, theirs, version, where)
        elif ours.startswith("["):
            if kind_of(theirs) != "array":
                found.append(where)
            elif inner in SCHEMA:
                found += differences(inner, theirs["items"], version, where)
        elif ours not in {"any", "int or string"} and TYPES.get(ours) != kind_of(theirs):
            found.append(f"{where}: {ours}")
    return found


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("minor", range(25, 38))
def test_no_field_is_unknown_that_kubernetes_has(kind: str, minor: int) -> None:
    """In any of its versions: a field that is refused wrongly is a manifest that is."""
    version = f"1.{minor}"
    schema = json.loads((schemas(version) / f"{FILES[kind]}.json").read_text())
    assert differences(kind, schema, version, kind) == []
