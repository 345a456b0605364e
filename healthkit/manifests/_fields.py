"""Objects decoded: nodes to fields of the types that the schema says, or the line that is wrong.

What JSON's decoder does in the API server: a field that is null is not there; a string is never
made of a number, nor a number of a string.

The surprising fact: 3.0 is a whole number. YAML is made JSON before it is decoded, and Go writes
the float 3.0 as 3 (encoding/json encode.go floatEncoder, strconv.FormatFloat with precision -1).
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, TypeVar, cast

from healthkit.manifests._document import Spot
from healthkit.manifests._nodes import Mapping, Scalar, Sequence, dotted
from healthkit.manifests._quantity import RULE, quantity
from healthkit.manifests._schema import SCHEMA
from healthkit.manifests._source import Refusal, quoted, refuse

if TYPE_CHECKING:
    from healthkit.manifests._document import Document
    from healthkit.manifests._nodes import Node
    from healthkit.manifests._source import Told

T = TypeVar("T")

#: Whole numbers reach from minus this to this, exclusive.
_REACH: Final = {"int32": 2**31, "int64": 2**63, "int or string": 2**31}

#: What messages call the types.
_EXPECTED: Final = {
    "string": "a string",
    "bool": "true or false",
    "int32": "a whole number (int32)",
    "int64": "a whole number (int64)",
    "int or string": "a whole number (int32) or a string",
}


class Fields:
    """The fields of one object that are there, by their names in the API."""

    __slots__ = ("_values", "spot")

    def __init__(self, spot: Spot, values: dict[str, object]) -> None:
        self.spot = spot
        self._values = values

    def __repr__(self) -> str:
        return f"<Fields of {dotted(self.spot.path) or 'an object'}: {', '.join(self._values)}>"

    def __truediv__(self, name: str) -> Spot:
        """Return where a field stands, or would."""
        return self.spot / name

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return a string; an empty one is none, as it is in Go."""
        return self._get(name, "") or default

    def whole(self, name: str, default: int) -> int:
        """Return a whole number."""
        return self._get(name, default)

    def port(self, name: str, default: int | str = 0) -> int | str:
        """Return a whole number or a string."""
        return self._get(name, default)

    def flag(self, name: str) -> bool:
        """Return true or false; false if it isn't there."""
        return self._get(name, default=False)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(self._get(name, list[str]()))

    def table(self, name: str) -> dict[str, str]:
        """Return a mapping of strings."""
        return self._get(name, dict[str, str]())

    def one(self, name: str) -> Fields | None:
        """Return an object, or None."""
        return self._get(name, cast("Fields | None", None))

    def some(self, name: str) -> Fields:
        """Return an object; an empty one if it isn't there."""
        return self.one(name) or Fields(self.spot / name, {})

    def many(self, name: str) -> list[Fields]:
        """Return a list of objects."""
        return self._get(name, list[Fields]())

    def _get(self, name: str, default: T) -> T:
        """Return a value of the default's type: the schema has seen to it."""
        return cast("T", self._values.get(name, default))


def decode(document: Document, kind: str, told: Told = refuse) -> Fields:
    """Return an object's fields.

    Args:
        document: the object.
        kind: what the schema calls it.
        told: called with each field that `kind` doesn't have, and each value of another type. If it
            returns, that field is left out.

    Raises:
        ConfigError: there is one of these, and `told` says no more than the default.
    """
    return _object(Spot(document, ()), document.root, kind, told)


def _object(spot: Spot, node: Node, kind: str, told: Told) -> Fields:
    values: dict[str, object] = {}
    for name, value in _entries(spot, node).items():
        try:
            field = _field(spot / name, name, kind)
            if not _null(value):
                values[name] = _value(spot / name, value, field, told)
        except Refusal as fault:
            told(fault)
    return Fields(spot, values)


def _field(spot: Spot, name: str, kind: str) -> str:
    """Return the type of a field."""
    field = SCHEMA[kind].get(name)
    if field is None:
        raise spot.unknown(_hint(name, kind))
    return field


def _value(spot: Spot, node: Node, kind: str, told: Told) -> object:
    if kind in SCHEMA:
        return _object(spot, node, kind, told)
    if kind == "{string}":
        found = _entries(spot, node)
        return {name: _text(spot / name, value) for name, value in found.items()}
    if kind == "{quantity}":
        found = _entries(spot, node)
        return {name: _quantity(spot / name, one) for name, one in found.items() if not _null(one)}
    if kind == "[string]":
        return [_text(spot / i, one) for i, one in enumerate(_items(spot, node))]
    if kind.startswith("["):
        items = enumerate(_items(spot, node))
        return [_item(spot / i, one, kind.strip("[]"), told) for i, one in items]
    return _leaf(spot, node, kind)


def _leaf(spot: Spot, node: Node, kind: str) -> object:
    match kind:
        case "object":
            return _entries(spot, node)
        case "list":
            return _items(spot, node)
        case "any":
            return node
        case _:
            return _scalar(spot, node, kind)


def _item(spot: Spot, node: Node, kind: str, told: Told) -> Fields:
    """Return an item of a list; null is one without fields."""
    return Fields(spot, {}) if _null(node) else _object(spot, node, kind, told)


def _text(spot: Spot, node: Node) -> object:
    return "" if _null(node) else _scalar(spot, node, "string")


def _quantity(spot: Spot, node: Node) -> str:
    """Return a quantity as text, a number too (quantity.go, UnmarshalJSON)."""
    value = node.value if isinstance(node, Scalar) else None
    if value is None or isinstance(value, bool):
        raise spot.wrong(_found(node), "a quantity, as in 500m or 1Gi")
    text = str(value)
    try:
        quantity(text)
    except ValueError as exc:
        raise spot.invalid(text, RULE) from exc
    return text


def _scalar(spot: Spot, node: Node, kind: str) -> object:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _fits(value, kind):
        raise spot.wrong(_found(node), _EXPECTED[kind] + _advice(value, kind))
    return value


def _fits(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    if isinstance(value, int):
        return -(reach := _REACH.get(kind, 0)) <= value < reach
    return isinstance(value, str) and kind in {"string", "int or string"}


def _advice(value: object, kind: str) -> str:
    if kind == "string" and isinstance(value, bool | int | float):
        return "; put it in quotes"
    if isinstance(value, str) and value.lstrip("-").isdigit() and kind.startswith("int"):
        return "; write it without quotes"
    return ""


def _found(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node.value, str):
        return f"the string {quoted(node.value)}"
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return f"the number {node.value}"


def _entries(spot: Spot, node: Node) -> dict[str, Node]:
    if not isinstance(node, Mapping):
        raise spot.wrong(_found(node), "a mapping")
    return {name: value for name, (_, value) in node.entries.items()}


def _items(spot: Spot, node: Node) -> list[Node]:
    if not isinstance(node, Sequence):
        raise spot.wrong(_found(node), "a list")
    return node.items


def _null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _hint(name: str, kind: str) -> str:
    close = difflib.get_close_matches(name, SCHEMA[kind], 1)
    return f"did you mean {close[0]}?" if close else f"{kind} has no such field"
