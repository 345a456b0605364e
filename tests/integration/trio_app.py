"""What `test_trio` serves with hypercorn on trio: files say what succeeds."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel
import sniffio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import CheckFailed, Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request

#: Where the files are.
FILES: Final = Path(os.environ["FILES"])
#: Seconds between two looks.
TICK: Final = 0.02

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(message)s")

health = Health()


@health.warmup
async def catalogue() -> None:
    """Be done when the file is there."""
    while not (FILES / "warm").exists():  # noqa: ASYNC110  # a test makes it
        await anyio.sleep(TICK)


@health.warmup
def model() -> None:
    """Be done when the file is there, in a thread."""
    while not (FILES / "warm").exists():
        time.sleep(TICK)


@health.check(interval=0.1)
async def database() -> None:
    """Fail while the file is there."""
    await anyio.lowlevel.checkpoint()
    if (FILES / "database down").exists():
        raise CheckFailed("down")


@health.check(interval=0.1)
def disk() -> None:
    """Fail while the file is there; run in a thread."""
    if (FILES / "disk full").exists():
        raise CheckFailed("full")


@health.check(interval=0.1, timeout=0.1)
async def cache() -> None:
    """Hang while the file is there."""
    while (FILES / "cache hangs").exists():  # noqa: ASYNC110  # as above
        await anyio.sleep(TICK)


@health.on_drain
async def consumer() -> None:
    """Say that it was told."""
    await anyio.sleep(TICK)
    (FILES / "told").touch()


async def library(_request: Request) -> PlainTextResponse:
    """Say what it runs on."""
    return PlainTextResponse(sniffio.current_async_library())


async def slow(_request: Request) -> PlainTextResponse:
    """Say that it is in flight, and answer when the file is there."""
    (FILES / "in flight").touch()
    while not (FILES / "answer").exists():  # noqa: ASYNC110  # as above
        await anyio.sleep(TICK)
    return PlainTextResponse("answered")


ROUTES: Final = [Route("/library", library), Route("/slow", slow)]
app = HealthMiddleware(Starlette(routes=ROUTES), health=health)
