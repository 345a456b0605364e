"""The peers, each in the framework it is for, set up as its documentation says, by its defaults.

They are untyped or not installed where the types are checked, so they are looked up by name.

Liveness is each package's cheapest endpoint that checks nothing; ``probirka`` is also measured as
the bare ASGI app that it has. Flask is WSGI: it is called directly, without a server's bridge or a
thread, which flatters it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.benchmarks.contestant import FOR_EVER, TAKES, Contestant, as_app, get

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def _works() -> bool:
    await asyncio.sleep(TAKES)
    return True


async def _hangs() -> bool:
    await asyncio.sleep(FOR_EVER)
    return True


def _checks(number: int, *, hanging: bool) -> list[Callable[[], Awaitable[bool]]]:
    checks: list[Callable[[], Awaitable[bool]]] = [_works] * number
    return [*checks[1:], _hangs] if hanging else checks


def _fastapi_watch(number: int = 0, *, hanging: bool = False) -> ASGIApp:
    base, result = get("fastapi_watch.probes", "BaseProbe"), get("fastapi_watch", "ProbeResult")
    healthy = get("fastapi_watch", "ProbeStatus").HEALTHY

    def probe(name: str, function: Callable[[], Awaitable[bool]]) -> object:
        async def check(self: object) -> object:
            del self
            await function()
            return result(name=name, status=healthy)

        return type("Check", (base,), {"name": name, "check": check})()

    app = get("fastapi", "FastAPI")()
    registry = get("fastapi_watch", "HealthRegistry")(app)
    for index, function in enumerate(_checks(number, hanging=hanging)):
        registry.add(probe(f"check-{index}", function))
    registry.set_started()
    return as_app(app)


def _probirka(number: int = 0, *, hanging: bool = False) -> ASGIApp:
    probirka = get("probirka", "Probirka")()
    for index, function in enumerate(_checks(number, hanging=hanging)):
        probirka.add(name=f"check-{index}")(function)
    app = get("fastapi", "FastAPI")()
    app.add_api_route("/health", get("probirka", "make_fastapi_endpoint")(probirka))
    return as_app(app)


def _probirka_bare(number: int = 0, *, hanging: bool = False) -> ASGIApp:
    probirka = get("probirka", "Probirka")()
    for index, function in enumerate(_checks(number, hanging=hanging)):
        probirka.add(name=f"check-{index}")(function)
    return as_app(get("probirka", "make_asgi_app")(probirka, return_results=False))


def _fast_healthchecks(number: int = 0, *, hanging: bool = False) -> ASGIApp:
    check = get("fast_healthchecks.checks.function", "FunctionHealthCheck")
    fastapi = "fast_healthchecks.integrations.fastapi"
    functions = enumerate(_checks(number, hanging=hanging))
    checks = [check(func=function, name=f"check-{index}") for index, function in functions]
    probe = get("fast_healthchecks.integrations.base", "Probe")(name="probe", checks=checks)
    app = get("fastapi", "FastAPI")()
    app.include_router(get(fastapi, "HealthcheckRouter")(probe))
    return as_app(app)


def _django(number: int = 0, *, hanging: bool = False) -> ASGIApp:
    base = get("health_check.base", "HealthCheck")

    def check(function: Callable[[], Awaitable[bool]]) -> object:
        async def run(self: object) -> None:
            del self
            await function()

        return type("Check", (base,), {"run": run})

    checks = [check(function) for function in _checks(number, hanging=hanging)]
    view = get("health_check.views", "HealthCheckView").as_view(checks=checks)
    urls = (get("django.urls", "path")("health/", view),)
    get("django.conf", "settings").configure(
        ROOT_URLCONF=urls,
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["health_check"],
        LOGGING_CONFIG=None,
        SECRET_KEY="of a benchmark",  # noqa: S106  # protects nothing
    )
    return as_app(get("django.core.asgi", "get_asgi_application")())


def _py_healthcheck(number: int = 0, *, hanging: bool = False) -> ASGIApp:
    def check(seconds: float) -> Callable[[], tuple[bool, str]]:
        def run() -> tuple[bool, str]:
            time.sleep(seconds)
            return True, "ok"

        return run

    health = get("healthcheck", "HealthCheck")()
    for index in range(number):
        health.add_check(check(FOR_EVER if hanging and not index else TAKES))
    app = get("flask", "Flask")("benchmark")
    app.add_url_rule("/healthcheck", "healthcheck", view_func=health.run)
    return _wsgi(app)


def _wsgi(app: Callable[[object, object], list[bytes]]) -> ASGIApp:
    """Call a WSGI app directly."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        start: Message = {"type": "http.response.start"}

        def start_response(line: str, headers: list[tuple[str, str]], *_: object) -> None:
            start["status"] = int(line[:3])
            start["headers"] = [(name.encode(), value.encode()) for name, value in headers]

        environ = {
            "REQUEST_METHOD": scope["method"],
            "PATH_INFO": scope["path"],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": None,
        }
        for name, value in scope["headers"]:
            environ[f"HTTP_{name.decode().upper().replace('-', '_')}"] = value.decode()
        body = b"".join(app(environ, start_response))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return call


@dataclass(frozen=True, slots=True)
class _Peer:
    """A package with health endpoints."""

    label: str
    make: Callable[..., ASGIApp]
    path: str
    modules: tuple[str, ...]
    query: bytes = b""
    status: int = 200

    def live(self) -> Contestant:
        """Ask its cheapest endpoint, without a check."""
        return Contestant(
            self.label,
            self.make,
            self.path,
            self.query,
            status=self.status,
            modules=self.modules,
        )

    def ready(self, *, hanging: bool) -> Contestant:
        """Ask the same endpoint with ten checks."""
        make = partial(self.make, 10, hanging=hanging)
        return replace(self.live(), make=make, path=self.path.replace("/live", "/ready"))


_ENDPOINTS: Final = {
    "probirka_bare": _Peer("probirka (bare ASGI)", _probirka_bare, "/", ("probirka",)),
    "probirka": _Peer("probirka (FastAPI)", _probirka, "/health", ("fastapi", "probirka")),
    "fastapi_watch": _Peer(
        "fastapi-watch (FastAPI)", _fastapi_watch, "/health/live", ("fastapi_watch",)
    ),
    "fast_healthchecks": _Peer(
        "fast-healthchecks (FastAPI)",
        _fast_healthchecks,
        "/health/probe",
        ("fastapi", "fast_healthchecks"),
        status=204,
    ),
    "django": _Peer(
        "django-health-check (Django)",
        _django,
        "/health/",
        ("django.core.asgi", "health_check.base"),
        b"format=text",
    ),
    "py_healthcheck": _Peer(
        "py-healthcheck (Flask)", _py_healthcheck, "/healthcheck", ("flask", "healthcheck")
    ),
}

CONTESTANTS: Final = {
    **{name: peer.live() for name, peer in _ENDPOINTS.items()},
    **{f"{name}_healthy": peer.ready(hanging=False) for name, peer in _ENDPOINTS.items()},
    **{f"{name}_hanging": peer.ready(hanging=True) for name, peer in _ENDPOINTS.items()},
}
