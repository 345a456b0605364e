"""The ASGI door: answer probes, count requests, and speak the lifespan beside the app.

An ordinary request pays for the path test and the count, nothing else. A probe awaits nothing but
`send`. WebSockets pass through.

The lifespan is the app's: whatever it sends, raises or refuses, the server gets to see. There are
two exceptions, both where the app has left the conversation and the server has not:

1. The app raises before its first `receive`, or returns without one: it has no lifespan (Django,
   plain apps). healthkit answers the server itself, and start-up is complete.
2. The app returns after its start-up is complete: healthkit waits for the server's shutdown.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NoReturn, final

from healthkit import _validate
from healthkit._desk import Desk
from healthkit._drain import Detour
from healthkit._endings import CLOSE, Outgoing
from healthkit._health import Health
from healthkit._log import logger
from healthkit._model import Probe
from healthkit._render import Answer
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from healthkit._drain import Flight
    from healthkit._endings import Conversation
    from healthkit._life import Life
    from healthkit._prestop import PreStopDesk

#: Letters that few paths have.
_RARE: Final = frozenset("jkqvwxyz_")


@final
class HealthMiddleware:
    """ASGI 3 middleware that answers the probes of one `Health`. Put it outermost.

    Host checks, redirects to HTTPS and authentication must not see probes: the kubelet sends the
    pod's address as host, plain HTTP and no credentials.

    Args:
        app: any ASGI 3 app.
        health: what the endpoints speak for. One per app.

    Raises:
        ConfigError: there is no app, or no Health.
    """

    def __init__(self, app: ASGIApp, *, health: Health) -> None:
        _refuse_others(app, health)
        self._app = app
        self._health = health
        self._answering = health.answering
        self._desks: dict[str, Desk | PreStopDesk] = {**health.desks, **health.prestop_desks}
        self._live = health.answering.desks[Probe.LIVE]
        self._live_path = next((p for p, probe in health.paths.items() if probe is Probe.LIVE), "")
        self._mark = _common(self._desks)
        #: What is below it asks for one component by name. No path holds a lone surrogate.
        self._below = next(
            (f"{p}/" for p, probe in health.paths.items() if probe is Probe.READY), "\ud800"
        )

    def __init_subclass__(cls) -> NoReturn:
        """Refuse subclasses: an override could give a check a way to liveness."""
        message = f"class {cls.__name__}(HealthMiddleware): expected no subclass; liveness must not"
        raise ConfigError(f"{message} depend on checks, wrap the middleware instead")

    def __repr__(self) -> str:
        return f"<HealthMiddleware {self._health!r}>"

    @property
    def health(self) -> Health:
        """What the endpoints speak for."""
        return self._health

    async def __call__(  # noqa: C901, PLR0912  # each call more would cost every request
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a probe; pass everything else on to the app.

        Every request of the app comes through here. What looks clumsy was measured: `make bench`.
        """
        try:
            method = scope["method"]
        except KeyError:  # only a request has a method; to ask for the type would cost each of them
            await self._other(scope, receive, send)
            return
        path = scope["path"]
        if path == self._live_path and method == "GET":
            for status, headers, body in self._live.at_once:
                await send({"type": "http.response.start", "status": status, "headers": [*headers]})
                await send({"type": "http.response.body", "body": body})
                return
        if self._mark in path:
            if path in self._desks:
                for status, headers, body in self._desks[path].recall(scope):
                    await send(
                        {"type": "http.response.start", "status": status, "headers": [*headers]}
                    )
                    await send({"type": "http.response.body", "body": body})
                    return
                special = True
            else:
                special = self._below in path or bool(scope.get("root_path"))
            if special and (answer := self._answer(scope)) is not None:
                await self._reply(answer, scope, receive, send)
                return
        flight = self._health.traffic.flight
        if flight.detour is not None or flight.calls.setdefault(send, scope) is not scope:
            await self._detoured(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception:
            if send not in flight.ended:
                raise  # else the app was told that nobody listens
        finally:
            try:  # noqa: SIM105  # `suppress` is a call
                del flight.calls[send]
            except KeyError:  # a second middleware on the same Health was here
                pass
            if flight.landing is not None:
                flight.left()

    async def _reply(
        self, answer: Answer | PreStopDesk, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send `answer` in fresh objects: what an outer middleware does to them ends with them."""
        if not isinstance(answer, Answer):
            await answer.hold(receive, lambda held: self._reply(held, scope, receive, send))
            return
        headers = [*answer.headers, CLOSE] if self._closes(scope) else [*answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> Answer | PreStopDesk | None:
        """Answer a probe, with or without the root path; None if it is the app's to answer.

        The desk itself is returned if its answer takes until the pod is drained.
        """
        path = scope["path"]
        if path not in self._desks and not path.startswith(self._below):
            path = path.removeprefix(scope.get("root_path", "").rstrip("/"))
        desk = self._desks.get(path)
        if desk is None and not path.startswith(self._below):
            return None
        if desk is not None and not isinstance(desk, Desk):
            return desk.refusal(scope) or desk
        self._health.begin_without_lifespan(scope)
        if desk is None:
            return self._answering.component(path.removeprefix(self._below), scope)
        return desk.answer(scope)

    async def _detoured(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request in a phase in which it is not simply passed on."""
        self._health.begin_without_lifespan(scope)
        flight = self._health.traffic.flight
        if flight.detour is Detour.REJECT:
            await self._reply(self._answering.plain(Probe.STARTUP), scope, receive, send)
            return
        outgoing = Outgoing(send, closes=self._closes(scope))
        await self._in_flight(flight, scope, receive, outgoing)

    async def _in_flight(
        self, flight: Flight, scope: Scope, receive: Receive, send: Outgoing | Conversation
    ) -> None:
        """Serve what the drain can end by the object that it sends to."""
        flight.calls[send] = scope
        try:
            try:
                await self._app(scope, receive, send)
            except Exception:
                if not send.over:
                    raise
            await send.settled()
        finally:
            flight.calls.pop(send, None)
            flight.left()

    def _closes(self, scope: Scope) -> bool:
        """Whether the connection is to be closed after the answer: HTTP/1.x while draining."""
        draining = self._health.traffic.flight.detour in {Detour.CLOSE, Detour.BEGIN}
        return draining and scope.get("http_version", "1.1").startswith("1")

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run a lifespan beside the app's; serve a WebSocket; pass an unknown kind through."""
        if scope["type"] == "lifespan":
            begun = self._health.begin(scope)
            if begun is not None:
                try:
                    await _Lifespan(self._app, begun, scope, receive, send).run()
                finally:
                    self._health.lifespan_closed()
                return
        elif scope["type"] == "websocket":
            self._health.begin_without_lifespan(scope)
            life = self._health.life
            conversation = life.converse(receive, send)
            await self._in_flight(life.traffic.flight, scope, conversation.receive, conversation)
            return
        else:
            self._health.begin_without_lifespan(scope)
        await self._app(scope, receive, send)


def _common(paths: Collection[str]) -> str:
    """Return a letter that all these paths have, and few others; empty if there is none.

    A path without it asks for nothing here, and that is known by one look.
    """
    letters = set[str].intersection(*(set(path) for path in paths)) if paths else set[str]()
    return max(letters & _RARE, default="")


def _refuse_others(app: object, health: object) -> None:
    """Refuse what is no app or no `Health`, whatever a type checker was told."""
    if not isinstance(health, Health):
        raise _validate.refuse("HealthMiddleware health", health, "a Health, made by Health()")
    if not callable(app):
        raise _validate.refuse("HealthMiddleware app", app, "an ASGI 3 app")


class _Lifespan:
    """One lifespan: the conversation between server and app, with a life beside it."""

    def __init__(
        self, app: ASGIApp, life: Life, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._app = app
        self._life = life
        self._scope = scope
        self._server_receive = receive
        self._server_send = send
        #: Whether the app has called `receive`: from then on the lifespan is its own.
        self._entered = False
        #: What has passed between the two.
        self._seen: set[str] = set()

    async def run(self) -> None:
        """Let the app speak; speak in its place where it has nothing to say."""
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as exc:
            if self._entered:
                self._life.app_failed()
                raise
            trace = logger.isEnabledFor(logging.DEBUG)
            logger.info("the app has no lifespan: %s", type(exc).__name__, exc_info=trace)
        except BaseException:
            self._life.abandon()
            raise
        await self._speak_for_the_app()

    async def _speak_for_the_app(self) -> None:
        """Finish what the app has left open."""
        if self._seen & {"lifespan.startup.failed", "lifespan.shutdown"}:
            return
        if "lifespan.startup" not in self._seen:
            await self._receive()
        if "lifespan.startup.complete" not in self._seen:
            await self._send({"type": "lifespan.startup.complete"})
        await self._receive()
        await self._server_send({"type": "lifespan.shutdown.complete"})

    async def _receive(self) -> Message:
        """Take the server's next message; end the life before the app hears of the end."""
        self._entered = True
        message = await self._server_receive()
        self._seen.add(message["type"])
        if message["type"] == "lifespan.shutdown":
            await self._life.stop()
        return message

    async def _send(self, message: Message) -> None:
        """Pass the app's message on; begin the registered work when its start-up is complete."""
        self._seen.add(message["type"])
        if message["type"] == "lifespan.startup.complete":
            await self._life.joined()
            self._life.exit.guard()
            self._life.app_started(self._scope.get("state", {}))
        elif message["type"] == "lifespan.startup.failed":
            self._life.app_failed()
        await self._server_send(message)
