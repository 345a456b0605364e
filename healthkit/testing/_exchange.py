"""One HTTP exchange with an ASGI app: a server's request and its answer, without the wire.

The server's side is uvicorn's (0.54 uvicorn/protocols/http/h11_impl.py, RequestResponseCycle): the
same messages in the same order, the same errors for an app that breaks the protocol, and a `send`
that does nothing once the client is gone (it announces spec_version 2.3). The client's side is what
the wire would show: it has the whole answer as soon as the declared length has come, whatever the
app still does.

The surprising fact: an app that sends without end never lets the loop go on, because `send` does
not wait. So the client reads 100 MB a second, and `send` waits for it as for a full socket buffer;
also when it is gone, where a real server would hang with the app.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import unquote

from healthkit.testing._reply import Reply, has_close

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from healthkit.testing._process import Answer, Error, Request
    from healthkit.testing._reply import Headers

    #: The shapes of ASGI (asgi.readthedocs.io, "Specification").
    Message: TypeAlias = MutableMapping[str, Any]
    Scope: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    Asgi3: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[object]]

#: Bytes that a socket takes before `send` waits (CPython Lib/asyncio/transports.py).
BUFFER: Final = 64 * 1024
#: Bytes a second that the client reads.
RATE: Final = 100_000_000
#: What a message costs beside its body: one without any is no way round the buffer.
FRAME: Final = 64

#: Statuses that uvicorn has a line for, and h11 takes for an answer's.
_STATUSES: Final = range(200, 600)
_CLOSE: Final = (b"connection", b"close")
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(rb"[^\x00\r\n]*")
_TARGET: Final = re.compile(r"[\x21-\x7e]+")

logger: Final = logging.getLogger("healthkit.testing")


def is_request(request: Request) -> bool:
    """Whether a server reads it as one. Another gets 400 from uvicorn, and the app sees nothing."""
    return _TARGET.fullmatch(request.path) is not None


def scope_of(
    request: Request, client_port: int, server: tuple[str, int], state: dict[str, Any]
) -> Scope:
    """Make the scope of a request, as uvicorn does.

    Args:
        request: what is asked.
        client_port: the port that it comes from.
        server: the address that it came to.
        state: what the lifespan has left there; the request gets a copy.
    """
    raw_path, _, query = request.path.encode("ascii").partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": server,
        "client": (request.client, client_port),
        "scheme": request.scheme,
        "method": request.method,
        "root_path": "",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers],
        "state": state.copy(),
    }


class Exchange:
    """One request on one connection. Everything here is on the loop's thread."""

    def __init__(self, scope: Scope, request: Request, answered: Callable[[Answer], None]) -> None:
        """Make one that has not begun.

        Args:
            scope: what the app is called with.
            request: what it was made of.
            answered: called once, with what the client has got.
        """
        self._scope = scope
        self._request = request
        self._answered = answered
        #: What the server sees: uvicorn's four flags.
        self._started = False
        self._complete = False
        self._disconnected = False
        self._keep_alive = not has_close(scope["headers"])
        #: Set when there is something to `receive`; the request is there from the beginning.
        self._news = asyncio.Event()
        self._news.set()
        #: What the client sees.
        self._reply = Reply(self._request)
        self._is_answered = False
        #: Whether the process is no more.
        self._dead = False
        #: Bytes that are on their way.
        self._sent = 0

    def __repr__(self) -> str:
        status = self._reply.status or "no status"
        state = "answered" if self._is_answered else "waiting"
        return f"<Exchange {self._request.method} {self._request.path} {status} {state}>"

    # -- the server's side ------------------------------------------------------------------------

    async def run(self, app: Asgi3) -> None:
        """Call the app, and answer in its place where it does not."""
        try:
            result = await app(self._scope, self.receive, self.send)
        except BaseException as exc:
            # Neither a loop that is thrown away nor the developer's Ctrl-C is the app's business.
            if self._dead or isinstance(exc, GeneratorExit | KeyboardInterrupt):
                raise
            logger.exception("exception in the ASGI app: %r", self)
            await self._fail()
            return
        if result is not None:
            logger.error("the ASGI app returned %r, expected None: %r", result, self)
            self._close()
        elif not self._complete and not self._disconnected:
            logger.error("the ASGI app returned without a complete response: %r", self)
            await self._fail()

    async def receive(self) -> Message:
        """Give the app the request, which has no body, and then the client's going."""
        if not self._disconnected and not self._complete:
            await self._news.wait()
            self._news.clear()
        if self._disconnected or self._complete:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        """Take a part of the app's answer.

        Raises:
            RuntimeError: it is not what is expected now, or can't be sent.
        """
        await self._drained(FRAME + len(message.get("body", b"")))
        if self._disconnected:
            return
        kind = message["type"]
        if self._complete:
            line = f"Unexpected ASGI message '{kind}' sent, after response already completed."
            raise RuntimeError(line)
        expected = "http.response.body" if self._started else "http.response.start"
        if kind != expected:
            raise RuntimeError(f"Expected ASGI message '{expected}', but got '{kind}'.")
        if self._started:
            self._take_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            self._started = True
            self._take_start(message["status"], list(message.get("headers", ())))

    def close_after(self) -> None:
        """Have the connection closed after the answer: the server is about to end."""
        self._keep_alive = False

    def disconnect(self) -> None:
        """Have the app see that the client is gone, if it has not completed its answer."""
        if not self._complete:
            self._disconnected = True
        self._news.set()

    def _take_start(self, status: int, headers: Headers) -> None:
        if status not in _STATUSES:
            raise RuntimeError(f"Invalid status {status}: expected 200 to 599.")
        for name, value in headers:
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise RuntimeError(f"Invalid HTTP header {name!r}.")
        self._keep_alive = self._keep_alive and not has_close(headers)
        if _CLOSE in self._scope["headers"] and _CLOSE not in headers:
            headers.append(_CLOSE)
        self._reply.start(status, headers)
        self._answer_if_complete()

    def _take_body(self, body: bytes, *, more: bool) -> None:
        data = b"" if self._request.method == "HEAD" else body
        if self._reply.is_too_much(data):
            raise RuntimeError("Too much data for declared Content-Length")
        self._reply.take(data)
        if not more:
            self._complete = True
            self._news.set()
            if self._reply.is_short:
                raise RuntimeError("Too little data for declared Content-Length")
            self._reply.ended = True
        self._answer_if_complete()

    async def _fail(self) -> None:
        """Answer 500 as uvicorn does, or leave a broken answer."""
        if self._started:
            self._close()
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), _CLOSE]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"Internal Server Error"})

    async def _drained(self, more: int) -> None:
        """Wait until the client has read what fills the buffer."""
        self._sent += more
        if self._sent > BUFFER:
            sent, self._sent = self._sent, 0
            await asyncio.sleep(sent / RATE)

    def _close(self) -> None:
        """Close the connection, whatever the client has got."""
        self._disconnected = True
        self._news.set()
        self.break_off("eof" if self._reply.status is None else "short body")

    # -- the client's side ------------------------------------------------------------------------

    def time_out(self) -> None:
        """Let the client have waited for as long as it wants to."""
        self.break_off("timeout" if self._reply.status is None else "slow body")
        self.disconnect()

    def die(self) -> None:
        """Let the process be no more: whatever the app does from now on is nobody's business."""
        self._dead = True
        self._disconnected = True
        self.break_off("reset")

    def break_off(self, error: Error) -> None:
        """Let the client go without a complete answer, unless it has one."""
        if not self._is_answered:
            self._is_answered = True
            self._answered(self._reply.broken(error))

    def _answer_if_complete(self) -> None:
        if not self._is_answered and self._reply.is_complete:
            self._is_answered = True
            self._answered(self._reply.answer(closes=not self._keep_alive))
