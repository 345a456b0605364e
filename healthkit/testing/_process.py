"""The container's process, as the kubelet meets it: the seam between the kubelet and an app.

An `App` is what stands in the image; each start of the container makes a `Process` of it. There are
two kinds: a described one (`_described`) and a real ASGI app in this process (`_asgi`). The kubelet
asks and does not wait: each answer comes by a callback, later, or at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.testing._clock import Clock

#: How an exchange can fail, in the words of the recordings. The last two have a status.
Error = Literal["refused", "timeout", "eof", "reset", "slow body", "short body"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as its server sees it."""

    #: With its query.
    path: str
    port: int
    method: str = "GET"
    scheme: Literal["http", "https"] = "http"
    #: In order, names as they are sent; Host among them.
    headers: tuple[tuple[str, str], ...] = ()
    #: Who asks: the node's address for the kubelet, a client's for the Service.
    client: str = "10.0.0.1"
    #: Whether the connection goes on to be used.
    keep_alive: bool = False
    #: Bytes of the body after which the client has read enough and goes; None: it reads all. The
    #: kubelet reads 10 KiB, and is content with them (kubelet 1.36 pkg/probe/http/http.go).
    body_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, or what went wrong."""

    #: None if no status line came in time.
    status: int | None = None
    error: Error | None = None
    #: With lower-case names.
    headers: tuple[tuple[str, str], ...] = ()
    #: As much of it as anybody looks at.
    body: bytes = b""
    #: Whether the server closes the connection after it.
    closes: bool = False


class Process(Protocol):
    """One run of the container's process, from its start to its exit."""

    def request(
        self, request: Request, timeout: float | None, answered: Callable[[Answer], object]
    ) -> None:
        """Send a request on a new connection, and have `answered` called once with what comes.

        Args:
            request: what to ask.
            timeout: in seconds, for the whole exchange; then the answer is the error ``timeout``,
                or ``slow body`` if the status line had come by then, and the app sees the client
                go. None waits for ever. A process that dies answers ``reset``.
            answered: called at the moment of the answer, which may be now.
        """
        ...

    def execute(self, command: tuple[str, ...], answered: Callable[[int, str], object]) -> None:
        """Run a command in the container; have its exit code and its output. It may never end."""
        ...

    def listens(self, port: int) -> bool:
        """Whether a connection to a port is accepted now."""
        ...

    def sigterm(self) -> None:
        """Deliver SIGTERM."""
        ...

    def sigkill(self) -> None:
        """End it now. `exited` is called, with 137, before this returns."""
        ...


class App(Protocol):
    """What stands in a container's image."""

    def start(self, clock: Clock, exited: Callable[[int], object]) -> Process:
        """Start one more process of it, now; `exited` is called once, with the exit code."""
        ...
