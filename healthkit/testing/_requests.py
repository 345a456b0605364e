"""The requests that the kubelet sends, as they were seen on the wire of Kubernetes 1.36.2.

Header by header, in their order; and where a redirect leads. Who sends them is in `_prober` and
`_stopping`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

from healthkit.testing._process import Request
from healthkit.testing._verdict import READ

if TYPE_CHECKING:
    from healthkit.manifests._spec import Container, HttpGet, TcpSocket
    from healthkit.testing._process import Answer

#: The pod's address, and the node's: the kubelet asks from there, never from loopback.
POD: Final = "10.0.1.7"
NODE: Final = "10.0.1.1"

_USER_AGENT: Final = "kube-probe/1.36"
_HOOK_USER_AGENT: Final = "kube-lifecycle/1.36"
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class PortError(LookupError):
    """A handler names a port that its container does not declare."""


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
    headers = _headers(handler, port, _USER_AGENT)
    scheme: Literal["http", "https"] = "https" if handler.scheme == "HTTPS" else "http"
    return replace(_request(handler, port, (*headers, ("Connection", "close"))), scheme=scheme)


def hook_request(handler: HttpGet, port: int) -> Request:
    """Return the request of a preStop hook. HTTPS falls back to HTTP, so that is what it is.

    The fallback leaves Authorization out (pkg/kubelet/lifecycle/handlers.go, runHTTPHandler).
    """
    headers = _headers(handler, port, _HOOK_USER_AGENT)
    if handler.scheme == "HTTPS":
        headers = tuple(pair for pair in headers if pair[0] != "Authorization")
    if all(name not in {"Accept-Encoding", "Range"} for name, _ in headers):
        headers = (*headers, ("Accept-Encoding", "gzip"))
    return _request(handler, port, headers)


def _request(handler: HttpGet, port: int, headers: tuple[tuple[str, str], ...]) -> Request:
    path, query = urlsplit(handler.path)[2:4]
    path = urlunsplit(("", "", path if path.startswith("/") else f"/{path}", query, ""))
    return Request(path, port, headers=headers, client=NODE, body_limit=READ)


def _headers(handler: HttpGet, port: int, agent: str) -> tuple[tuple[str, str], ...]:
    """Return the headers in the order of Go's client: Host, User-Agent, the rest by name.

    A Host header replaces the Host; an empty Accept or User-Agent is left out
    (pkg/probe/http/request.go).
    """
    own = [(_canonical(name), value) for name, value in handler.headers]
    given = dict(reversed(own))  # the first of each name
    first = [("Host", given.get("Host", f"{handler.host or POD}:{port}"))]
    if given.get("User-Agent", agent):
        first.append(("User-Agent", given.get("User-Agent", agent)))
    rest = [(name, value) for name, value in own if name not in {"Host", "User-Agent"}]
    if "Accept" not in given:
        rest.append(("Accept", "*/*"))
    elif not given["Accept"]:
        rest = [pair for pair in rest if pair[0] != "Accept"]
    return (*first, *sorted(rest, key=lambda pair: pair[0]))


def _canonical(name: str) -> str:
    """Return a header's name as Go writes it."""
    return "-".join(part.capitalize() for part in name.split("-"))


def url_of(request: Request, address: str) -> str:
    """Return the URL of a request. What the client connects to is the pod, whatever Host says."""
    host = address.rpartition(":")[0]
    return f"{request.scheme}://{host}:{request.port}{request.path}"


def location_of(answer: Answer) -> str:
    """Return where an answer leads to, as it says it itself; empty if it says nothing."""
    return next((value for name, value in answer.headers if name == "location"), "")


def redirected(request: Request, answer: Answer, url: str) -> Request | None:
    """Return the request that an answer leads to: to the same host only; None: it is the last one.

    It goes over a new connection, with a Referer. A Location without a host keeps the Host header,
    whatever that is (net/http, Client.do).
    """
    location = location_of(answer)
    if answer.error is not None or answer.status not in _REDIRECTS or not location:
        return None
    target = urlsplit(urljoin(url, location))
    if target.hostname != urlsplit(url).hostname:
        return None
    headers = [(name, value) for name, value in request.headers if name != "Referer"]
    if urlsplit(location).netloc:
        headers[0] = ("Host", target.netloc)
    secure = target.scheme == "https"
    return Request(
        urlunsplit(("", "", target.path or "/", target.query, "")),
        target.port or (_HTTPS_PORT if secure else _HTTP_PORT),
        scheme="https" if secure else "http",
        headers=(*headers, ("Referer", url)),
        client=request.client,
        body_limit=request.body_limit,
    )
