"""Virtual time: when every task waits, the clock jumps to the next deadline.

A test that sleeps for an hour takes no time, and one in which everything waits for ever fails at
once instead of hanging. Sockets and the loop's self-pipe work, real threads do not: their work
takes real time, in which this clock would jump ahead of them.

The clock starts at the same moment in every run: sums of seconds are rounded by their size, so two
events that are due together would else come in an order that changes from run to run.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from typing import Final, cast

import pytest
import trio
import trio.testing

#: Seconds; as large as a real clock's, so that what is rounded there is rounded here.
_START: Final = 100_000.0


class _JumpingSelector(selectors.DefaultSelector):
    """Reports what is ready, and moves the clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = _START

    def select(
        self,
        timeout: float | None = None,
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            message = "deadlock: every task waits, and no deadline is left to jump to"
            raise RuntimeError(message)
        self.moment += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual moment, in seconds."""
        return self._jumping.moment

    def jump(self, seconds: float) -> None:
        """Let time pass in which the loop does nothing else: whoever calls this blocks it."""
        self._jumping.moment += seconds


#: For the `anyio_backend` fixture.
VIRTUAL: Final[tuple[str, dict[str, object]]] = ("asyncio", {"loop_factory": VirtualLoop})
REAL: Final[tuple[str, dict[str, object]]] = ("asyncio", {})

#: trio's own virtual time. Unlike the loop above it waits for ever if everything does.
VIRTUAL_TRIO: Final[tuple[str, dict[str, object]]] = (
    "trio",
    {"clock": trio.testing.MockClock(autojump_threshold=0)},
)
REAL_TRIO: Final[tuple[str, dict[str, object]]] = ("trio", {})

#: For a test of what holds on both libraries, or on one.
BOTH: Final = pytest.mark.parametrize(
    "anyio_backend", [VIRTUAL, VIRTUAL_TRIO], ids=["asyncio", "trio"]
)
BOTH_REAL: Final = pytest.mark.parametrize(
    "anyio_backend", [REAL, REAL_TRIO], ids=["asyncio", "trio"]
)

ON_ASYNCIO: Final = pytest.mark.parametrize("anyio_backend", [VIRTUAL], ids=["asyncio"])
ON_TRIO: Final = pytest.mark.parametrize("anyio_backend", [VIRTUAL_TRIO], ids=["trio"])


@pytest.fixture(params=[VIRTUAL, VIRTUAL_TRIO], ids=["asyncio", "trio"])
def on_both(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Stand in for a module's `anyio_backend`: each of its coroutine tests runs on both."""
    return cast("tuple[str, dict[str, object]]", request.param)


def jump(seconds: float) -> None:
    """Let virtual time pass in which nothing else happens: whoever calls this blocks the loop."""
    if trio.lowlevel.in_trio_run():
        cast("trio.testing.MockClock", trio.lowlevel.current_clock()).jump(seconds)
    else:
        cast("VirtualLoop", asyncio.get_running_loop()).jump(seconds)


async def stubbornly(seconds: float) -> None:
    """Sleep, and refuse to be cancelled."""
    if trio.lowlevel.in_trio_run():
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)
        return
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(left)
