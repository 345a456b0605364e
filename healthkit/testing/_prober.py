"""One probe, from the question to the verdict: the kubelet's HTTP client, exec and TCP.

The request is the one that was seen on the wire of Kubernetes 1.36.2, header by header. Redirects
within the host are followed; what breaks is tried three times at once, then thrown away.

Not played: HTTP/2 and certificates (with HTTPS the kubelet offers the one and verifies none of the
other: a server is taken to have them), and gRPC: such a probe passes if the port is open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

from healthkit.manifests._spec import Exec, HttpGet, TcpSocket
from healthkit.testing import _verdict
from healthkit.testing._process import Answer, Request
from healthkit.testing._rules import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import Container, Probe
    from healthkit.testing._clock import Clock
    from healthkit.testing._process import Process
    from healthkit.testing._verdict import Verdict

#: The pod's address, and the node's: the kubelet asks from there, never from loopback.
POD: Final = "10.0.1.7"
NODE: Final = "10.0.1.1"

_USER_AGENT: Final = "kube-probe/1.36"
_HOOK_USER_AGENT: Final = "kube-lifecycle/1.36"
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
#: The usual answer, on a short way.
_OK: Final = 200
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: What is left of a timeout that redirects have used up, in seconds: more than nothing.
_LEAST: Final = 0.001


class PortError(LookupError):
    """A handler names a port that its container does not declare."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a probe, to be shown: a discarded probe has several."""

    at: float
    answer: Answer
    #: From 1; None where there is one only.
    attempt: int | None


def port_of(handler: HttpGet | TcpSocket, container: Container) -> int:
    """Return the number of a handler's port.

    Raises:
        PortError: it is a name that the container doesn't declare. The API server admits that; the
            probe errors each time (pkg/probe/util.go, ResolveContainerPort).
    """
    if isinstance(handler.port, int):
        return handler.port
    for port in container.ports:
        if port.name == handler.port:
            return port.number
    raise PortError(f"couldn't find port: {handler.port}")


def probe_request(handler: HttpGet, port: int) -> Request:
    """Return the request of an HTTP probe, as it is on the wire."""
    headers = _headers(handler, port, _USER_AGENT, {"Accept": "*/*"})
    scheme: Literal["http", "https"] = "https" if handler.scheme == "HTTPS" else "http"
    return replace(_request(handler, port, (*headers, ("Connection", "close"))), scheme=scheme)


def hook_request(handler: HttpGet, port: int) -> Request:
    """Return the request of a preStop hook. HTTPS falls back to HTTP, so that is what it is."""
    defaults = {"Accept": "*/*", "Accept-Encoding": "gzip"}
    return _request(handler, port, _headers(handler, port, _HOOK_USER_AGENT, defaults))


def _request(handler: HttpGet, port: int, headers: tuple[tuple[str, str], ...]) -> Request:
    path, query = urlsplit(handler.path)[2:4]
    path = urlunsplit(("", "", path if path.startswith("/") else f"/{path}", query, ""))
    return Request(path, port, headers=headers, client=NODE, body_limit=_verdict.READ)


def _headers(
    handler: HttpGet, port: int, agent: str, defaults: dict[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the headers in the order of Go's client: Host, User-Agent, the rest by name.

    A Host header replaces the Host, an empty Accept removes it (pkg/probe/http/request.go).
    """
    own = [(_canonical(name), value) for name, value in handler.headers]
    given = {name for name, _ in own}
    host = next((value for name, value in own if name == "Host"), f"{POD}:{port}")
    agent = next((value for name, value in own if name == "User-Agent"), agent)
    rest = [(name, value) for name, value in own if name not in {"Host", "User-Agent"}]
    rest += [(name, value) for name, value in defaults.items() if name not in given]
    shown = sorted((pair for pair in rest if pair != ("Accept", "")), key=lambda pair: pair[0])
    return (("Host", host), ("User-Agent", agent), *shown)


def _canonical(name: str) -> str:
    """Return a header's name as Go writes it."""
    return "-".join(part.capitalize() for part in name.split("-"))


class Prober:
    """Asks one container's process, for one probe."""

    def __init__(self, container: Container, probe: Probe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._problem = ""
        self._request = Request("/", 0)
        handler = probe.handler
        self._port = 0
        if isinstance(handler, HttpGet | TcpSocket):
            try:
                self._port = port_of(handler, container)
            except PortError as exc:
                self._problem = str(exc)
        if isinstance(handler, HttpGet):
            self._request = probe_request(handler, self._port)
        self._address = f"{POD}:{self._port}"

    def ask(
        self,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        """Ask, now.

        Args:
            process: whom; one that has ended refuses.
            sent: told of each attempt and of what it came to, in order, when its answer is there.
            judged: told what it came to, once; maybe before this returns.
        """
        handler = self._probe.handler
        if self._problem:
            judged(_verdict.discarded(self._problem))
        elif isinstance(handler, HttpGet):
            _Exchange(self, process, sent, judged).attempt(1)
        elif isinstance(handler, Exec):
            self._execute(handler, process, sent, judged)
        else:
            self._connect(process, sent, judged)

    def _connect(
        self,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        handler = self._probe.handler
        port = self._port if isinstance(handler, TcpSocket) else getattr(handler, "port", 0)
        accepted = process.listens(port)
        answer = Answer(status=0) if accepted else Answer(error="refused")
        verdict = _verdict.of_connection(accepted, self._address)
        sent(Sent(self._clock.now(), answer, None), verdict)
        judged(verdict)

    def _execute(
        self,
        handler: Exec,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        """Run a command; at the timeout it is given up, and its end is no news any more."""
        timeout = self._probe.timeout
        asked = self._clock.now()
        open_ = [True]

        def ended(code: int | None, output: str) -> None:
            if not open_:
                return
            open_.clear()
            timer.cancel()
            answer = Answer(error="timeout") if code is None else Answer(status=code)
            verdict = _verdict.of_exit(code, output, timeout)
            sent(Sent(asked, answer, None), verdict)
            judged(verdict)

        timer = self._clock.call_at(asked + timeout, lambda: ended(None, ""))
        process.execute(handler.command, ended)

    @property
    def probe(self) -> Probe:
        """What is asked."""
        return self._probe

    @property
    def request(self) -> Request:
        """The first request."""
        return self._request

    @property
    def address(self) -> str:
        """The pod's, with the port."""
        return self._address

    @property
    def clock(self) -> Clock:
        """The time."""
        return self._clock


class _Exchange:
    """The HTTP requests of one probe: redirects, and up to three attempts."""

    def __init__(
        self,
        prober: Prober,
        process: Process,
        sent: Callable[[Sent, Verdict], object],
        judged: Callable[[Verdict], object],
    ) -> None:
        self._prober = prober
        self._process = process
        self._sent = sent
        self._judged = judged
        self._began = 0.0

    def attempt(self, number: int) -> None:
        """Begin the n-th attempt, now."""
        self._began = self._prober.clock.now()
        self._send(number, self._prober.request, 0)

    def _send(self, attempt: int, request: Request, redirects: int) -> None:
        spent = self._prober.clock.now() - self._began
        left = max(self._prober.probe.timeout - spent, _LEAST)
        self._process.request(request, left, partial(self._answered, attempt, request, redirects))

    def _answered(self, attempt: int, request: Request, redirects: int, answer: Answer) -> None:
        if answer.status == _OK and answer.error is None and attempt == 1:
            self._sent(Sent(self._began, answer, None), _verdict.SUCCESS)
            self._judged(_verdict.SUCCESS)
            return
        url = _url(request, self._prober.address)
        target = _followed(answer, url)
        if target is not None and redirects < _verdict.MOST_REDIRECTS:
            self._send(attempt, _next(request, target, url), redirects + 1)
            return
        verdict = (
            _verdict.of_answer(answer, url, self._prober.address)
            if target is None
            else _verdict.of_redirects(url)
        )
        repeated = verdict.result == "discarded"
        number = attempt if repeated or attempt > 1 else None
        self._sent(Sent(self._began, answer, number), verdict)
        if repeated and attempt < ATTEMPTS:
            self.attempt(attempt + 1)
        else:
            self._judged(verdict)


def _url(request: Request, address: str) -> str:
    """Return the URL of a request. What the client connects to is the pod, whatever Host says."""
    host = address.rpartition(":")[0]
    return f"{request.scheme}://{host}:{request.port}{request.path}"


def _followed(answer: Answer, url: str) -> str | None:
    """Return the URL that an answer leads to, if the kubelet goes there: to the same host only."""
    if answer.error is not None or answer.status not in _REDIRECTS:
        return None
    location = next((value for name, value in answer.headers if name == "location"), "")
    if not location:
        return None
    target = urljoin(url, location)
    same = urlsplit(target).hostname == urlsplit(url).hostname
    return target if same else None


def _next(request: Request, target: str, url: str) -> Request:
    """Return the request for a redirect's target: a new connection, with a Referer."""
    parts = urlsplit(target)
    port = parts.port or (_HTTPS_PORT if parts.scheme == "https" else _HTTP_PORT)
    host = f"{parts.hostname}:{port}"
    headers = [
        ("Host", host) if name == "Host" else (name, value) for name, value in request.headers
    ]
    headers = [pair for pair in headers if pair[0] != "Referer"]
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return Request(
        path,
        port,
        scheme="https" if parts.scheme == "https" else "http",
        headers=(*headers, ("Referer", url)),
        client=request.client,
        body_limit=request.body_limit,
    )
