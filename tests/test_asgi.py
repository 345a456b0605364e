"""The ASGI door: probes are answered from memory, everything else is the app's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, cast

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

from healthkit import ConfigError, Health, HealthMiddleware, Phase, Probe
from tests.servers import (
    Exchange,
    LifespanServer,
    ask,
    client_of,
    http_scope,
    lifespan_of,
    plain_app,
    receive_nothing,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from starlette.websockets import WebSocket

PROBES = ["/livez", "/readyz", "/startupz", "/healthz"]


async def statuses(app: HealthMiddleware) -> list[int]:
    """Ask the four probes in the order of PROBES."""
    return [(await ask(app, path)).status for path in PROBES]


# -- answers ---------------------------------------------------------------------------------------


async def test_the_answers_of_a_whole_life() -> None:
    """DESIGN.md's table, phase by phase, as a real client reads it."""
    health = Health(drain_delay=0)
    begun, warm = anyio.Event(), anyio.Event()
    health.startup(begun.wait, name="migrate")
    health.warmup(warm.wait, name="catalogue")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        assert await statuses(app) == [200, 503, 503, 503]
        assert (await ask(app, "/readyz")).text == "starting: migrate\n"
        begun.set()
        await health.wait_for("warming")
        assert await statuses(app) == [200, 503, 200, 503]
        assert (await ask(app, "/readyz")).text == "warming: catalogue\n"
        warm.set()
        await health.wait_for("serving")
        assert await statuses(app) == [200, 200, 200, 200]
        health.pause("by hand")
        assert await statuses(app) == [200, 503, 200, 200]
        health.resume()
        assert await statuses(app) == [200, 200, 200, 200]
        health.drain()
        assert await statuses(app) == [200, 503, 200, 503]
        health.fail_liveness("nothing that is ending needs a restart")
        assert await statuses(app) == [200, 503, 200, 503]
    assert health.phase is Phase.STOPPED


async def test_failed_liveness_asks_for_a_restart() -> None:
    """And stays failed through the drain that the kubelet's kill begins."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        health.fail_liveness("deadlocked")
        assert await statuses(app) == [503, 503, 200, 503]
        assert (await ask(app, "/livez")).text == "liveness failed\n"
        health.drain()
        assert await statuses(app) == [503, 503, 200, 503]


async def test_a_required_check_decides_about_readiness_alone() -> None:
    """No result yet is unready; a failure is; an optional check is not asked."""
    health = Health()
    asked = anyio.Event()

    @health.check(interval=1)
    async def database() -> bool:
        await asked.wait()
        return len(outcomes) == 0 or outcomes.pop(0)

    @health.check(required=False)
    async def recommendations() -> bool:
        return False

    outcomes = [False]
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(0.1)
        assert (await ask(app, "/readyz")).text == "pending: database\n"
        asked.set()
        await anyio.sleep(0.1)
        assert (await ask(app, "/readyz")).text == "failing: database\n"
        assert await statuses(app) == [200, 503, 200, 200]
        await anyio.sleep(1.2)
        assert await statuses(app) == [200, 200, 200, 200]


async def test_progress_is_read_while_the_port_is_open() -> None:
    """The answer follows the progress; no answer is kept beyond a change."""
    health = Health()

    @health.warmup
    async def catalogue(progress: object) -> None:
        assert callable(progress)
        for done in range(3):
            progress(done, 2)
            await anyio.sleep(1)

    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        said: list[str] = []
        for _ in range(4):
            await anyio.sleep(0.9)
            said.append((await ask(app, "/readyz")).text.strip())
        lines = ["warming: catalogue 0 %", "warming: catalogue 50 %", "warming: catalogue 100 %"]
        assert said == [*lines, "ok"]


async def test_a_final_failure_of_start_up_work_is_told() -> None:
    """The kubelet sees 503 for ever, a reader sees whose."""
    health = Health()

    @health.startup
    async def migrate() -> None:
        message = "postgres://user:hunter2@db failed"
        raise SystemExit(message)

    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        answer = await ask(app, "/startupz")
        assert (answer.status, answer.text) == (503, "failed: migrate\n")
        assert await statuses(app) == [200, 503, 503, 503]


async def test_the_wire_shape_of_an_answer() -> None:
    """Small, complete, not to be kept or guessed at."""
    health = Health(retry_after=7)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        good = await ask(app, "/readyz")
        assert good.headers == {
            b"content-type": b"text/plain; charset=utf-8",
            b"content-length": b"3",
            b"cache-control": b"no-store",
            b"x-content-type-options": b"nosniff",
            b"vary": b"accept",
        }
        assert good.text == "ok\n"
        health.pause("to see the other one")
        bad = await ask(app, "/readyz")
    assert bad.headers[b"retry-after"] == b"7"


async def test_an_answer_shares_nothing_with_the_next() -> None:
    """An outer middleware that appends to the headers can't corrupt what others read."""
    app = HealthMiddleware(plain_app, health=Health())
    first = await ask(app, "/livez")
    first.messages[0]["headers"].append((b"x-outer", b"1"))
    first.messages[0]["status"] = 500
    first.messages[1]["body"] = b"broken"
    second = await ask(app, "/livez")
    assert (second.status, second.text) == (200, "ok\n")
    assert b"x-outer" not in second.headers


@pytest.mark.parametrize("path", PROBES)
async def test_head_is_get_without_the_body(path: str) -> None:
    """Same status, same headers."""
    app = HealthMiddleware(plain_app, health=Health())
    get, head = await ask(app, path), await ask(app, path, method="HEAD")
    assert (head.status, head.headers, head.text) == (get.status, get.headers, "")


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", "", "BREW"])
async def test_other_methods_are_refused(path: str, method: str) -> None:
    """With what is allowed, and never by the app."""
    answer = await ask(HealthMiddleware(plain_app, health=Health()), path, method=method)
    assert (answer.status, answer.headers[b"allow"]) == (405, b"GET, HEAD")
    assert b"retry-after" not in answer.headers


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("draining", [False, True])
async def test_a_probe_awaits_nothing_but_send(path: str, draining: bool) -> None:  # a column
    """Its coroutine never suspends by itself and never reads the request."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    sent: list[Message] = []

    async def receive() -> Message:
        pytest.fail("a probe read its request")

    async def send(message: Message) -> None:
        sent.append(message)

    async with lifespan_of(app):
        if draining:
            health.drain()
        coroutine = app(http_scope(path, query_string=b"x" * 8192), receive, send)
        with pytest.raises(StopIteration):
            coroutine.send(None)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def test_a_probe_whose_client_is_gone_harms_nobody() -> None:
    """What `send` raises is the server's own."""
    app = HealthMiddleware(plain_app, health=Health())

    async def send(_message: Message) -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011  # its own
        await app(http_scope("/livez"), receive_nothing, send)
    assert (await ask(app, "/livez")).status == 200


async def test_no_answer_outlives_a_change() -> None:
    """Each condition is told at the next probe, whatever was answered before it."""
    health = Health()
    warm: list[anyio.Event] = [anyio.Event(), anyio.Event()]
    health.warmup(warm[0].wait, name="prices")
    health.warmup(warm[1].wait, name="catalogue")
    health.warmup(anyio.sleep_forever, name="recommendations", required=False)
    app = HealthMiddleware(plain_app, health=health)

    async def lines() -> list[str]:
        await anyio.sleep(0.1)
        return [(await ask(app, path)).text.strip() for path in PROBES]

    assert health.answering.plain(Probe.STARTUP).body == b"starting: lifespan\n"
    async with lifespan_of(app):
        waiting = "warming: prices, catalogue"
        assert await lines() == ["ok", waiting, "ok", waiting]
        warm[0].set()
        assert await lines() == ["ok", "warming: catalogue", "ok", "warming: catalogue"]
        warm[1].set()
        assert await lines() == ["ok", "ok", "ok", "ok"]
        health.pause("a moment")
        assert await lines() == ["ok", "paused", "ok", "ok"]
        health.resume()
        assert await lines() == ["ok", "ok", "ok", "ok"]
        health.fail_liveness("deadlock")
        failed = "liveness failed"
        assert await lines() == [failed, failed, "ok", failed]
        health.drain()
        assert await lines() == [failed, "draining", "ok", "draining"]


async def test_a_new_life_forgets_the_answers_of_the_last() -> None:
    """A lifespan that is just being opened is not started, and one that fails says so."""
    opened = anyio.Event()

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if opened.is_set():
            await receive()
            await anyio.sleep(1)
            await send({"type": "lifespan.startup.failed"})
        else:
            await good(scope, receive, send)

    health = Health()
    middleware = HealthMiddleware(App(lifespan), health=health)
    async with lifespan_of(middleware):
        await health.wait_for("serving")
        assert (await ask(middleware, "/startupz")).text == "ok\n"
    assert health.answering.plain(Probe.STARTUP).body == b"ok\n"
    opened.set()
    server = LifespanServer(middleware)
    await server.tell("startup")
    await anyio.sleep(0.5)
    assert (await ask(middleware, "/startupz")).text == "starting: lifespan\n"
    await server.hear()
    assert (await ask(middleware, "/startupz")).text == "failed: lifespan\n"


@pytest.mark.parametrize(("app", "health"), [(plain_app, None), (plain_app, Health), (None, ...)])
def test_what_is_no_app_or_no_health_is_refused(app: object, health: object) -> None:
    """In one line, and not as a 500 for each request."""
    with pytest.raises(ConfigError, match="^HealthMiddleware (health|app)=.*: expected an? "):
        HealthMiddleware(
            cast("ASGIApp", app),
            health=Health() if health is ... else cast("Health", health),
        )


# -- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "root_path"),
    [("/api/livez", "/api"), ("/api/livez", "/api/"), ("/livez", "/api"), ("/livez", "")],
)
async def test_probes_match_with_and_without_the_root_path(path: str, root_path: str) -> None:
    """Servers differ in whether a scope's path contains the root path."""
    answer = await ask(HealthMiddleware(plain_app, health=Health()), path, root_path=root_path)
    assert answer.text == "ok\n"


@pytest.mark.parametrize(
    "path",
    ["", "/", "livez", "/livez/", "//livez", "/livez/x", "/LIVEZ", "/livez ", "/a/livez", "/\x00"],
)
async def test_what_is_no_probe_is_the_apps(path: str) -> None:
    """However absurd; also under a root path that it does not begin with."""
    app = HealthMiddleware(plain_app, health=Health())
    assert (await ask(app, path)).text == "app"
    assert (await ask(app, path, root_path="/other")).text == "app"


async def test_paths_can_be_moved_and_switched_off() -> None:
    """What is moved or off is the app's again."""
    health = Health(paths={"live": "/alive", "health": None})
    app = HealthMiddleware(plain_app, health=health)
    assert (await ask(app, "/alive")).text == "ok\n"
    assert (await ask(app, "/livez")).text == "app"
    assert (await ask(app, "/healthz")).text == "app"
    assert (await ask(app, "/readyz")).text == "ok\n"


def test_a_real_framework_around_and_below() -> None:
    """In Starlette's middleware stack, mounted under a path, with an encoded URL."""

    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    inner = Starlette(routes=[Route("/hello", hello)])
    mounted = HealthMiddleware(inner, health=Health())
    outer = Starlette(routes=[Mount("/api", mounted)])
    outer.add_middleware(HealthMiddleware, health=Health(paths={"live": "/alive"}))
    with TestClient(outer, follow_redirects=False) as client:
        assert client.get("/api/%6Civez").text == "ok\n"
        assert client.get("/alive").text == "ok\n"
        assert client.get("/api/hello").text == "hello"
        assert client.get("/livez").status_code == 404
        assert client.post("/api/readyz", content=b"x" * 100_000).status_code == 405
        assert client.get("/api/readyz?" + "q" * 8192).status_code in {200, 503}


def test_websockets_pass_through() -> None:
    """Also at a probe's path."""

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    health = Health()
    app = Starlette(routes=[WebSocketRoute("/livez", echo)])
    app.add_middleware(HealthMiddleware, health=health)
    with TestClient(app) as client, client.websocket_connect("/livez") as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello"
        assert health.life.traffic.in_flight == 0


# -- ordinary requests -----------------------------------------------------------------------------


async def test_an_ordinary_request_is_handed_on_untouched() -> None:
    """The app gets the server's own three arguments, and is counted while it runs."""
    got: list[object] = []
    health = Health()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        got.extend([scope, receive, send, health.life.traffic.in_flight])

    middleware = HealthMiddleware(app, health=health)
    await ask(middleware, "/livez")
    scope, exchange = http_scope("/x"), Exchange()
    send = exchange.send
    await middleware(scope, receive_nothing, send)
    assert got[0] is scope
    assert got[1] is receive_nothing
    assert got[2] is send
    assert got[3:] == [1]
    assert health.life.traffic.in_flight == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], [b"close"]),
        ([(b"connection", b"keep-alive")], [b"close"]),
        ([(b"Connection", b"Keep-Alive"), (b"connection", b"x")], [b"close"]),
        ([(b"connection", b"Upgrade")], [b"Upgrade"]),
        ([(b"connection", b"keep-alive, upgrade")], [b"keep-alive, upgrade"]),
        ([[b"connection", b"close"]], [b"close"]),
    ],
)
async def test_what_arrives_while_draining_closes_its_connection(
    said: list[tuple[bytes, bytes]],
    expected: list[bytes],
) -> None:
    """In place of what the app says, but for upgrades; the app's own message is left alone."""
    health = Health()
    message: Message = {"type": "http.response.start", "status": 200, "headers": said}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send(message)
        await send({"type": "http.response.body", "body": b"app"})

    middleware = HealthMiddleware(app, health=health)
    kept = list(said)
    await ask(middleware)
    health.drain()
    answer = await ask(middleware)
    connection = [v for n, v in answer.messages[0]["headers"] if n.lower() == b"connection"]
    assert connection == expected
    assert message["headers"] == kept
    assert answer.text == "app"


async def test_an_answer_without_headers_can_be_closed() -> None:
    """ASGI lets an app leave them out."""
    health = Health()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    middleware = HealthMiddleware(app, health=health)
    await ask(middleware, "/livez")
    health.drain()
    assert (await ask(middleware)).headers == {b"connection": b"close"}


async def test_http_2_has_no_connection_header() -> None:
    """RFC 9113, 8.2.2 forbids it; probes and requests alike. HTTP/1.0 has it."""
    health = Health()
    middleware = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(middleware):
        health.drain()
        for path, own in [("/x", b"keep-alive"), ("/livez", None)]:
            assert (await ask(middleware, path, http_version="2")).headers.get(b"connection") == own
            old = await ask(middleware, path, http_version="1.0")
            assert old.headers[b"connection"] == b"close"


async def test_what_was_in_flight_when_the_drain_began_is_left_alone() -> None:
    """The ordinary request pays for no wrapper: its answer is the app's own."""
    health = Health()
    inside, answer = anyio.Event(), anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            inside.set()
            await answer.wait()
        await plain_app(scope, receive, send)

    middleware = HealthMiddleware(app, health=health)
    async with lifespan_of(middleware):
        early = asyncio.create_task(ask(middleware))
        await inside.wait()
        health.drain()
        answer.set()
        assert (await early).headers[b"connection"] == b"keep-alive"
        assert (await ask(middleware)).headers[b"connection"] == b"close"


async def test_requests_can_be_rejected_while_starting() -> None:
    """If asked for: 503 with the reason and when to come back; probes are answered."""
    health = Health(reject_while_starting=True)
    begun = anyio.Event()
    health.startup(begun.wait, name="migrate")
    middleware = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(middleware):
        answer = await ask(middleware)
        assert (answer.status, answer.text) == (503, "starting: migrate\n")
        assert answer.headers[b"retry-after"] == b"5"
        assert health.life.traffic.in_flight == 0
        begun.set()
        await health.wait_for("warming")
        assert (await ask(middleware)).text == "app"


async def test_requests_are_served_while_starting() -> None:
    """By default: test clients often open no lifespan."""
    health = Health()
    health.startup(anyio.sleep_forever, name="migrate")
    assert (await ask(HealthMiddleware(plain_app, health=health))).text == "app"


# -- lifespans -------------------------------------------------------------------------------------


class App:
    """A bare app whose lifespan does as it is told; its requests answer ``app``."""

    def __init__(self, lifespan: ASGIApp) -> None:
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak the lifespan as told."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await plain_app(scope, receive, send)


def serve(lifespan: ASGIApp) -> tuple[Health, HealthMiddleware, LifespanServer]:
    """Put an app behind the middleware, and open its lifespan."""
    health = Health(drain_delay=0)
    middleware = HealthMiddleware(App(lifespan), health=health)
    return health, middleware, LifespanServer(middleware)


async def good(scope: Scope, receive: Receive, send: Send) -> None:
    """Speak the whole lifespan."""
    del scope
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise before the first receive, like Django."""
    del receive, send
    raise ValueError(scope["type"])


async def ignores(scope: Scope, receive: Receive, send: Send) -> None:
    """Return before the first receive, like many a bare app."""


async def leaves(scope: Scope, receive: Receive, send: Send) -> None:
    """Complete the start-up and return."""
    del scope
    await receive()
    await send({"type": "lifespan.startup.complete"})


async def mumbles(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive the start-up and return without a word."""
    del scope, send
    await receive()


@pytest.mark.parametrize("lifespan", [good, refuses, ignores, leaves, mumbles])
async def test_every_app_is_started_and_stopped(lifespan: ASGIApp) -> None:
    """The server gets both its answers, whatever part of the conversation the app takes."""
    health, middleware, server = serve(lifespan)
    await server.tell("startup")
    assert await server.hear() == {"type": "lifespan.startup.complete"}
    await health.wait_for("serving")
    assert await statuses(middleware) == [200, 200, 200, 200]
    await server.tell("shutdown")
    assert await server.hear() == {"type": "lifespan.shutdown.complete"}
    await server.ended()
    assert health.phase is Phase.STOPPED


async def test_work_begins_when_the_apps_start_up_is_complete() -> None:
    """Not inside it; and it gets the lifespan's state."""
    got: list[object] = []
    opened = anyio.Event()

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await opened.wait()
        scope["state"]["pool"] = "pool"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    health = Health()
    health.warmup(lambda _progress, state: got.append(state), name="cache")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    middleware = HealthMiddleware(App(lifespan), health=health)
    state: dict[str, object] = {}
    server = LifespanServer(middleware, state=state)
    await server.tell("startup")
    assert await server.hears_nothing(1)
    answer = await ask(middleware, "/startupz")
    assert (answer.status, answer.text) == (503, "starting: lifespan\n")
    assert got == []
    opened.set()
    assert await server.hear() == {"type": "lifespan.startup.complete"}
    assert health.phase is Phase.WARMING
    await server.tell("shutdown")
    assert await server.hear() == {"type": "lifespan.shutdown.complete"}


async def test_a_failed_start_up_is_the_servers_to_see() -> None:
    """``startup.failed`` passes with its message; the start-up probe never succeeds."""

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    health, middleware, server = serve(lifespan)
    await server.tell("startup")
    assert await server.hear() == {"type": "lifespan.startup.failed", "message": "no"}
    await server.ended()
    answer = await ask(middleware, "/startupz")
    assert (answer.status, answer.text) == (503, "failed: lifespan\n")
    assert health.phase is Phase.STARTING
    assert (await ask(middleware)).text == "app"
    assert health.phase is Phase.STARTING


async def test_an_exception_in_start_up_is_the_servers_to_see() -> None:
    """The very same object. Some servers serve on after it: then nothing is ready."""
    error = RuntimeError("no database")

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        await receive()
        raise error

    _health, middleware, server = serve(lifespan)
    await server.tell("startup")
    with pytest.raises(RuntimeError) as raised:
        await server.ended()
    assert raised.value is error
    assert await statuses(middleware) == [200, 503, 503, 503]


async def test_an_exception_while_serving_is_the_servers_to_see() -> None:
    """The app goes on; so does its health."""
    crash = anyio.Event()

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await leaves(scope, receive, send)
        await crash.wait()
        raise RuntimeError

    health, middleware, server = serve(lifespan)
    await server.tell("startup")
    await server.hear()
    await health.wait_for("serving")
    crash.set()
    with pytest.raises(RuntimeError):
        await server.ended()
    assert await statuses(middleware) == [200, 200, 200, 200]
    health.life.abandon()


async def test_an_exception_in_shutdown_is_the_servers_to_see() -> None:
    """By then the life has stopped."""

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await leaves(scope, receive, send)
        await receive()
        raise RuntimeError

    health, _middleware, server = serve(lifespan)
    await server.tell("startup")
    await server.hear()
    await server.tell("shutdown")
    with pytest.raises(RuntimeError):
        await server.ended()
    assert health.phase is Phase.STOPPED


async def test_a_failed_shutdown_is_the_servers_to_see() -> None:
    """``shutdown.failed`` passes, and healthkit does not speak after it."""

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await leaves(scope, receive, send)
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "no"})

    _health, _middleware, server = serve(lifespan)
    await server.tell("startup")
    await server.hear()
    await server.tell("shutdown")
    assert await server.hear() == {"type": "lifespan.shutdown.failed", "message": "no"}
    await server.ended()


async def test_a_hanging_start_up_can_be_cancelled_by_the_server() -> None:
    """The life ends with it; nothing is left running."""

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        await receive()
        await anyio.sleep_forever()

    health, middleware, _server = serve(lifespan)
    task = asyncio.create_task(middleware({"type": "lifespan"}, receive_nothing, Exchange().send))
    await anyio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert health.phase is Phase.STOPPED


async def test_work_ends_before_the_apps_own_shutdown() -> None:
    """A check must not run into the pool's end."""
    order: list[str] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await leaves(scope, receive, send)
        await receive()
        order.append("app")
        await send({"type": "lifespan.shutdown.complete"})

    health, middleware, server = serve(lifespan)

    @health.check
    async def database() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            order.append("check")

    @health.on_drain
    async def consumer() -> None:
        order.append("drain")

    del middleware
    await server.tell("startup")
    await server.hear()
    await anyio.sleep(0.1)
    await server.tell("shutdown")
    await server.hear()
    assert order == ["drain", "check", "app"]


async def test_lifespans_and_requests_may_take_turns() -> None:
    """A lifespan, a life without one, and a lifespan again: each begins anew."""
    health = Health()
    middleware = HealthMiddleware(App(good), health=health)
    for _ in range(2):
        async with lifespan_of(middleware):
            await health.wait_for("serving")
        await ask(middleware)
        await health.wait_for("serving")
        assert health.phase is Phase.SERVING


async def test_each_lifespan_begins_anew() -> None:
    """One Health, several lifespans one after the other, in the same loop."""
    health = Health()
    warmed: list[int] = []
    health.warmup(lambda: warmed.append(1), name="cache")
    middleware = HealthMiddleware(App(good), health=health)
    for _ in range(3):
        async with lifespan_of(middleware):
            assert health.phase is Phase.WARMING
            health.pause("until the next life")
            health.fail_liveness("until the next life")
    assert health.phase is Phase.STOPPED


async def test_a_second_middleware_on_the_same_health_passes_lifespans_through(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A middleware that was added twice begins nothing twice."""
    health = Health()
    middleware = HealthMiddleware(HealthMiddleware(App(good), health=health), health=health)
    async with lifespan_of(middleware):
        assert "second lifespan" in caplog.text
        await health.wait_for("serving")
        assert (await ask(middleware)).text == "app"
        assert health.life.traffic.in_flight == 0


async def test_without_a_lifespan_everything_begins_at_the_first_request() -> None:
    """As in tests with httpx, under daphne, or with ``--lifespan off``."""
    health = Health()
    health.warmup(anyio.lowlevel.checkpoint, name="cache")
    async with client_of(HealthMiddleware(plain_app, health=health)) as client:
        assert health.phase is Phase.STARTING
        assert (await client.get("/anything")).text == "app"
        await health.wait_for("serving")
        assert (await client.get("/readyz")).text == "ok\n"
    assert health.life.traffic.in_flight == 0


async def test_what_is_neither_passes_through() -> None:
    """A kind of scope that nobody here knows is the app's business, and may begin a life."""
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    health = Health()
    middleware = HealthMiddleware(app, health=health)
    await middleware({"type": "telepathy"}, receive_nothing, Exchange().send)
    assert (seen, health.life.begun) == (["telepathy"], True)


async def test_a_websocket_can_be_the_first_request() -> None:
    """It begins the life, and passes."""
    health = Health()
    middleware = HealthMiddleware(plain_app, health=health)
    with pytest.raises(ValueError, match="websocket"):
        await middleware({"type": "websocket", "path": "/"}, receive_nothing, Exchange().send)
    assert health.phase is Phase.SERVING


def test_a_life_ends_with_its_loop() -> None:
    """Each test function with a loop of its own gets a life of its own."""
    health = Health()
    middleware = HealthMiddleware(plain_app, health=health)

    async def use() -> str:
        await ask(middleware)
        await health.wait_for("serving")
        return (await ask(middleware, "/readyz")).text

    for _ in range(3):
        assert asyncio.run(use()) == "ok\n"
        assert health.phase is Phase.STOPPED


def test_a_loop_that_was_closed_under_its_life_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    """Without a cancellation nobody ended the life; a probe in the next loop begins another."""
    caplog.set_level(logging.CRITICAL, "asyncio")
    health = Health()
    middleware = HealthMiddleware(plain_app, health=health)
    for _ in range(2):
        loop = asyncio.new_event_loop()
        answer = loop.run_until_complete(ask(middleware, "/readyz"))
        loop.run_until_complete(health.wait_for("serving"))
        tasks = asyncio.all_tasks(loop)
        loop.close()
        assert answer.text == "ok\n"
        for task in tasks:
            # The loop is gone and can't cancel them; anyio says so, and nobody is there to hear.
            with contextlib.suppress(RuntimeError):
                cast("Coroutine[object, object, None]", task.get_coro()).close()


async def test_a_straggler_in_the_shutdown_begins_nothing() -> None:
    """A request that the server delivers while it ends is served, and that is all."""
    answers: list[Exchange] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        await leaves(scope, receive, send)
        await receive()
        answers.extend([await ask(middleware), await ask(middleware, "/readyz")])
        await send({"type": "lifespan.shutdown.complete"})

    health = Health()
    middleware = HealthMiddleware(App(lifespan), health=health)
    async with lifespan_of(middleware):
        pass
    app, ready = answers
    assert (app.text, app.headers[b"connection"]) == ("app", b"close")
    assert (ready.text, ready.headers[b"connection"]) == ("stopped\n", b"close")
    assert health.phase is Phase.STOPPED


async def test_after_a_lifespan_requests_alone_begin_anew() -> None:
    """A test with a lifespan, then one without, on the same loop and the same Health."""
    health = Health()
    middleware = HealthMiddleware(App(good), health=health)
    async with lifespan_of(middleware):
        pass
    assert (await ask(middleware)).text == "app"
    await health.wait_for("serving")
    assert (await ask(middleware, "/readyz")).text == "ok\n"


def test_the_middleware_is_no_base_class() -> None:
    """What can't be overridden can't be given a dependency."""
    with pytest.raises(ConfigError, match="expected no subclass"):
        type("Mine", (HealthMiddleware,), {})


def test_the_middleware_shows_its_health() -> None:
    """In one line."""
    shown = repr(HealthMiddleware(plain_app, health=Health()))
    assert shown == "<HealthMiddleware <Health starting in_flight=0>>"
