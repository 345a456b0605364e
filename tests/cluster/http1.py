"""A request over HTTP/1.1 that tells all there is to know of its answer.

Runs in the cluster, where the image may have no HTTP client: the standard library only. It is no
client for anything else: answers must have a Content-Length, as those of the app here do.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds for a connection, and for an answer: more than any answer here takes.
PATIENCE: Final = 10.0


class NoAnswerError(Exception):
    """The connection was closed before the first byte of an answer."""


class BadAnswerError(Exception):
    """What came was no complete answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go to."""

    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read it from a URL, whose host may be an IPv6 address in brackets."""
        parts = urlsplit(url)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return cls(parts.hostname or "", parts.port or 80, path)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether this connection is not to be used again."""
        return self.headers.get("connection", "").lower() == "close"


class Connection:
    """One connection, for one request after the other. Use it in one event loop."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        #: How many answers have come.
        self.answered = 0

    async def get(self, path: str | None = None, *, close: bool = False) -> Answer:
        """Send a GET, and return the complete answer.

        Raises:
            OSError: no connection, or it was reset.
            NoAnswerError: it was closed before the first byte.
            BadAnswerError: the answer ended in the middle, or is none.
            TimeoutError: it took too long.
        """
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self._opened()
            ending = "connection: close\r\n" if close else ""
            where = self._target
            request = f"GET {path or where.path} HTTP/1.1\r\nhost: {where.host}\r\n{ending}\r\n"
            writer.write(request.encode())
            answer = await _read(reader)
        self.answered += 1
        return answer

    def close(self) -> None:
        """Close it, if it is open. The next request would open another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
        self.answered = 0

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            where = self._target
            self._streams = await asyncio.open_connection(where.host, where.port)
        return self._streams


async def _read(reader: asyncio.StreamReader) -> Answer:
    """Read one answer, all of it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as exc:
        if not exc.partial:
            raise NoAnswerError("closed without an answer") from exc
        raise BadAnswerError(f"ended in the headers, after {len(exc.partial)} bytes") from exc
    except asyncio.LimitOverrunError as exc:
        raise BadAnswerError("headers without an end") from exc
    status, headers = _parsed(head.decode("latin-1"))
    expected = int(headers.get("content-length", "0"))
    try:
        return Answer(status, headers, await reader.readexactly(expected))
    except asyncio.IncompleteReadError as exc:
        found = len(exc.partial)
        raise BadAnswerError(f"ended after {found} of {expected} bytes of its body") from exc


def _parsed(head: str) -> tuple[int, dict[str, str]]:
    first, *lines = head.rstrip().split("\r\n")
    words = first.split(" ")
    if not first.startswith("HTTP/1.") or not words[1].isdigit():
        raise BadAnswerError(f"found {first!r}, expected an answer over HTTP/1.1")
    pairs = (line.partition(":") for line in lines)
    return int(words[1]), {name.lower(): value.strip() for name, _, value in pairs}
