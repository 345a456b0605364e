"""The start and the end of containers as an SVG that a person understands at a glance.

Each container has two panels, each with its own axis. The start is told twice, because a probe may
come anywhere in a period: as early as it can, and as late. The end is that of a deletion. Like all
pictures here it needs nothing but a viewer, adapts to a dark background, and says in words what it
shows to those who can't see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from healthkit._svg import document, written
from healthkit.errors import ConfigError
from healthkit.explain._numbers import seconds
from healthkit.explain._panel_end import End
from healthkit.explain._panel_start import Begin
from healthkit.explain._panels import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from healthkit._scale import Scale
    from healthkit._svg import Element
    from healthkit.explain._values import Explanation, Told

#: Heights, in pixels: of the title, of a container's name, between two panels, and of the axis.
_TITLE: Final = 34.0
_NAME: Final = 24.0
_BETWEEN: Final = 12.0
_AXIS: Final = 24.0
_FOOT: Final = 8.0

#: So many workloads are named in the title.
_TITLED: Final = 3


class Panel(Protocol):
    """One half of a container's life."""

    #: From seconds to pixels.
    axis: Scale

    @property
    def height(self) -> float:
        """How high it is, without its axis; in pixels."""
        ...

    def draw(self, into: Element) -> None:
        """Draw it, with its top at 0."""
        ...


def svg(found: Sequence[Explanation], title: str | None = None) -> str:
    """Draw the start and the end of all containers of some workloads.

    Args:
        found: what `explain` has returned, from top to bottom.
        title: what stands above; by default the names of the workloads.

    Raises:
        ConfigError: there is no container.
    """
    drawn = list(_named(found))
    if not drawn:
        raise ConfigError("found no container to draw, expected one or more")
    title = title or _title(found)
    height = _TITLE + sum(_height(panels) for _, _, panels in drawn) + _FOOT
    said = " ".join(_described(name, told) for name, told, _ in drawn)
    drawing, root = document(WIDTH, height, title, said)
    drawing.text("title", 12, 23, title)
    y = _TITLE
    for name, _, panels in drawn:
        drawing.text("name", 12, y + 14, name)
        _draw(drawing, panels, y + _NAME)
        y += _height(panels)
    return written(root)


def _title(found: Sequence[Explanation]) -> str:
    names = [f"{one.kind}/{one.name}" for one in found]
    return ", ".join(names) if len(names) <= _TITLED else f"{len(names)} workloads"


def _named(found: Sequence[Explanation]) -> Iterator[tuple[str, Told, list[Panel]]]:
    for one in found:
        for told in one.containers:
            kind = "sidecar" if told.is_sidecar else "container"
            name = f"{one.kind}/{one.name}, {kind} {told.name}"
            yield name, told, [Begin(told), End(told)]


def _height(panels: Sequence[Panel]) -> float:
    return _NAME + sum(one.height + _AXIS + _BETWEEN for one in panels)


def _draw(into: Element, panels: Sequence[Panel], top: float) -> None:
    y = top
    for one in panels:
        group = into.group(y)
        _grid(group, one.axis, one.height)
        one.draw(group)
        y += one.height + _AXIS + _BETWEEN


def _grid(into: Element, axis: Scale, low: float) -> None:
    """Draw the axis below a panel, and its lines behind it."""
    for at in axis.ticks():
        x = axis.x(at)
        into.line("grid", (x, 0), (x, low + 4))
        into.text("dim", x, low + 17, axis.said(at), "middle")


def _described(name: str, told: Told) -> str:
    """Say in words what the panels of a container show."""
    start, ending = told.start, told.endings[0]
    begin = (
        "no probe limits its start"
        if start is None
        else f"{seconds(start.guaranteed)} of boot are guaranteed, "
        f"the latest kill is at {seconds(start.latest)}"
    )
    end = f"SIGTERM at {seconds(ending.at('sigterm'))}, SIGKILL at {seconds(ending.at('sigkill'))}"
    return f"{name}: {begin}; deleted, {end}."
