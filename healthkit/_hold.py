"""Holds: work other than requests that a drain waits for, as a context manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


@final
class Hold:
    """Work other than a request that a drain waits for. Made by `Health.hold`.

    A context manager of both kinds: ``async with`` and, in a thread, ``with``. It may be entered
    again while it is held; the drain waits for the last to leave.
    """

    def __init__(self, name: str, take: Callable[[], Callable[[], None]]) -> None:
        """Make a hold that is free.

        Args:
            name: for a reader of the log.
            take: puts it on board, and returns what takes it off. Safe in any thread.
        """
        self._name = name
        self._take = take
        self._releases: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Hold {self._name!r} {'held' if self._releases else 'free'}>"

    def __enter__(self) -> Self:
        self._releases.append(self._take())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._releases.pop()()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)
