"""The WSGI app whose endings are counted: what `endings_app` is to ASGI, without WebSockets.

It sleeps and reads like any WSGI app, so that a request takes a thread, or a worker, for itself.
"""

from __future__ import annotations

import importlib
import logging
import time
from typing import TYPE_CHECKING, Final

from healthkit import Health
from tests.integration.endings_body import PIECES, piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: How much of an upload is read at a time.
CHUNK: Final = 1_024

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(process)d: %(message)s")


def plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve everything; see `endings_app` for the paths."""
    _, kind, *rest = environ["PATH_INFO"].split("/")
    match kind:
        case "sleep":
            time.sleep(float(rest[0]))
            body: Iterable[bytes] = [b"slept"]
        case "stream":
            body = _pieces(float(rest[0]))
        case "upload":
            body = [str(_size(environ)).encode()]
        case _:
            body = [b"quick"]
    headers = [("content-type", "text/plain")]
    if isinstance(body, list):
        headers.append(("content-length", str(len(b"".join(body)))))
    start_response("200 OK", headers)
    return body


def _pieces(seconds: float) -> Iterator[bytes]:
    began = time.monotonic()
    for number in range(PIECES):
        time.sleep(max(0.0, began + seconds * (number + 1) / PIECES - time.monotonic()))
        yield piece(number).encode()


def _size(environ: WSGIEnvironment) -> int:
    """Read the body to its end. gunicorn's input ends where the body does, chunked or not."""
    size = 0
    while chunk := environ["wsgi.input"].read(CHUNK):
        size += len(chunk)
    return size


def _wrapped() -> WSGIApplication:
    """Put healthkit before it, where that is there already."""
    door = importlib.import_module("healthkit.wsgi")
    wrapped: WSGIApplication = door.HealthMiddleware(plain, health=Health())
    return wrapped


def __getattr__(name: str) -> WSGIApplication:
    """Make `app` when it is asked for, so that `plain` does not need it."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = _wrapped()
    return made
