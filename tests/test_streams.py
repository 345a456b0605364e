"""Long-lived streams through a whole life: counted apart, ended in order, never in the way."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route, WebSocketRoute

from healthkit import Health, HealthMiddleware, Phase
from healthkit._endings import Conversation, Outgoing
from healthkit._signals import GATE
from tests.servers import Exchange, ask, http_scope, plain_app, receive_nothing
from tests.test_trio import lifespan_of
from tests.virtual import ON_ASYNCIO
from tests.virtual import on_both as anyio_backend

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator
    from types import FrameType

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from starlette.websockets import WebSocket

__all__ = ["anyio_backend"]

#: Seconds between two messages of those that send by themselves.
TICK = 0.1
SSE = [(b"accept", b"text/event-stream")]
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BEAT: Message = {"type": "http.response.body", "body": b"beat", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class Server:
    """A server that notes when SIGTERM reached it."""

    def __init__(self) -> None:
        self.terminated: list[float] = []

    def handle(self, _signum: int, _frame: FrameType | None) -> None:
        """Note the moment."""
        self.terminated.append(anyio.current_time())


@pytest.fixture
def server() -> Iterator[Server]:
    """Install a server's handler for SIGTERM, for the time of a test."""
    before = signal.getsignal(signal.SIGTERM)
    made = Server()
    signal.signal(signal.SIGTERM, made.handle)
    yield made
    signal.signal(signal.SIGTERM, before)


class Client:
    """One connection, from the side of a server that behaves like uvicorn."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._app = app
        self._scope = scope
        #: What came, and when.
        self.sent: list[Message] = []
        self.at: list[float] = []
        self._complete = anyio.Event()
        #: What the app raised, and when it was over.
        self.raised: BaseException | None = None
        self.left = anyio.Event()

    async def run(self) -> None:
        """Serve it."""
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as exc:  # noqa: BLE001  # it would be a traceback in the log
            self.raised = exc
        self.left.set()

    async def _receive(self) -> Message:
        kind = self._scope["type"]
        if kind == "websocket" and not self.sent:
            return {"type": "websocket.connect"}
        await self._complete.wait()
        return {"type": f"{kind}.disconnect", "code": 1006}

    async def _send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        if self._complete.is_set() or (not self.sent and message["type"].endswith("body")):
            raise RuntimeError(message["type"])
        self.sent.append(message)
        self.at.append(anyio.current_time())
        last = message["type"].endswith("body") and not message.get("more_body", False)
        if last or message["type"] == "websocket.close":
            self._complete.set()

    @property
    def ended(self) -> float | None:
        """When its last message came; None if that was not the last."""
        return self.at[-1] if self._complete.is_set() else None


@asynccontextmanager
async def serving(app: ASGIApp, health: Health) -> AsyncGenerator[Desk]:
    """Serve an app until the phase is serving, and to the end."""
    async with anyio.create_task_group() as tasks:
        desk = Desk(HealthMiddleware(app, health=health), tasks)
        async with lifespan_of(desk.app):
            await health.wait_for("serving")
            yield desk
        tasks.cancel_scope.cancel()


class Desk:
    """Where clients come from."""

    def __init__(self, app: HealthMiddleware, tasks: anyio.abc.TaskGroup) -> None:
        self.app = app
        self._tasks = tasks

    def connects(self, path: str = "/", **more: object) -> Client:
        """Begin a stream or a request."""
        client = Client(self.app, http_scope(path, **more))
        self._tasks.start_soon(client.run)
        return client

    def talks(self, path: str = "/") -> Client:
        """Begin a WebSocket."""
        client = Client(self.app, {"type": "websocket", "path": path, "headers": []})
        self._tasks.start_soon(client.run)
        return client


def terminate() -> float:
    """Deliver a SIGTERM; return the moment."""
    signal.raise_signal(signal.SIGTERM)
    return anyio.current_time()


async def _events(_request: Request) -> StreamingResponse:
    return StreamingResponse(_beats(), media_type="text/event-stream")


async def _beats() -> AsyncIterator[bytes]:
    while True:
        yield b"beat"
        await anyio.sleep(TICK)


async def _silent(_request: Request) -> StreamingResponse:
    return StreamingResponse(_one(), media_type="text/event-stream")


async def _one() -> AsyncIterator[bytes]:
    yield b"one"
    await anyio.sleep_forever()


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def _push(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text("tick")
        await anyio.sleep(TICK)


starlette = Starlette(
    routes=[
        Route("/events", _events),
        Route("/silent", _silent),
        WebSocketRoute("/echo", _echo),
        WebSocketRoute("/push", _push),
    ]
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do as the path says."""
    if scope["type"] == "lifespan":
        await plain_app(scope, receive, send)
        return
    path = scope["path"]
    if path in {"/events", "/silent", "/echo", "/push"}:
        await starlette(scope, receive, send)
    elif path == "/stubborn":
        await send(START if scope["type"] == "http" else {"type": "websocket.accept"})
        await anyio.sleep_forever()
    elif path == "/late":
        await anyio.sleep(7)
        await send(START)
        while (await receive())["type"] != "http.disconnect":
            pass
    elif path == "/handshake":
        await anyio.sleep(7)
        await _echo_bare(receive, send)
    elif path == "/finite":
        await send(START)
        for _ in range(8):
            await anyio.sleep(1)
            await send(BEAT)
        await send(LAST)
    elif path == "/background":
        await send(START)
        await send(LAST)
        await anyio.sleep(7)
        raise ValueError(path)
    else:
        await anyio.sleep(float(path[1:] or 0))
        await plain_app(scope, receive, send)


async def _echo_bare(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


SPEAKS = pytest.mark.parametrize("spec_version", ["2.3", "2.4"])


# -- in order --------------------------------------------------------------------------------------


async def test_websockets_are_closed_after_the_delay_and_spread(server: Server) -> None:
    """200 of them over the window, none before; then the server hears of SIGTERM."""
    health = Health(drain_delay=5, stream_jitter=4)
    async with serving(app, health) as desk:
        clients = [desk.talks(path) for path in ("/echo", "/push") for _ in range(100)]
        await anyio.sleep(1)
        sent = terminate()
        await anyio.sleep(4.9)
        assert [client for client in clients if client.ended is not None] == []
        await anyio.sleep(5)
    ends = sorted((client.ended or 0) - sent for client in clients)
    assert 5 <= ends[0] < 5.5
    assert 8 < ends[-1] <= 9.001
    for client in clients:
        assert client.raised is None
        assert client.sent[-1]["code"] == 1012
    assert server.terminated == [pytest.approx(sent + ends[-1], abs=0.11)]


@pytest.mark.parametrize("path", ["/events", "/silent"])
async def test_event_streams_end_after_the_delay(server: Server, path: str) -> None:
    """Their clients see a complete answer, their apps http.disconnect; nothing is raised."""
    health = Health(drain_delay=5, stream_jitter=0)
    async with serving(app, health) as desk:
        client = desk.connects(path, headers=SSE)
        await anyio.sleep(1)
        sent = terminate()
        await anyio.sleep(10)
        assert client.sent[-1] == LAST
        assert client.ended == pytest.approx(sent + 5)
        assert client.left.is_set()
        assert client.raised is None
        assert server.terminated == [pytest.approx(sent + 5, abs=0.11)]


@ON_ASYNCIO  # trio complains that Starlette leaves its generator unfinished
async def test_where_send_raises_the_app_hears_of_it_by_that(server: Server) -> None:
    """ASGI 2.4: Starlette does not listen there. What it raises is nobody's business."""
    health = Health(drain_delay=5, stream_jitter=0)
    async with anyio.create_task_group() as tasks:
        desk = Desk(HealthMiddleware(app, health=health), tasks)
        asgi = {"version": "3.0", "spec_version": "2.4"}
        first = desk.connects("/events", headers=SSE, asgi=asgi)
        await health.wait_for("serving")
        client = desk.connects("/events", headers=SSE, asgi=asgi)
        await anyio.sleep(1)
        assert all(isinstance(send, Outgoing) for send in health.life.traffic.flight.calls)
        assert len(health.life.traffic.flight.calls) == 2
        sent = terminate()
        await anyio.sleep(10)
        for each in (first, client):
            assert each.ended == pytest.approx(sent + 5)
            assert each.left.is_set()
            assert each.raised is None
        assert len(server.terminated) == 1
        health.life.abandon()


async def test_the_close_code_is_a_setting(server: Server) -> None:
    """The app is told the same."""
    del server
    health = Health(websocket_close_code=4000, stream_jitter=0)
    async with serving(app, health) as desk:
        client = desk.talks("/echo")
        await anyio.sleep(1)
        terminate()
        await anyio.sleep(1)
    assert client.sent[-1] == {
        "type": "websocket.close",
        "code": 4000,
        "reason": "service restart",
    }


async def test_without_a_delay_streams_end_at_once(server: Server) -> None:
    """They are of the flight that was there; the drain waits for no other."""
    health = Health(stream_jitter=1)
    async with serving(app, health) as desk:
        clients = [desk.talks("/echo"), desk.connects("/events", headers=SSE)]
        await anyio.sleep(1)
        sent = terminate()
        await anyio.sleep(0.01)
        late = desk.talks("/echo")
        await anyio.sleep(0.01)
        await anyio.sleep(3)
        for client in [*clients, late]:
            assert client.ended is not None
            assert client.ended <= sent + 1.3
        assert server.terminated[0] <= sent + 1.1
        assert health.life.traffic.streams == 0


@pytest.mark.parametrize("with_delay", [True, False])
async def test_a_stream_that_begins_in_the_drain_ends_too(server: Server, with_delay: bool) -> None:
    """After the delay too, however late, as long as the process is there."""
    health = Health(drain_delay=5 if with_delay else 0, stream_jitter=0)
    async with serving(app, health) as desk:
        slow = desk.connects("/12")
        await anyio.sleep(0.1)
        terminate()
        await anyio.sleep(8)
        for path in ("/echo", "/push"):
            assert (await _ends(desk.talks(path))) < 0.6
        assert (await _ends(desk.connects("/silent", headers=SSE))) < 0.6
        assert not slow.left.is_set()
        await anyio.sleep(60)
        assert len(server.terminated) == 1
        assert (await _ends(desk.talks("/echo"))) < 0.6


async def _ends(client: Client) -> float:
    """Wait for a client's end; return how long it took."""
    began = anyio.current_time()
    with anyio.fail_after(30):
        await client.left.wait()
    assert client.ended is not None
    assert client.raised is None
    return anyio.current_time() - began


async def test_what_has_not_begun_is_ended_when_it_has(server: Server) -> None:
    """A handshake gets its answer, and a response its start."""
    health = Health(drain_delay=5, stream_jitter=0)
    async with serving(app, health) as desk:
        clients = [desk.talks("/handshake"), desk.connects("/late", headers=SSE)]
        await anyio.sleep(0.1)
        sent = terminate()
        await anyio.sleep(6)
        assert [client.sent for client in clients] == [[], []]
        await anyio.sleep(4)
        for client in clients:
            assert len(client.sent) == 2
            assert client.ended is not None
            assert sent + 6.9 <= client.ended <= sent + 7.3
            assert client.raised is None
        assert len(server.terminated) == 1


async def test_a_stream_that_ends_in_the_delay_is_whole(server: Server) -> None:
    """Nobody cuts it."""
    del server
    health = Health(drain_delay=9, stream_jitter=0)
    async with serving(app, health) as desk:
        client = desk.connects("/finite", headers=SSE)
        await anyio.sleep(0.1)
        terminate()
        await anyio.sleep(20)
    assert client.sent == [START, *[BEAT] * 8, LAST]
    assert client.raised is None


@pytest.mark.parametrize(
    "more", [{}, {"method": "POST", "headers": SSE}, {"method": "HEAD", "headers": SSE}]
)
async def test_what_nobody_repeats_is_left_alone(server: Server, more: dict[str, object]) -> None:
    """A download, a POST that is answered by events: waited for, to its own end."""
    health = Health(drain_delay=2, stream_jitter=0)
    async with serving(app, health) as desk:
        client = desk.connects("/finite", **more)
        await anyio.sleep(0.1)
        sent = terminate()
        await anyio.sleep(20)
    assert client.sent == [START, *[BEAT] * 8, LAST]
    assert server.terminated == [pytest.approx(sent + 7.9)]


@SPEAKS
async def test_an_exception_is_the_servers_unless_the_drain_has_ended_the_stream(
    server: Server, spec_version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A response that was complete by itself keeps its exceptions."""
    del server, caplog
    health = Health(drain_delay=2, stream_jitter=0)
    async with anyio.create_task_group() as tasks:
        desk = Desk(HealthMiddleware(app, health=health), tasks)
        asgi = {"spec_version": spec_version}
        desk.connects("/0", asgi=asgi)
        await health.wait_for("serving")
        client = desk.connects("/background", headers=SSE, asgi=asgi)
        await anyio.sleep(0.1)
        terminate()
        await anyio.sleep(20)
        assert client.sent == [START, LAST]
        assert isinstance(client.raised, ValueError)
        health.life.abandon()


# -- opted out -------------------------------------------------------------------------------------


async def test_a_route_can_handle_it_itself(server: Server) -> None:
    """`long_lived` opts it out, `health.draining()` tells it when."""
    said: list[str] = []

    async def own(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await plain_app(scope, receive, send)
            return
        await send({"type": "websocket.accept"})
        await health.draining()
        await send({"type": "websocket.send", "text": "bye"})
        await anyio.sleep(8)
        await send({"type": "websocket.close", "code": 4999})
        said.append("done")

    health = Health(drain_delay=5, stream_jitter=0, long_lived=lambda s: s["path"] != "/own")
    async with serving(own, health) as desk:
        client = desk.talks("/own")
        await anyio.sleep(1)
        assert (health.life.traffic.in_flight, health.life.traffic.streams) == (1, 0)
        sent = terminate()
        await anyio.sleep(0.1)
        assert client.sent[-1]["text"] == "bye"
        await anyio.sleep(20)
    assert client.ended == pytest.approx(sent + 8)
    assert client.sent[-1]["code"] == 4999
    assert said == ["done"]
    assert server.terminated == [pytest.approx(sent + 8)]


async def test_a_route_can_be_a_stream_that_does_not_look_like_one(server: Server) -> None:
    """`long_lived` says so."""
    health = Health(stream_jitter=0, long_lived=lambda s: s["path"] == "/silent" or None)
    async with serving(app, health) as desk:
        clients = [desk.connects("/silent"), desk.talks("/echo")]
        await anyio.sleep(1)
        sent = terminate()
        await anyio.sleep(2)
    assert [client.ended for client in clients] == [pytest.approx(sent)] * 2
    assert server.terminated == [pytest.approx(sent, abs=0.1)]


async def test_a_predicate_that_fails_neither_floods_nor_stops(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The rule decides in the drain, and the log has one line."""

    def long_lived(_scope: Scope) -> bool:
        raise LookupError

    health = Health(stream_jitter=0, long_lived=long_lived)
    async with serving(app, health) as desk:
        client = desk.talks("/echo")
        desk.connects("/5")
        await anyio.sleep(1)
        terminate()
        await anyio.sleep(10)
        assert client.ended is not None
    assert len([r for r in caplog.records if "long_lived failed" in r.message]) == 1
    assert len(server.terminated) == 1


# -- nothing holds the exit ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/stubborn"])
async def test_a_stubborn_stream_holds_the_drain_no_longer_than_its_timeout(
    server: Server, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It was closed, and told; the log says what was left. The shutdown does not wait again."""
    health = Health(drain_delay=1, drain_timeout=3, stream_jitter=0)
    async with serving(app, health) as desk:
        client = desk.talks(path)
        await anyio.sleep(0.1)
        sent = terminate()
        await anyio.sleep(3.9)
        assert server.terminated == []
        assert client.ended == pytest.approx(sent + 1)
        await anyio.sleep(1)
        assert server.terminated == [pytest.approx(sent + 4)]
        before = anyio.current_time()
    assert anyio.current_time() == pytest.approx(before, abs=0.01)
    assert "the drain is over after 4 s with 1 stream still in flight" in caplog.text


@pytest.mark.parametrize("path", ["/stubborn", "/echo", "/push"])
async def test_a_shutdown_without_sigterm_ends_streams_at_once(path: str) -> None:
    """A recycled worker: no delay; a stubborn one is given up at the timeout."""
    health = Health(drain_delay=60, drain_timeout=3, stream_jitter=50)
    async with serving(app, health) as desk:
        client = desk.talks(path)
        events = desk.connects("/events", headers=SSE)
        await anyio.sleep(1)
        before = anyio.current_time()
    stubborn = path == "/stubborn"
    took = anyio.current_time() - before
    assert took == pytest.approx(3, abs=0.01) if stubborn else took <= TICK + 0.01
    assert client.sent[-1]["type"] == "websocket.close"
    assert events.sent[-1] == LAST
    assert health.phase is Phase.STOPPED


async def test_a_shutdown_in_the_delay_ends_streams_at_once(server: Server) -> None:
    """It ends the delay of the drain that is under way."""
    health = Health(drain_delay=60, stream_jitter=5)
    async with serving(app, health) as desk:
        clients = [desk.talks("/push") for _ in range(10)]
        await anyio.sleep(1)
        terminate()
        await anyio.sleep(1)
        before = anyio.current_time()
    assert anyio.current_time() - before <= TICK + 0.01
    assert all(client.ended is not None and client.ended > before - 0.1 for client in clients)
    assert len(server.terminated) == 1


async def test_a_shutdown_after_the_end_keeps_quiet(server: Server) -> None:
    """What the app raises so late, for its `send` is refused, is still nobody's business."""
    late = anyio.Event()

    async def clings(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await plain_app(scope, receive, send)
            return
        await send(START)
        await late.wait()
        await send(BEAT)

    health = Health(drain_delay=1, drain_timeout=1, stream_jitter=0)
    async with serving(clings, health) as desk:
        client = desk.connects("/", headers=SSE)
        await anyio.sleep(0.1)
        terminate()
        await anyio.sleep(3)
        health.life.exit._gave_up = False
        health.life.exit.close_streams(at_once=True)
        await anyio.sleep(1)
        late.set()
        await client.left.wait()
    assert client.sent == [START, LAST]
    assert client.raised is None
    assert len(server.terminated) == 1


async def test_a_second_sigterm_waits_for_no_stream(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is in a hurry: the server ends them as it does."""
    health = Health(drain_delay=60)
    monkeypatch.setattr(GATE, "now", anyio.current_time)
    async with serving(app, health) as desk:
        desk.talks("/stubborn")
        await anyio.sleep(0.1)
        terminate()
        await anyio.sleep(2)
        sent = terminate()
        assert server.terminated == [sent]
    assert anyio.current_time() == pytest.approx(sent)


# -- who asks for the drain ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["drain", "told", "thread"])
async def test_streams_end_whoever_asks_for_the_drain(how: str) -> None:
    """A preStop hook, another worker of the pod, a thread: without any SIGTERM so far."""
    health = Health(drain_delay=5, stream_jitter=0)
    async with anyio.create_task_group() as tasks:
        desk = Desk(HealthMiddleware(app, health=health), tasks)
        async with lifespan_of(desk.app):
            clients = [desk.talks("/echo"), desk.connects("/silent", headers=SSE)]
            await anyio.sleep(0.1)
            asked = anyio.current_time()
            if how == "drain":
                health.drain()
                health.drain()
            elif how == "told":
                health.life.tell(health.life.now() - 3)
            elif how == "thread":
                thread = threading.Thread(target=health.drain)
                thread.start()
                thread.join()
            await anyio.sleep(1.5)
            assert [client.ended for client in clients] == [None, None]
            await anyio.sleep(5)
            due = asked + (2 if how == "told" else 5)
            for client in clients:
                assert client.ended == pytest.approx(due, abs=0.3)
            assert health.phase is Phase.DRAINING


@ON_ASYNCIO  # it is dated by the system's clock, which trio's virtual one is not
async def test_a_drain_before_the_beginning_ends_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When its delay is over."""
    health = Health(drain_delay=5, stream_jitter=0)
    with (
        monkeypatch.context() as patched
    ):  # it has no loop yet, whose clock is not the system's here
        patched.setattr(time, "monotonic", anyio.current_time)
        health.drain()
    async with anyio.create_task_group() as tasks:
        desk = Desk(HealthMiddleware(app, health=health), tasks)
        async with lifespan_of(desk.app):
            client = desk.talks("/echo")
            await anyio.sleep(1)
            assert client.ended is None
            await anyio.sleep(5)
            assert client.ended is not None


# -- counted apart ---------------------------------------------------------------------------------


async def test_streams_are_counted_apart(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """In the metrics and the log."""
    del server
    caplog.set_level(logging.INFO, "healthkit")
    registry = CollectorRegistry()
    health = Health(
        stream_jitter=0, drain_timeout=1, metrics_path="/metrics", metrics_registry=registry
    )
    async with serving(app, health) as desk:
        desk.talks("/stubborn")
        desk.connects("/stubborn", headers=SSE)
        desk.connects("/3")
        await anyio.sleep(0.1)
        text = (await ask(desk.app, "/metrics")).text
        assert "healthkit_requests_in_flight 1.0" in text
        assert "healthkit_streams_in_flight 2.0" in text
        assert repr(health) == "<Health serving in_flight=1>"
        terminate()
        await anyio.sleep(2)
    assert "waiting for 1 request, 2 streams" in caplog.text


@pytest.mark.parametrize("draining", [False, True])
async def test_one_send_for_two_requests_counts_twice(draining: bool) -> None:
    """As a server that multiplexes might have it: each leaves on its own, in any order."""
    health = Health()
    sent = Exchange()
    middleware = HealthMiddleware(app, health=health)
    await ask(middleware, "/0")
    counts: list[int] = []
    async with anyio.create_task_group() as tasks:
        send = sent.send
        tasks.start_soon(middleware, http_scope("/1"), receive_nothing, send)
        await anyio.sleep(0.1)
        if draining:
            health.drain()
        tasks.start_soon(middleware, http_scope("/2"), receive_nothing, send)
        tasks.start_soon(middleware, http_scope("/3"), receive_nothing, send)
        await anyio.sleep(0.1)
        counts.append(health.life.traffic.in_flight)
        for _ in range(3):
            await anyio.sleep(1)
            counts.append(health.life.traffic.in_flight)
    assert counts == [3, 2, 1, 0]
    assert len(sent.messages) == 6
    health.life.abandon()


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_an_exception_of_an_unended_stream_passes(kind: str) -> None:
    """Whatever it is called: the drain has not ended it."""
    health = Health()

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise OSError(kind)

    middleware = HealthMiddleware(broken, health=health)
    for _ in range(2):
        client = Client(middleware, http_scope(type=kind, headers=SSE))
        await client.run()
        assert isinstance(client.raised, OSError)
    assert health.life.traffic.flight.calls == {}
    health.life.abandon()


async def test_nothing_stays_behind(server: Server) -> None:
    """No task, no stream, no memory of one."""
    del server
    health = Health(drain_delay=1, stream_jitter=0.5)
    async with serving(app, health) as desk:
        for path in ("/echo", "/push"):
            desk.talks(path)
        desk.connects("/events", headers=SSE)
        await anyio.sleep(0.1)
        terminate()
        await anyio.sleep(3)
        assert [flight.ended for flight in health.life.traffic.flights] == [set()]
        assert [flight.calls for flight in health.life.traffic.flights] == [{}]
    await anyio.sleep(1)
    names = [task.name or "" for task in anyio.get_running_tasks()]
    assert not [name for name in names if name.startswith("healthkit")]
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, Conversation)]
