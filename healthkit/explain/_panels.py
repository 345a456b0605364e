"""What the panels of the picture have in common: their measures, lanes and labels.

A panel is a bar with labels above it and lanes below it, on its own axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._scale import levels
from healthkit._shapes import BAR, LEVEL, Label, draw_labels, wide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit._scale import Scale
    from healthkit._svg import Element

#: Where the time begins and ends, in pixels; the names of lanes stand left of it.
LEFT: Final = 140.0
RIGHT: Final = 860.0
WIDTH: Final = 1000.0

#: How high a lane is, in pixels, and on how many levels labels may stand.
LANE: Final = 24.0
_MOST: Final = 4


class Labels:
    """What is said above a panel's bar, of some moments given in their order."""

    def __init__(self, said: Sequence[tuple[float, str]], axis: Scale) -> None:
        places = [(axis.x(at), wide(text)) for at, text in said]
        placed = levels(places, _MOST)
        whole = zip(places, said, placed, strict=True)
        self._found = [Label(x, text, level, text) for (x, _), (_, text), level in whole]

    @property
    def height(self) -> float:
        """How high they are together, in pixels; a panel's title needs one level, too."""
        return LEVEL * (1 + max((one.level or 0 for one in self._found), default=0))

    def draw(self, into: Element, title: str) -> None:
        """Draw them, with the panel's title left of its bar."""
        into.text("name", 12, self.height + BAR / 2 + 4, title)
        draw_labels(into, self._found, self.height)


def lane(into: Element, y: float, name: str) -> Element:
    """Begin a lane, with its name left of it."""
    made = into.group(y)
    made.text("dim", LEFT - 8, LANE / 2 + 4, name, "end")
    return made
