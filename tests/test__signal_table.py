"""The engine's signals are the process's, unless somebody plays a pod in it."""

from __future__ import annotations

import contextvars
import signal
from typing import TYPE_CHECKING

import pytest

from healthkit._signal_table import CURRENT, REAL
from healthkit._signals import GATE, Gate, Keeper, current_gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from healthkit._signal_table import Handler


class Table:
    """A table of a played pod."""

    def __init__(self) -> None:
        self.gate: object = None
        self.moment = 100.0
        self.got = 0
        self.handlers: dict[int, Handler] = {signal.SIGTERM: self.handle}

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        """Be the server's handler."""
        self.got += 1

    def now(self) -> float:
        """Return the moment."""
        return self.moment

    def getsignal(self, number: int, /) -> Handler:
        """Return a handler."""
        return self.handlers[number]

    def signal(self, number: int, handler: Handler, /) -> Handler:
        """Install a handler."""
        before, self.handlers[number] = self.handlers[number], handler
        return before

    def siginterrupt(self, number: int, flag: bool, /) -> None:
        """Do nothing."""

    def raise_signal(self, number: int, /) -> None:
        """Deliver a signal."""
        handler = self.handlers[number]
        assert callable(handler)
        handler(number, None)

    def send_signal(self, number: int, /) -> None:
        """Deliver a signal."""
        self.raise_signal(number)


@pytest.fixture(autouse=True)
def _handler_is_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_the_real_table_is_the_processs() -> None:
    """What is installed there is what Python has."""
    table = Table()
    assert repr(REAL) == "<the process's signals>"
    REAL.signal(signal.SIGTERM, table.handle)
    REAL.siginterrupt(signal.SIGTERM, False)  # noqa: FBT003  # the module's own
    assert REAL.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGTERM) == table.handle
    REAL.raise_signal(signal.SIGTERM)
    REAL.send_signal(signal.SIGTERM)
    assert table.got == 2
    assert REAL.now() <= REAL.now()


def test_a_process_has_one_gate() -> None:
    """Unless told otherwise, everybody is in front of the real server."""
    assert current_gate() is GATE is REAL.gate


def test_a_played_pod_has_a_gate_of_its_own() -> None:
    """The same one for all who are in it, with its own clock; the process's stays open."""
    table = Table()
    context = contextvars.copy_context()
    context.run(CURRENT.set, table)
    gate = context.run(current_gate)
    assert isinstance(gate, Gate)
    assert gate is context.run(current_gate) is not GATE
    began: list[int] = []

    def begin() -> bool:
        began.append(1)
        return True

    keeper = Keeper(begin, lambda: None)
    assert gate.close(keeper) is None
    assert not GATE.closed
    table.raise_signal(signal.SIGTERM)
    table.moment += 0.9
    table.raise_signal(signal.SIGTERM)
    assert (len(began), table.got) == (1, 0)
    table.moment += 0.2
    table.raise_signal(signal.SIGTERM)
    assert (len(began), table.got) == (1, 1)
    gate.leave(keeper)
    assert table.getsignal(signal.SIGTERM) == table.handle
