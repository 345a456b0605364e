"""What an install prints: the computed budgets, and a warning of what the values ask for.

By helm 4, which needs no cluster for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.chart.numbers import IMAGE, Case, defaults, expected
from tests.chart.render import CHART, RELEASE, Fields, helm
from tests.chart.tools import needs

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = needs("helm4")

_INGRESS: Final = {
    "enabled": True,
    "hosts": [{"paths": [{"path": "/", "pathType": "Prefix"}]}],
}

#: Values, and what they are warned of.
WARNED: Final[tuple[tuple[Fields, str], ...]] = (
    ({"replicaCount": 1}, "1 pod: each drain of its node is an outage"),
    ({"drainDelaySeconds": 2}, "drainDelaySeconds is 2"),
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
        "readinessGate is on: no pod is ready until the app sets",
    ),
    (
        {"ingress": _INGRESS | {"annotations": {"example.com/rewrite-target": "/"}}},
        "paths are rewritten",
    ),
)


def notes(values: Fields, *words: str) -> str:
    """Return what an install prints, on one line."""
    options = ["--dry-run=client", "--values", "-", *words]
    done = helm("helm4", "install", RELEASE, CHART, *options, values=IMAGE | values)
    assert done.code == 0, done.error
    return " ".join(done.text.partition("\nNOTES:\n")[2].split())


def said(text: str, words: Iterable[str]) -> None:
    """Hold a text against what it is to have."""
    assert [one for one in words if one not in text] == [], text


@pytest.mark.parametrize("pre_stop", ["sleep", "exec", "none"])
def test_the_budgets_are_printed(pre_stop: str) -> None:
    """They are those of the arithmetic."""
    values = {"preStop": pre_stop, "drainDelaySeconds": 7, "longestRequestSeconds": 40}
    values |= {"terminationGracePeriodSeconds": 77}
    numbers = expected(Case(defaults() | values, "1.34"))
    words = [
        f"{numbers['startup']['guaranteed']:.0f} s are guaranteed",
        f"killed {numbers['startup']['latestKill']:.0f} s after",
        f"{numbers['appDelay']:.0f} s of drain delay",
        f"{numbers['inFlight']:.0f} s for the longest request",
        f"{numbers['graceNeeded']:.0f} s of {numbers['grace']:.0f} s of grace",
    ]
    said(notes(values), words + ["The kubelet sleeps for 7 s"] * (pre_stop == "sleep"))


@pytest.mark.parametrize(("values", "warning"), WARNED)
def test_what_costs_something_is_warned_of(values: Fields, warning: str) -> None:
    """Once, and by nothing else."""
    text = notes(values)
    assert text.count("WARNING") == 1
    assert f"WARNING: {warning}" in text


def test_a_policy_that_keeps_clients_of_a_node_out_is_warned_of() -> None:
    """Whoever comes by a NodePort is no pod."""
    text = notes({"networkPolicy": {"enabled": True}, "service": {"type": "NodePort"}})
    assert text.count("WARNING") == 2
    assert "networkPolicy.from names nobody" in text


def test_nothing_else_is() -> None:
    """By default there is no warning."""
    assert "WARNING" not in notes({})
    assert "WARNING" not in notes({"networkPolicy": {"enabled": True}, "ingress": _INGRESS})


def test_how_to_look_at_it_names_the_release() -> None:
    """In its namespace."""
    said(
        notes({}, "--namespace", "web"),
        [
            f"kubectl --namespace web rollout status deployment/{RELEASE}-healthkit-app",
            f"helm --namespace web test {RELEASE}",
        ],
    )
