"""One pod in the picture: which lanes it has, what is written beside them, and how high it is."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from healthkit._shapes import BAR, LEVEL, draw_labels
from healthkit.testing import _lanes
from healthkit.testing._lanes import CHART, LANE, LEFT, RIGHT
from healthkit.testing._marks import endings, lost, probes
from healthkit.testing._spans import endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from healthkit._scale import Scale
    from healthkit._shapes import Label
    from healthkit._svg import Element
    from healthkit.testing._spans import Story

#: How many levels of labels there are above a pod that is alone, and above one of several.
_ALONE: Final = 5
_AMONG: Final = 3

#: How high a pod's name is, in pixels.
_NAME: Final = 18.0

#: How many characters there is room for right of the lanes.
_SAID: Final = 18

#: Between the bar and the first lane, in pixels.
_GAP: Final = 4.0


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: what is written left and right of it, and what draws it into its group."""

    name: str
    said: str
    height: float
    draw: Callable[[Element], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One pod: its bar below its labels, and its lanes below that."""

    #: Above everything; nothing for a pod that is alone, which the title names.
    name: str
    labels: Sequence[Label]
    bar: Callable[[Element], None]
    lanes: Sequence[Lane]

    @property
    def above(self) -> float:
        """How high the name and the labels are, in pixels."""
        levels = max((one.level + 1 for one in self.labels if one.level is not None), default=0)
        return LEVEL * levels + (_NAME if self.name else 0.0)

    @property
    def height(self) -> float:
        """How high all of it is, in pixels."""
        return self.above + BAR + _GAP + sum(lane.height for lane in self.lanes)

    def draw(self, into: Element) -> None:
        """Draw it, with its top at 0."""
        if self.name:
            into.text("name", 12, 12, self.name)
        into.text("dim", LEFT - 8, self.above + BAR / 2 + 4, "container", "end")
        self.bar(into.group(self.above))
        draw_labels(into, self.labels, self.above)
        y = self.above + BAR + _GAP
        for lane in self.lanes:
            into.text("dim", LEFT - 8, y + lane.height / 2 + 5, lane.name, "end")
            _beside(into, y + lane.height / 2 + 5, lane.said)
            lane.draw(into.group(y))
            y += lane.height


def row_of(life: Story, axis: Scale, *, alone: bool) -> Row:
    """Return how a pod is drawn: with all its lanes if it is alone."""
    end = axis.moments[-1]
    return Row(
        name="" if alone else life.name,
        labels=_lanes.labels(life, axis, _ALONE if alone else _AMONG),
        bar=partial(_lanes.bar, life=life, scale=axis, end=end),
        lanes=[*_probes(life, axis, alone=alone), *_others(life, axis, end)],
    )


def _probes(life: Story, axis: Scale, *, alone: bool) -> Iterator[Lane]:
    for kind, seen in probes(life).items():
        if alone or kind == "readiness":
            draw = partial(_lanes.probe_lane, seen=seen, scale=axis)
            yield Lane(kind, _lanes.counted(seen), LANE, draw)


def _others(life: Story, axis: Scale, end: float) -> Iterator[Lane]:
    if endpoints(life, end):
        draw = partial(_lanes.service_lane, life=life, scale=axis, end=end)
        yield Lane("Service", "", LANE, draw)
    if endings(life, end):
        draw = partial(_lanes.ending_lane, life=life, scale=axis, end=end)
        yield Lane("shutdown", "", LANE, draw)
    if life.most or lost(life):
        draw = partial(_lanes.request_lane, life=life, scale=axis, end=end)
        yield Lane("requests", _requests(life), CHART, draw)


def _requests(life: Story) -> str:
    """Say how many there were at once, and how many were lost: ``max 12, 2 lost``."""
    most = [f"max {life.most}"] if life.most else []
    return ", ".join([*most, f"{len(lost(life)) or 'none'} lost"])


def _beside(into: Element, y: float, said: str) -> None:
    """Write right of a lane, in as many lines as it needs."""
    lines = textwrap.wrap(said, _SAID)
    for number, line in enumerate(lines):
        into.text("dim", RIGHT + 8, y + 12 * (number - (len(lines) - 1) / 2), line)
