"""A small WSGI server for tests: it calls apps as PEP 3333 says, in the caller's thread."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from wsgiref.util import setup_testing_defaults

from healthkit.wsgi import HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from healthkit import Health


def plain_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer ``app`` to every request."""
    del environ
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "keep-alive")])
    return [b"app"]


def environ_of(path: str = "/", **more: object) -> WSGIEnvironment:
    """Make the environ of a GET that came through gunicorn."""
    environ: WSGIEnvironment = {
        "PATH_INFO": path,
        "SERVER_SOFTWARE": "gunicorn/27.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "QUERY_STRING": "",
    }
    setup_testing_defaults(environ)
    environ["SCRIPT_NAME"] = ""
    return {**environ, **more}


@dataclass
class Exchange:
    """What an app said in answer to one request."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict["str", "str"])
    #: What went through the callable that `start_response` returns, then the parts of the body.
    parts: list[bytes] = field(default_factory=list["bytes"])
    exc_info: object = None

    @property
    def text(self) -> str:
        """The body."""
        return b"".join(self.parts).decode()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        """Take status and headers from the app."""
        code, self.reason = status.split(" ", 1)
        self.status, self.exc_info = int(code), exc_info
        self.headers = {name.lower(): value for name, value in headers}
        assert len(self.headers) == len(headers)
        return self.parts.append


def ask(app: WSGIApplication, path: str = "/", **more: object) -> Exchange:
    """Send a GET, read the answer, and close it."""
    exchange = Exchange()
    body = app(environ_of(path, **more), exchange.start_response)
    try:
        exchange.parts.extend(body)
    finally:
        close(body)
    return exchange


def close(body: Iterable[bytes]) -> None:
    """Close a body that can be closed."""
    closing = cast("Callable[[], object] | None", getattr(body, "close", None))
    if closing is not None:
        closing()


@contextmanager
def served(health: Health, app: WSGIApplication = plain_app) -> Generator[HealthMiddleware]:
    """Have an app behind the middleware, started; stop it afterwards."""
    middleware = HealthMiddleware(app, health=health)
    middleware.start()
    try:
        yield middleware
    finally:
        middleware.stop()
