"""One patch to the API server over HTTPS, and what its answer means.

Owns the request and the translation of everything that can become of it into one `PatchError`.
When it is sent again is `_gate_publisher`'s business. httpx is imported here, and nowhere else.

Each patch has a connection of its own, with the token and the CA of that moment: patches are rare,
and nothing is left that could be stale. Of the answer the status counts; its body, the whole Pod,
is not read.
"""

from __future__ import annotations

import importlib
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from healthkit import _validate
from healthkit._gate_rules import CONTENT_TYPE
from healthkit.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from healthkit._gate_pod import InPod

#: Seconds for one patch, from the connection to the answer's head. A healthy API server takes some
#: milliseconds.
PATCHED_WITHIN: Final = 5.0
#: Seconds, at most, that an answer may ask to wait.
LONGEST_RETRY_AFTER: Final = 60.0

MISSING: Final = (
    "readiness gate: httpx is not installed: expected the extra, pip install"
    " 'healthkit-asgi[kubernetes]'; the condition is not published"
)

#: What is to be done about an answer, by its status.
_TODO: Final = {
    400: "a patch that it understands; a bug in healthkit",
    401: "a token that it accepts; it is read anew for each patch",
    403: "a Role that allows patch of pods/status, bound to the pod's ServiceAccount",
    404: "a Pod of this name; set POD_NAME and POD_NAMESPACE by the downward API",
    409: "no conflict; it is sent again",
    415: "a strategic merge patch to be accepted; a bug in healthkit",
    422: "a condition that it accepts; choose another HEALTHKIT_READINESS_GATE",
    429: "to be served; it is sent again when the server says",
}


def load() -> None:
    """Import what is needed, if it is there: for whoever can't wait until it is used.

    httpcore imports trio where that is installed, and trio starts a program, which under gevent
    works in the main thread only.
    """
    with suppress(ImportError):
        importlib.import_module("httpx")
        importlib.import_module("httpcore")


class PatchError(KubernetesError):
    """A patch has failed.

    Args:
        kind: what one line in the log is for: the status, or the exception's name.
        line: what was found, and what was expected.
        retry_after: seconds that the server asks to wait; None if it does not.
    """

    def __init__(self, kind: str, line: str, retry_after: float | None = None) -> None:
        super().__init__(line)
        self.kind = kind
        self.retry_after = retry_after


class Patching(Protocol):
    """What publishes a body."""

    async def __call__(self, body: bytes) -> None:
        """Send a patch, and return when it was taken.

        Raises:
            KubernetesError: it was not.
        """
        ...


class Patch:
    """Patches the status of one Pod."""

    def __init__(self, pod: InPod, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Make one.

        Args:
            pod: whose status.
            transport: in place of the network.
        """
        self._pod = pod
        self._transport = transport

    def __repr__(self) -> str:
        return f"<Patch {self._pod.url}>"

    async def __call__(self, body: bytes) -> None:
        """Send one patch. See `Patching`."""
        headers = {
            "Authorization": f"Bearer {self._pod.token()}",
            "Content-Type": CONTENT_TYPE,
            "Accept": "application/json",
            "User-Agent": "healthkit",  # the field manager, as far as it stands before a slash
        }
        try:
            with anyio.fail_after(PATCHED_WITHIN):
                async with self._answer(body, headers) as answer:
                    self._judge(answer)
        except TimeoutError as exc:
            found = f"no answer within {PATCHED_WITHIN:g} s"
            raise PatchError("timeout", f"{found}: expected the API server's") from exc

    @asynccontextmanager
    async def _answer(self, body: bytes, headers: dict[str, str]) -> AsyncGenerator[httpx.Response]:
        import httpx  # noqa: PLC0415  # an extra

        # No client: it would log each patch that fails, take a proxy and follow redirects.
        transport = self._transport or httpx.AsyncHTTPTransport(
            verify=self._pod.trust(), trust_env=False
        )
        try:
            request = httpx.Request("PATCH", self._pod.url, content=body, headers=headers)
            async with transport, aclosing(await transport.handle_async_request(request)) as answer:
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            kind = type(exc).__name__
            # Of other errors the text may show what was sent, or what somebody has answered.
            why = (
                f" ({_validate.one_line(str(exc))})" if isinstance(exc, httpx.ConnectError) else ""
            )
            raise PatchError(kind, f"{kind}{why}: expected the API server's answer") from exc

    def _judge(self, answer: httpx.Response) -> None:
        """Raise what an answer means, unless the patch was taken."""
        status = answer.status_code
        if status in {200, 201}:
            return
        todo = _TODO.get(status, "200; it is sent again")
        where = f"{self._pod.namespace}/{self._pod.name}"
        after = _seconds(answer.headers.get("Retry-After"))
        raise PatchError(str(status), f"{status} for Pod {where}: expected {todo}", after)


def _seconds(text: str | None) -> float | None:
    """Return what ``Retry-After`` says in seconds; the API server never says it as a date."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return min(float(text[:9]), LONGEST_RETRY_AFTER)
