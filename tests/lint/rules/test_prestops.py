"""HK304 to HK306, and HK310."""

from __future__ import annotations

import pytest

from tests.lint.served import env, findings, manifest


def image(name: str) -> str:
    """Return a manifest whose hook needs a shell."""
    lifecycle = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 5"]}}}
    return manifest({"image": name, "lifecycle": lifecycle})


@pytest.mark.parametrize(
    "name",
    [
        "gcr.io/distroless/python3-debian12",
        "gcr.io/distroless/static@sha256:0123",
        "example.org/shop-distroless:1",
        "example.org/shop:1-scratch",
        "cgr.dev/chainguard/python:latest",
        "mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled",
    ],
)
def test_some_images_have_no_shell(name: str) -> None:
    """By their names."""
    (found,) = findings("HK305", image(name))
    assert found.what == f"the hook runs sh, and the image is {name}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "python:3.12-slim",
        "gcr.io/distroless/python3-debian12:debug",
        "gcr.io/distroless/base:debug-nonroot",
        "cgr.dev/chainguard/python:latest-dev",
        "cgr.dev/chainguard/wolfi-base",
        "cgr.dev/chainguard/bash:latest",
        "example.org/scratchpad:1",
        "example.org/static-site:1",
    ],
)
def test_others_may_have_one(name: str) -> None:
    """Whoever can't tell says nothing."""
    assert findings("HK305", image(name)) == []


@pytest.mark.parametrize(
    "header", ["Authorization", "X-Drain-Token", "X-Api-Key", "x-secret", "Proxy-Authorization"]
)
def test_a_secret_header_keeps_strangers_off(header: str) -> None:
    """By its name, whatever its value."""
    request: dict[str, object] = {"path": "/prestop", "port": "http"}
    lifecycle = {"preStop": {"httpGet": request}}
    assert len(findings("HK306", manifest({"lifecycle": lifecycle}))) == 1
    request["httpHeaders"] = [{"name": header, "value": "0123"}]
    assert findings("HK306", manifest({"lifecycle": lifecycle})) == []


def test_a_hook_is_brief_with_the_delay_that_follows_it() -> None:
    """What counts is how long the app serves on."""
    lifecycle = {"preStop": {"sleep": {"seconds": 2}}}
    variables = env(HEALTHKIT_DRAIN_DELAY="2")
    (found,) = findings("HK310", manifest({"lifecycle": lifecycle, "env": variables}))
    assert found.numbers == {"serving on": 4}


def ingress(spec: str, namespace: str = "default") -> str:
    """Return an Ingress behind a load balancer that waits."""
    attributes = '"alb.ingress.kubernetes.io/target-group-attributes"'
    metadata = (
        f'{{"name": "shop", "namespace": "{namespace}", "annotations": '
        f'{{{attributes}: "deregistration_delay.timeout_seconds=20"}}}}'
    )
    return (
        f'---\n{{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {metadata}, '
        f'"spec": {spec}}}\n'
    )


@pytest.mark.parametrize(
    ("spec", "namespace", "told"),
    [
        ('{"defaultBackend": {"service": {"name": "shop"}}}', "default", True),
        ('{"defaultBackend": {"service": {"name": "shop"}}}', "other", False),
        ('{"defaultBackend": {"resource": {"name": "shop"}}}', "default", False),
        ("{}", "default", False),
    ],
)
def test_an_ingress_counts_for_the_services_that_it_leads_to(
    spec: str, namespace: str, told: bool
) -> None:
    """In its own namespace."""
    text = manifest({"lifecycle": {"preStop": {"sleep": {"seconds": 10}}}})
    found = findings("HK310", text + ingress(spec, namespace))
    assert [one.numbers for one in found] == (
        [{"serving on": 10, "deregistration_delay": 20}] if told else []
    )
