"""Patches that say of themselves that they are some, by a key ``$patch``: parts of objects.

No object has such a key (kubernetes.io, "Update API Objects in Place Using kubectl patch"), and
what such a patch lacks, its object has: so nothing is to be said of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.manifests._nodes import Mapping, Sequence

if TYPE_CHECKING:
    from healthkit.manifests._document import Document
    from healthkit.manifests._nodes import Node
    from healthkit.manifests._source import Refusal, Source

_KEY: Final = "$patch"

_REASON: Final = (
    f"found {_KEY}, so it is a patch: expected a whole object; "
    "render it first, as with kubectl kustomize"
)


def may_have_patches(source: Source) -> bool:
    """Whether a text has the key anywhere. To be asked once, and not of each of its objects."""
    return _KEY in source.text


def patch(document: Document) -> Refusal | None:
    """Return what is to be said of a document that is a patch; None of one that is none."""
    nodes: list[Node] = [document.root]
    seen = set[int]()
    while nodes:
        node = nodes.pop()
        if isinstance(node, Mapping) and _KEY in node.entries:
            return document.source.error(_REASON, node.entries[_KEY][0].line, "object")
        if id(node) not in seen:  # an alias is the very node that its anchor named
            seen.add(id(node))
            nodes += _below(node)
    return None


def _below(node: Node) -> list[Node]:
    if isinstance(node, Mapping):
        return [value for _, value in node.entries.values()]
    return node.items if isinstance(node, Sequence) else []
