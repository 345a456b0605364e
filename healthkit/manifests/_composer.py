"""Documents of a YAML text, with aliases and merge keys followed, and with limits.

The parser's events are put together here, without recursion, because PyYAML's own composer recurses
as deep as a text wants it to, and what follows it does what an alias bomb asks for. An alias is the
very node that its anchor named; what it would be as text is only counted.

The surprising fact: PyYAML lets a key stand twice; the last one wins, and the first is a field that
somebody believes to be set. Here it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.manifests._nodes import Mapping, Scalar, Sequence
from healthkit.manifests._parser import events
from healthkit.manifests._scalars import resolve
from healthkit.manifests._source import quoted, refuse

if TYPE_CHECKING:
    from healthkit.errors import ConfigError
    from healthkit.manifests._nodes import Node, Position
    from healthkit.manifests._parser import Event
    from healthkit.manifests._source import Source, Told

#: How deep collections may be nested. The deepest definitions of well-known operators need 40.
DEEPEST: Final = 200

#: How many nodes a text may have, those that its aliases repeat counted each time.
MOST: Final = 1_000_000


def documents(source: Source, told: Told = refuse) -> list[Node]:
    """Return the documents of a text; those that are empty are left out.

    Args:
        source: the text.
        told: called with each key that stands twice. If it returns, the last one counts, as it does
            for PyYAML and for Go's parser when it isn't strict.

    Raises:
        ConfigError: PyYAML is missing; the text is no YAML; it is nested too deep, or repeats too
            much by aliases; a key stands twice.
    """
    composer = _Composer(source, told)
    for event in events(source):
        composer.take(event)
    return [one for one in composer.roots if not (isinstance(one, Scalar) and one.value is None)]


class _Composer:
    """Makes nodes of events."""

    def __init__(self, source: Source, told: Told) -> None:
        self.roots: list[Node] = []
        self._source = source
        self._told = told
        #: The collections that have begun and not ended.
        self._open: list[_OpenSequence | _OpenMapping] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def take(self, event: Event) -> None:
        """Go on by one event."""
        match event.kind:
            case "document":
                self._anchors.clear()
            case "scalar":
                self._add(self._named(event, self._scalar(event)), event.position)
            case "sequence":
                self._begin(event, _OpenSequence(Sequence(event.position)))
            case "mapping":
                self._begin(event, _OpenMapping(Mapping(event.position), self._source, self._told))
            case "end":
                node = self._open.pop().ended()
                self._add(node, node.position)
            case _:
                self._add(self._aliased(event), event.position)

    def _scalar(self, event: Event) -> Scalar:
        try:
            value = resolve(event.text, event.tag, plain=event.plain)
        except ValueError as exc:
            reason = f"found {quoted(event.text)}: expected what its tag {event.tag} says"
            raise self._error(reason, event.position) from exc
        return Scalar(event.position, value, plain=event.plain)

    def _begin(self, event: Event, collection: _OpenSequence | _OpenMapping) -> None:
        self._named(event, collection.node)
        self._open.append(collection)
        self._within(0, event.position)

    def _named(self, event: Event, node: Node) -> Node:
        """Count a new node, and remember it by its anchor."""
        self._more(1, event.position)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: Event) -> Node:
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            raise self._error(f"found *{name}: expected &{name} before it", event.position)
        if any(node is one.node for one in self._open):
            raise self._error(f"found *{name}: &{name} would be inside of itself", event.position)
        self._more(node.size, event.position)
        return node

    def _add(self, node: Node, position: Position) -> None:
        """Put a complete node where it belongs."""
        if not self._open:
            self.roots.append(node)
            return
        self._within(node.height, position)
        top = self._open[-1]
        top.node.size += node.size
        top.node.height = max(top.node.height, node.height + 1)
        top.add(node, position)

    def _more(self, count: int, position: Position) -> None:
        self._count += count
        if self._count > MOST:
            what = f"more than {MOST:,} values, those that aliases repeat counted each time"
            raise self._error(f"{what}: split the file", position)

    def _within(self, height: int, position: Position) -> None:
        if len(self._open) + height > DEEPEST:
            raise self._error(f"nested more than {DEEPEST} levels deep", position)

    def _error(self, reason: str, position: Position) -> ConfigError:
        return self._source.error(reason, position.line)


class _OpenSequence:
    """A list that has begun."""

    def __init__(self, node: Sequence) -> None:
        self.node = node

    def add(self, node: Node, _position: Position) -> None:
        """Take the next item."""
        self.node.items.append(node)

    def ended(self) -> Node:
        """Return the complete list."""
        return self.node


class _OpenMapping:
    """A mapping that has begun: keys and values come in turn."""

    def __init__(self, node: Mapping, source: Source, told: Told) -> None:
        self.node = node
        self._source = source
        self._told = told
        #: What ``<<`` has brought. A key that is written out wins, wherever it stands.
        self._merged: dict[str, tuple[Position, Node]] = {}
        #: The key whose value comes next, and where it stands.
        self._key: tuple[Scalar, Position] | None = None

    def add(self, node: Node, position: Position) -> None:
        """Take the next key, or its value."""
        if self._key is None:
            self._key = (self._as_key(node, position), position)
            return
        (key, where), self._key = self._key, None
        if key.plain and key.value == "<<":
            self._merge(node, where)
        else:
            self._set(_json_key(key), where, node)

    def ended(self) -> Node:
        """Return the complete mapping."""
        if self._merged:
            self.node.entries = {**self._merged, **self.node.entries}
        return self.node

    def _as_key(self, node: Node, position: Position) -> Scalar:
        if isinstance(node, Scalar) and node.value is not None:
            return node
        found = "null" if isinstance(node, Scalar) else "a mapping or a list"
        reason = f"found {found} as a key: expected a string"
        is_scalar = isinstance(node, Scalar)
        template = None if is_scalar else self._source.template(reason, position.line)
        raise template or self._source.error(reason, position.line)

    def _set(self, key: str, where: Position, node: Node) -> None:
        if key in self.node.entries:
            first = self.node.entries[key][0].line
            reason = f"found the key {quoted(key)} twice, in line {first} too: keep one"
            self._told(self._source.error(reason, where.line, "duplicate"))
        self.node.entries[key] = (where, node)

    def _merge(self, node: Node, where: Position) -> None:
        """Take what others have; of several the first that has a key wins."""
        for one in node.items if isinstance(node, Sequence) else [node]:
            if not isinstance(one, Mapping):
                reason = "expected a mapping, or a list of mappings, after <<"
                raise self._source.error(reason, where.line)
            self._merged = {**one.entries, **self._merged}


def _json_key(key: Scalar) -> str:
    """Return a key as JSON has it: sigs.k8s.io/yaml makes strings of numbers and booleans."""
    return str(key.value).lower() if isinstance(key.value, bool) else str(key.value)
