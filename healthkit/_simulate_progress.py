"""A bar for a simulation that takes its time: on a terminal, and after a second of real time.

It is a nicety: without rich there is none.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

#: Real seconds without a bar, and those between two of its looks.
_PATIENCE: Final = 1.0
_BETWEEN: Final = 0.1


class Progress:
    """Shows on stderr how far a simulation is. To be used by ``with``.

    Args:
        total: its length in virtual seconds, if that is known.
        clock: real time in seconds.
    """

    def __init__(self, total: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._next = clock() + _PATIENCE
        self._bar: tuple[Bar, TaskID] | None = None
        self._wanted = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar[0].stop()

    def show(self, now: float) -> None:
        """Show the moment, in virtual seconds, if it is time to."""
        if not self._wanted or self._clock() < self._next:
            return
        self._next = self._clock() + _BETWEEN
        if self._bar is None:
            self._bar = _made(self._total)
            self._wanted = self._bar is not None
        if self._bar is not None:
            bar, task = self._bar
            bar.update(task, completed=now, description=f"{now:,.0f} s")
            bar.refresh()


def _made(total: float | None) -> tuple[Bar, TaskID] | None:
    """Begin a bar. It draws when it is told to: a thread of its own would hold up virtual time."""
    try:
        from rich.console import Console  # noqa: PLC0415  # an extra, and for terminals only
        from rich.progress import Progress as Bar  # noqa: PLC0415  # as above
    except ImportError:
        return None
    bar = Bar(console=Console(file=sys.stderr), auto_refresh=False, transient=True)
    bar.start()
    return bar, bar.add_task("", total=total)
