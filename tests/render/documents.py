"""Rendered manifests, read back."""

from __future__ import annotations

from typing import Any

import yaml

from healthkit import manifests, render
from healthkit.lint import AppSettings
from healthkit.manifests import Container, HttpGet, Probe, Workload
from healthkit.timing import Timing

#: An app with everything: its own paths, work of both kinds, several workers.
APP = AppSettings(
    "main:health",
    paths={"live": "/health/live", "ready": "/health/ready", "startup": "/health/started"},
    drain_delay=8.5,
    drain_timeout=40,
    startup=45,
    warm_up=300,
    port=9000,
    state_dir="/var/run/shop",
    workers=4,
)


def objects(text: str) -> dict[str, Any]:
    """Return the objects by their kinds."""
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def workload(wanted: render.Wanted) -> Workload:
    """Return the rendered Deployment, as the API server reads it."""
    (found,) = manifests.parse(render.manifest(wanted))
    return found


def container(wanted: render.Wanted) -> Container:
    """Return its container."""
    (found,) = workload(wanted).template.containers
    return found


def times(probe: Probe | None) -> Timing:
    """Return the numbers of a probe."""
    assert probe is not None
    return Timing(
        probe.initial_delay,
        probe.period,
        probe.timeout,
        probe.success_threshold,
        probe.failure_threshold,
    )


def path(probe: Probe | None) -> str:
    """Return what a probe asks for."""
    assert probe is not None
    assert isinstance(probe.handler, HttpGet)
    assert probe.handler.port == "http"
    return probe.handler.path
