"""HK005: the published schemas of Kubernetes, for whoever wants them asked too.

They know the fields of every kind, and their types, where the other rules read workloads only. They
come from a package that is optional, and read some megabytes for each object: so they are asked
only if `Options.schemas` says so.

The surprising fact: an object that says nothing wrong may be unknown to a schema, and is left
alone: a custom resource, or an API that the version doesn't have any more.
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from healthkit.errors import ConfigError
from healthkit.lint._facts.indexes import grouped
from healthkit.lint._finding import Severity
from healthkit.lint._options import written
from healthkit.lint._rule import About, Found, manifests_rule
from healthkit.manifests._loose import Loose
from healthkit.manifests._nodes import Mapping, Scalar
from healthkit.manifests._objects import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._manifests import Manifests
    from healthkit.lint._options import Version
    from healthkit.manifests._document import Document
    from healthkit.manifests._nodes import Node, Path

_EXTRA: Final = "pip install 'healthkit-asgi[schemas]'"

#: The kinds of Kubernetes' own: of groups without a dot, or of k8s.io. Both words are parts of
#: a file's name in the package.
_OWN: Final = re.compile(r"(([a-z]+|([a-z]+\.)+k8s\.io)/)?v[0-9a-z]+", re.ASCII)
_KIND: Final = re.compile(r"[A-Za-z]+", re.ASCII)

#: What a schema says of a field that it doesn't have.
_UNKNOWN_FIELD: Final = "additionalProperties"


class Fault(NamedTuple):
    """One place that doesn't fit."""

    path: Path
    #: What would, without a full stop.
    what: str
    #: Whether it is a field that there isn't: kubectl refuses it, the API server drops it.
    unknown_field: bool = False


class _Invalid(Protocol):
    """What the package raises for an object that doesn't fit (jsonschema's ValidationError)."""

    validator: str
    validator_value: object
    instance: object
    schema: object
    absolute_path: Path


class _Utils(Protocol):
    """The module with the error that the package itself doesn't show."""

    VersionNotSupportedError: type[Exception]


class _Package(Protocol):
    """What is used of ``kubernetes_validate``."""

    ValidationError: type[Exception]
    SchemaNotFoundError: type[Exception]
    utils: _Utils

    def validate(self, data: object, desired_version: str, *, strict: bool) -> str:
        """Raise if an object doesn't fit, or if there is no schema for it."""
        ...


@manifests_rule(
    About(
        id="HK005",
        severity=Severity.ERROR,
        title="does not fit the schema of that Kubernetes version",
        why="the API server refuses what is of another type, and drops what it doesn't know",
        fix="write what the API of that version has",
        source="https://github.com/yannh/kubernetes-json-schema, by way of kubernetes-validate; "
        "asked with --schemas only",
    )
)
def unfit(manifests: Manifests) -> Iterator[Found]:
    """Yield the first thing in each object that its schema doesn't allow."""
    if not manifests.options.schemas:
        return
    told = grouped(manifests.refusals, lambda pair: [id(pair[0].root)] if pair[0] else [])
    for thing in manifests.things:
        for fault in faults(thing.document, manifests.options.kube_version):
            refused = told.get(id(thing.document.root), [])
            if not any(_is_near(one.path, fault.path) for _, one in refused):
                yield _found(thing.document, fault)


def _found(document: Document, fault: Fault) -> Found:
    at = Loose(document, fault.path)
    if fault.unknown_field:
        return Found(at=at, what=fault.what, severity=Severity.WARNING)
    return Found(at=at, what=fault.what)


def _is_near(path: Path, other: Path) -> bool:
    """Whether one of two places is within the other."""
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


def require(version: Version) -> None:
    """Make sure that there are schemas of a Kubernetes version, before any is asked.

    Raises:
        ConfigError: the package isn't installed, or doesn't know the version.
    """
    package = _package()
    any_object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "any"}}
    try:
        package.validate(any_object, written(version), strict=True)
    except package.utils.VersionNotSupportedError as exc:
        raise ConfigError(
            f"found a kubernetes-validate without the schemas of Kubernetes {written(version)}: "
            f"expected a newer one; {_EXTRA} --upgrade"
        ) from exc


def faults(document: Document, version: Version) -> Iterator[Fault]:
    """Yield what the schema of a Kubernetes version says of an object: nothing, or one thing.

    Args:
        document: the object.
        version: one for which `require` has found the schemas.
    """
    package = _package()
    if not (_KIND.fullmatch(text(document, "kind")) and _OWN.fullmatch(_api(document))):
        return
    try:
        package.validate(_plain(document.root), written(version), strict=True)
    except package.SchemaNotFoundError:
        return
    except package.ValidationError as exc:
        yield _fault(cast("_Invalid", exc))


def _api(document: Document) -> str:
    return text(document, "apiVersion")


def _package() -> _Package:
    try:
        return cast("_Package", importlib.import_module("kubernetes_validate"))
    except ImportError as exc:
        raise ConfigError(
            "found no package kubernetes-validate, which has the schemas of Kubernetes: expected "
            f"it for the rule HK005; {_EXTRA}"
        ) from exc


def _plain(node: Node) -> object:
    """Return what stands in a document, without what is null: that is as if it weren't there."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        values = {key: value for key, (_, value) in node.entries.items()}
        return {key: _plain(value) for key, value in values.items() if not _is_null(value)}
    return [_plain(one) for one in node.items]


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _fault(exc: _Invalid) -> Fault:
    """Say what a schema wants. The value is not shown: it may be a Secret's."""
    path = tuple(exc.absolute_path)
    if exc.validator == _UNKNOWN_FIELD:
        name = _strangers(exc)[0]
        return Fault((*path, name), f"{name} is no field of it", unknown_field=True)
    if exc.validator == "type":
        return Fault(path, f"the value is no {_types(exc.validator_value)}")
    if exc.validator == "required":
        missing = _missing(exc)
        return Fault(path, f"lacks {', '.join(missing)}")
    return Fault(path, f"the value does not fit the schema ({exc.validator})")


def _strangers(exc: _Invalid) -> list[str]:
    known = cast("dict[str, object]", cast("dict[str, object]", exc.schema).get("properties", {}))
    return [name for name in cast("dict[str, object]", exc.instance) if name not in known]


def _missing(exc: _Invalid) -> list[str]:
    wanted, there = cast("list[str]", exc.validator_value), cast("list[str]", exc.instance)
    return [name for name in wanted if name not in there]


def _types(wanted: object) -> str:
    found = cast("list[str]", wanted) if isinstance(wanted, list) else [str(wanted)]
    return " or ".join(one for one in found if one != "null")
