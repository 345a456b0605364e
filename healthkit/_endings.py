"""How a drain ends one long-lived stream.

- A WebSocket has :class:`Conversation` between server and app. The server is sent a close frame,
  1012 unless the settings say another, and the app is told ``websocket.disconnect``.
- A response has nothing in between: an ordinary request pays for no wrapper. The drain sends the
  last, empty part of the body in the app's place. The client sees a complete answer, and the
  server itself tells the app ``http.disconnect``, as after every complete answer. Measured on
  uvicorn 0.54 (both parsers), hypercorn 0.18, granian 2.8 and daphne 4.2.
- gunicorn 27's ASGI worker does so too, but speaks version 2.4 of the HTTP specification, in which
  an app need not listen: `send` raises `OSError` instead. So there every request has an
  :class:`Outgoing`, which does.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, NoReturn

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Message, Receive, Send

#: Seconds that the close of one stream may take; a client that reads nothing must not hold it up.
CLOSE_WITHIN: Final = 1.0

#: From a registered close code to one of private use (RFC 6455, 7.4.2): 1012 becomes 4012.
PRIVATE: Final = 3000

#: The header that asks for the end of a connection of HTTP/1.
CLOSE: Final = (b"connection", b"close")
#: The last part of a body.
_LAST: Final = {"type": "http.response.body", "body": b"", "more_body": False}


class StreamEndedError(OSError):
    """The drain has ended this stream. An `OSError`, as for a client that has gone away."""

    def __init__(self) -> None:
        super().__init__("the drain has ended this stream")


async def end(send: Send) -> bool:
    """End the stream whose `send` this is; return False if that can't be done yet. Never raises.

    A server may raise a cancellation that is nobody's: the endings of other streams go on.
    """
    everything = (Exception, anyio.get_cancelled_exc_class())
    with contextlib.suppress(*everything), anyio.move_on_after(CLOSE_WITHIN):
        if isinstance(send, Conversation | Outgoing):
            return await send.end()
        # It raises before the response has started: then there is nothing to end yet.
        await send({**_LAST})
        return True
    return False


class Outgoing:
    """What an app sends in answer to one request, where somebody must look at it."""

    __slots__ = ("_closes", "_open", "_send", "over")

    def __init__(self, send: Send, *, closes: bool) -> None:
        """Stand before the server's `send`.

        Args:
            send: the server's.
            closes: whether to ask for the connection's end, in place of what the app says about it.
        """
        self._send = send
        self._closes = closes
        #: Whether it has started and its last part is still to come.
        self._open = False
        #: Whether the drain has ended it.
        self.over = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on.

        Raises:
            StreamEndedError: the drain has ended the response.
        """
        if self.over:
            await _refuse()
        if message["type"] == "http.response.start":
            if self._closes:
                message = {**message, "headers": closing(message.get("headers", ()))}
            await self._send(message)
            self._open = True
            return
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._open = False
        await self._send(message)

    async def settled(self) -> None:
        """Wait for nothing: a server sends what it was given."""

    async def end(self) -> bool:
        """Send the last part; False if the response has not started, or needs no end any more."""
        if self._open:
            self._open, self.over = False, True
            await self._send({**_LAST})
        return self.over


class Conversation:
    """A WebSocket, seen from between server and app: `send` when it is called, and `receive`."""

    __slots__ = (
        "_closed",
        "_code",
        "_let_go",
        "_open",
        "_receive",
        "_send",
        "_sending",
        "_waiting",
        "over",
    )

    def __init__(self, receive: Receive, send: Send, code: int) -> None:
        """Stand between the two.

        Args:
            receive: the server's.
            send: the server's.
            code: what a drain closes with.
        """
        self._receive = receive
        self._send = send
        self._code = code
        self._open = False
        #: What the app waits in for the next message; None if it does not.
        self._waiting: anyio.CancelScope | None = None
        #: And what it sends its last message in.
        self._sending = anyio.CancelScope()
        #: Set when it does not wait any more; None while nobody asks for that.
        self._let_go: anyio.Event | None = None
        #: Set when the close was sent, or could not be: then the app is told.
        self._closed = anyio.Event()
        #: Whether the drain has ended it.
        self.over = False

    async def __call__(self, message: Message) -> None:
        """Pass the app's message on.

        Raises:
            StreamEndedError: the drain has ended it.
        """
        if self.over:
            await _refuse()
        if message["type"] == "websocket.close":
            self._open = False
        with anyio.CancelScope() as self._sending:
            await self._send(message)
            if message["type"] == "websocket.accept":
                self._open = True
            return
        raise StreamEndedError

    async def receive(self) -> Message:
        """Return the client's next message, or that there will be none."""
        if not self.over:
            try:
                with anyio.CancelScope() as self._waiting:
                    message = await self._receive()
                    if message["type"] == "websocket.disconnect":
                        self._open = False
                    return message
            finally:
                self._waiting = None
                if self._let_go is not None:
                    self._let_go.set()
        await self._closed.wait()
        return {"type": "websocket.disconnect", "code": self._code, "reason": None}

    async def settled(self) -> None:
        """Wait for the client to answer the close: a server that ends at once would cut it off."""
        if not self.over:
            return
        with contextlib.suppress(Exception), anyio.move_on_after(CLOSE_WITHIN):
            await self._closed.wait()
            while (await self._receive())["type"] != "websocket.disconnect":
                pass  # what the client had sent before it read the close

    async def end(self) -> bool:
        """Close it; False if it is not open: a handshake is a request, and gets its answer.

        Nobody waits for a message meanwhile: granian 2.8 sends no close frame then.
        """
        if not self._open:
            return self.over
        self._open, self.over = False, True
        try:
            if self._waiting is not None:
                self._let_go = anyio.Event()
                self._waiting.cancel()
                await self._let_go.wait()
            await self._close()
        finally:
            self._closed.set()
            self._sending.cancel()  # to a client that reads nothing it would last for ever
        return True

    async def _close(self) -> None:
        """Send a close frame, with a private code where the server knows no other."""
        close = {"type": "websocket.close", "code": self._code, "reason": "service restart"}
        try:
            await self._send(close)
        except Exception:
            # daphne's takes 1000 and from 3000 on only (autobahn 26 websocket/protocol.py,
            # sendClose). By 1000 a client would take it that nobody wants it back.
            if self._code >= PRIVATE:
                raise
            private = self._code + PRIVATE
            await self._send({**close, "code": private})
            self._code = private


async def _refuse() -> NoReturn:
    """Refuse a message; an app that tries for ever lets others have their turn."""
    await anyio.lowlevel.checkpoint()
    raise StreamEndedError


def closing(headers: Iterable[Iterable[bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers with ``Connection: close`` in place of the app's own, but for upgrades."""
    pairs = [(bytes(name), bytes(value)) for name, value in headers]
    said = [value.lower() for name, value in pairs if name.lower() == b"connection"]
    if any(b"upgrade" in value for value in said):
        return pairs
    return [*(pair for pair in pairs if pair[0].lower() != b"connection"), CLOSE]
