"""A workload told in words and numbers, in lines of at most 80 characters of ASCII."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

from healthkit.explain import _ends, _words
from healthkit.explain._qos import MEANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from healthkit.explain._values import Explanation, Told
    from healthkit.explain._words import Row

WIDTH: Final = 80

#: How wide the names are that begin a row.
_NAME: Final = 13

#: The blank between a number and its unit, where no line ends; and what stands for it meanwhile:
#: plain text has no such character.
_UNIT: Final = re.compile(r"(?<=[0-9]) (?=s\b)")
_GLUE: Final = "\0"


def as_text(found: Explanation) -> str:
    """Tell of one workload, in lines of at most 80 characters; the last one ends, too."""
    lines = [*_head(found), *(line for one in found.containers for line in _told(one))]
    return "".join(f"{line}\n" for line in lines)


def plain(text: str) -> str:
    """Return a text in one line of printable ASCII: what else there is, is escaped."""
    escaped = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in escaped)


def _head(found: Explanation) -> Iterator[str]:
    where = f" ({found.source})" if found.source else ""
    yield from _wrapped(f"{found.kind}/{found.name}{where}", "", "  ")
    yield ""
    yield from _rows(_about(found), "  ")


def _about(found: Explanation) -> Iterator[Row]:
    yield "QoS class", f"{found.qos.name}: {found.qos.why}; {MEANS[found.qos.name]}."
    if found.init_containers:
        names = ", ".join(found.init_containers)
        yield "first", f"{names}: init containers, one after the other, without probes."
    if found.rollout is not None:
        yield "rollout", _words.rollout(found, found.rollout)


def _told(told: Told) -> Iterator[str]:
    """Tell of one container."""
    yield ""
    kind = "Sidecar" if told.is_sidecar else "Container"
    yield from _wrapped(f"{kind} {told.name}", "", "  ")
    yield from _section("Probes", _probes(told))
    yield from _section("Its start", _words.start(told))
    yield from _section("While it runs", _words.running(told))
    for ending in (one for one in told.endings if one.why != "startup"):
        yield from _section(_ends.title(ending), _ends.rows(told, ending))
        yield from _wrapped(_ends.verdict(ending), "    ")


def _probes(told: Told) -> Iterator[Row]:
    for kind in ("startup", "liveness", "readiness"):
        found = told.probe(kind)
        yield kind, _words.absent(told, kind) if found is None else _words.probe(found)


def _section(title: str, rows: Iterable[Row]) -> Iterator[str]:
    yield ""
    yield f"  {title}"
    yield from _rows(rows, "    ")


def _rows(rows: Iterable[Row], indent: str) -> Iterator[str]:
    for name, text in rows:
        yield from _wrapped(text, f"{indent}{name:<{_NAME}}", " " * (len(indent) + _NAME))


def _wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    hang = first if rest is None else rest
    kept = _UNIT.sub(_GLUE, plain(text))
    lines = textwrap.wrap(
        kept, WIDTH, initial_indent=first, subsequent_indent=hang, break_on_hyphens=False
    )
    # textwrap leaves a blank where a long word would begin just at the end of a line
    return [line.replace(_GLUE, " ").rstrip() for line in lines]
