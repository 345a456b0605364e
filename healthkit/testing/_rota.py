"""Whose turn it is, of those who come and go; each step costs the same, however many there are."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Rota(Generic[T]):
    """A set that is gone through in turn. When one goes, the last one takes its place."""

    def __init__(self) -> None:
        self._all: list[T] = []
        self._places: dict[T, int] = {}
        self._turn = 0

    def __repr__(self) -> str:
        return f"<Rota of {len(self._all)}>"

    def put(self, one: T, *, there: bool) -> None:
        """Have one in it, or not."""
        if there and one not in self._places:
            self._places[one] = len(self._all)
            self._all.append(one)
        elif not there and one in self._places:
            self._remove(one)

    def next(self) -> T | None:
        """Return whose turn it is; None if there is nobody."""
        if not self._all:
            return None
        self._turn = (self._turn + 1) % len(self._all)
        return self._all[self._turn]

    def _remove(self, one: T) -> None:
        place = self._places.pop(one)
        last = self._all.pop()
        if last is not one:
            self._all[place] = last
            self._places[last] = place
