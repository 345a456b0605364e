"""One object of a manifest, and the API server's words for what is wrong with it.

The words are those of kubernetes 1.36 apimachinery/pkg/util/validation/field/errors.go. They are
shown with the file and the line, and only the first is: the API server sends all at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit._validate import SHOWN
from healthkit.manifests._nodes import Mapping, dotted, position
from healthkit.manifests._source import Refusal, Source, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from healthkit.manifests._nodes import Path, Position
    from healthkit.manifests._source import Kind

#: What a value can be in a message.
Shown = str | int | bool | dict[str, str]

#: Said of a value that has ``{{`` in it: no name, label or image has.
_TEMPLATE: Final = "an unrendered template; render it first, as with helm template"


@dataclass(frozen=True, slots=True)
class Document:
    """One Kubernetes object, as nodes: a document of the file, or an item of its List."""

    source: Source
    root: Mapping

    def position(self, path: Path) -> Position:
        """Return where a path stands in the file, or where what is nearest above it does."""
        return position(self.root, path)

    def error(
        self, path: Path, reason: str, *, named: Path | None = None, kind: Kind = "refused"
    ) -> Refusal:
        """Make the error for what stands at a path; `named` is what the API server calls it."""
        called = path if named is None else named
        line = self.position(path).line
        return Refusal(self.source, reason, line, path=path, named=called, kind=kind)


@dataclass(frozen=True, slots=True)
class Spot:
    """A field of an object, there or not: where it stands, and what to say of it."""

    document: Document
    path: Path

    def __truediv__(self, part: str | int) -> Spot:
        """Return a field of this field, or an item of its list."""
        return Spot(self.document, (*self.path, part))

    def required(self, detail: str = "") -> Refusal:
        """Make the error for what must not be empty."""
        return self._error("Required value", detail)

    def invalid(self, found: Shown, detail: str, *, named: Spot | None = None) -> Refusal:
        """Make the error for a value that breaks a rule."""
        template = isinstance(found, str) and "{{" in found
        what = f"Invalid value: {_shown(found)}"
        return self._error(what, _TEMPLATE if template else detail, named)

    def unsupported(self, found: Shown, supported: Iterable[str]) -> Refusal:
        """Make the error for a value that is none of a few."""
        values = ", ".join(f'"{one}"' for one in supported)
        return self._error(f"Unsupported value: {_shown(found)}", f"supported values: {values}")

    def duplicate(self, found: str) -> Refusal:
        """Make the error for a name that another has."""
        return self._error(f"Duplicate value: {_shown(found)}")

    def forbidden(self, detail: str) -> Refusal:
        """Make the error for what may not be there at all."""
        return self._error("Forbidden", detail)

    def wrong(self, found: str, expected: str) -> Refusal:
        """Make the error for a value of another type. The words are not the API server's."""
        return self._error(f"found {found}", f"expected {expected}")

    def unknown(self, hint: str) -> Refusal:
        """Make the error for a field that there isn't."""
        reason = f"unknown field {quoted(dotted(self.path))}: {hint}"
        return self.document.error(self.path, reason, named=(), kind="unknown")

    def _error(self, what: str, detail: str = "", named: Spot | None = None) -> Refusal:
        reason = f"{what}: {detail}" if detail else what
        return self.document.error(self.path, reason, named=None if named is None else named.path)


def _shown(found: Shown) -> str:
    if isinstance(found, dict):
        pairs = ", ".join(f"{quoted(key)}:{quoted(found[key])}" for key in sorted(found))
        text = f"map[string]string{{{pairs}}}"
        return text if len(text) <= 2 * SHOWN else f"{text[: 2 * SHOWN]}..."
    if isinstance(found, str):
        return quoted(found)
    return str(found).lower()
