"""Objects found by what links them, so that nobody looks through all for each: time stays linear.

Each index is built once; `Manifests` keeps it. The surprising fact: one label of a selector is
often everybody's (``app.kubernetes.io/part-of``), so that things are found by their rarest one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Workload
    from healthkit.manifests._loose import Loose

T = TypeVar("T")
K = TypeVar("K")

#: A label's key and its value.
_Label = tuple[str, str]


def grouped(things: Iterable[T], keys: Callable[[T], Iterable[K]]) -> dict[K, list[T]]:
    """Return things by each of the keys that they have, in their order."""
    found = defaultdict[K, list[T]](list)
    for one in things:
        for key in keys(one):
            found[key].append(one)
    return dict(found)


class Labelled(Generic[T]):
    """Things found by their labels."""

    def __init__(self, things: Iterable[tuple[T, Mapping[str, str]]]) -> None:
        self._all = list(things)
        self._by_label = grouped(self._all, lambda pair: pair[1].items())

    def having(self, labels: Mapping[str, str]) -> list[tuple[T, Mapping[str, str]]]:
        """Return what has all of some labels, each with all its labels, in their order."""
        found = [self._by_label.get(label, []) for label in labels.items()]
        fewest = min(found, key=len, default=self._all)
        return [(one, own) for one, own in fewest if labels.items() <= own.items()]


class _Entry(NamedTuple):
    #: Its place among all.
    place: int
    thing: Thing
    labels: Mapping[str, str]


class Selectors:
    """Objects that select pods by labels, found by those labels: each pod asks for its own only."""

    def __init__(self, things: Iterable[Thing], at: Callable[[Thing], Loose]) -> None:
        """Take things, and where each has the labels that it asks for."""
        entries = [_Entry(place, one, at(one).table) for place, one in enumerate(things)]
        common = Counter(label for one in entries for label in one.labels.items())
        self._by_label = defaultdict[_Label, list[_Entry]](list)
        #: Those that ask for no label, by their namespace.
        self.others = grouped((one.thing for one in entries if not one.labels), _namespace)
        for one in entries:
            if one.labels:
                self._by_label[min(one.labels.items(), key=common.__getitem__)].append(one)

    def of(self, workload: Workload) -> list[Thing]:
        """Return those that ask for labels that a workload's pods have, in their order."""
        labels = workload.labels.items()
        asked = (one for label in labels for one in self._by_label.get(label, ()))
        found = [
            one
            for one in asked
            if one.labels.items() <= labels and one.thing.may_share(workload.thing)
        ]
        return [one.thing for one in sorted(found, key=attrgetter("place"))]


def _namespace(thing: Thing) -> list[str]:
    return [thing.namespace]
