"""The monitors: what they scrape, and what the values can't ask for at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.chart.render import template
from tests.chart.rules import VALUES, alerts
from tests.chart.tools import needs

if TYPE_CHECKING:
    from tests.chart.render import Fields

pytestmark = needs("helm4")

ON: Final = {"enabled": True}
OFF: Final = {"enabled": False}


@pytest.mark.parametrize(
    ("kind", "values", "endpoints"),
    [
        ("PodMonitor", {}, "podMetricsEndpoints"),
        ("ServiceMonitor", {"podMonitor": OFF, "serviceMonitor": ON}, "endpoints"),
    ],
)
def test_a_monitor_scrapes_the_apps_own_port(kind: str, values: Fields, endpoints: str) -> None:
    """Of pods that the Deployment makes, or of the Service, by the path that the app is told."""
    made = template(VALUES | {"metrics": ON | {"path": "/internal/metrics"}} | values)
    spec = made.find(kind)["spec"]
    assert spec[endpoints] == [{"port": "http", "path": "/internal/metrics", "interval": "5s"}]
    pods = made.find("Deployment")["spec"]["template"]["metadata"]["labels"]
    owner = pods if kind == "PodMonitor" else made.find("Service")["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= owner.items()
    environ = {one["name"]: one.get("value") for one in made.container["env"]}
    assert environ["HEALTHKIT_METRICS_PATH"] == "/internal/metrics"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prometheusRule": ON | {"selector": 'up"'}}, "selector"),
        ({"prometheusRule": ON | {"runbookUrl": "runbooks"}}, "runbookUrl"),
        ({"podMonitor": ON | {"intervalSeconds": "5s"}}, "intervalSeconds"),
        ({"serviceMonitor": {"serviceDiscoveryRole": "Pod"}}, "serviceDiscoveryRole"),
        ({"prometheusRule": ON | {"notReady": {"forSecond": 5}}}, "forSecond"),
        ({"dashboard": {"labels": {"grafana_dashboard": 1}}}, "grafana_dashboard"),
    ],
)
def test_what_is_no_value_is_refused(values: Fields, said: str) -> None:
    """By the schema, with its name."""
    made = template(VALUES | values)
    assert made.code != 0
    assert said in made.error


def test_own_scrapes_need_no_monitor() -> None:
    """Then the selector says which series are the app's."""
    rule = {"enabled": True, "selector": 'app="shop"'}
    found = alerts({"podMonitor": OFF, "prometheusRule": rule})
    assert all('{app="shop"' in rule["expr"] for rule in found.values())
