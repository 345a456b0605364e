"""What the loop in virtual time has in the place of asyncio's: deadlines and the selector."""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, TypeAlias

    Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]


class Moment(float):
    """A deadline, ordered by when it was asked for if another is at the same time."""

    __slots__ = ("order",)

    order: int

    def __new__(cls, when: float, order: int) -> Self:
        made = super().__new__(cls, when)
        made.order = order
        return made

    def __lt__(self, other: float) -> bool:
        if isinstance(other, Moment) and other == self:
            return self.order < other.order
        return float(self) < float(other)


class Selector(selectors.DefaultSelector):
    """Asks the loop how to wait."""

    def __init__(self, wait: Callable[[float | None], Events]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> Events:
        """Wait as the loop does: for real, or by letting virtual time pass."""
        return self._wait(timeout)

    def really(self, timeout: float) -> Events:
        """Wait for so many real seconds at most."""
        return super().select(timeout)

    def is_alone(self) -> bool:
        """Whether nothing from outside can come, but by another thread."""
        return len(self.get_map()) == 1  # the loop's own pipe
