"""An app in its image: frameworks, and healthkit's own engine, from their start to their end."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from quart import Quart, Response
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware
from healthkit.errors import ConfigError
from healthkit.testing._asgi import AsgiApp
from tests.testing.played import LoopClock, Played, lifespan, sleepy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator

    from starlette.requests import Request as StarletteRequest
    from starlette.types import ASGIApp, Receive, Scope, Send

    from healthkit.testing._process import App, Process


def wsgi(environ: object, start_response: object) -> list[bytes]:
    """Answer in another protocol."""
    return [repr((environ, start_response)).encode()]


# -- what is given ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"app": None}, r"app=None: expected app\(scope, receive, send\)"),
        ({"app": Starlette}, "Starlette.*call a factory or a class first"),
        ({"app": lambda: sleepy}, "call a factory or a class first"),
        ({"app": wsgi}, "as ASGI 3 has it"),
        ({"name": " "}, "name=' ': expected text"),
        ({"ports": [0]}, "ports=0: expected a whole number from 1 to 65535"),
        ({"ports": ["http"]}, "ports='http': expected a whole number"),
        ({"lifespan": "maybe"}, "lifespan='maybe': expected 'auto', 'on' or 'off'"),
        ({"timeout_graceful_shutdown": -1}, "timeout_graceful_shutdown=-1: expected seconds"),
    ],
)
def test_wrong_values_are_refused(options: dict[str, Any], message: str) -> None:
    """In one line."""
    make: Any = AsgiApp
    with pytest.raises(ConfigError, match=message):
        make(**{"app": sleepy, **options})


class Endpoint:
    """An app that is a class: starlette's HTTPEndpoint is one."""

    def __init__(self, scope: object, receive: object, send: object) -> None:
        self.given = (scope, receive, send)

    def __await__(self) -> Generator[None, None, None]:
        yield None


class Silent:
    """An app that says nothing of its parameters."""

    __signature__ = "none"

    async def __call__(self, *given: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize("app", [Endpoint, Silent(), Starlette()])
def test_an_app_is_whatever_can_be_called_as_one(app: object) -> None:
    """A class, too, if what it makes can be awaited."""
    made: Any = AsgiApp
    assert repr(made(app)).startswith("<AsgiApp app: ")


def test_without_a_loop_nothing_starts() -> None:
    """A process needs one to run on."""
    app = AsgiApp(sleepy, name="web")
    assert repr(app).startswith("<AsgiApp web: <function sleepy")
    with pytest.raises(ConfigError, match="no asyncio loop is running"):
        app.start(object(), print)  # type: ignore[arg-type]  # nobody asks it for anything


async def test_it_is_what_the_kubelet_expects() -> None:
    """The seam's two protocols, as a type checker sees them."""
    app: App = AsgiApp(sleepy)
    process: Process = app.start(LoopClock(), print)
    process.sigkill()


async def test_a_restart_begins_when_nothing_of_the_old_is_left() -> None:
    """At the same moment; a task that tidies up does not meet the next lifespan."""
    events: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await sleepy(scope, receive, send)
            return
        await receive()
        events.append("up")
        await send({"type": "lifespan.startup.complete"})
        try:
            await receive()
        finally:
            for _ in range(20):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(1)
            events.append("gone")

    pod = Played(app)
    await pod.until(1)
    pod.process.sigkill()
    pod.start()
    await asyncio.sleep(0.01)
    assert events == ["up", "gone", "up"]
    assert (await pod.ask()).status == 200
    assert pod.clock.now() == pytest.approx(1.01)
    pod.process.sigkill()


# -- frameworks ---------------------------------------------------------------------------------


async def _slowly(_request: StarletteRequest) -> PlainTextResponse:
    await asyncio.sleep(0.5)
    return PlainTextResponse("app")


async def _stream(_request: StarletteRequest) -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        while True:
            yield "x"
            await asyncio.sleep(1)

    return StreamingResponse(parts())


def starlette_app(events: list[str]) -> Starlette:
    """Make an app with a lifespan."""

    @asynccontextmanager
    async def living(_app: object) -> AsyncGenerator[None]:
        events.append("up")
        yield
        events.append("down")

    routes = [Route("/", _slowly), Route("/stream", _stream)]
    return Starlette(routes=routes, lifespan=living)


def fastapi_app(events: list[str]) -> FastAPI:
    """Make the same with FastAPI."""

    @asynccontextmanager
    async def living(_app: object) -> AsyncGenerator[None]:
        events.append("up")
        yield
        events.append("down")

    app = FastAPI(lifespan=living)
    app.add_route("/", _slowly)
    app.add_route("/stream", _stream)
    return app


def quart_app(events: list[str]) -> Quart:
    """Make the same with Quart."""
    app = Quart("web")

    async def slowly() -> str:
        await asyncio.sleep(0.5)
        return "app"

    async def stream() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(1)

    async def streaming() -> Response:
        return Response(stream())

    async def living() -> AsyncGenerator[None]:
        events.append("up")
        yield
        events.append("down")

    app.while_serving(living)
    app.add_url_rule("/", view_func=slowly)
    app.add_url_rule("/stream", view_func=streaming)
    return app


@pytest.mark.parametrize("make", [starlette_app, fastapi_app, quart_app])
async def test_a_framework_is_served(make: Any) -> None:  # noqa: ANN401  # one of the three
    """From its lifespan's beginning to its end; a stream ends when its client goes."""
    events: list[str] = []
    pod = Played(make(events))
    await pod.until(1)
    assert ((await pod.ask()).body, events) == (b"app", ["up"])
    assert (await pod.ask("/stream", timeout=3.5)).body == b"xxxx"
    pod.process.sigterm()
    await pod.until(10)
    assert (pod.exits, events) == ([(5.2, 0)], ["up", "down"])


async def test_a_start_up_that_raises_is_a_crash() -> None:
    """Starlette says ``lifespan.startup.failed``."""

    @asynccontextmanager
    async def living(app: object) -> AsyncGenerator[None]:
        if app is not None:
            raise OSError
        yield

    pod = Played(Starlette(lifespan=living))
    await pod.until(1)
    assert pod.exits == [(0, 3)]


# -- healthkit's own engine ---------------------------------------------------------------------


def healthy() -> ASGIApp:
    """Make an app that warms up for 20 s, and drains for 5."""
    health = Health(drain_delay=5, drain_timeout=15)

    @health.warmup(timeout=60)
    async def cache() -> None:
        await asyncio.sleep(20)

    return HealthMiddleware(lifespan(sleepy), health=health)


async def readiness(pod: Played) -> str:
    """Ask for it."""
    return (await pod.ask("/readyz")).body.decode().strip()


async def test_a_drain_is_played_to_its_end() -> None:
    """Warm-up, SIGTERM, 5 s of serving on, the request in flight, and only then uvicorn's end."""
    before, tasks = signal.getsignal(signal.SIGTERM), asyncio.all_tasks()
    pod = Played(healthy(), name="web")
    await pod.until(1)
    assert await readiness(pod) == "warming: cache"
    await pod.until(20.5)
    assert await readiness(pod) == "ok"
    slow = pod.send("/12", None)
    await pod.until(21.55)
    pod.process.sigterm()
    await pod.until(21.6)
    assert await readiness(pod) == "draining"
    await pod.until(26.4)
    answer = await pod.ask("/0", headers=())
    assert (answer.status, answer.closes) == (200, True)
    assert ("connection", "close") in answer.headers
    await pod.until(27)
    assert pod.process.listens(8000)
    assert (await slow).status == 200
    assert pod.clock.now() == pytest.approx(32.5)
    await pod.until(40)
    assert pod.exits == [(32.7, 0)]
    assert signal.getsignal(signal.SIGTERM) is before
    assert asyncio.all_tasks() == tasks


async def test_a_sigterm_reaches_one_pod_only() -> None:
    """Two of a Deployment, made by a factory, in one Python process."""
    clock = LoopClock()
    one, other = Played(healthy(), clock, name="web-1"), Played(healthy(), clock, name="web-2")
    await one.until(21)
    one.process.sigterm()
    await one.until(22)
    assert (await readiness(one), await readiness(other)) == ("draining", "ok")
    await one.until(40)
    assert (await readiness(other), one.exits, other.exits) == ("ok", [(26.2, 0)], [])
    other.process.sigterm()
    await one.until(60)
    assert other.exits == [(45.2, 0)]


async def test_a_second_sigterm_hurries_one_pod_in_its_own_time() -> None:
    """Within a second of virtual time it is the same; later it goes straight to the server."""
    same, later = Played(healthy()), Played(healthy())
    await same.until(21)
    for pod in (same, later):
        pod.process.sigterm()
    await same.until(21.9)
    same.process.sigterm()
    await same.until(22.1)
    later.process.sigterm()
    await same.until(40)
    assert (same.exits, later.exits) == ([(26.2, 0)], [(22.3, 0)])


async def test_a_killed_app_starts_again() -> None:
    """The same Health, from the beginning: nothing of the old life holds up the new one."""
    pod = Played(healthy())
    await pod.until(21)
    slow = pod.send("/60", None)
    await pod.until(22)
    pod.process.sigterm()
    await pod.until(23)
    pod.process.sigkill()
    pod.start()
    assert (await slow).error == "reset"
    await pod.until(24)
    assert await readiness(pod) == "warming: cache"
    await pod.until(44)
    assert await readiness(pod) == "ok"
    pod.process.sigterm()
    await pod.until(60)
    assert pod.exits == [(23, 137), (49.2, 0)]


async def test_an_app_without_a_lifespan_is_drained_too() -> None:
    """There its life begins at the first request."""
    pod = Played(HealthMiddleware(sleepy, health=Health(drain_delay=5)), lifespan="off")
    await pod.until(1)
    assert await readiness(pod) == "ok"
    pod.process.sigterm()
    await pod.until(2)
    assert await readiness(pod) == "draining"
    await pod.until(10)
    assert pod.exits == [(6.2, 0)]


async def test_what_healthkit_says_in_a_drain_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As on a real server: it stood before the handler, and nobody had to be warned."""
    caplog.set_level(logging.INFO, "healthkit")
    pod = Played(healthy())
    await pod.until(21)
    pod.process.sigterm()
    await pod.until(40)
    said = [record.getMessage() for record in caplog.records]
    assert "SIGTERM" in said
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_what_a_killed_app_says_is_not_heard(caplog: pytest.LogCaptureFixture) -> None:
    """Frameworks answer a cancelled lifespan with a failed shutdown, and a traceback."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            try:
                await receive()
            finally:
                await send({"type": "lifespan.shutdown.failed", "message": "cancelled"})

    pod = Played(app)
    await pod.until(1)
    pod.process.sigkill()
    await pod.until(2)
    assert pod.exits == [(1, 137)]
    assert "cancelled" not in caplog.text
