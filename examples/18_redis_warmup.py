"""A cache that is warmed from Redis, which may be away: at the start, later, or half dead.

Run it with a Redis or without one, and start and stop Redis as you like::

    redis-cli mset product:1 chair product:2 table
    REDIS_URL=redis://127.0.0.1:6379 uvicorn --app-dir examples 18_redis_warmup:app
    curl -i http://127.0.0.1:8000/readyz?verbose

======================  ==========================================================================
Redis is away at first  the pod starts and says ``warming: catalogue``; the warm-up is tried again
                        until Redis is there. Nothing is restarted: that would bring no Redis back
Redis goes away later   all pods share it, so none leaves the Service for it: the check is not
                        required, ``/readyz`` stays 200 and tells, and the cache answers
Redis accepts and       the check is cancelled when its time is over; no probe waits for it, for
says nothing            probes are answered from memory
======================  ==========================================================================
"""

# What redis takes as **kwargs has no types:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, HTTPException
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from healthkit import Progress

logging.basicConfig(level=logging.INFO)  # one line, and healthkit's log is seen

PREFIX: Final = "product:"
#: Keys that one SCAN looks at, and one MGET asks for at most: few enough that Redis, which does one
#: thing at a time, keeps nobody waiting; many enough that the way there is not all it takes.
BATCH: Final = 500

redis = Redis.from_url(
    os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
    decode_responses=True,
    socket_connect_timeout=1,  # seconds, each
    socket_timeout=2,
    retry=Retry(NoBackoff(), 0),  # healthkit tries again, and tells
)

#: The cache: what requests are answered from.
products: dict[str, str] = {}


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Leave Redis in order. It is not asked for at the start: it may be away."""
    yield
    await redis.aclose()


health = Health()
app = FastAPI(lifespan=lifespan)
app.add_middleware(HealthMiddleware, health=health)  # last added, so outermost


@health.warmup(timeout=60, deadline=300)
async def catalogue(progress: Progress) -> None:
    """Read all products: SCAN finds the keys bit by bit, MGET reads them a batch at a time.

    What it raises is logged and tried again, from 1 s to 60 s apart. A minute is enough for one
    attempt; after 5 minutes an error is logged, and the attempts go on.
    """
    found: dict[str, str] = {}
    seen, total = 0, await redis.dbsize()
    cursor = -1
    while cursor:
        cursor, keys = await redis.scan(max(cursor, 0), match=f"{PREFIX}*", count=BATCH)
        if keys:
            values = await redis.mget(keys)
            # SCAN may name a key twice, and one that is gone when MGET comes.
            found |= {str(k): str(v) for k, v in zip(keys, values, strict=True) if v is not None}
        seen += BATCH
        progress(min(seen, total), total)
    products.update(found)  # only now: half a cache is none


@health.check(interval=2, required=False)
async def redis_answers() -> None:
    """Ask Redis. All pods share it: it is watched, and no pod leaves the Service for it."""
    await redis.ping()


@app.get("/products/{number}")
async def product(number: int) -> dict[str, str]:
    """Answer from the cache: no request waits for Redis."""
    name = products.get(f"{PREFIX}{number}")
    if name is None:
        raise HTTPException(404, "no such product")
    return {"name": name}
