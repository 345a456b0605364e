"""A small ASGI server for tests: it opens lifespans, sends requests, and forgets nothing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
from asgiref.testing import ApplicationCommunicator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def plain_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer ``app`` to every request; refuse lifespans like Django does."""
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    del receive
    headers = [(b"content-type", b"text/plain"), (b"connection", b"keep-alive")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"app"})


def http_scope(path: str = "/", **more: object) -> Scope:
    """Make the scope of a GET."""
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        **more,
    }


@dataclass
class Exchange:
    """What an app sent in answer to one request."""

    messages: list[Message] = field(default_factory=list["Message"])

    async def send(self, message: Message) -> None:
        """Take a message from the app."""
        self.messages.append(message)

    @property
    def status(self) -> int:
        """The status code."""
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers; each name once."""
        headers = dict(self.messages[0]["headers"])
        assert len(headers) == len(self.messages[0]["headers"])
        return headers

    @property
    def text(self) -> str:
        """The body."""
        return b"".join(message.get("body", b"") for message in self.messages[1:]).decode()


async def receive_nothing() -> Message:
    """Be a client that has sent its request and waits."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def ask(app: ASGIApp, path: str = "/", **more: object) -> Exchange:
    """Send a GET and return the answer."""
    exchange = Exchange()
    await app(http_scope(path, **more), receive_nothing, exchange.send)
    return exchange


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    """Make a real HTTP client that calls the app in process, without a lifespan."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pod")


@asynccontextmanager
async def lifespan_of(app: ASGIApp, **scope: object) -> AsyncIterator[ApplicationCommunicator]:
    """Open a lifespan, be inside it, and close it; each step must be answered within a minute."""
    server = ApplicationCommunicator(app, {"type": "lifespan", "asgi": {"version": "3.0"}, **scope})
    await server.send_input({"type": "lifespan.startup"})
    assert await server.receive_output(60) == {"type": "lifespan.startup.complete"}
    yield server
    await server.send_input({"type": "lifespan.shutdown"})
    assert await server.receive_output(60) == {"type": "lifespan.shutdown.complete"}
    await server.wait(60)
