"""The picture's legend: what its shapes mean, of those that are in it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from healthkit._shapes import signal, stripes
from healthkit._svg import CHARACTER
from healthkit.testing._lanes import STATES, STRIPES, WIDTH, shape
from healthkit.testing._marks import endings, lost, marks, probes
from healthkit.testing._spans import endpoints, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from healthkit._scale import Scale
    from healthkit._svg import Element
    from healthkit.testing._outcomes import Result
    from healthkit.testing._spans import Span, Story

#: In pixels: the height of a line, the width of a sample, and what is between two entries.
_LINE: Final = 20.0
_SAMPLE: Final = 24.0
_GAP: Final = 18.0
_MARGIN: Final = 12.0
#: A state that is nowhere wider than this, in pixels, has no entry.
_SEEN: Final = 1.5

#: What an entry says, and what draws its sample: 24 wide and 12 high, into a group, at x.
Entry: TypeAlias = "tuple[str, Callable[[Element, float], None]]"

_RESULTS: Final[dict[Result, str]] = {
    "success": "probe: success",
    "warning": "success with a warning",
    "failure": "failure",
    "discarded": "discarded",
}


class Legend:
    """The entries, and where each is."""

    def __init__(self, lives: Sequence[Story], axis: Scale) -> None:
        self._entries = list(_entries(lives, axis))
        self._places = _placed([text for text, _ in self._entries])

    @property
    def height(self) -> float:
        """How high it is, in pixels."""
        return _LINE * (1 + max((line for _, line in self._places), default=-1))

    def draw(self, into: Element) -> None:
        """Draw it, with its top at 0."""
        for (text, sample), (x, line) in zip(self._entries, self._places, strict=True):
            group = into.group(line * _LINE + 4)
            sample(group, x)
            group.text("dim", x + _SAMPLE + 5, 10, text)


def _placed(texts: Sequence[str]) -> list[tuple[float, int]]:
    """Return where each entry begins: its x, and its line."""
    places: list[tuple[float, int]] = []
    x, line = _MARGIN, 0
    for text in texts:
        width = _SAMPLE + 5 + len(text) * CHARACTER
        if x + width > WIDTH - _MARGIN and x > _MARGIN:
            x, line = _MARGIN, line + 1
        places.append((x, line))
        x += width + _GAP
    return places


def _entries(lives: Sequence[Story], axis: Scale) -> Iterator[Entry]:
    """Name what is in the picture, and wide enough to be seen."""
    end = axis.moments[-1]
    yield from _states(_seen([span for life in lives for span in states(life, end)], axis))
    yield from _probes({one for life in lives for seen in probes(life).values() for _, one in seen})
    yield from _service({span.kind for life in lives for span in endpoints(life, end)})
    yield from _ends({span.kind for life in lives for span in endings(life, end)})
    yield from _signals({mark.text for life in lives for mark in marks(life)})
    if any(life.most for life in lives):
        yield "requests in flight", partial(_box, css="flight")
    if any(lost(life) for life in lives):
        yield "lost request", _lost


def _seen(spans: Sequence[Span], axis: Scale) -> set[str]:
    return {span.kind for span in spans if axis.x(span.end) - axis.x(span.start) >= _SEEN}


def _states(found: set[str]) -> Iterator[Entry]:
    for kind, (name, _) in STATES.items():
        if kind in found:
            yield name, partial(_box, css=kind, apart=STRIPES.get(kind, 0))


def _probes(found: set[Result]) -> Iterator[Entry]:
    for result, name in _RESULTS.items():
        if result in found:
            yield name, partial(_result, result=result)


def _service(found: set[str]) -> Iterator[Entry]:
    if "ready" in found:
        yield "in the Service", partial(_box, css="in")
    if "terminating serving" in found:
        yield "terminating, still serving", partial(_box, css="leaving")
    if found & {"not ready", "terminating"}:
        yield "in no Service", _out


def _ends(found: set[str]) -> Iterator[Entry]:
    if "preStop" in found:
        yield "preStop", partial(_box, css="hook")
    if "grace" in found:
        yield "grace period", _grace


def _signals(found: set[str]) -> Iterator[Entry]:
    for name in ("SIGTERM", "SIGKILL"):
        if name in found:
            yield name, partial(_signal, name=name)


# -- samples --------------------------------------------------------------------------------------


def _box(into: Element, x: float, css: str, apart: float = 0) -> None:
    into.box(css, x, 0, _SAMPLE, 12)
    if apart:
        stripes(into, x, _SAMPLE, (0, 12), apart)


def _result(into: Element, x: float, result: Result) -> None:
    """Draw three of them around their line."""
    middle = into.group(6)
    middle.line("base", (x, 0), (x + _SAMPLE, 0))
    for step in (4, 12, 20):
        css, path = shape(result, x + step)
        middle.add("path", css, d=path)


def _out(into: Element, x: float) -> None:
    into.line("out", (x, 6), (x + _SAMPLE, 6))


def _grace(into: Element, x: float) -> None:
    into.add("path", "grace", d=f"M{x:g} 4v4h{_SAMPLE:g}v-4")


def _signal(into: Element, x: float, name: str) -> None:
    signal(into, x + _SAMPLE / 2, name)


def _lost(into: Element, x: float) -> None:
    into.add("path", "lost", d=f"M{x + 8:g} 2l8 8m0 -8l-8 8")
