"""Signal handlers that an app gives its event loop: in a played pod they go to the pod's own table.

The rest of `healthkit.testing._pod_signals` is about apps that call `signal.signal` themselves.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
from typing import TYPE_CHECKING, TypeVarTuple

from healthkit._signal_table import CURRENT, REAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

Ts = TypeVarTuple("Ts")


class PodSignalLoop(asyncio.SelectorEventLoop):
    """An event loop on which several pods live."""

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Have the loop call `callback` at a signal: at the pod's own, if a pod asks."""
        table = CURRENT.get()
        if table is REAL:
            super().add_signal_handler(sig, callback, *args)
            return
        context = contextvars.copy_context()

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.call_soon(callback, *args, context=context)

        table.signal(sig, handle)

    def remove_signal_handler(self, sig: int) -> bool:
        """Take a handler back; return whether there was one."""
        table = CURRENT.get()
        if table is REAL:
            return super().remove_signal_handler(sig)
        return callable(table.signal(sig, signal.SIG_DFL))
