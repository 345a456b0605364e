"""The Prometheus door: a collector in a registry of one's own."""

from __future__ import annotations

import subprocess
import sys

import anyio
import prometheus_client
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from healthkit import ConfigError, Health, HealthMiddleware
from healthkit.prometheus import HealthCollector
from tests.scrapes import FAMILIES, samples
from tests.servers import ask, lifespan_of, plain_app


async def passing() -> None:
    """Pass."""


async def test_a_registry_collects_it() -> None:
    """From the state of the moment, whenever it was registered."""
    health = Health()
    health.check(passing, name="db")
    registry = CollectorRegistry()
    registry.register(HealthCollector(health))
    assert {one.name: one.type for one in registry.collect()} == FAMILIES
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        await ask(app, "/livez")
        found = samples(generate_latest(registry).decode())
    assert found['healthkit_phase{phase="serving"}'] == 1
    assert found['healthkit_check_state{check="db",state="passing"}'] == 1
    assert found['healthkit_probe_answers_total{code="200",probe="live"}'] == 1
    assert samples(generate_latest(registry).decode())['healthkit_phase{phase="stopped"}'] == 1


@pytest.mark.parametrize("same", [True, False])
def test_a_second_one_is_refused_by_the_registry(same: bool) -> None:
    """Two would have the same names; also a collector that is not healthkit's is safe from it."""
    health = Health()
    registry = CollectorRegistry()
    registry.register(HealthCollector(health))
    with pytest.raises(ValueError, match="Duplicated timeseries .*healthkit_phase"):
        registry.register(HealthCollector(health if same else Health()))
    with pytest.raises(ValueError, match="Duplicated timeseries .*healthkit_paused"):
        prometheus_client.Gauge("healthkit_paused", "An app's own.", registry=registry)
    assert len(samples(generate_latest(registry).decode())) > 0


def test_it_can_be_taken_out_again() -> None:
    """The registry then is as before, and takes another."""
    registry = CollectorRegistry()
    collector = HealthCollector(Health())
    registry.register(collector)
    registry.unregister(collector)
    assert list(registry.collect()) == []
    registry.register(HealthCollector(Health()))


def test_two_registries_may_have_one_each() -> None:
    """They speak of the same."""
    health = Health()
    texts: list[bytes] = []
    for _ in range(2):
        registry = CollectorRegistry()
        registry.register(HealthCollector(health))
        texts.append(generate_latest(registry))
    assert texts[0] == texts[1]


def test_its_names_are_those_of_its_families() -> None:
    """What it describes is what it collects, before any lifespan and in it."""
    collector = HealthCollector(Health())
    assert [one.name for one in collector.describe()] == list(FAMILIES)
    assert [one.name for one in collector.collect()] == list(FAMILIES)


@pytest.mark.parametrize("health", [None, Health, "health", object()])
def test_what_is_no_health_is_refused(health: object) -> None:
    """In one line, and not at the first scrape."""
    with pytest.raises(ConfigError, match="^HealthCollector health=.*: expected a Health, made by"):
        HealthCollector(health)  # type: ignore[arg-type]  # what is refused


#: What is in the default registry after everything that might put something there.
REGISTERED = """\
import prometheus_client
before = set(prometheus_client.REGISTRY._names_to_collectors)
import healthkit, healthkit.prometheus, healthkit._metrics
health = healthkit.Health(metrics_path="/metrics", metrics_registry=prometheus_client.REGISTRY)
healthkit.HealthMiddleware(print, health=health)
healthkit.prometheus.HealthCollector(health)
assert set(prometheus_client.REGISTRY._names_to_collectors) == before
"""


def test_nothing_is_registered_by_itself() -> None:
    """Neither by importing, nor by a path for the metrics, nor by making a collector."""
    subprocess.run([sys.executable, "-c", REGISTERED], check=True, timeout=30)  # noqa: S603  # our own interpreter


def test_without_metrics_prometheus_client_is_not_imported() -> None:
    """It takes 20 ms, and not every app has metrics."""
    program = "import sys, healthkit; healthkit.HealthMiddleware(print, health=healthkit.Health())"
    program += "; sys.exit('prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)  # noqa: S603  # as above
