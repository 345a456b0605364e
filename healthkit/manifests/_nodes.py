"""YAML as nodes that know their place: mappings, lists and scalars."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from healthkit.manifests._scalars import Value

#: Where something stands in an object: the keys and the list's indexes that lead to it.
Path: TypeAlias = tuple[str | int, ...]


class Position(NamedTuple):
    """A place in the text, counted from 1."""

    line: int
    column: int


class _Placed:
    """What all nodes have."""

    __slots__ = ("height", "position", "size")

    def __init__(self, position: Position) -> None:
        self.position = position
        #: How many nodes it is, itself included, were its aliases written out.
        self.size = 1
        #: How many levels of collections it is.
        self.height = 0


class Scalar(_Placed):
    """A string, a number, true, false or null."""

    __slots__ = ("plain", "value")

    def __init__(self, position: Position, value: Value, *, plain: bool) -> None:
        super().__init__(position)
        self.value = value
        #: Whether it has neither quotes nor a tag.
        self.plain = plain


class Sequence(_Placed):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, position: Position) -> None:
        super().__init__(position)
        self.height = 1
        self.items: list[Node] = []


class Mapping(_Placed):
    """Keys and values, with what was merged into them."""

    __slots__ = ("entries",)

    def __init__(self, position: Position) -> None:
        super().__init__(position)
        self.height = 1
        #: Where each key stands, and its value.
        self.entries: dict[str, tuple[Position, Node]] = {}

    def get(self, key: str) -> Node | None:
        """Return a key's value."""
        entry = self.entries.get(key)
        return None if entry is None else entry[1]


Node = Scalar | Sequence | Mapping


def dotted(path: Path) -> str:
    """Return a path as the API server writes it: ``spec.containers[0].name``."""
    parts = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)
    return "".join(parts).removeprefix(".")


def position(root: Node, path: Path) -> Position:
    """Return where a path stands: its key, its list's item; or what is nearest above it.

    What a manifest lacks has a place too: that of the mapping that lacks it.
    """
    found, node = root.position, root
    for part in path:
        if isinstance(node, Mapping) and part in node.entries:
            found, node = node.entries[str(part)]
        elif isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
            node = node.items[part]
            found = node.position
        else:
            break
    return found
