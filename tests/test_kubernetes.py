"""The door: what a gate is made with, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from healthkit import ConfigError, Health, HealthMiddleware
from healthkit.kubernetes import CACHE_WARM, ReadinessGate
from tests.servers import lifespan_of, plain_app

if TYPE_CHECKING:
    from pathlib import Path


def test_the_condition_has_a_default() -> None:
    """The one of the chart."""
    assert CACHE_WARM == "healthkit.dev/cache-warm"
    assert repr(ReadinessGate(Health())) == "<ReadinessGate healthkit.dev/cache-warm idle>"


@pytest.mark.parametrize(
    "condition",
    [
        *("Ready", "ContainersReady", "", "/a", "a/", "a/b/c", "Shop.dev/a", "shop dev/a", "a/-b"),
        *("a/" + "b" * 64, "a" * 254 + "/b", "a..b/c", "a/b\n", 3),
    ],
)
def test_what_is_no_condition_of_an_app_is_refused(condition: object) -> None:
    """Those without a domain are Kubernetes' own."""
    with pytest.raises(ConfigError, match="^ReadinessGate condition=.*types without a domain"):
        ReadinessGate(Health(), cast("str", condition))


@pytest.mark.parametrize("domain", ["kubernetes.io", "x.k8s.io", "pod.kubernetes.io"])
def test_kubernetes_own_domains_are_refused(domain: str) -> None:
    """They are reserved."""
    with pytest.raises(ConfigError, match="another domain, such as"):
        ReadinessGate(Health(), f"{domain}/warm")


@pytest.mark.parametrize(
    "condition", ["shop.example/warm", "a/b", "a-1.b/C_d.e-f", "a/" + "b" * 63]
)
def test_qualified_names_are_taken(condition: str) -> None:
    """As the API server takes them."""
    assert condition in repr(ReadinessGate(Health(), condition))


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the code, and also where the code says nothing; an empty variable is off."""
    monkeypatch.setenv("HEALTHKIT_READINESS_GATE", "shop.example/warm")
    health = Health()
    assert repr(health._gate) == "<ReadinessGate shop.example/warm idle>"
    assert repr(ReadinessGate(health)) == repr(health._gate)
    monkeypatch.setenv("HEALTHKIT_READINESS_GATE", "")
    assert repr(ReadinessGate(Health())) == "<ReadinessGate off>"
    assert Health()._gate is None
    monkeypatch.setenv("HEALTHKIT_READINESS_GATE", "Ready")
    with pytest.raises(ConfigError, match="^HEALTHKIT_READINESS_GATE='Ready': expected a domain"):
        Health()


def test_what_is_no_health_is_refused() -> None:
    """Whatever a type checker was told."""
    with pytest.raises(ConfigError, match="^ReadinessGate health='x': expected a Health"):
        ReadinessGate(cast("Health", "x"))


@pytest.mark.parametrize("account", [3, b"/run", ""])
def test_what_is_no_directory_is_refused(account: object) -> None:
    """In one line, as any argument."""
    with pytest.raises(ConfigError, match="^ReadinessGate account=.*: expected the directory of"):
        ReadinessGate(Health(), account=cast("str", account))


def test_a_directory_may_be_a_path(tmp_path: Path) -> None:
    """Of either kind."""
    for account in (tmp_path, str(tmp_path)):
        gate = ReadinessGate(Health(), account=account)._gate
        assert gate is not None
        assert gate.settings.account == tmp_path


def test_a_health_has_one_gate() -> None:
    """Two would be two threads."""
    health = Health()
    ReadinessGate(health)
    with pytest.raises(ConfigError, match="the Health has a readiness gate already: expected one"):
        ReadinessGate(health, "shop.example/another")


async def test_a_gate_is_made_before_the_app_starts() -> None:
    """A life that has begun would never hear of it."""
    health = Health()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        with pytest.raises(ConfigError, match="the Health has begun: expected"):
            ReadinessGate(health)
