"""Load for one pod, as a Service in front of it would let it through.

Owns the clients, the count of what they asked, and the model of the Service: a *connection* goes to
the pod until :meth:`Load.withdraw`; from then on a client that needs a new one is sent to another
pod, and asks this one no more. A client that holds a connection keeps it, as kube-proxy lets it,
until the answer says ``Connection: close`` or the pod closes it. That is what makes a keep-alive
client stay on a dying pod.

Two kinds of clients ask all the time: those that open a connection for each request, and those that
reuse one. :meth:`Load.send` adds single requests that take long. A request is lost if it has no
complete 2xx answer; nothing is retried.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from types import TracebackType

#: Load is never sent to anybody else's server.
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Elsewhere(Exception):  # noqa: N818  # no error: the Service's answer to a new connection
    """A new connection was needed, and the Service gave it to another pod."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the requests so far."""

    #: Requests that have ended, one way or another.
    requests: int
    #: Those of them without a complete 2xx answer.
    lost: int
    #: How many were lost why, such as ``{"new connection: ConnectError": 3}``.
    reasons: Mapping[str, int]
    #: Requests that wait for their answer now.
    in_flight: int
    #: Requests ended, by the kind of client: ``new connection``, ``keep-alive``, ``single``.
    kinds: Mapping[str, int]
    #: Connections that reached the pod.
    connections: int
    #: Answers that asked a keep-alive client to go, by ``Connection: close``.
    told_to_close: int
    #: Kept connections that were found closed without a word. Harmless when found in time, luck.
    stale: int
    #: Clients that went to another pod.
    moved: int


class Load:
    """Clients that ask one pod, from :meth:`start` to :meth:`finish`. Use it in one event loop.

    ::

        async with Load("http://127.0.0.1:8000", paths=["/products/1"]) as load:
            load.send("/slow")
            ...
            load.withdraw()
            tally = await load.finish()

    Args:
        url: where the pod listens; loopback only.
        paths: asked in turn.
        new: how many clients open a connection for each request.
        keep_alive: how many clients reuse one connection.
        pause: seconds between an answer and the next request of the same client.
        patience: seconds that a request may take; then it is lost.
        most: no further request begins after this many.
        longest: nor after this many seconds.

    Raises:
        ValueError: the host is not this one.
    """

    def __init__(  # noqa: PLR0913  # a load has these numbers; all by keyword
        self,
        url: str,
        *,
        paths: Sequence[str] = ("/",),
        new: int = 4,
        keep_alive: int = 4,
        pause: float = 0.02,
        patience: float = 10.0,
        most: int = 100_000,
        longest: float = 120.0,
    ) -> None:
        if httpx.URL(url).host not in LOOPBACK:
            message = f"{url}: expected a server on this machine, one of {sorted(LOOPBACK)}"
            raise ValueError(message)
        self._url = url
        self._paths = itertools.cycle(paths)
        self._new = new
        self._keep_alive = keep_alive
        self._pause = pause
        self.patience = patience
        self._most = most
        self._longest = longest
        self._deadline = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = asyncio.Event()
        self._reasons = Counter[str]()
        self._kinds = Counter[str]()
        #: How often each thing of a :class:`Tally` has happened that is no request's end.
        self.events = Counter[str]()
        #: Whether the Service sends new connections elsewhere.
        self.withdrawn = False

    def __repr__(self) -> str:
        return f"<Load {self._url} {self.tally}>"

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.abandon()

    @property
    def tally(self) -> Tally:
        """The count so far."""
        return Tally(
            requests=self._kinds.total(),
            lost=self._reasons.total(),
            reasons=dict(self._reasons),
            in_flight=self.events["begun"] - self.events["ended"],
            kinds=dict(self._kinds),
            connections=self.events["connected"],
            told_to_close=self.events["told_to_close"],
            stale=self.events["stale"],
            moved=self.events["moved"],
        )

    def start(self) -> None:
        """Begin to ask. Returns at once."""
        self._deadline = asyncio.get_running_loop().time() + self._longest
        for _ in range(self._new):
            self._spawn(self._ask_on(Client(self, self._url, "new connection", kept=0)))
        for _ in range(self._keep_alive):
            self._spawn(self._ask_on(Client(self, self._url, "keep-alive", kept=1)))

    def send(self, path: str) -> None:
        """Send one more request beside the others, on a connection of its own. Returns at once."""
        self._spawn(self._ask_once(Client(self, self._url, "single", kept=0), path))

    def withdraw(self) -> None:
        """Take the pod out of the Service: new connections go elsewhere, kept ones stay."""
        self.withdrawn = True

    async def finish(self) -> Tally:
        """Begin no further request, wait for those in flight, and return the final count.

        Bounded: no request is waited for longer than `patience`.
        """
        self._finished.set()
        await asyncio.gather(*self._tasks)
        return self.tally

    async def abandon(self) -> None:
        """Drop whatever is still in flight, uncounted. Harmless after :meth:`finish`."""
        self._finished.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def record(self, kind: str, reason: str | None) -> None:
        """Count a request that has ended; `reason` says why it is lost."""
        self._kinds[kind] += 1
        if reason is not None:
            self._reasons[f"{kind}: {reason}"] += 1

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        """Start `work` and keep hold of it: a loop keeps only weak references to its tasks."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

    @property
    def _goes_on(self) -> bool:
        in_time = asyncio.get_running_loop().time() < self._deadline
        return in_time and not self._finished.is_set() and self.events["begun"] < self._most

    async def _ask_on(self, client: Client) -> None:
        """Ask again and again, until told to finish or sent to another pod."""
        async with client:
            while self._goes_on and await client.ask(next(self._paths)):
                await self._rest()

    async def _ask_once(self, client: Client, path: str) -> None:
        async with client:
            await client.ask(path)

    async def _rest(self) -> None:
        """Pause; end the pause early when it is time to finish."""
        try:
            async with asyncio.timeout(self._pause):
                await self._finished.wait()
        except TimeoutError:
            return


class Client:
    """One client of the Service, with at most one connection at a time."""

    def __init__(self, load: Load, url: str, kind: str, *, kept: int) -> None:
        """Make a client.

        Args:
            load: where everything is counted.
            url: where the pod listens.
            kind: how it is called in the count.
            kept: 1 to reuse its connection, 0 to open one for each request.
        """
        self._load = load
        self._kind = kind
        self._reuses = bool(kept)
        # Whether the connection of the last answer is still there, as far as the client was told.
        self._connected = False
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=kept)
        # trust_env: a proxy that the environment names is not between a Service and its pods.
        self._http = httpx.AsyncClient(
            base_url=url, limits=limits, timeout=load.patience, trust_env=False
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def ask(self, path: str) -> bool:
        """Send one request and count it; return False if it went to another pod instead."""
        self._load.events["begun"] += 1
        try:
            reason = await self._failure(path)
        except Elsewhere:
            self._load.events["moved"] += 1
            return False
        finally:
            self._load.events["ended"] += 1
        self._load.record(self._kind, reason)
        return True

    async def _failure(self, path: str) -> str | None:
        """Send one request; return why it is lost, or None."""
        try:
            async with asyncio.timeout(self._load.patience):
                answer = await self._http.get(path, extensions={"trace": self._trace})
        except (httpx.HTTPError, TimeoutError) as exc:
            self._connected = False
            return type(exc).__name__
        closes = answer.headers.get("connection", "").lower() == "close"
        self._connected = self._reuses and not closes
        self._load.events["told_to_close"] += self._reuses and closes
        return complaint(answer)

    async def _trace(self, event: str, _info: Mapping[str, object]) -> None:
        """Ask the Service for each new connection, before it is opened."""
        if event == "connection.connect_tcp.complete":
            self._load.events["connected"] += 1
        if event != "connection.connect_tcp.started":
            return
        self._load.events["stale"] += self._connected
        self._connected = False
        if self._load.withdrawn:
            raise Elsewhere


def complaint(answer: httpx.Response) -> str | None:
    """Say what is wrong with an answer whose body has been read, or None."""
    if not answer.is_success:
        return f"status {answer.status_code}"
    # Without either, the end of the connection ends the body: a cut one would look complete.
    if not {"content-length", "transfer-encoding"} & set(answer.headers):
        return "a body of unknown length"
    return None
