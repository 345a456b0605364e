"""The shapes that several pictures have: bars with a text, labels above them, signals.

What a shape means, and where it stands, is for those who draw it to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit._svg import CHARACTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit._svg import Element

#: Heights, in pixels: of a line of labels, and of a bar.
LEVEL: Final = 14.0
BAR: Final = 22.0


@dataclass(frozen=True, slots=True)
class Label:
    """What is said of one moment, or of some that fall together."""

    x: float
    text: str
    #: None: there is no room, and only the line is drawn.
    level: int | None
    tip: str


def wide(text: str) -> float:
    """Return how much room a label needs, in pixels."""
    return len(text) * CHARACTER + 10


def draw_labels(into: Element, found: Sequence[Label], height: float) -> None:
    """Draw labels and the lines that lead down from them, through the bar below `height`."""
    for label in found:
        mark = into.group(0, label.tip)
        top = height if label.level is None else height - LEVEL * (label.level + 1) + 3
        mark.line("lead", (label.x, top), (label.x, height + BAR))
        if label.level is not None:
            mark.text("text", label.x + 4, top + 9, label.text)


def stripes(into: Element, x: float, width: float, rows: tuple[float, float], apart: float) -> None:
    """Draw stripes over a bar: one thick dashed line."""
    top, height = rows
    middle = top + height / 2
    into.add(
        "line", "stripes", x1=x, x2=x + width, y1=middle, y2=middle,
        stroke_width=height, stroke_dasharray=f"1.5 {apart}",
    )  # fmt: skip


def inside(into: Element, css: str, place: tuple[float, float], y: float, text: str) -> None:
    """Write text into a bar, if there is room for it."""
    x, width = place
    if width >= len(text) * CHARACTER + 8:
        into.text(css, x + width / 2, y, text, "middle")


def bracket(into: Element, place: tuple[float, float], low: float, *, whole: bool) -> None:
    """Draw a bracket that opens upward, open at its right if it ends after the picture."""
    x, width = place
    close = "v-4" if whole else ""
    into.add("path", "grace", d=f"M{x:.1f} {low - 4:g}v4h{width:.1f}{close}")


def signal(into: Element, x: float, name: str) -> None:
    """Draw a signal: a triangle for SIGTERM, a cross for SIGKILL."""
    if name == "SIGTERM":
        into.add("path", "signal", d=f"M{x - 5:.1f} 0h10l-5 9z")
    else:
        into.add("path", "kill", d=f"M{x - 5:.1f} 4l10 10m0 -10l-10 10")
