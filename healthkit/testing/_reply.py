"""What a client has got of an HTTP/1.1 answer, and when it has all of it (RFC 9112, 6.3).

The surprising fact: a client with the declared number of bytes is content, whatever becomes of the
connection; and the kubelet is content with 10 KiB of any body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from healthkit.testing._process import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from healthkit.testing._process import Error, Request

    #: As ASGI has them.
    Headers: TypeAlias = list[tuple[bytes, bytes]]

#: How much of a body is kept, in bytes: nobody looks at more than 10 KiB.
KEPT: Final = 16 * 1024

#: Their answers have no body (RFC 9110, 15.3.5 and 15.4.5).
_BODILESS: Final = frozenset({204, 304})


class Reply:
    """What a client has got of an answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.status: int | None = None
        self._headers: Headers = []
        self._body = bytearray()
        self._received = 0
        #: How many bytes it is to have; None if only its end tells (chunked).
        self._length: int | None = None
        #: Whether the server has ended it.
        self.ended = False

    def start(self, status: int, headers: Headers) -> None:
        """Take the status line and the headers."""
        declared = _length(headers)  # it must be right, also where there is no body
        self._length = 0 if self._has_no_body(status) else declared
        self.status, self._headers = status, headers

    def take(self, data: bytes) -> None:
        """Take a piece of the body; keep what somebody may look at."""
        self._received += len(data)
        self._body += data[: max(0, KEPT - len(self._body))]

    def is_too_much(self, data: bytes) -> bool:
        """Whether there would be more than was declared."""
        return self._length is not None and self._received + len(data) > self._length

    @property
    def is_short(self) -> bool:
        """Whether there is less than was declared."""
        return self._length is not None and self._received < self._length

    @property
    def is_complete(self) -> bool:
        """Whether the client has all that it wants."""
        limit = self._request.body_limit
        enough = limit is not None and self._received >= limit
        return self.ended or self._received == self._length or enough

    def answer(self, *, closes: bool) -> Answer:
        """Return what a complete answer is for the client."""
        headers = tuple(
            (name.decode("latin-1").lower(), _text(value)) for name, value in self._headers
        )
        body = bytes(self._body[: self._request.body_limit])
        return Answer(self.status, None, headers, body, closes)

    def broken(self, error: Error) -> Answer:
        """Return what an answer is that was cut off: only the last two errors have a status."""
        if error not in {"slow body", "short body"}:
            return Answer(error=error, closes=True)
        whole = self.answer(closes=True)
        return Answer(whole.status, error, whole.headers, whole.body, closes=True)

    def _has_no_body(self, status: int) -> bool:
        return self._request.method == "HEAD" or status in _BODILESS


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip()


def has_close(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether ``Connection: close`` is among them, alone or in a list."""
    values = b",".join(value for name, value in headers if name.lower() == b"connection")
    return b"close" in [token.strip().lower() for token in values.split(b",")]


def _length(headers: Headers) -> int | None:
    """Return the declared length; None where the body is chunked.

    Raises:
        RuntimeError: it is no number, or there are two different ones.
    """
    lower = [(name.lower(), value.strip()) for name, value in headers]
    if any(name == b"transfer-encoding" for name, _ in lower):
        return None
    lengths = {value for name, value in lower if name == b"content-length"}
    if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
        raise RuntimeError(f"Invalid Content-Length {b', '.join(sorted(lengths))!r}.")
    return int(lengths.pop()) if lengths else None
