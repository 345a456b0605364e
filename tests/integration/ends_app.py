"""The app whose ends are tested situation by situation, for ASGI and for WSGI, with and without.

``app`` and ``wsgi`` have healthkit; ``plain`` and ``wsgi_plain`` are the same without it. The
environment says how long a warm-up and the app's own start-up take, in seconds (``WARMUP_SECONDS``,
``STARTUP_SECONDS``), and both say when they begin. Each answer names its process in ``x-pid``.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import time
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware
from tests.integration.apps import child_ends

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from starlette.requests import Request

WARMUP: Final = float(os.environ.get("WARMUP_SECONDS", "0"))
STARTUP: Final = float(os.environ.get("STARTUP_SECONDS", "0"))

WARMS_UP: Final = "the warm-up begins"
STARTS_UP: Final = "the start-up begins"

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(process)d: %(message)s")
_logger: Final = logging.getLogger("app")

health = Health()


@health.warmup
async def cache() -> None:
    """Take as long as the environment says."""
    _logger.info(WARMS_UP)
    await asyncio.sleep(WARMUP)


@health.warmup
def disk() -> None:
    """Take as long, in a thread that nothing can interrupt."""
    time.sleep(WARMUP)


def _named() -> dict[str, str]:
    return {"x-pid": str(os.getpid())}


async def sleep(request: Request) -> PlainTextResponse:
    """Answer after the seconds in the path."""
    await asyncio.sleep(float(request.path_params["seconds"]))
    return PlainTextResponse("slept", headers=_named())


async def block(request: Request) -> PlainTextResponse:
    """Block the loop for the seconds in the path."""
    time.sleep(float(request.path_params["seconds"]))  # noqa: ASYNC251  # that is what it is for
    return PlainTextResponse("blocked", headers=_named())


async def hold(request: Request) -> PlainTextResponse:
    """Answer at once, and go on with something for the seconds in the path."""

    async def go_on() -> None:
        async with health.hold("a job"):
            await asyncio.sleep(float(request.path_params["seconds"]))
        _logger.info("the job is done")

    _JOBS.append(asyncio.create_task(go_on()))
    return PlainTextResponse("begun", headers=_named())


_JOBS: Final[list[asyncio.Task[None]]] = []


async def child(_request: Request) -> JSONResponse:
    """Fork a child, terminate it, and say how that went."""
    return JSONResponse(await asyncio.to_thread(child_ends, "fork"), headers=_named())


@contextlib.asynccontextmanager
async def starting_up(_app: Starlette) -> AsyncGenerator[None]:
    """Take as long as the environment says before anything is served."""
    _logger.info(STARTS_UP)
    await asyncio.sleep(STARTUP)
    yield


ROUTES: Final = [
    Route("/sleep/{seconds}", sleep),
    Route("/block/{seconds}", block),
    Route("/hold/{seconds}", hold),
    Route("/child", child),
]

plain = Starlette(routes=ROUTES, lifespan=starting_up)
app = HealthMiddleware(Starlette(routes=ROUTES, lifespan=starting_up), health=health)


def wsgi_plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer after the seconds in the path."""
    time.sleep(float(environ["PATH_INFO"].rpartition("/")[2]))
    start_response("200 OK", [("content-length", "5"), *_named().items()])
    return [b"slept"]


def _wrapped() -> WSGIApplication:
    door = importlib.import_module("healthkit.wsgi")
    wrapped: WSGIApplication = door.HealthMiddleware(wsgi_plain, health=health)
    return wrapped


def __getattr__(name: str) -> WSGIApplication:
    """Make `wsgi` when it is asked for: with it, nothing else begins a life."""
    if name != "wsgi":
        raise AttributeError(name)
    made = globals()["wsgi"] = _wrapped()
    return made
