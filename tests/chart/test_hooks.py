"""Which hook runs before SIGTERM, and what the comments beside the numbers say."""

from __future__ import annotations

import pytest

from tests.chart.numbers import IMAGE, Case, defaults, expected
from tests.chart.render import VERSIONS, Fields, template
from tests.chart.tools import needs

pytestmark = needs("helm4")


@pytest.mark.parametrize(
    ("kube_version", "values", "hook"),
    [
        ("1.29", {}, "exec"),
        ("1.30", {}, "sleep"),
        (VERSIONS[-1], {}, "sleep"),
        (VERSIONS[-1], {"workers": 4}, "exec"),
        (VERSIONS[-1], {"drainDelaySeconds": 0}, "exec"),
        (VERSIONS[-1], {"preStop": "exec"}, "exec"),
        (VERSIONS[-1], {"preStop": "none"}, None),
    ],
)
def test_the_hook_is_chosen_by_version_and_workers(
    kube_version: str, values: Fields, hook: str | None
) -> None:
    """With a sleep the app itself waits for 1 s, and the sleep is the delay that was asked for."""
    found = template({**IMAGE, **values}, kube_version=kube_version).container
    environ = {one["name"]: one.get("value") for one in found["env"]}
    asked = values.get("drainDelaySeconds", 5)
    hooks = {"exec": {"command": ["healthkit", "drain"]}, "sleep": {"seconds": asked}}
    assert found.get("lifecycle") == ({"preStop": {hook: hooks[hook]}} if hook else None)
    assert environ["HEALTHKIT_DRAIN_DELAY"] == ("1" if hook == "sleep" else str(asked))


@pytest.mark.parametrize("pre_stop", ["sleep", "exec", "none"])
def test_the_comments_have_the_arithmetic_of_the_numbers(pre_stop: str) -> None:
    """Each product and each sum, as it comes out."""
    values = {"preStop": pre_stop, "bootSeconds": 90, "drainDelaySeconds": 9, "exitSeconds": 7}
    n = expected(Case(defaults() | values, VERSIONS[-1]))
    startup, live, ready = n["startup"], n["liveness"], n["readiness"]
    asleep = "9 s asleep + " if pre_stop == "sleep" else ""
    lines = template(IMAGE | values).text.splitlines()
    text = " ".join(line.strip(" #") for line in lines if line.strip().startswith("#"))
    for sum_of in (
        f"({startup['failureThreshold']} - 1) * {startup['periodSeconds']} s = 90 s: the boot of",
        f"is killed after {startup['latestKill']:.0f} s at the latest",
        (
            f"({live['failureThreshold']} - 1) * {live['periodSeconds']} s"
            f" + {live['timeoutSeconds']} s = {live['earliestKill']:.0f} s: a hang is"
            f" killed {live['earliestKill']:.0f} to {live['latestKill']:.0f} s after it began"
        ),
        f"{ready['failureThreshold']} * {ready['periodSeconds']} s = 4 s, and 1.2 s of kube-proxy",
        (
            f"{asleep}{n['appDelay']:.0f} s of drain delay + 15 s for the longest request"
            f" + 7 s for the exit = {n['graceNeeded']:.0f} s."
        ),
    ):
        assert sum_of in text, text
