"""The panel of a start: what is guaranteed, what may be killed, and the probes that decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._scale import scale
from healthkit._shapes import BAR, inside
from healthkit.explain._numbers import seconds
from healthkit.explain._panels import LANE, LEFT, RIGHT, Labels, lane

if TYPE_CHECKING:
    from healthkit._scale import Scale
    from healthkit._svg import Element
    from healthkit.explain._values import Start, Told

#: Of a start that nothing limits, so much is shown; in seconds.
_SHOWN: Final = 60.0
#: How much of the picture is left behind its last moment.
_ROOM: Final = 1.05
#: Crosses that would be closer than this become a block; in pixels.
_TICK: Final = 7.0


class Begin:
    """A container's start."""

    def __init__(self, told: Told) -> None:
        start = told.start
        self._told = told
        end = _SHOWN if start is None else start.latest_hanging * _ROOM
        #: From seconds to pixels.
        self.axis = scale(end, [], LEFT, RIGHT)
        self._labels = Labels([] if start is None else _said(start), self.axis)

    @property
    def height(self) -> float:
        """How high it is, without its axis; in pixels."""
        lanes = 0 if self._told.start is None else 4 + 2 * LANE
        return self._labels.height + BAR + lanes

    def draw(self, into: Element) -> None:
        """Draw it, with its top at 0."""
        start, below = self._told.start, into.group(self._labels.height)
        if start is None:
            _unlimited(below, self.axis)
        else:
            _bar(below, start, self.axis)
            self._lanes(below.group(BAR + 4), start)
        self._labels.draw(into, "Start")

    def _lanes(self, into: Element, start: Start) -> None:
        """Draw the probes twice: as early as they may come, and as late."""
        _window(into, start, self.axis)
        number, first = start.failures, start.first
        early = lane(into, 0, f"{start.kind}, early")
        _fails(early, self.axis, (first.earliest, start.guaranteed), number)
        late = lane(into, LANE, f"{start.kind}, late")
        _fails(late, self.axis, (first.latest, start.latest), number)


def _said(start: Start) -> list[tuple[float, str]]:
    return [
        (start.guaranteed, f"{seconds(start.guaranteed)} guaranteed"),
        (start.latest, f"{seconds(start.latest)} latest kill"),
    ]


def _unlimited(into: Element, axis: Scale) -> None:
    x, stop = axis.x(0), axis.x(axis.moments[-1])
    into.box("over", x, 1, stop - x, BAR - 2)
    inside(into, "dim", (x, stop - x), BAR / 2 + 4, "no probe limits the start")


def _bar(into: Element, start: Start, axis: Scale) -> None:
    """Draw what is guaranteed, and what may be killed."""
    zero, safe, late = axis.x(0), axis.x(start.guaranteed), axis.x(start.latest)
    if safe > zero:
        into.box("ready", zero, 1, safe - zero, BAR - 2)
    into.box("unready", safe, 1, late - safe, BAR - 2)
    inside(into, "on-dark", (zero, safe - zero), BAR / 2 + 4, "a start is never killed")
    inside(into, "on-light", (safe, late - safe), BAR / 2 + 4, "may be killed")


def _window(into: Element, start: Start, axis: Scale) -> None:
    """Draw in which stretch the first probe comes."""
    x, stop = axis.x(start.first.earliest), axis.x(start.first.latest)
    tip = f"the first probe: {seconds(start.first.earliest)} to {seconds(start.first.latest)}"
    window = into.group(0, tip)
    window.box("waiting", x, 1, stop - x, 2 * LANE - 2)
    window.text("dim", stop + 4, LANE + 4, "first probe")


def _fails(into: Element, axis: Scale, reach: tuple[float, float], number: int) -> None:
    """Draw so many failures, evenly from the first to the last; that one kills."""
    first, last = (axis.x(at) for at in reach)
    middle = into.group(LANE / 2, f"{number} failures")
    apart = (last - first) / max(number - 1, 1)
    if number > 1 and apart < _TICK:
        middle.box("bads", first, -3, last - first, 6)
    else:
        shapes = (f"M{first + apart * n - 3:.1f} -3l6 6m0 -6l-6 6" for n in range(number))
        middle.add("path", "bad", d="".join(shapes))
    middle.add("path", "kill", d=f"M{last - 5:.1f} -5l10 10m0 -10l-10 10")
    middle.text("dim", last + 9, 4, "kill")
