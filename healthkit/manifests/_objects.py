"""The objects of a text, each with its kind: documents, and the items of Lists.

Only the kinds that make pods are read on. All others need to be objects, with `apiVersion` and
`kind`, and may say what they will.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.manifests import _workloads
from healthkit.manifests._composer import documents
from healthkit.manifests._document import Document
from healthkit.manifests._nodes import Mapping, Scalar, Sequence
from healthkit.manifests._source import Refusal, quoted, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.manifests._nodes import Node
    from healthkit.manifests._source import Source, Told
    from healthkit.manifests._spec import Workload


def workloads(source: Source) -> Iterator[Workload]:
    """Yield the workloads, in the text's order.

    Raises:
        ConfigError: something in the text is no YAML, no object, or would be refused.
    """
    for document in objects(source):
        kind = text(document, "kind")
        version = text(document, "apiVersion")
        if is_read(document, kind, version):
            yield _workloads.read(document, kind)


def objects(source: Source, told: Told = refuse) -> Iterator[Document]:
    """Yield all objects, whatever their kind; of a List its items, and not the List.

    Args:
        source: the text.
        told: called with each key that stands twice, and with each document that is no object. If
            it returns, that document is left out.

    Raises:
        ConfigError: the text is no YAML.
    """
    for root in documents(source, told):
        yield from _flat(source, root, told)


def kinds(source: Source) -> list[str]:
    """Return the kinds of all objects, each once."""
    return sorted({text(document, "kind") for document in objects(source)})


def _flat(source: Source, root: Node, told: Told) -> Iterator[Document]:
    try:
        document = _object(source, root)
    except Refusal as fault:
        told(fault)
        return
    items = document.root.get("items")
    if not (text(document, "kind").endswith("List") and isinstance(items, Sequence)):
        yield document
        return
    for item in items.items:
        yield from _flat(source, _typed(item, document), told)


def _typed(item: Node, parent: Document) -> Node:
    """Give an item that doesn't say what it is the type that its list has.

    A RoleList's is a Role; of a plain List nobody can tell (apimachinery 1.36
    pkg/apis/meta/v1/unstructured/helpers.go, decodeToList).
    """
    kind, where = text(parent, "kind").removesuffix("List"), parent.root.entries["kind"][0]
    if not isinstance(item, Mapping) or not kind or {"kind", "apiVersion"} <= item.entries.keys():
        return item
    whole = Mapping(item.position)
    said = Scalar(where, kind, plain=True)
    whole.entries = {**item.entries, "kind": (where, said)}
    whole.entries["apiVersion"] = parent.root.entries["apiVersion"]
    return whole


def _object(source: Source, root: Node) -> Document:
    """Return what has an apiVersion and a kind."""
    if not isinstance(root, Mapping):
        found = "a list" if isinstance(root, Sequence) else "no object"
        reason = f"found {found}: expected a Kubernetes object, with apiVersion and kind"
        raise source.error(reason, root.position.line, "object")
    document = Document(source, root)
    for name, called in (("kind", "Kind"), ("apiVersion", "apiVersion")):
        if not text(document, name):
            reason = f"Object '{called}' is missing: expected apiVersion and kind"
            raise document.error((name,), reason, named=(), kind="object")
    return document


def text(document: Document, name: str) -> str:
    """Return one of the two strings that every object has; an empty one if it has not."""
    node = document.root.get(name)
    value = node.value if isinstance(node, Scalar) else None if node is None else False
    if value is None or isinstance(value, str):
        return value or ""
    found = str(value).lower() if isinstance(node, Scalar) else "a mapping or a list"
    raise document.error((name,), f"found {found}: expected a string", kind="object")


def is_read(document: Document, kind: str, version: str) -> bool:
    """Whether an object is of a kind that makes pods.

    Others may have a kind of the same name: the groups of custom resources have a dot, and those
    of Kubernetes have none, or end with k8s.io.
    """
    served = _workloads.VERSIONS.get(kind)
    group, _, _ = version.rpartition("/")
    if served is None or ("." in group and not group.endswith(".k8s.io")):
        return False
    if version != served:
        reason = f"no matches for kind {quoted(kind)} in version {quoted(version)}"
        raise document.error(("apiVersion",), f"{reason}: expected {served}", named=())
    return True
