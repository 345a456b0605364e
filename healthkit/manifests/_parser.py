"""The YAML parser's events: the one place that knows PyYAML, and what it makes of bad YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

from healthkit.errors import ConfigError
from healthkit.manifests._nodes import Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

    from healthkit.manifests._source import Source

Kind = Literal["document", "scalar", "sequence", "mapping", "end", "alias"]


class Event(NamedTuple):
    """What comes next in the text."""

    kind: Kind
    position: Position
    #: ``&anchor``, or that of the alias.
    anchor: str | None = None
    text: str = ""
    tag: str | None = None
    #: Whether a scalar has neither quotes nor a tag.
    plain: bool = False


_KINDS: Final[dict[str, Kind]] = {
    "DocumentStartEvent": "document",
    "ScalarEvent": "scalar",
    "SequenceStartEvent": "sequence",
    "MappingStartEvent": "mapping",
    "SequenceEndEvent": "end",
    "MappingEndEvent": "end",
    "AliasEvent": "alias",
}


def events(source: Source) -> Iterator[Event]:
    """Yield the events of a text; the parser is in C where PyYAML was built with libyaml.

    Raises:
        ConfigError: PyYAML is missing, or the text is no YAML.
    """
    try:
        import yaml  # noqa: PLC0415  # optional: only who reads manifests needs it
    except ImportError as exc:
        message = "PyYAML is not installed: pip install 'healthkit-asgi[manifests]'"
        raise ConfigError(message) from exc
    try:
        for event in yaml.parse(source.text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            kind = _KINDS.get(type(event).__name__)
            if kind is not None:
                yield _event(kind, event)
    except (yaml.YAMLError, ValueError, OverflowError) as exc:  # chr, in the parser in Python
        raise _syntax(source, exc) from exc


def _event(kind: Kind, event: yaml.Event) -> Event:
    mark = event.start_mark
    position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    anchor: str | None = getattr(event, "anchor", None)
    if kind != "scalar":
        return Event(kind, position, anchor)
    scalar = cast("yaml.ScalarEvent", event)
    plain: bool = scalar.implicit[0]
    return Event(kind, position, anchor, scalar.value, scalar.tag, plain)


def _syntax(source: Source, exc: Exception) -> ConfigError:
    """Make the error for what PyYAML can't read. Its own has several lines."""
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    line: int | None = None if mark is None else mark.line + 1
    if line is not None and "\t" in source.indentation(line):
        return source.error("found a tab in the indentation: YAML indents with spaces", line)
    problem = getattr(exc, "problem", None) or getattr(exc, "context", None)
    what = f"not YAML: {problem or 'not readable'}"
    return source.template(what, line) or source.error(what, line)
