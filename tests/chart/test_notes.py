"""What an install prints: the computed budgets, and a warning of what the values ask for.

By helm 4, which needs no cluster for it.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings

from healthkit import timing
from tests.chart.numbers import IMAGE, Case, cases, expected
from tests.chart.render import RELEASE, Fields, notes
from tests.chart.tools import needs

pytestmark = needs("helm4")

#: ``helm install`` without a cluster takes a Kubernetes of its own, a newer one.
_WITHOUT_SLEEP: Final = "1.29"

_INGRESS: Final = {
    "enabled": True,
    "hosts": [{"paths": [{"path": "/", "pathType": "Prefix"}]}],
}

#: Values, and what they are warned of.
WARNED: Final[tuple[tuple[Fields, str], ...]] = (
    ({"replicaCount": 1}, "1 pod: each drain of its node is an outage"),
    ({"drainDelaySeconds": 2}, "drainDelaySeconds is 2"),
    ({"drainDelaySeconds": 0}, "drainDelaySeconds is 0:"),
    ({"image": IMAGE["image"] | {"pullPolicy": "Never"}}, "image.pullPolicy is Never"),
    (
        {
            "metrics": {"enabled": True},
            "networkPolicy": {"enabled": True, "from": [{"podSelector": {}}]},
        },
        "networkPolicy.metricsFrom names nobody",
    ),
    (
        {"networkPolicy": {"enabled": True}, "ingress": _INGRESS | {"className": "alb"}},
        "networkPolicy.from names nobody",
    ),
    ({"service": {"type": "NodePort"}}, "the Service's type is NodePort"),
    (
        {"readinessGate": {"enabled": True}},
        "readinessGate is on:",
    ),
    (
        {"ingress": _INGRESS | {"annotations": {"example.com/rewrite-target": "/"}}},
        "paths are rewritten",
    ),
)


def test_alerts_are_only_as_good_as_the_scrapes() -> None:
    """Where nothing is scraped nothing fires: the query tells."""
    on = {"enabled": True}
    said = line({"metrics": on, "podMonitor": on, "prometheusRule": on})
    assert f'up{{namespace="default", job=~"(default/)?{RELEASE}-healthkit-app"}}' in said
    assert "up{" not in line({"metrics": on, "podMonitor": on})


def line(values: Fields, *words: str) -> str:
    """Return what an install prints, on one line."""
    return " ".join(notes(IMAGE | values, *words).split())


@settings(max_examples=12, deadline=None)
@given(cases().filter(lambda case: case.kube_version != _WITHOUT_SLEEP))
def test_the_budgets_are_printed(case: Case) -> None:
    """By the arithmetic of healthkit.timing, whatever the values are and whatever ends the pod."""
    numbers = expected(case)
    printed = line(case.values)
    startup, liveness = numbers["startup"], numbers["liveness"]
    unready = numbers["readiness"]["latestUnready"] + timing.SLICE_LAG + timing.PROXY_LAG
    for part in (
        f"Start {numbers['start']} s were asked for, {startup['guaranteed']:g} s are guaranteed.",
        f"is killed {startup['latestKill']:g} s after its container's start",
        f"may stand still for {numbers['progressDeadline'] or 600} s.",
        f"kills {liveness['earliestKill']:g} to {liveness['latestKill']:g} s after",
        f"no new connection after {unready:.1f} s at the latest.",
        *_end(numbers),
    ):
        assert part in printed, (part, printed)


def _end(numbers: Fields) -> tuple[str, ...]:
    """Return what must be said of the end."""
    begins = {
        "sleep": f"End The kubelet sleeps for {numbers['sleep']} s, then comes SIGTERM:",
        "exec": "End healthkit drain:",
        "none": "End SIGTERM comes at once:",
    }
    grace = f"{numbers['graceNeeded']:g} s of {numbers['grace']:g} s of grace."
    return (
        f"{begins[numbers['preStop']]} {numbers['appDelay']:g} s of drain delay,",
        f"{numbers['inFlight']:g} s for the longest request",
        f"{numbers['reserve']:g} s for the exit: {grace}",
    )


@pytest.mark.parametrize(("values", "warning"), WARNED)
def test_what_costs_something_is_warned_of(values: Fields, warning: str) -> None:
    """Once, and by nothing else."""
    text = line(values)
    assert text.count("WARNING") == 1
    assert f"WARNING: {warning}" in text


def test_a_policy_that_keeps_clients_of_a_node_out_is_warned_of() -> None:
    """Whoever comes by a NodePort is no pod."""
    text = line({"networkPolicy": {"enabled": True}, "service": {"type": "NodePort"}})
    assert text.count("WARNING") == 2
    assert "networkPolicy.from names nobody" in text


def test_nothing_else_is() -> None:
    """By default there is no warning."""
    assert "WARNING" not in line({})
    assert "WARNING" not in line({"networkPolicy": {"enabled": True}, "ingress": _INGRESS})


def test_whose_user_the_image_has_can_not_be_known() -> None:
    """So it is asked for, unless the values say it."""
    assert "runAsUser" in line({})
    assert "runAsUser" not in line({"podSecurityContext": {"runAsUser": 10001}})


def test_how_to_look_at_it_names_the_release() -> None:
    """In its namespace."""
    printed = line({}, "--namespace", "web")
    status = f"kubectl --namespace web rollout status deployment/{RELEASE}-healthkit-app"
    assert status in printed
    assert f"helm --namespace web test {RELEASE}" in printed
