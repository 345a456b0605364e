"""Where on a picture a moment lies. Pure rules: the axis, its ticks, what falls together.

The axis is linear but for long stretches in which nothing changes: an hour of readiness between a
boot of ten seconds and a drain of forty would leave them no room. Those are condensed to a fixed
width and marked as broken.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: How wide a condensed stretch is, in pixels.
_BREAK: Final = 90.0
#: A shorter stretch is not condensed, in seconds, and neither is a smaller part of the whole.
_LONG: Final = 120.0
_PART: Final = 0.2
#: And none is if they are less than this part of the whole together: it would not help much.
_WORTH: Final = 0.85
#: How much of a stretch is left at each of its ends, in parts of what is not condensed.
_CONTEXT: Final = 0.1
#: Distances of the axis' ticks, in seconds, and how far apart they are at least, in pixels.
_STEPS: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200),
)
_DAY: Final = 86_400
_TICK: Final = 60.0

#: What a moment may miss its multiple by, in steps.
_SLIP: Final = 1e-9

#: Up to here, moments are said in seconds; beyond in minutes too.
_MINUTES: Final = 300.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Scale:
    """From seconds to pixels: linear between its points."""

    moments: tuple[float, ...]
    pixels: tuple[float, ...]
    #: The condensed stretches, in seconds.
    breaks: tuple[tuple[float, float], ...] = ()

    def x(self, at: float) -> float:
        """Return where a moment lies. What is before or after all lies at the edge."""
        at = min(max(at, self.moments[0]), self.moments[-1])
        right = min(max(bisect_right(self.moments, at), 1), len(self.moments) - 1)
        t0, t1 = self.moments[right - 1 : right + 1]
        x0, x1 = self.pixels[right - 1 : right + 1]
        return x0 + (x1 - x0) * (at - t0) / (t1 - t0)

    def ticks(self) -> list[float]:
        """Return the moments that the axis names: multiples of a step, not in condensed parts."""
        parts = self._linear()
        (t0, t1), (x0, x1) = parts[0]
        step = _step((x1 - x0) / (t1 - t0))
        found: list[float] = []
        for (start, stop), _ in parts:
            first, last = math.ceil(start / step - _SLIP), math.floor(stop / step + _SLIP)
            found += [round(n * step, 6) for n in range(first, last + 1)]
        return found

    def _linear(self) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """Return what is not condensed: its moments and its pixels. All have the same rate."""
        starts = {start for start, _ in self.breaks}
        parts = zip(pairwise(self.moments), pairwise(self.pixels), strict=True)
        return [part for part in parts if part[0][0] not in starts]

    def said(self, at: float) -> str:
        """Write a moment as it is written all over this picture: ``10.5 s``, or ``12:30``."""
        if self.moments[-1] <= _MINUTES:
            return f"{round(at, 1) + 0.0:g} s"
        minutes, seconds = divmod(round(at), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _step(rate: float) -> float:
    """Return the smallest round distance of ticks that is wide enough, for pixels a second."""
    found = next((step for step in _STEPS if step * rate >= _TICK), None)
    return found or _DAY * math.ceil(_TICK / (_DAY * rate))


def scale(end: float, changes: Iterable[float], left: float, right: float) -> Scale:
    """Make the axis from 0 to `end`.

    Args:
        end: the last moment, in seconds; at least 1 is shown.
        changes: the moments at which something happened, in any order.
        left: where 0 is, in pixels.
        right: where `end` is.
    """
    end = max(end, 1.0)
    breaks = _breaks(end, changes)
    shown = end - sum(stop - start for start, stop in breaks)
    rate = (right - left - _BREAK * len(breaks)) / shown
    moments, pixels = [0.0], [left]
    for start, stop in breaks:
        moments += [start, stop]
        pixels.append(pixels[-1] + (start - moments[-3]) * rate)
        pixels.append(pixels[-1] + _BREAK)
    return Scale((*moments, end), (*pixels, right), tuple(breaks))


def _breaks(end: float, changes: Iterable[float]) -> list[tuple[float, float]]:
    """Return what is condensed: stretches without a change that are a large part of the whole."""
    inside = {at for at in changes if 0 < at < end}
    if not inside:
        return []
    moments = sorted({0.0, end, *inside})
    least = max(_LONG, end * _PART)
    long = [(start, stop) for start, stop in pairwise(moments) if stop - start >= least]
    rest = end - sum(stop - start for start, stop in long)
    if rest > end * (1 - _WORTH):
        return []
    room = max(rest * _CONTEXT, 2.0)
    return [(start + room, stop - room) for start, stop in long if stop - start > 3 * room]


def runs(
    ticks: Sequence[_T], x: Callable[[_T], float], together: float
) -> list[tuple[float, float, int]]:
    """Fold what lies closer than `together` pixels: (first x, last x, how many)."""
    found: list[tuple[float, float, int]] = []
    for tick in ticks:
        at = x(tick)
        if found and at - found[-1][1] < together:
            first, _, number = found[-1]
            found[-1] = (first, at, number + 1)
        else:
            found.append((at, at, 1))
    return found


def levels(texts: Sequence[tuple[float, float]], most: int) -> list[int | None]:
    """Return on which level each text stands, so that no text meets another, or another's line.

    Each text begins at its moment, and a line leads down from it. So a text stands above those
    of the moments that it reaches over. One that would be too high has no level.

    Args:
        texts: where each begins, in order, and how wide it is; in pixels.
        most: how many levels there are.
    """
    found: list[int | None] = []
    placed: list[tuple[float, int]] = []
    for start, width in reversed(texts):
        below = [level for at, level in placed if at < start + width]
        level = max(below, default=-1) + 1
        found.append(level if level < most else None)
        if level < most:
            placed.append((start, level))
    return found[::-1]
