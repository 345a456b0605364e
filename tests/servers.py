"""A small ASGI server for tests: it opens lifespans, sends requests, and forgets nothing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

import anyio
import httpx
from asgiref.testing import ApplicationCommunicator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

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


class LifespanServer:
    """The server's side of a lifespan. asgiref's communicator, with types."""

    def __init__(self, app: ASGIApp, **scope: object) -> None:
        made: object = ApplicationCommunicator(app, {"type": "lifespan", **scope})  # type: ignore[no-untyped-call]
        self._app = cast("_Communicator", made)

    async def tell(self, kind: str) -> None:
        """Send ``lifespan.<kind>``."""
        await self._app.send_input({"type": f"lifespan.{kind}"})

    async def hear(self) -> Message:
        """Return the app's next message; it has a minute for it. Raises what the app raises."""
        return await self._app.receive_output(60)

    async def hears_nothing(self, seconds: float) -> bool:
        """Whether the app stays silent for some seconds."""
        await anyio.sleep(seconds)  # asgiref's own wait is in real time, whatever the loop's is
        return await self._app.receive_nothing(0)

    async def ended(self) -> None:
        """Wait for the app to return, for a minute. Raises what the app raises."""
        await self._app.wait(60)


class _Communicator(Protocol):
    """What of asgiref.testing.ApplicationCommunicator is used here."""

    async def send_input(self, message: Message) -> None: ...
    async def receive_output(self, timeout: float) -> Message: ...  # noqa: ASYNC109  # asgiref's
    async def receive_nothing(self, timeout: float) -> bool: ...  # noqa: ASYNC109  # asgiref's
    async def wait(self, timeout: float) -> None: ...  # noqa: ASYNC109  # asgiref's


@asynccontextmanager
async def lifespan_of(app: ASGIApp, **scope: object) -> AsyncGenerator[LifespanServer]:
    """Open a lifespan, be inside it, and close it; each step must be answered within a minute."""
    server = LifespanServer(app, **scope)
    await server.tell("startup")
    assert await server.hear() == {"type": "lifespan.startup.complete"}
    yield server
    await server.tell("shutdown")
    assert await server.hear() == {"type": "lifespan.shutdown.complete"}
    await server.ended()
