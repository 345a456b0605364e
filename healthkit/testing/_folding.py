"""Which of a pod's events are one line: a probe that goes on to answer the same.

A line that stands for many hides nothing. Whatever else happens ends all lines that are open: an
event of the pod, a first lost request, a probe that answers differently from before. So between the
first and the last moment of a line there are only probes that say what they said before, and those
have a line of their own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from healthkit.testing._outcomes import passes, result_of, said_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.testing._events import Event

#: Lost requests further apart than this, in seconds, are two happenings.
_TOGETHER: Final = 1.0


def folded(events: Sequence[Event]) -> list[list[int]]:
    """Return the lines, each as the positions of its events, ordered by their first one."""
    lines: list[list[int]] = []
    running = dict[str, list[int]]()
    before = dict[str, str]()
    for position, event in enumerate(events):
        lane, said = _lane(event), _said(event)
        line = running.get(lane)
        if line is not None and before[lane] == said and _near(events[line[-1]], event):
            line.append(position)
            continue
        if not _goes_on(event, before.get(lane)):
            running.clear()
        line = [position]
        lines.append(line)
        if lane:
            running[lane], before[lane] = line, said
    return lines


def spacing(moments: Sequence[float]) -> str:
    """Say how far apart they are: ``every 1 s``, ``0.9 to 1.4 s apart``; nothing of one moment."""
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    least, most = (f"{round(gap, 1) + 0.0:g}" for gap in (min(gaps), max(gaps)))
    if most == "0":
        return ""
    return f"every {least} s" if least == most else f"{least} to {most} s apart"


def _lane(event: Event) -> str:
    """Return what an event can share a line with; nothing for most."""
    if event.name == "probe":
        return f"probe {event.details.get('type')}"
    return "request" if event.name == "request" else ""


def _said(event: Event) -> str:
    return said_of(event) if event.name == "probe" else str(event.details.get("why"))


def _near(last: Event, event: Event) -> bool:
    return event.name == "probe" or event.at - last.at <= _TOGETHER


def _goes_on(event: Event, before: str | None) -> bool:
    """Say whether it is no news: a probe as before, or the first of its kind, which passes."""
    if event.name != "probe":
        return False
    return passes(result_of(event)) if before is None else before == said_of(event)
