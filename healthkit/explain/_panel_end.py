"""The panel of an end: the deletion, the hook, the signals, and who still sends requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._scale import scale
from healthkit._shapes import BAR, bracket, inside, stripes
from healthkit.explain._numbers import seconds
from healthkit.explain._panels import LANE, LEFT, RIGHT, Labels, lane

if TYPE_CHECKING:
    from healthkit._svg import Element
    from healthkit.explain._values import Told

#: How much of the picture is left behind its last moment.
_ROOM: Final = 1.05
#: How far apart the stripes of an ending are, in pixels.
_STRIPES: Final = 4
#: Probes that would be closer than this are drawn as a block; in pixels.
_TICK: Final = 4.0


class End:
    """A container's end, by a deletion."""

    def __init__(self, told: Told) -> None:
        readiness = told.probe("readiness")
        self._readiness = None if readiness is None or readiness.is_lost else readiness
        self._ending = told.endings[0]
        #: When it is over, in seconds.
        self._end = self._ending.at("sigkill")
        #: From seconds to pixels.
        self.axis = scale(self._end * _ROOM, [], LEFT, RIGHT)
        self._labels = Labels(self._said(), self.axis)

    @property
    def height(self) -> float:
        """How high it is, without its axis; in pixels."""
        lanes = 2 if self._readiness is None else 3
        return self._labels.height + BAR + 4 + LANE * lanes

    def draw(self, into: Element) -> None:
        """Draw it, with its top at 0."""
        below = into.group(self._labels.height)
        self._bar(below)
        lanes = below.group(BAR + 4)
        self._hook(lane(lanes, 0, "preStop, grace"))
        self._endpoint(lane(lanes, LANE, "endpoint"))
        if self._readiness is not None:
            self._asked(lane(lanes, 2 * LANE, "readiness"), self._readiness.probe.period)
        self._labels.draw(into, "End")

    def _said(self) -> list[tuple[float, str]]:
        """Name the moments that matter. What is at the beginning is named together."""
        found = dict[float, list[str]]()
        for one in self._ending.moments:
            by = "by " if one.is_latest else ""
            when = f"{by}{seconds(one.at)} " if one.at and one.at not in found else ""
            found.setdefault(one.at, []).append(f"{when}{_NAMES[one.what]}")
        return [(at, ", ".join(names)) for at, names in found.items()]

    def _bar(self, into: Element) -> None:
        """Draw the process: before SIGTERM, and after it."""
        zero, told, killed = (self.axis.x(at) for at in (0, self._ending.at("sigterm"), self._end))
        if told > zero:
            into.box("ready", zero, 1, told - zero, BAR - 2)
        into.box("ending", told, 1, killed - told, BAR - 2)
        stripes(into, told, killed - told, (1, BAR - 2), _STRIPES)
        inside(into, "on-dark", (zero, told - zero), BAR / 2 + 4, "serves on")
        left = f"{seconds(self._ending.left)} to end"
        inside(into, "on-light", (told, killed - told), BAR / 2 + 4, left)

    def _hook(self, into: Element) -> None:
        """Draw the hook, as far as it gets, and the grace period below it."""
        hook, x, end = self._ending.hook, self.axis.x(0), self._end
        if hook is None:
            into.text("dim", x + 6, LANE / 2, "no hook")
        else:
            takes = end if hook.takes is None else min(hook.takes, end)
            width = self.axis.x(takes) - x
            into.group(0, hook.does).box("hook", x, 2, width, LANE - 12)
            unknown = " (nobody can tell how long)" if hook.takes is None else ""
            inside(into, "text", (x, width), LANE / 2, f"{hook.does}{unknown}")
        width = self.axis.x(float(self._ending.grace)) - x
        bracket(into, (x, width), LANE - 3, whole=True)

    def _endpoint(self, into: Element) -> None:
        """Draw how long new connections come."""
        x, stop = self.axis.x(0), self.axis.x(self._ending.at("last_connection"))
        into.box("leaving", x, 4, stop - x, LANE - 8)
        into.text("dim", stop + 6, LANE / 2 + 4, "terminating; new connections until then")

    def _asked(self, into: Element, period: int) -> None:
        """Draw that readiness is still asked, with the distance that its probes have."""
        x, stop = self.axis.x(0), self.axis.x(self._end)
        into.line("base", (x, LANE / 2), (stop, LANE / 2))
        if self.axis.x(period) - x < _TICK:
            into.box("many", x, LANE / 2 - 8, stop - x, 8)
            return
        for at in range(period, int(self._end) + 1, period):
            into.line("good", (self.axis.x(at), LANE / 2 - 1), (self.axis.x(at), LANE / 2 - 9))


_NAMES: Final = {
    "begin": "deleted",
    "prestop": "preStop begins",
    "last_connection": "kube-proxy stops",
    "sigterm": "SIGTERM",
    "sigkill": "SIGKILL",
}
