"""healthkit as a contestant: an ordinary request, and its endpoints with more and more checks."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from healthkit import Health, HealthMiddleware
from tests.benchmarks.contestant import CLIENT, FOR_EVER, TAKES, Contestant
from tests.benchmarks.floors import constant

if TYPE_CHECKING:
    from collections.abc import Callable


async def _works() -> None:
    await asyncio.sleep(TAKES)


async def _hangs() -> None:
    await asyncio.sleep(FOR_EVER)


def _app(checks: int = 0, *, hanging: bool = False) -> Callable[[], HealthMiddleware]:
    """Return what makes an app with so many checks, the last of which may hang."""

    def make() -> HealthMiddleware:
        health = Health()
        for number in range(1, checks + 1):
            function = _hangs if hanging and number == checks else _works
            health.check(function, name=f"check-{number}")
        return HealthMiddleware(constant, health=health)

    return make


#: A contestant that is opened as a server would.
_ours = partial(Contestant, lifespan=True)


def _ready(checks: int) -> Contestant:
    """Ask for readiness when all checks have succeeded."""
    label = f"healthkit, {checks} check{'s' * (checks != 1)}"
    return _ours(label, _app(checks), path="/readyz", ready=("/readyz", b"ok"))


CONTESTANTS: Final = {
    "request": _ours("healthkit", _app(), headers=CLIENT, ready=("/readyz", b"ok")),
    "live": _ours("healthkit", _app(), path="/livez", ready=("/readyz", b"ok")),
    "ready_0": _ready(0),
    "ready_1": _ready(1),
    "ready_10": _ready(10),
    "ready_100": _ready(100),
    "ready_hanging": _ours(
        "healthkit, 10 checks, one hanging",
        _app(10, hanging=True),
        path="/readyz",
        status=503,
        ready=("/readyz", b"failing: check-10"),
    ),
    # Asked from the first moment on: nothing is waited for.
    "wait_healthy": _ours("healthkit", _app(10), path="/readyz"),
    "wait_hanging": _ours("healthkit", _app(10, hanging=True), path="/readyz"),
}
