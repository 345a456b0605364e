"""`Timeline`: everything that was seen of a pod, for people and for tests.

It is a sequence of events. ``print(timeline)`` tells the pod's life, its `repr` is one stable line
for assertions, and both fold what repeats (`_folding`). It is a value: a pod that lives on has a
longer one later.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, overload

from healthkit.errors import ConfigError
from healthkit.testing._events import Event
from healthkit.testing._folding import folded, spacing
from healthkit.testing._outcomes import said_of
from healthkit.testing._terse import NAMES, terse
from healthkit.testing._words import Teller, moment

if TYPE_CHECKING:
    from healthkit.manifests._spec import PodSpec

#: How wide the text is, in characters.
_WIDTH: Final = 80
#: Between the seconds and the words.
_GAP: Final = "  "


class Timeline(Sequence[Event]):
    """Everything that was seen of a pod, in the order of its moments.

    A sequence of events: it has a length, positions, and slices, which are timelines too. Two are
    equal if their events are. It doesn't change.

    ``str`` tells the pod's life in lines of 80 columns, the seconds since the simulation's
    beginning first. ``repr`` is one line: ``<Timeline 0.0 Pending; 0.6 container 1; 1.0 readiness
    503 x9 until 9.0; 10.0 readiness 200; 10.0 ready>``, with one to three decimals, and equal
    answers to a probe folded where nothing happened between them. Its words are stable: tests may
    compare it.

    Args:
        events: what was seen. They are put in the order of their moments: of a probe the kubelet
            learns later than it was sent.
        name: the pod's.
        spec: what the manifest says of the pod. The text explains more with it: which thresholds
            decided, and which probes there aren't.
    """

    __slots__ = ("_events", "name", "spec")

    def __init__(
        self, events: Iterable[Event] = (), name: str = "", spec: PodSpec | None = None
    ) -> None:
        self._events = tuple(sorted(events, key=lambda event: event.at))
        #: The pod's name.
        self.name = name
        #: What the manifest says of the pod, if that is known.
        self.spec = spec

    # -- a sequence -------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Timeline: ...
    def __getitem__(self, index: int | slice) -> Event | Timeline:
        if isinstance(index, slice):
            return self._part(self._events[index])
        return self._events[index]

    def __eq__(self, other: object) -> bool:
        return self._events == other._events if isinstance(other, Timeline) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # details are mappings, which have none

    def _part(self, events: Iterable[Event]) -> Timeline:
        return Timeline(events, name=self.name, spec=self.spec)

    # -- parts ------------------------------------------------------------------------------------

    def named(self, *names: str, **details: object) -> Timeline:
        """Return the events of some names, with these details.

        ``timeline.named("probe", type="readiness", result="failure")``

        Args:
            names: as the events' are: ``probe``, ``ready``, ``sigterm``, ...; none are all.
            details: only events that have all of these, with these values.

        Raises:
            ConfigError: no event has such a name.
        """
        wrong = sorted(set(names) - NAMES)
        if wrong:
            raise ConfigError(f"found {wrong[0]!r}, expected one of {', '.join(sorted(NAMES))}")
        return self._part(
            event
            for event in self._events
            if (not names or event.name in names) and details.items() <= dict(event.details).items()
        )

    def between(self, start: float, end: float) -> Timeline:
        """Return the events from a moment up to another, both included, in seconds."""
        return self._part(event for event in self._events if start <= event.at <= end)

    # -- text -------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        parts = [self._terse(line) for line in folded(self._events)]
        name = f" {self.name}:" if self.name else ""
        return f"<Timeline{name} {'; '.join(parts) or 'empty'}>"

    def _terse(self, line: Sequence[int]) -> str:
        first, last = self._events[line[0]], self._events[line[-1]]
        many = f" x{len(line)} until {moment(last.at)}" if len(line) > 1 else ""
        return f"{moment(first.at)} {terse(first)}{many}"

    def __str__(self) -> str:
        lines = folded(self._events)
        if not lines:
            return f"{self.name or 'pod'}: nothing was seen of it"
        teller = Teller(self.spec)
        told = [teller.tell(event) for event in self._events]
        fine = _decimals([self._events[line[0]].at for line in lines])
        rows = [("seconds", self.name)] if self.name else []
        for line in lines:
            words = told[line[0]] if len(line) == 1 else self._many(line, fine)
            rows.append((f"{self._events[line[0]].at:.{fine}f}", words))
        width = max(len("seconds"), *(len(second) for second, _ in rows))
        return "\n".join(_wrapped(second.rjust(width), words) for second, words in rows)

    def _many(self, line: Sequence[int], fine: int) -> str:
        """Say what happened many times."""
        first = self._events[line[0]]
        moments = [self._events[position].at for position in line]
        apart = spacing(moments)
        often = f", {apart}, until {moments[-1]:.{fine}f} s" if apart else ""
        if first.name == "request":
            return f"LOST {len(line)} requests: {first.details.get('why')}{often}"
        return f"{said_of(first)} x {len(line)}{often}"

    # -- data -------------------------------------------------------------------------------------

    def to_dicts(self) -> list[dict[str, object]]:
        """Return one dict for each event: ``t`` (seconds), ``event`` (its name), its details.

        That is the shape in which lives on real clusters are recorded.
        """
        return [{"t": round(at, 6), "event": name, **more} for at, name, more in self._events]

    def to_json(self) -> str:
        """Return `to_dicts` as JSON, one event a line."""
        lines = [json.dumps(one, default=str) for one in self.to_dicts()]
        return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"


def _decimals(moments: Sequence[float]) -> int:
    """Return how many decimals people need: two where one doesn't tell different moments apart."""
    return 1 if len({f"{at:.1f}" for at in moments}) == len({f"{at:.2f}" for at in moments}) else 2


def _wrapped(margin: str, text: str) -> str:
    """Put text beside its seconds, in as many lines as it needs."""
    indent = " " * len(margin) + _GAP
    lines = textwrap.wrap(
        text, _WIDTH, initial_indent=margin + _GAP, subsequent_indent=indent + _GAP
    )
    return "\n".join(lines)
