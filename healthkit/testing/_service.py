"""A Service and its clients: requests that are spread over the endpoints, and counted.

kube-proxy hears of a changed endpoint late; until then new connections go on to a pod that is
ending. A client that keeps its connection stays with its pod until the connection is closed, or the
answer says that it will be. So what a drain must survive is here, and what it loses is counted.

A request is lost when it gets no whole answer: refused, reset, cut short. Any status is an answer.
A kept connection that the server has closed while it was idle loses nothing: its client sees that,
and opens another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from healthkit.testing._process import Answer, Request

if TYPE_CHECKING:
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._process import Process
    from healthkit.testing._status import Endpoint

#: How long kube-proxy sends new connections to an endpoint that is out, in seconds: 0.92 in the
#: median, 1.08 at most, on one node of Kubernetes 1.36. Cloud load balancers are slower.
PROPAGATION: Final = 1.05

#: The address that clients ask from.
_CLIENT: Final = "10.0.2.9"


@dataclass(frozen=True, slots=True)
class Traffic:
    """The clients of a Service. Each sends its next request when it has the answer to the last."""

    path: str = "/"
    #: Clients that open a connection for each request, and those that keep theirs.
    new: int = 1
    kept: int = 1
    #: Seconds between two requests of a client.
    every: float = 0.1


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
        self._propagation = propagation
        self._falls_back = falls_back
        self._endpoints: dict[Backend, Endpoint] = {}
        self._turn = 0
        self._clients: list[_Client] = []
        #: Requests for which there was no endpoint at all.
        self.unserved = 0
        #: Whether there has been one yet: before that nobody asks.
        self._open = False

    def __repr__(self) -> str:
        return f"<Service of {len(self._endpoints)} endpoints, {len(self._clients)} clients>"

    def begin(self, traffic: Traffic | None) -> None:
        """Let clients send, from the first endpoint on."""
        if traffic is not None:
            self._clients += [_Client(self, traffic, kept=False) for _ in range(traffic.new)]
            self._clients += [_Client(self, traffic, kept=True) for _ in range(traffic.kept)]

    def close(self) -> None:
        """Let no client send any more."""
        for client in self._clients:
            client.stop()

    def changed(self, backend: Backend, endpoint: Endpoint | None) -> None:
        """Hear of a changed EndpointSlice; act on it later."""
        when = self.clock.now() + self._propagation
        self.clock.call_at(when, lambda: self._act(backend, endpoint))

    def pick(self) -> Backend | None:
        """Return whom the next new connection goes to, in turn; None if there is nobody."""
        usable = [backend for backend, endpoint in self._endpoints.items() if endpoint.ready]
        if not usable and self._falls_back:
            usable = [one for one, endpoint in self._endpoints.items() if endpoint.serving]
        if not usable:
            return None
        self._turn += 1
        return usable[self._turn % len(usable)]

    def _act(self, backend: Backend, endpoint: Endpoint | None) -> None:
        if endpoint is None:
            self._endpoints.pop(backend, None)
        else:
            self._endpoints[backend] = endpoint
        if not self._open and self.pick() is not None:
            self._open = True
            for client in self._clients:
                client.begin()


class _Client:
    """One client: a request, its answer, a pause."""

    def __init__(self, service: Service, traffic: Traffic, *, kept: bool) -> None:
        self._service = service
        self._traffic = traffic
        self._kept = kept
        self._connected: tuple[Backend, Process] | None = None
        self._timer: Timer | None = None
        self._stopped = False

    def begin(self) -> None:
        """Send the first request."""
        self._send()

    def stop(self) -> None:
        """Send none any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _send(self) -> None:
        if self._stopped:
            return
        backend, process = self._connection()
        if backend is None:
            self._service.unserved += 1
            self._again()
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
        process.request(request, None, partial(self._answered, backend, process))

    def _connection(self) -> tuple[Backend | None, Process | None]:
        """Return the pod that is asked: the one of the kept connection, while that is open."""
        if self._connected is not None:
            backend, process = self._connected
            if backend.process is process and process.listens(backend.port):
                return self._connected
        chosen = self._service.pick()
        return chosen, chosen.process if chosen is not None else None

    def _answered(self, backend: Backend, process: Process | None, answer: Answer) -> None:
        backend.answered(answer)
        stays = self._kept and answer.error is None and not answer.closes
        self._connected = (backend, process) if stays and process is not None else None
        self._again()

    def _again(self) -> None:
        if not self._stopped:
            clock = self._service.clock
            self._timer = clock.call_at(clock.now() + self._traffic.every, self._send)


def _headers(port: int, *, kept: bool) -> tuple[tuple[str, str], ...]:
    shared = (("Host", f"service:{port}"), ("Accept", "*/*"))
    return shared if kept else (*shared, ("Connection", "close"))
