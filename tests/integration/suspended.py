"""An app with one required check that takes note of its runs, for a process that is stopped.

Each run writes its begin and its end to the file that ``RUNS_LOG`` names, with the moment on the
machine's monotonic clock. Each answer says how many runs had ended when it was given.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

#: Seconds. The state expires three intervals after a run.
INTERVAL: Final = 0.5
TIMEOUT: Final = 0.2
MAX_AGE: Final = 1.5
#: What a run takes: long enough for probes to be answered before it ends.
QUERY: Final = 0.05

LOG: Final = Path(os.environ.get("RUNS_LOG", os.devnull))

health = Health()
runs: list[float] = []


@health.check(interval=INTERVAL, timeout=TIMEOUT, max_age=MAX_AGE)
async def database() -> None:
    """Pass, after a while."""
    _note("began")
    await asyncio.sleep(QUERY)
    runs.append(_note("ended"))


def _note(what: str) -> float:
    now = time.monotonic()
    with LOG.open("a") as log:
        log.write(f"{what} {now}\n")
    return now


inner = HealthMiddleware(Starlette(), health=health)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Add the number of runs to each answer, at the moment at which it is given."""

    async def numbering(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append((b"x-runs", b"%d" % len(runs)))
        await send(message)

    await inner(scope, receive, numbering)
