"""A cache that is warmed from SQLite, with progress: FastAPI serves only when all of it is there.

Run it, and watch ``/readyz`` say how far it is. The file is made if it is not there::

    CATALOGUE=/tmp/catalogue.sqlite3 uvicorn --app-dir examples 17_sqlite_warmup:app
    curl -i http://127.0.0.1:8000/readyz

SQLite blocks, so the warm-up is a plain function: it runs in a thread of healthkit's own, while the
event loop answers the probes. `18_redis_warmup.py` does the same from a server that may be away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, HTTPException

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from healthkit import Progress

logging.basicConfig(level=logging.INFO)  # one line, and healthkit's log is seen

PRODUCTS: Final = 2_000
BATCH: Final = 100
#: Seconds that each batch takes longer, so that there is something to watch.
REST = 0.1

#: The cache.
products: dict[int, str] = {}


def file() -> Path:
    """Say where the catalogue is."""
    return Path(os.environ.get("CATALOGUE", "catalogue.sqlite3"))


def make_file() -> None:
    """Make the file if there is none."""
    with closing(sqlite3.connect(file())) as database, database:
        database.execute("create table if not exists products (id integer primary key, name text)")
        rows = ((number, f"product {number}") for number in range(1, PRODUCTS + 1))
        database.executemany("insert or ignore into products values (?, ?)", rows)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Do what the warm-up needs: it begins when this has come to its ``yield``."""
    await asyncio.to_thread(make_file)
    yield


health = Health()
app = FastAPI(lifespan=lifespan)
app.add_middleware(HealthMiddleware, health=health)  # last added, so outermost


@health.warmup(timeout=60, deadline=300)
def catalogue(progress: Progress) -> None:
    """Read every product. A file that is locked or broken is tried again; readiness waits."""
    found: dict[int, str] = {}
    with closing(sqlite3.connect(file())) as database:
        (total,) = database.execute("select count(*) from products").fetchone()
        rows = database.execute("select id, name from products order by id")
        while batch := rows.fetchmany(BATCH):
            found.update(batch)
            progress(len(found), total)
            time.sleep(REST)
    products.update(found)  # only now: half a cache is none


@app.get("/products/{number}")
async def product(number: int) -> dict[str, str]:
    """Answer from the cache: no request waits for the database."""
    if number not in products:
        raise HTTPException(404, "no such product")
    return {"name": products[number]}
