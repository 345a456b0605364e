"""The life of a pod, or of several, as an SVG that a person understands at a glance.

Time goes from left to right. Each pod has a bar of its container's states, with the moments that
matter named above it, and below it a lane for each probe, the Service's endpoint, the end of the
container, and the requests. Several pods share the axis and show less of each.

The picture needs nothing but a viewer: no script, no font, no network. It adapts to a dark
background, says in words what it shows to those who can't see it, and is the same for the same
events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._scale import scale
from healthkit._svg import document, written
from healthkit.errors import ConfigError
from healthkit.testing._lanes import LEFT, RIGHT, WIDTH
from healthkit.testing._legend import Legend
from healthkit.testing._marks import changes, lost, marks
from healthkit.testing._rows import row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit._scale import Scale
    from healthkit._svg import Element
    from healthkit.testing._rows import Row
    from healthkit.testing._spans import Story

#: Heights, in pixels: of the title, between two pods, of the axis and of the legend.
_HEAD: Final = 34.0
_BETWEEN: Final = 14.0
_AXIS: Final = 26.0
_FOOT: Final = 10.0

#: How far from the middle of a condensed stretch the axis says its next moment, in pixels.
_CLEAR: Final = 72.0
#: How many moments of a pod the description names.
_NAMED: Final = 12


def svg(lives: Sequence[Story], title: str | None = None) -> str:
    """Draw the life of a pod, or of several, from 0 to the last moment of any.

    Args:
        lives: the pods, from top to bottom.
        title: what stands above; by default the pod's name, or how many there are.

    Raises:
        ConfigError: there is no pod.
    """
    if not lives:
        raise ConfigError("found no pod to draw, expected one or more")
    end = max(life.end for life in lives)
    axis = scale(end, [at for life in lives for at in changes(life)], LEFT, RIGHT)
    rows = [row_of(life, axis, alone=len(lives) == 1) for life in lives]
    body = sum(row.height for row in rows) + _BETWEEN * (len(rows) - 1)
    legend = Legend(lives, axis)
    height = _HEAD + body + _AXIS + legend.height + _FOOT
    title = title or (lives[0].name if len(lives) == 1 else f"{len(lives)} pods")
    drawing, root = document(WIDTH, height, title, description(lives, axis))
    drawing.text("title", 12, 23, title)
    _grid(drawing, axis, _HEAD + body)
    _draw_rows(drawing, rows)
    legend.draw(drawing.group(_HEAD + body + _AXIS))
    return written(root)


def _draw_rows(into: Element, rows: Sequence[Row]) -> None:
    y = _HEAD
    for row in rows:
        row.draw(into.group(y))
        y += row.height + _BETWEEN


def _grid(into: Element, axis: Scale, low: float) -> None:
    """Draw the axis below everything, and its lines behind it."""
    middles = [_break(into, axis, span, low) for span in axis.breaks]
    for at in axis.ticks():
        x = axis.x(at)
        into.line("grid", (x, _HEAD), (x, low + 4))
        if all(abs(x - middle) > _CLEAR for middle in middles):
            into.text("dim", x, low + 18, axis.said(at), "middle")


def _break(into: Element, axis: Scale, span: tuple[float, float], low: float) -> float:
    """Draw a condensed stretch: shaded, its axis broken, its length said. Return its middle."""
    x, stop = axis.x(span[0]), axis.x(span[1])
    middle = (x + stop) / 2
    into.box("break", x, _HEAD, stop - x, low - _HEAD + 4)
    for edge in (-4, 2):
        into.line("lead", (middle + edge - 2, low + 5), (middle + edge + 3, low - 5))
    into.text("dim", middle, low + 18, f"{axis.said(span[1] - span[0])} in short", "middle")
    return middle


def description(lives: Sequence[Story], axis: Scale) -> str:
    """Say in words what the picture shows, for those who can't see it."""
    return " ".join(_described(life, axis) for life in lives)


def _described(life: Story, axis: Scale) -> str:
    """Name the moments of a pod, the first of them, and count what it has lost."""
    found = marks(life)
    named = [f"{mark.text} at {axis.said(mark.at)}" for mark in found[:_NAMED]]
    more = [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
    requests = len(lost(life))
    also = [f"{requests} lost request{'' if requests == 1 else 's'}"] if requests else []
    return f"Pod {life.name}: {', '.join([*named, *more, *also]) or 'nothing happened'}."
