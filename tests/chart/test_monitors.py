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
        (
            {"serviceMonitor": ON},
            "found podMonitor.enabled and serviceMonitor.enabled: expected one of them, or each ",
        ),
        (
            {"metrics": OFF},
            "found a monitor and metrics.enabled false: expected the app to serve metrics; set ",
        ),
        (
            {"podMonitor": OFF},
            "found prometheusRule.enabled without a monitor: expected one, whose job the ",
        ),
        ({"prometheusRule": ON | {"selector": 'up"'}}, "selector"),
        ({"prometheusRule": ON | {"runbookUrl": "runbooks"}}, "runbookUrl"),
        ({"podMonitor": ON | {"intervalSeconds": "5s"}}, "intervalSeconds"),
        ({"prometheusRule": ON | {"notReady": {"forSecond": 5}}}, "forSecond"),
    ],
)
@pytest.mark.parametrize("name", [pytest.param("helm3", marks=needs("helm3")), "helm4"])
def test_what_does_not_go_together_is_refused(name: str, values: Fields, said: str) -> None:
    """In one sentence, or by the schema."""
    made = template(VALUES | values, name=name)
    assert made.code != 0
    assert said in made.error


def test_own_scrapes_need_no_monitor() -> None:
    """Then the selector says which series are the app's."""
    rule = {"enabled": True, "selector": 'app="shop"'}
    found = alerts({"podMonitor": OFF, "prometheusRule": rule})
    assert all('{app="shop"' in rule["expr"] for rule in found.values())
