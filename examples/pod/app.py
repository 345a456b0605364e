"""The web app of the demo: a product catalogue that is served from a warm cache.

Shows start-up work, a warm-up with progress, and requests that take long. Run it alone::

    uvicorn examples.pod.app:app

``examples.pod.app:plain`` is the same app without healthkit, for comparison: it checks its file and
warms its cache before the port opens, and knows no drain.

The catalogue is an SQLite file that the app makes itself, in a temporary directory unless
``CATALOGUE_DIR`` names one. A real one sits behind a network and takes its time; here each step
rests, ``CATALOGUE_SECONDS`` in all (2.5), so that there is something to watch.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict, cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response

PRODUCTS: Final = 5_000
BATCH: Final = 50
#: The whole warm-up, in seconds.
SECONDS: Final = float(os.environ.get("CATALOGUE_SECONDS", "2.5"))
#: The check at start-up takes this part of it.
CHECK_SHARE: Final = 0.4
CHECK_STEPS: Final = 10
#: What /slow and /stream take, in seconds.
SLOW: Final = 2.0
STREAM: Final = 2.5
CHUNKS: Final = 25

health = Health()


class Catalogue(TypedDict):
    """The lifespan's state: what start-up work, warm-ups and requests share."""

    file: Path
    #: The warm cache: what to answer by product number.
    products: dict[int, dict[str, object]]


def make_file(directory: Path) -> Path:
    """Make the catalogue's file; one that is there already is left as it is."""
    file = directory / "catalogue.sqlite3"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "create table if not exists products (id integer primary key, name, cents)"
        )
        rows = ((n, f"product {n}", 100 + n % 900) for n in range(1, PRODUCTS + 1))
        database.executemany("insert or ignore into products values (?, ?, ?)", rows)
    return file


def batches(file: Path) -> Iterator[dict[int, dict[str, object]]]:
    """Read the catalogue a batch at a time."""
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("select id, name, cents from products order by id")
        while batch := rows.fetchmany(BATCH):
            yield {n: {"id": n, "name": name, "cents": cents} for n, name, cents in batch}


@health.startup
def integrity(progress: Callable[[float, float], None], state: Catalogue) -> None:
    """Check the file. A plain function: SQLite blocks, so it belongs into a thread."""
    for step in range(CHECK_STEPS):
        progress(step, CHECK_STEPS)
        time.sleep(SECONDS * CHECK_SHARE / CHECK_STEPS)
    with closing(sqlite3.connect(state["file"])) as database:
        verdict = database.execute("pragma quick_check").fetchone()
    if verdict != ("ok",):
        message = f"{state['file']}: {verdict}"
        raise RuntimeError(message)


@health.warmup(timeout=60)
def catalogue(progress: Callable[[float, float], None], state: Catalogue) -> None:
    """Read every product into the cache."""
    products = state["products"]
    for batch in batches(state["file"]):
        products.update(batch)
        progress(len(products), PRODUCTS)
        time.sleep(SECONDS * BATCH / PRODUCTS)


async def product(request: Request) -> Response:
    """Answer one product from the cache."""
    products = cast("Catalogue", request.scope["state"])["products"]
    found = products.get(cast("int", request.path_params["number"]))
    return JSONResponse({"error": "no such product"}, 404) if found is None else JSONResponse(found)


async def slow(_request: Request) -> Response:
    """Take long."""
    await asyncio.sleep(SLOW)
    return PlainTextResponse("slow, but complete\n")


async def stream(_request: Request) -> Response:
    """Send the answer bit by bit."""
    return StreamingResponse(_chunks(), media_type="text/plain")


async def _chunks() -> AsyncIterator[str]:
    for number in range(1, CHUNKS + 1):
        await asyncio.sleep(STREAM / CHUNKS)
        yield f"chunk {number} of {CHUNKS}\n"


ROUTES: Final = [
    Route("/products/{number:int}", product),
    Route("/slow", slow),
    Route("/stream", stream),
]


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncGenerator[Catalogue]:
    """Give the app its file: the part of the start-up that all else needs."""
    with ExitStack() as stack:
        given = os.environ.get("CATALOGUE_DIR")
        directory = given or stack.enter_context(tempfile.TemporaryDirectory(prefix="catalogue-"))
        yield {"file": await asyncio.to_thread(make_file, Path(directory)), "products": {}}


@asynccontextmanager
async def plain_lifespan(app: Starlette) -> AsyncGenerator[Catalogue]:
    """Do all the work before the port opens, as an app without healthkit has to."""
    async with lifespan(app) as state:
        await asyncio.to_thread(integrity, _no_progress, state)
        await asyncio.to_thread(catalogue, _no_progress, state)
        yield state


def _no_progress(_done: float, _total: float) -> None:
    """Tell nobody: there is nobody to tell."""


# One line, and healthkit's log appears beside uvicorn's own.
logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(name)s: %(message)s")

app = Starlette(
    routes=ROUTES, lifespan=lifespan, middleware=[Middleware(HealthMiddleware, health=health)]
)
plain = Starlette(routes=ROUTES, lifespan=plain_lifespan)
