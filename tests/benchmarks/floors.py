"""What everything is compared with: the least that an app, a middleware and a gate can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.benchmarks.contestant import CLIENT, Contestant

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


async def constant(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  # ASGI's
    """Answer 200 to everything, complete and from constants: the floor."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"3")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok\n"})


class NoOp:
    """A pure ASGI middleware that does nothing: what any middleware costs at least."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        await self._app(scope, receive, send)


class ByHand:
    """What people write into their app instead: a path gate with a flag for readiness.

    No lifespan, no drain, no checks, no count of what is in flight.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ready = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer two paths, pass the rest on."""
        if scope["type"] == "http":
            if scope["path"] == "/livez":
                await self._answer(send, 200, b"ok\n")
                return
            if scope["path"] == "/readyz":
                await self._answer(send, 200 if self._ready else 503, b"ready\n")
                return
        await self._app(scope, receive, send)

    async def _answer(self, send: Send, status: int, body: bytes) -> None:
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


CONTESTANTS: Final = {
    "request": Contestant("a bare app", lambda: constant, headers=CLIENT),
    "no_op": Contestant("a no-op middleware", lambda: NoOp(constant), headers=CLIENT),
    "gate": Contestant("30 lines by hand", lambda: ByHand(constant), headers=CLIENT),
    "probe": Contestant("a bare app, always 200", lambda: constant, path="/livez"),
    "hand": Contestant("30 lines by hand", lambda: ByHand(constant), path="/livez"),
}
