"""The middlewares that every app request pays for, and the routers that two of them need.

They are untyped or not installed where the types are checked, so they are looked up by name. What
they add is counted from the same app without them: Starlette's or FastAPI's router with one route,
because the Prometheus middlewares ask it for the route's name; the bare app for OpenTelemetry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.contestant import CLIENT, Contestant, as_app, get
from tests.benchmarks.floors import constant

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Constant:
    """The bare app as an endpoint: Starlette calls an object as an ASGI app."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await constant(scope, receive, send)


def _routed(framework: str) -> Any:  # noqa: ANN401  # Starlette or FastAPI
    """Make an app with one route: the Prometheus middlewares ask for the route's name."""
    app = get(framework, "FastAPI" if framework == "fastapi" else "Starlette")()
    app.router.routes.append(get("starlette.routing", "Route")("/", Constant()))
    return as_app(app)


def _starlette_exporter() -> ASGIApp:
    app = _routed("starlette.applications")
    app.add_middleware(get("starlette_exporter", "PrometheusMiddleware"))
    return as_app(app)


def _instrumentator() -> ASGIApp:
    app = _routed("fastapi")
    get("prometheus_fastapi_instrumentator", "Instrumentator")().instrument(app)
    return as_app(app)


def _opentelemetry() -> ASGIApp:
    """Without providers: the API's own, which keep nothing."""
    return as_app(get("opentelemetry.instrumentation.asgi", "OpenTelemetryMiddleware")(constant))


def _opentelemetry_sdk() -> ASGIApp:
    """With the SDK's providers, but nothing is exported."""
    trace, metrics = "opentelemetry.sdk.trace", "opentelemetry.sdk.metrics"
    get("opentelemetry.trace", "set_tracer_provider")(get(trace, "TracerProvider")())
    get("opentelemetry.metrics", "set_meter_provider")(get(metrics, "MeterProvider")())
    return _opentelemetry()


def _starlette() -> Any:  # noqa: ANN401  # as above
    return _routed("starlette.applications")


CONTESTANTS: Final = {
    "starlette": Contestant(
        "a Starlette app", _starlette, headers=CLIENT, modules=("starlette.applications",)
    ),
    "starlette_exporter": Contestant(
        "starlette-exporter", _starlette_exporter, headers=CLIENT, modules=("starlette_exporter",)
    ),
    "fastapi": Contestant(
        "a FastAPI app", lambda: _routed("fastapi"), headers=CLIENT, modules=("fastapi",)
    ),
    "instrumentator": Contestant(
        "prometheus-fastapi-instrumentator",
        _instrumentator,
        headers=CLIENT,
        modules=("fastapi", "prometheus_fastapi_instrumentator"),
    ),
    "opentelemetry": Contestant(
        "opentelemetry-instrumentation-asgi",
        _opentelemetry,
        headers=CLIENT,
        modules=("opentelemetry.instrumentation.asgi",),
    ),
    "opentelemetry_sdk": Contestant(
        "  the same with the SDK, no exporter",
        _opentelemetry_sdk,
        headers=CLIENT,
        modules=("opentelemetry.instrumentation.asgi", "opentelemetry.sdk.metrics"),
    ),
}
