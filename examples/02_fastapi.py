"""FastAPI with all that can be registered: a warm-up, a check, a hold, a callback of the drain.

Run it and watch ``/readyz`` while it warms up; post an order and end it with SIGTERM::

    HEALTHKIT_DRAIN_DELAY=2 uvicorn --app-dir examples 02_fastapi:app
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

logging.basicConfig(level=logging.INFO)  # one line, and healthkit's log is seen

PRICES: Final = 20
#: Seconds: what reading one price takes, and what sending one mail takes.
READING: Final = 0.05
MAILING: Final = 1.0

health = Health()
app = FastAPI()
app.add_middleware(HealthMiddleware, health=health)  # last added, so outermost

prices: dict[int, int] = {}
mails: set[asyncio.Task[None]] = set()


@health.warmup(timeout=30)
async def price_list(progress: Callable[[float, float], None]) -> None:
    """Fill the cache. Readiness waits for it; a failure is retried."""
    for item in range(PRICES):
        prices[item] = 100 + item
        progress(len(prices), PRICES)
        await asyncio.sleep(READING)


@health.check(interval=5, required=False)
def database() -> None:
    """Ask the database. All pods share it: it is watched, and no pod leaves the Service for it.

    A plain function: it runs in a thread of healthkit's own.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("select 1")


@health.on_drain
async def announce() -> None:
    """Tell whoever sends this pod work by other ways than the Service."""
    logging.getLogger(__name__).info("no more work for this pod, please")


@app.get("/prices/{item}")
async def price(item: int) -> dict[str, int | None]:
    """Answer from the cache."""
    return {"cents": prices.get(item)}


@app.post("/orders", status_code=202)
async def order() -> dict[str, str]:
    """Take an order; its mail is sent after the answer."""
    mail = asyncio.create_task(confirm())
    mails.add(mail)  # the loop itself keeps only a weak reference
    mail.add_done_callback(mails.discard)
    return {"order": "taken"}


async def confirm() -> None:
    """Send the confirmation. No request waits for it, but a drain does."""
    async with health.hold("confirmation mail"):
        await asyncio.sleep(MAILING)
