"""Under gevent, have what healthkit logs written by a greenlet of the app's own thread.

The locks of `logging` are greenlets' locks there. One that a real thread of healthkit's holds may
never wake the greenlet that waits for it, and a lost wake-up stops the worker. So a record that is
made in another thread than the hub's is handed to the hub, and a greenlet there handles it.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Protocol, cast

from healthkit import _real
from healthkit._log import logger

if TYPE_CHECKING:
    from collections.abc import Callable


class _Loop(Protocol):
    """What is needed of the hub's loop (gevent.readthedocs.io, "gevent._interfaces.ILoop")."""

    def run_callback_threadsafe(self, function: Callable[..., object], *args: object) -> object:
        """Call in the hub, from any thread."""
        ...


class Relay(logging.Filter):
    """A filter of the logger's that keeps nothing back, but moves it."""

    def __init__(self, loop: _Loop, spawn: Callable[..., object]) -> None:
        """Be the relay to one hub. In that hub's thread.

        Args:
            loop: the hub's.
            spawn: starts a greenlet.
        """
        super().__init__()
        self._loop = loop
        self._spawn = spawn
        self._ident = cast("Callable[[], int]", _real.original("_thread", "get_ident"))
        self._home = self._ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may be handled in this thread."""
        if self._ident() == self._home:
            return True
        self._loop.run_callback_threadsafe(self._spawn, logger.logger.handle, record)
        return False


def install() -> None:
    """Relay from now on, if gevent has patched this process. Again is harmless.

    To be called in the hub's thread. A forked child has a hub of its own, and a relay to that.
    """
    for relay in [one for one in logger.logger.filters if isinstance(one, Relay)]:
        logger.logger.removeFilter(relay)
    if _real.is_patched():
        gevent = importlib.import_module("gevent")
        logger.logger.addFilter(Relay(gevent.get_hub().loop, gevent.spawn))
