"""A Service and its clients: requests that are spread over the endpoints, and counted.

kube-proxy hears of a changed endpoint late; until then new connections go on to a pod that is
ending. A client that keeps its connection stays with its pod until the connection is closed, or the
answer says that it will be. So what a drain must survive is here, and what it loses is counted.

A request is lost when it gets no whole answer: refused, reset, cut short, no endpoint to go to, or
nothing in the time that its client waits. Any status is an answer. A kept connection that the
server has closed while it was idle loses nothing: its client sees that, and opens another. (A real
client may send at the very moment at which it is closed; so it would have to repeat that request.)

Where it differs from kube-proxy: endpoints are taken in turn and not by chance; and a change takes
effect so many seconds later, where the real one acts once a second on what has gathered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from healthkit import _validate
from healthkit.testing._process import Answer, Request
from healthkit.testing._rota import Rota

if TYPE_CHECKING:
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._process import Process
    from healthkit.testing._status import Endpoint

#: How long kube-proxy sends new connections to an endpoint that is out, in seconds: 0.92 in the
#: median, 1.08 at most, on one node of Kubernetes 1.36. Cloud load balancers are slower.
PROPAGATION: Final = 1.05

#: A status from which on a server says that it has failed.
SERVER_ERROR: Final = 500

#: More clients of one Service than one simulation can play.
MOST_CLIENTS: Final = 100_000

#: The address that clients ask from.
_CLIENT: Final = "10.0.2.9"


@dataclass(frozen=True, slots=True)
class Traffic:
    """The clients of a Service. Each sends its next request when it has the answer to the last.

    Raises:
        ConfigError: a value is wrong.
    """

    #: With its query.
    path: str = "/"
    #: Clients that open a connection for each request, and those that keep theirs.
    new: int = 1
    kept: int = 1
    #: Seconds from an answer to the client's next request.
    every: float = 0.1
    #: Seconds after which a client gives up, and its request is lost: an app that hangs loses them
    #: all. The default is that of nginx (proxy_read_timeout).
    timeout: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what would hang, or be no traffic that anybody meant."""
        if not _validate.text("path", self.path).startswith("/"):
            raise _validate.refuse("path", self.path, "one that begins with /")
        _validate.whole("new", self.new, least=0, most=MOST_CLIENTS)
        _validate.whole("kept", self.kept, least=0, most=MOST_CLIENTS)
        _validate.seconds("every", self.every, zero=False)
        _validate.seconds("timeout", self.timeout, zero=False)


class Backend(Protocol):
    """A pod, as its Service sees it."""

    @property
    def process(self) -> Process | None:
        """Who answers; None while nobody does."""
        ...

    #: The port that the Service's targetPort names.
    port: int

    def sent(self) -> None:
        """Hear that a request is under way."""
        ...

    def answered(self, answer: Answer) -> None:
        """Hear of its answer."""
        ...


@dataclass(slots=True)
class Tally:
    """Requests of one kind of client, counted when they are sent and when they are answered."""

    sent: int = 0
    #: Those that got no whole answer, `unserved` ones among them.
    lost: int = 0
    #: Those for which there was no endpoint at all.
    unserved: int = 0
    #: Those answered with 500 or more. Not lost.
    failed: int = 0
    #: Kept connections that were found closed.
    stale: int = 0


class Service:
    """Endpoints as kube-proxy has them, and the clients."""

    def __init__(
        self, clock: Clock, *, propagation: float = PROPAGATION, falls_back: bool = True
    ) -> None:
        """Make one without endpoints.

        Args:
            clock: the time.
            propagation: seconds from a change of the EndpointSlice to its effect.
            falls_back: whether terminating endpoints that still pass readiness are used while there
                is no ready one, as kube-proxy does (KEP-1669). Not where other pods are there that
                are not played.
        """
        self.clock = clock
        #: What became of requests on new connections, and of those on kept ones.
        self.new = Tally()
        self.kept = Tally()
        self._propagation = propagation
        self._falls_back = falls_back
        self._ready: Rota[Backend] = Rota()
        #: Ready ones and terminating ones that serve: whom it falls back to.
        self._serving: Rota[Backend] = Rota()
        self._clients: list[_Client] = []
        #: Whether there has been an endpoint yet: before that nobody asks.
        self._open = False

    def __repr__(self) -> str:
        lost = f", {self.lost} lost" if self.lost else ""
        return f"<Service: {len(self._clients)} clients, {self.requests} requests{lost}>"

    @property
    def requests(self) -> int:
        """How many requests clients have sent, or tried to."""
        return self.new.sent + self.kept.sent

    @property
    def lost(self) -> int:
        """How many of them got no whole answer; those are among them that had no endpoint."""
        return self.new.lost + self.kept.lost

    @property
    def unserved(self) -> int:
        """How many of them had no endpoint to go to."""
        return self.new.unserved + self.kept.unserved

    @property
    def failed(self) -> int:
        """How many were answered with 500 or more."""
        return self.new.failed + self.kept.failed

    def begin(self, traffic: Traffic | None) -> None:
        """Let clients send, from the first endpoint on; not all at the same moment."""
        if traffic is None:
            return
        count = traffic.new + traffic.kept
        for index in range(count):
            kept = index >= traffic.new
            self._clients.append(_Client(self, traffic, index / count * traffic.every, kept=kept))

    def close(self) -> None:
        """Let no client send any more."""
        for client in self._clients:
            client.stop()

    def changed(self, backend: Backend, endpoint: Endpoint | None) -> None:
        """Hear of a changed EndpointSlice; act on it later."""
        when = self.clock.now() + self._propagation
        self.clock.call_at(when, partial(self._act, backend, endpoint))

    def pick(self) -> Backend | None:
        """Return whom the next new connection goes to, in turn; None if there is nobody."""
        chosen = self._ready.next()
        return self._serving.next() if chosen is None and self._falls_back else chosen

    def _act(self, backend: Backend, endpoint: Endpoint | None) -> None:
        ready = endpoint is not None and endpoint.ready
        serving = endpoint is not None and endpoint.serving
        self._ready.put(backend, there=ready)
        self._serving.put(backend, there=serving)
        if ready and not self._open:
            self._open = True
            for client in self._clients:
                client.begin()


class _Client:
    """One client: a request, its answer, a pause."""

    def __init__(self, service: Service, traffic: Traffic, later: float, *, kept: bool) -> None:
        self._service = service
        self._traffic = traffic
        self._later = later
        self._kept = kept
        self._tally = service.kept if kept else service.new
        self._connected: tuple[Backend, Process] | None = None
        self._timer: Timer | None = None
        self._stopped = False

    def begin(self) -> None:
        """Send the first request, in its place among the clients."""
        self._again(self._later)

    def stop(self) -> None:
        """Send none any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _send(self) -> None:
        self._tally.sent += 1
        backend, process = self._connection()
        if backend is None:
            self._tally.unserved += 1
            self._tally.lost += 1
            self._again(self._traffic.every)
            return
        backend.sent()
        if process is None:
            self._answered(backend, None, Answer(error="refused"))
            return
        request = Request(
            self._traffic.path,
            backend.port,
            headers=_headers(backend.port, kept=self._kept),
            client=_CLIENT,
            keep_alive=self._kept,
        )
        answered = partial(self._answered, backend, process)
        process.request(request, self._traffic.timeout, answered)

    def _connection(self) -> tuple[Backend | None, Process | None]:
        """Return the pod that is asked: the one of the kept connection, while that is open."""
        if self._connected is not None:
            backend, process = self._connected
            if backend.process is process and process.listens(backend.port):
                return self._connected
            self._tally.stale += 1
        chosen = self._service.pick()
        return chosen, chosen.process if chosen is not None else None

    def _answered(self, backend: Backend, process: Process | None, answer: Answer) -> None:
        backend.answered(answer)
        if answer.error is not None:
            self._tally.lost += 1
        elif (answer.status or 0) >= SERVER_ERROR:
            self._tally.failed += 1
        stays = self._kept and answer.error is None and not _closes(answer)
        self._connected = (backend, process) if stays and process is not None else None
        self._again(self._traffic.every)

    def _again(self, seconds: float) -> None:
        if not self._stopped:
            clock = self._service.clock
            self._timer = clock.call_at(clock.now() + seconds, self._send)


def _closes(answer: Answer) -> bool:
    """Whether the server closes the connection, by its own account."""
    if answer.closes:
        return True
    values = [value for name, value in answer.headers if name == "connection"]
    return "close" in [word.strip().lower() for value in values for word in value.split(",")]


def _headers(port: int, *, kept: bool) -> tuple[tuple[str, str], ...]:
    shared = (("Host", f"service:{port}"), ("Accept", "*/*"))
    return shared if kept else (*shared, ("Connection", "close"))
