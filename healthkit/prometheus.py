"""The Prometheus door: a collector for a registry of one's own.

With ``Health(metrics_path="/metrics")`` the middleware serves the metrics and nothing else is
needed. This is for apps that have a metrics endpoint already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit import _validate
from healthkit._health import Health
from healthkit._metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.metrics_core import Metric


class HealthCollector:
    """A collector of one `Health`: ``REGISTRY.register(HealthCollector(health))``.

    Made at scrape time from the live state, in whatever thread scrapes; nothing is registered or
    counted until you do. One per registry: two would have the same names, which the registry
    refuses. The metrics speak for this process, or for
    its pod if there is a state directory.

    Args:
        health: whose state.

    Raises:
        ConfigError: it is no Health.
    """

    def __init__(self, health: Health) -> None:
        _refuse_others(health)
        self._metrics = Metrics(lambda: health.life, health.answering)

    def describe(self) -> Iterable[Metric]:
        """Return the families, so that a registry can refuse a second collector of the same."""
        return self._metrics.describe()

    def collect(self) -> Iterable[Metric]:
        """Return all families with their samples of this moment."""
        return self._metrics.collect()


def _refuse_others(health: object) -> None:
    """Refuse what is no `Health`, whatever a type checker was told."""
    if not isinstance(health, Health):
        raise _validate.refuse("HealthCollector health", health, "a Health, made by Health()")
