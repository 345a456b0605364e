"""A look at an object that refuses nothing: what is missing, or of another type, is not there.

For whoever wants to say all that is wrong with an object, and not only the first thing. `Fields` is
the same for whoever needs an object that the API server would take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.manifests._nodes import Mapping, Scalar, Sequence, dotted

if TYPE_CHECKING:
    from healthkit.manifests._document import Document
    from healthkit.manifests._nodes import Node, Path, Position
    from healthkit.manifests._scalars import Value

#: Whole numbers of the API reach from minus this to this, exclusive: no field is wider than int64.
_REACH: Final = 2**63


@dataclass(frozen=True, slots=True)
class Loose:
    """A place in an object, and what stands there. It is false if nothing does, or null."""

    document: Document
    path: Path = ()
    node: Node | None = None

    def __bool__(self) -> bool:
        return self.node is not None and not (
            isinstance(self.node, Scalar) and self.node.value is None
        )

    def __repr__(self) -> str:
        return f"<{dotted(self.path) or 'an object'} in {self.document.source.name}>"

    def __truediv__(self, part: str | int) -> Loose:
        """Return a field of it, or an item of its list; there or not."""
        node: Node | None = None
        if isinstance(self.node, Mapping):
            node = self.node.get(str(part))
        elif isinstance(self.node, Sequence) and isinstance(part, int):
            node = self.node.items[part] if 0 <= part < len(self.node.items) else None
        return Loose(self.document, (*self.path, part), node)

    @property
    def dotted(self) -> str:
        """Its path, as the API server writes it."""
        return dotted(self.path)

    @property
    def position(self) -> Position:
        """Where it stands in the text, or where what is nearest above it does."""
        return self.document.position(self.path)

    @property
    def value(self) -> Value:
        """A string, number, true or false; None for all else."""
        return self.node.value if isinstance(self.node, Scalar) else None

    @property
    def text(self) -> str:
        """A string; an empty one if it is none."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def whole(self) -> int | None:
        """A whole number of 64 bits; 3.0 is one, as it is for Go. None if it is none."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if -_REACH <= value < _REACH else None

    @property
    def flag(self) -> bool | None:
        """True or false; None if it is neither."""
        return self.value if isinstance(self.value, bool) else None

    @property
    def items(self) -> list[Loose]:
        """The items of a list; none if it is no list."""
        if not isinstance(self.node, Sequence):
            return []
        found = enumerate(self.node.items)
        return [Loose(self.document, (*self.path, i), node) for i, node in found]

    @property
    def all_keys(self) -> list[str]:
        """The keys of a mapping; none if it is no mapping."""
        return list(self.node.entries) if isinstance(self.node, Mapping) else []

    @property
    def keys(self) -> list[str]:
        """The keys of a mapping whose value is not null."""
        return [name for name in self.all_keys if self / name]

    @property
    def texts(self) -> tuple[str, ...]:
        """The strings of a list."""
        return tuple(one.text for one in self.items if isinstance(one.value, str))

    @property
    def table(self) -> dict[str, str]:
        """The strings of a mapping."""
        found = {name: (self / name).value for name in self.keys}
        return {name: value for name, value in found.items() if isinstance(value, str)}
