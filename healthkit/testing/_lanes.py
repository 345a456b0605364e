"""The lanes of the picture, one function each: drawn into a group, left to right on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._scale import levels, runs
from healthkit._shapes import BAR, Label, bracket, inside, signal, stripes, wide
from healthkit.testing._marks import endings, lost, marks
from healthkit.testing._spans import endpoints, states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit._scale import Scale
    from healthkit._svg import Element
    from healthkit.testing._marks import Mark
    from healthkit.testing._outcomes import Result
    from healthkit.testing._spans import Span, Story

#: Where the time begins and ends, in pixels; names stand left of it, sums and labels right of it.
LEFT: Final = 100.0
RIGHT: Final = 880.0
WIDTH: Final = 1000.0

#: Heights, in pixels.
LANE: Final = 24.0
CHART: Final = 44.0

#: Marks closer than this share a label, ticks closer than this become a block.
_TOGETHER: Final = 7.0
_TICK: Final = 3.5
#: How wide a column of the requests is: what comes and goes within it is one.
_COLUMN: Final = 4.0
#: How many moments one label names.
_NAMED: Final = 2

#: The states of the bar: what they are called, and the class of text in them.
STATES: Final = {
    "waiting": ("waiting", "dim"),
    "booting": ("booting", "on-light"),
    "unready": ("not ready", "on-light"),
    "ready": ("ready", "on-dark"),
    "ending": ("terminating", "on-light"),
    "backoff": ("CrashLoopBackOff", "text"),
    "over": ("over", "dim"),
}
#: Those with stripes, so that they differ not by colour alone: how far apart, in pixels.
STRIPES: Final = {"booting": 8, "ending": 4}

ENDPOINTS: Final = {
    "ready": "in the Service",
    "not ready": "out",
    "terminating serving": "terminating, serving",
    "terminating": "terminating",
}


def labels(life: Story, scale: Scale, most: int) -> list[Label]:
    """Return the labels above a pod's bar, on at most so many levels."""
    groups: list[list[Mark]] = []
    for mark in marks(life):
        if groups and scale.x(mark.at) - scale.x(groups[-1][0].at) < _TOGETHER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    starts = [scale.x(group[0].at) for group in groups]
    texts = [_label(*one, scale) for one in zip(groups, starts, strict=True)]
    widths = [wide(text) for text in texts]
    placed = levels(list(zip(starts, widths, strict=True)), most)
    tips = [", ".join(f"{scale.said(mark.at)} {mark.text}" for mark in group) for group in groups]
    return [Label(*one) for one in zip(starts, texts, placed, tips, strict=True)]


def _label(group: Sequence[Mark], x: float, scale: Scale) -> str:
    """Name the moments: ``60 s deleted, SIGTERM``. Where they are too many, the highest ranks."""
    ranks = sorted((mark.rank for mark in group), reverse=True)
    fitting = (_named(group, least, scale) for least in reversed(ranks[:_NAMED]))
    highest = _named(group, ranks[0], scale)
    return next((text for text in fitting if x + wide(text) <= WIDTH), highest)


def _named(group: Sequence[Mark], least: int, scale: Scale) -> str:
    """Name those of a rank and above, after the first moment of the group."""
    names = [mark.text for mark in group if mark.rank >= least][:_NAMED]
    return f"{scale.said(group[0].at)} {', '.join(names)}"


def bar(into: Element, life: Story, scale: Scale, end: float) -> None:
    """Draw the states of the container."""
    for span in states(life, end):
        name, css = STATES[span.kind]
        one, x, width = _span(into, span, scale, name)
        one.box(span.kind, x, 1, width, BAR - 2)
        if span.kind in STRIPES:
            stripes(one, x, width, (1, BAR - 2), STRIPES[span.kind])
        inside(one, css, (x, width), BAR / 2 + 4, name)


def _span(into: Element, span: Span, scale: Scale, name: str) -> tuple[Element, float, float]:
    """Begin the group of a span, which says its name and its moments; return where it is."""
    x, stop = scale.x(span.start), scale.x(span.end)
    tip = f"{name}, {scale.said(span.start)} to {scale.said(span.end)}"
    return into.group(0, tip), x, stop - x


# -- probes ---------------------------------------------------------------------------------------

#: How one result is drawn: its class, and its path around (x, 0), the lane's line.
_SHAPES: Final[dict[Result, tuple[str, str]]] = {
    "success": ("good", "M{x} -1v-8"),
    "warning": ("warned", "M{x} -1l-3 -7h6z"),
    "failure": ("bad", "M{l} 2l6 6m0 -6l-6 6"),
    "discarded": ("thrown", "M{l} 5a3 3 0 1 0 6 0a3 3 0 1 0 -6 0"),
}
#: How many of them that touch are drawn: class, top, height.
_BLOCKS: Final[dict[Result, tuple[str, float, float]]] = {
    "success": ("many", -9, 8),
    "warning": ("warned", -8, 7),
    "failure": ("bads", 2, 6),
    "discarded": ("thrown", 2, 6),
}
_COUNTED: Final[dict[Result, str]] = {
    "success": "ok",
    "warning": "warned",
    "failure": "failed",
    "discarded": "discarded",
}


def probe_lane(into: Element, seen: Sequence[tuple[float, Result]], scale: Scale) -> None:
    """Draw one probe's results: successes above the line, the others below it."""
    middle = into.group(LANE / 2 + 2)
    middle.line("base", (LEFT, 0), (RIGHT, 0))
    for result in _SHAPES:
        moments = [at for at, one in seen if one == result]
        if moments:
            _ticks(middle, result, moments, scale)


def shape(result: Result, x: float) -> tuple[str, str]:
    """Return the class and the path of one result."""
    css, path = _SHAPES[result]
    return css, path.format(x=f"{x:.1f}", l=f"{x - 3:.1f}")


def _ticks(into: Element, result: Result, moments: Sequence[float], scale: Scale) -> None:
    found = runs(moments, scale.x, _TICK)
    css = _SHAPES[result][0]
    alone = [shape(result, first)[1] for first, _, many in found if many == 1]
    group = into.group(0, f"{len(moments)} {_COUNTED[result]}")
    if alone:
        group.add("path", css, d="".join(alone))
    block, top, height = _BLOCKS[result]
    for first, last, many in found:
        if many > 1:
            group.box(block, first - 1, top, last - first + 2, height)


def counted(seen: Sequence[tuple[float, Result]]) -> str:
    """Say how often each result was: ``57 ok, 3 failed``."""
    numbers: dict[Result, int] = {}
    for _, result in seen:
        numbers[result] = numbers.get(result, 0) + 1
    return ", ".join(f"{numbers[one]} {word}" for one, word in _COUNTED.items() if one in numbers)


# -- the Service, the end, requests ---------------------------------------------------------------


def service_lane(into: Element, life: Story, scale: Scale, end: float) -> None:
    """Draw how the pod stood in the Service: a full bar, a hollow one, or a broken line."""
    for span in endpoints(life, end):
        name = ENDPOINTS[span.kind]
        one, x, width = _span(into, span, scale, name)
        if span.kind in {"ready", "terminating serving"}:
            good = span.kind == "ready"
            one.box("in" if good else "leaving", x, 4, width, LANE - 8)
            inside(one, "on-dark" if good else "text", (x, width), LANE / 2 + 4, name)
        else:
            one.line("out", (x, LANE / 2), (x + width, LANE / 2))


def ending_lane(into: Element, life: Story, scale: Scale, end: float) -> None:
    """Draw how containers ended: the hook, SIGTERM, the grace period, SIGKILL."""
    for span in endings(life, end):
        one, x, width = _span(into, span, scale, _ENDINGS[span.kind][0])
        if span.kind == "grace":
            bracket(one, (x, width), LANE - 2, whole=span.end <= end)
            continue
        name, css, text = _ENDINGS[span.kind]
        one.box(css, x, 3, width, LANE - 11)
        inside(one, text, (x, width), LANE / 2 + 1, name)
    for mark in marks(life):
        if mark.text in {"SIGTERM", "SIGKILL"}:
            signal(into.group(0, f"{scale.said(mark.at)} {mark.text}"), scale.x(mark.at), mark.text)


_ENDINGS: Final = {
    "preStop": ("preStop", "hook", "text"),
    "ending": ("after SIGTERM", "ending", "on-light"),
    "grace": ("grace period", "", ""),
}


def request_lane(into: Element, life: Story, scale: Scale, end: float) -> None:
    """Draw how many requests were in flight, as an area, and a cross for each that was lost."""
    low = CHART - 4
    into.line("base", (LEFT, low), (RIGHT, low))
    if life.most:
        area = into.group(0, f"at most {life.most} requests in flight")
        rows = (low, (low - 12) / life.most)
        area.add("path", "flight", d=_area(life.in_flight, scale, end, rows))
    for first, last, many in runs(lost(life), scale.x, _TICK):
        middle = (first + last) / 2
        one = into.group(0, f"{many} lost")
        one.add("path", "lost", d=f"M{middle - 4:.1f} 2l8 8m0 -8l-8 8")


def _area(
    samples: Sequence[tuple[float, int]], scale: Scale, end: float, rows: tuple[float, float]
) -> str:
    """Return the outline, in columns: each as high as the most that it had."""
    low, each = rows
    heights = columns(samples, scale, end)
    first = LEFT + _COLUMN * min(heights)
    steps = [f"H{LEFT + _COLUMN * at:g}V{low - most * each:.1f}" for at, most in heights.items()]
    return f"M{first:g} {low:g}{''.join(steps)}H{scale.x(end):.1f}V{low:g}z"


def columns(samples: Sequence[tuple[float, int]], scale: Scale, end: float) -> dict[int, int]:
    """Return the most that was in flight in each column, where that changes; 0 is the leftmost."""
    found = dict[int, int]()
    ends = [*(at for at, _ in samples[1:]), end]
    for (at, number), stop in zip(samples, ends, strict=True):
        first, last = (int((scale.x(moment) - LEFT) / _COLUMN) for moment in (at, stop))
        for column in range(first, last + 1):
            found[column] = max(found.get(column, 0), number)
    return {at: most for at, most in sorted(found.items()) if found.get(at - 1) != most}
