"""What an app says of itself, as plain values."""

from __future__ import annotations

import pytest

from healthkit.manifests._app import AppSettings

PATHS = {"live": "/livez", "ready": "/readyz", "startup": "/startupz", "health": "/healthz"}


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/livez", "live"),
        ("/api/livez", "live"),
        ("/readyz", "ready"),
        ("/readyz/catalogue", "ready"),
        ("/startupz", "startup"),
        ("/v1/healthz", "health"),
        ("/live", None),
        ("/livez/x", None),
        ("/", None),
    ],
)
def test_a_path_asks_an_endpoint(path: str, endpoint: str | None) -> None:
    """Behind a root path too; and below readiness is one component of it."""
    assert AppSettings(name="main:health", paths=PATHS).endpoint(path) == endpoint  # type: ignore[arg-type]  # a dict of such strings


def test_the_longest_path_counts_behind_a_root_path() -> None:
    """One endpoint's path may end as another's."""
    app = AppSettings(name="main:health", paths={"live": "/live", "ready": "/ready/live"})
    assert app.endpoint("/api/ready/live") == "ready"
    assert app.endpoint("/api/live") == "live"


def test_without_readiness_nothing_is_below_it() -> None:
    """An endpoint that is switched off asks for nothing."""
    assert AppSettings(name="main:health", paths={"live": "/livez"}).endpoint("/readyz/x") is None


@pytest.mark.parametrize(
    ("startup", "warm_up", "after"),
    [(None, None, None), (10.0, None, 10.0), (None, 60.0, 60.0), (10.0, 60.0, 60.0)],
)
def test_start_up_work_and_warm_ups_begin_together(
    startup: float | None, warm_up: float | None, after: float | None
) -> None:
    """Ready is the app after the longer of them, and not after both."""
    app = AppSettings(name="main:health", startup=startup, warm_up=warm_up)
    assert app.ready_after == after
