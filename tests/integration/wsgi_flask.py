"""A Flask app for gunicorn's workers. It counts what it served before it was warm."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Final

from flask import Flask

from healthkit import Health
from healthkit.wsgi import HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

WARMUP: Final = float(os.environ.get("WARMUP_SECONDS", "0"))

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(process)d: %(message)s")

health = Health(metrics_path="/metrics")
web = Flask(__name__)


@health.warmup
def cache() -> None:
    """Take as long as the environment says."""
    time.sleep(WARMUP)


@health.check(interval=0.2, timeout=5)
async def database() -> None:
    """Be a coroutine that looks for an address and uses a thread."""
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    await asyncio.to_thread(time.sleep, 0.001)


@health.check(interval=0.2, timeout=5)
def disk() -> None:
    """Be a plain function."""


@health.on_drain
def goodbye() -> None:
    """Be heard of."""
    print(f"goodbye from {os.getpid()}", flush=True)  # noqa: T201  # for the test to read


@web.get("/quick")
def quick() -> str:
    """Answer at once: which phase it is."""
    return str(health.phase)


@web.get("/sleep/<float:seconds>")
def sleep(seconds: float) -> str:
    """Answer after a while."""
    time.sleep(seconds)
    return "slept"


served = HealthMiddleware(web.wsgi_app, health=health)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Add the process id to each answer, a probe's included."""

    def named(
        status: str, headers: list[tuple[str, str]], *more: object
    ) -> Callable[[bytes], object]:
        start: Callable[..., Callable[[bytes], object]] = start_response
        return start(status, [*headers, ("x-pid", str(os.getpid()))], *more)

    return served(environ, named)
