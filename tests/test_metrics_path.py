"""The metrics endpoint: formats, methods, paths, a registry beside it, and its settings."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Final, cast

import anyio
import prometheus_client
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from healthkit import ConfigError, Health, HealthMiddleware
from healthkit.prometheus import HealthCollector
from tests.scrapes import FAMILIES, parsed_openmetrics, samples
from tests.servers import Exchange, ask, client_of, http_scope, lifespan_of, plain_app

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from prometheus_client.metrics_core import Metric
    from starlette.types import Message

SECRET: Final = "hunter2"  # noqa: S105  # the one to look for

#: What healthkit gives to everybody, and to whom asks for the other format.
TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"
#: Prometheus 2.42's, shortened.
ASKS_FOR_OPENMETRICS: Final = b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4"


async def passing() -> None:
    """Pass."""


async def scrape(app: HealthMiddleware, **more: object) -> dict[str, float]:
    """Ask the endpoint."""
    answer = await ask(app, "/metrics", **more)
    assert answer.status == 200
    return samples(answer.text)


def announced(text: str) -> list[str]:
    """Return the families that a scrape announces."""
    return [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]


# -- formats --------------------------------------------------------------------------------------


async def test_without_a_path_it_is_the_apps() -> None:
    """The default; and nothing of prometheus_client is needed then."""
    health = Health()
    assert health.metrics_path is None
    assert (await ask(HealthMiddleware(plain_app, health=health), "/metrics")).text == "app"


@pytest.mark.parametrize("path", ["/metrics", "/internal/metrics", "/readyz/metrics", "/"])
async def test_the_endpoint_answers_in_the_text_format(path: str) -> None:
    """Read by the reference parser, complete, not to be kept or guessed at."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path=path))
    answer = await ask(app, path)
    assert answer.status == 200
    assert answer.headers == {
        b"content-type": TEXT,
        b"content-length": b"%d" % len(answer.text.encode()),
        b"cache-control": b"no-store",
        b"x-content-type-options": b"nosniff",
    }
    found = {one.name: one.type for one in text_string_to_metric_families(answer.text)}
    assert found == FAMILIES
    written = [name if kind == "gauge" else f"{name}_total" for name, kind in FAMILIES.items()]
    assert announced(answer.text) == written


async def test_openmetrics_for_whom_asks_for_it() -> None:
    """Read by the reference parser; the end is marked."""
    health = Health(metrics_path="/metrics")
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        health.drain()
        answer = await ask(app, "/metrics", headers=[(b"accept", ASKS_FOR_OPENMETRICS)])
    kind, _, parameters = answer.headers[b"content-type"].partition(b";")
    assert kind == b"application/openmetrics-text"
    assert b"version=1.0.0" in parameters
    assert answer.text.endswith("\n# EOF\n")
    assert {one.name: one.type for one in parsed_openmetrics(answer.text)} == FAMILIES


@pytest.mark.parametrize(
    "accept",
    [
        b"",
        b"*/*",
        b"application/json",
        b"text/html",
        b",;=,;;,",
        b"application/openmetrics-text; version=",
        b"application/openmetrics-text; version=one",
        b"application/openmetrics-text; version=1.x",
        b"application/openmetrics-text; version=1.0.0.0.0",
        b"application/openmetrics-text; version=-1",
        b"application/openmetrics-text; version=" + b"9" * 5000,
        b"application/openmetrics-text; version=\xb2.0",
        b"application/openmetrics-text; version=1.0.0\xe9",
        b"application/openmetrics-text; version=2.0.0; escaping=nonsense",
        b"application/openmetrics-text; escaping=allow-utf-8; version=1.0.0",
        b"text/plain; version=x",
        b"text/plain; version=1.x",
        b"text/plain; version",
        b"\xff\xfe",
    ],
)
async def test_no_accept_header_is_a_server_error(accept: bytes) -> None:
    """What can't be read gets the text format; what is answered says truly what it is."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    answer = await ask(app, "/metrics", headers=[(b"accept", accept)])
    assert answer.status == 200
    is_openmetrics = answer.headers[b"content-type"].startswith(b"application/openmetrics-text")
    assert answer.text.endswith("# EOF\n") == is_openmetrics
    assert is_openmetrics or answer.headers[b"content-type"].startswith(b"text/plain; version=")


@pytest.mark.parametrize("accept", [b"application/openmetrics-text; version=one", b"text/html"])
async def test_what_cannot_be_read_gets_what_everybody_gets(accept: bytes) -> None:
    """With the same version in its name as without a header."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    answer = await ask(app, "/metrics", headers=[(b"accept", accept)])
    assert answer.headers[b"content-type"] == TEXT


async def test_an_accept_header_in_several_lines() -> None:
    """Is one header (RFC 9110, 5.3)."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    headers = [(b"accept", b"text/html"), (b"accept", b"application/openmetrics-text")]
    answer = await ask(app, "/metrics", headers=headers)
    assert answer.headers[b"content-type"].startswith(b"application/openmetrics-text")


async def test_a_real_client_reads_it() -> None:
    """httpx, with its own headers."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    async with client_of(app) as http:
        assert samples((await http.get("/metrics")).text)["healthkit_paused"] == 0


async def test_head_has_no_body() -> None:
    """And the headers of a GET."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    answer = await ask(app, "/metrics", method="HEAD")
    assert (answer.status, answer.text) == (200, "")
    assert int(answer.headers[b"content-length"]) > 0
    assert answer.headers[b"content-type"] == TEXT


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "get"])
async def test_other_methods_are_refused(method: str) -> None:
    """With what is allowed."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    answer = await ask(app, "/metrics", method=method)
    assert (answer.status, answer.headers[b"allow"]) == (405, b"GET, HEAD")


@pytest.mark.parametrize(
    ("path", "root_path"),
    [("/api/metrics", "/api"), ("/api/metrics", "/api/"), ("/metrics", "/api")],
)
async def test_it_is_found_with_and_without_the_root_path(path: str, root_path: str) -> None:
    """Like a probe."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    assert "healthkit_paused 0.0" in (await ask(app, path, root_path=root_path)).text


@pytest.mark.parametrize("path", ["/metrics/", "/metricsx", "/a/metrics", "/metrics/healthkit"])
async def test_what_is_beside_it_is_the_apps(path: str) -> None:
    """It shadows one path."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    assert (await ask(app, path)).text == "app"


async def test_a_drain_closes_the_scraper_s_connection() -> None:
    """Like everybody's: Prometheus keeps its connections between scrapes."""
    health = Health(metrics_path="/metrics")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        assert b"connection" not in (await ask(app, "/metrics")).headers
        health.drain()
        answer = await ask(app, "/metrics")
        assert answer.headers[b"connection"] == b"close"
        assert b"connection" not in (await ask(app, "/metrics", http_version="2")).headers
    assert samples(answer.text)['healthkit_phase{phase="draining"}'] == 1


async def test_each_scrape_is_made_anew() -> None:
    """No answer is kept: a check's age grows while nothing changes."""
    health = Health(metrics_path="/metrics")
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        ages: list[float] = []
        for _ in range(2):
            await anyio.sleep(2)
            ages.append((await scrape(app))['healthkit_check_age_seconds{check="db"}'])
    assert ages == pytest.approx([2, 4], abs=1e-6)


async def test_a_scrape_awaits_nothing_but_send() -> None:
    """It is answered from memory, like a probe, and reads no request."""
    app = HealthMiddleware(plain_app, health=Health(metrics_path="/metrics"))
    exchange = Exchange()

    async def receive() -> Message:
        pytest.fail("a scrape read its request")

    coroutine: Coroutine[None, None, None] = app(http_scope("/metrics"), receive, exchange.send)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert exchange.status == 200


async def test_a_scrape_is_no_probe() -> None:
    """It is not among the answers that it tells of."""
    health = Health(metrics_path="/metrics")
    app = HealthMiddleware(plain_app, health=health)
    for method in ("GET", "HEAD", "POST"):
        await ask(app, "/metrics", method=method)
    assert {v for k, v in (await scrape(app)).items() if "_probe_answers_" in k} == {0}


# -- a registry beside it -------------------------------------------------------------------------


def shop() -> CollectorRegistry:
    """Make a registry with one counter of an app."""
    registry = CollectorRegistry()
    orders = prometheus_client.Counter("orders", "Orders taken.", ["shop"], registry=registry)
    orders.labels("main").inc(3)
    return registry


@pytest.mark.parametrize("accept", [b"*/*", ASKS_FOR_OPENMETRICS])
async def test_a_registry_s_metrics_are_served_too(accept: bytes) -> None:
    """Its own first, then healthkit's; the registry stays as it was."""
    registry = shop()
    app = HealthMiddleware(
        plain_app, health=Health(metrics_path="/metrics", metrics_registry=registry)
    )
    found = await scrape(app, headers=[(b"accept", accept)])
    series = list(found)
    assert series[0] == 'orders_total{shop="main"}'
    assert found[series[0]] == 3
    assert found["healthkit_paused"] == 0
    assert [family.name for family in registry.collect()] == ["orders"]


async def test_the_default_registry_is_served_when_it_is_given() -> None:
    """With what prometheus_client measures of Python by itself."""
    health = Health(metrics_path="/metrics", metrics_registry=prometheus_client.REGISTRY)
    found = await scrape(HealthMiddleware(plain_app, health=health))
    assert any(series.startswith("python_info{") for series in found)
    assert found["healthkit_paused"] == 0


@pytest.mark.parametrize("accept", [b"*/*", ASKS_FOR_OPENMETRICS])
async def test_a_registry_that_has_the_collector_yields_nothing_twice(accept: bytes) -> None:
    """An app with an endpoint of its own, moved to healthkit's, may keep what it has registered."""
    registry = shop()
    health = Health(metrics_path="/metrics", metrics_registry=registry)
    registry.register(HealthCollector(health))
    answer = await ask(
        HealthMiddleware(plain_app, health=health), "/metrics", headers=[(b"accept", accept)]
    )
    assert samples(answer.text)["healthkit_paused"] == 0
    ours = [name for name in announced(answer.text) if name.startswith("healthkit_")]
    assert len(ours) == len(set(ours)) == len(FAMILIES)


class Broken:
    """A collector that fails, at once or on the way."""

    def __init__(self, error: BaseException, *, late: bool) -> None:
        self._error = error
        self._late = late

    def collect(self) -> Iterable[Metric]:
        """Fail."""
        if not self._late:
            raise self._error
        return self._some()

    def _some(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("shop_open", "Open.", value=1)
        raise self._error


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("error", [OSError(SECRET), ValueError(), KeyError(SECRET)])
async def test_a_collector_that_fails(
    late: bool, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """500, so that Prometheus says `up == 0`; why is in the log, and not in the answer."""
    registry = cast("CollectorRegistry", Broken(error, late=late))
    health = Health(metrics_path="/metrics", metrics_registry=registry)
    app = HealthMiddleware(plain_app, health=health)
    answer = await ask(app, "/metrics")
    assert (answer.status, answer.text) == (500, "a collector failed, see the log\n")
    assert answer.headers[b"content-type"] == b"text/plain; charset=utf-8"
    (record,) = [one for one in caplog.records if one.name == "healthkit"]
    assert (record.levelno, record.message) == (logging.ERROR, "a collector of metrics failed")
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert (await ask(app, "/livez")).status == 200


async def test_a_collector_that_is_cancelled_is_not_answered_for() -> None:
    """What is no failure of its own goes through: the server is ending the request."""
    registry = cast("CollectorRegistry", Broken(asyncio.CancelledError(), late=True))
    health = Health(metrics_path="/metrics", metrics_registry=registry)
    with pytest.raises(asyncio.CancelledError):
        await ask(HealthMiddleware(plain_app, health=health), "/metrics")


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "path", "probe"),
    [
        ({}, "/livez", "live"),
        ({}, "/readyz", "ready"),
        ({}, "/startupz", "startup"),
        ({}, "/healthz", "health"),
        ({"paths": {"ready": "/go"}}, "/go", "ready"),
        ({"paths": "spring"}, "/actuator/health", "health"),
        ({"paths": {"live": None}}, "/livez", "live"),
        ({"paths": {"live": "/alive"}}, "/livez", "live"),
        ({}, "/api/livez", "live"),
    ],
)
def test_a_probe_s_path_is_refused(more: dict[str, object], path: str, probe: str) -> None:
    """A scrape must not answer the kubelet; whoever asks at /livez kills by the answer."""
    line = f"metrics_path={path!r}: expected a path of its own, not that of the {probe} probe"
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}$"):
        Health(metrics_path=path, **more)  # type: ignore[arg-type]  # a table's columns


def test_a_path_that_a_probe_has_left_is_free() -> None:
    """Any but liveness'."""
    assert Health(metrics_path="/readyz", paths={"ready": None}).metrics_path == "/readyz"


@pytest.mark.parametrize("path", ["", "metrics", "/metrics?all", "/m etrics", "/m%20", 5, True])
def test_what_is_no_path_is_refused(path: object) -> None:
    """In one line, like a probe's."""
    with pytest.raises(ConfigError, match="^metrics_path=.*: expected a path such as "):
        Health(metrics_path=path)  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize(
    ("code", "variable", "expected"),
    [
        (None, "/metrics", "/metrics"),
        ("/metrics", "/m", "/m"),
        ("/metrics", "", None),
        (None, "", None),
    ],
)
def test_the_environment_sets_the_path(
    code: str | None, variable: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wins; an empty variable switches the metrics off."""
    monkeypatch.setenv("HEALTHKIT_METRICS_PATH", variable)
    health = Health(metrics_path=code)
    assert health.metrics_path == expected
    assert set(health.desks) - set(health.paths) == ({expected} if expected else set())


@pytest.mark.parametrize("path", ["metrics", "/livez"])
def test_a_wrong_variable_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name by which to correct it."""
    monkeypatch.setenv("HEALTHKIT_METRICS_PATH", path)
    with pytest.raises(ConfigError, match=f"^HEALTHKIT_METRICS_PATH={path!r}: expected a path"):
        Health()


@pytest.mark.parametrize("registry", [0, "registry", object(), [], {"collect": 1}])
def test_what_is_no_registry_is_refused(registry: object) -> None:
    """At start, and not as a 500 at the first scrape."""
    expected = "expected a prometheus_client.CollectorRegistry, or None$"
    with pytest.raises(ConfigError, match=f"^metrics_registry=.*: {expected}"):
        Health(metrics_registry=registry)  # type: ignore[arg-type]  # what is refused
