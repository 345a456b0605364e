"""The words for probes, starts, hangs and rollouts."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from healthkit.explain import Explanation, explain
from healthkit.explain._words import absent, probe, rollout, running, start
from healthkit.manifests import (
    Container,
    HttpGet,
    Probe,
    RollingUpdate,
    Sleep,
    Workload,
)
from tests.explain.pods import LIVE, pod, told

PROBE = Probe(LIVE)
LOST = Probe(HttpGet("/", "web"))


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (Container("a", liveness=PROBE),
         ("GET /livez on port 8080, every 10 s, timeout 1 s. "
         "3 failures in a row kill the container.")),
        (Container("a", liveness=replace(PROBE, failure_threshold=1, initial_delay=5)),
         ("GET /livez on port 8080, every 10 s after a delay of 5 s, timeout 1 s. "
         "1 failure kills the container.")),
        (Container("a", startup=PROBE),
         ("GET /livez on port 8080, every 10 s, timeout 1 s. "
         "3 failures in a row kill the container; until it passes no other probe is asked.")),
        (Container("a", readiness=replace(PROBE, success_threshold=2)),
         ("GET /livez on port 8080, every 10 s, timeout 1 s. 3 failures in a row take it out of "
         "the endpoints, 2 successes in a row put it back.")),
        (Container("a", liveness=LOST),
         ("GET / on port web, every 10 s, timeout 1 s. The container has no port of that name: "
         "it never counts, so that it never kills.")),
    ],
)  # fmt: skip
def test_a_probe_is_told(container: Container, words: str) -> None:
    """What it asks, how often, and what comes of it."""
    (asked,) = told(container).probes
    assert probe(asked) == words


def test_what_is_missing_counts_as_successful() -> None:
    """And that has consequences."""
    bare, live = told(Container("a")), told(Container("a", liveness=PROBE))
    started = told(Container("a", startup=PROBE))
    assert absent(bare, "startup") == "none: the container counts as started as soon as it runs."
    assert absent(live, "startup").endswith("so that a start may take at most 20 s.")
    assert absent(bare, "liveness").endswith("a hang stays until somebody notices.")
    assert absent(bare, "readiness").endswith("after the container runs, whatever it does.")
    assert absent(live, "readiness") == absent(bare, "readiness")
    assert absent(started, "readiness").endswith("as soon as the startup probe has passed.")


def test_a_start_is_told_with_the_formula_that_is_wrong() -> None:
    """F x P is a period too much, and with a delay a second more."""
    plain = dict(start(told(Container("a", startup=replace(PROBE, failure_threshold=30)))))
    assert plain["first probe"] == "0 to 10 s: startup may come anywhere in a period."
    assert plain["guaranteed"].startswith("290 s: ")
    assert "failureThreshold x periodSeconds says 300 s, one period too much" in plain["guaranteed"]
    assert plain["latest kill"].startswith("300 s if it refuses connections for ever, 301 s if")
    assert plain["then"] == "SIGTERM t+0, SIGKILL t+30, from the kill on."
    delayed = dict(start(told(Container("a", liveness=replace(PROBE, initial_delay=5)))))
    assert (
        "delay + failureThreshold x periodSeconds says 35 s, a period and"
        in (delayed["guaranteed"])
    )
    assert "then" not in delayed


def test_the_kill_of_a_startup_probe_has_its_hook() -> None:
    """As early as it can be, or at the latest."""
    known = dict(start(told(Container("a", startup=PROBE, pre_stop=Sleep(5)))))
    assert known["then"] == "preStop at once, SIGTERM t+5, SIGKILL t+30, from the kill on."
    hook = HttpGet("/drain", 80)
    unknown = dict(start(told(Container("a", startup=PROBE, pre_stop=hook))))
    assert unknown["then"] == (
        "preStop at once, SIGTERM by t+30, SIGKILL by t+32, from the kill on."
    )


def test_a_start_without_a_limit_is_told() -> None:
    """With the reason."""
    assert dict(start(told(Container("a"))))["no limit"].endswith("no probe decides of it.")
    lost = told(Container("a", startup=LOST, liveness=PROBE))
    assert dict(start(lost))["no limit"].endswith("its startup probe never counts.")


def test_a_running_app_is_told() -> None:
    """When it hangs, fails, and is well again."""
    rows = dict(running(told(Container("a", liveness=PROBE, readiness=PROBE))))
    assert rows["a hung app"] == "is killed 21 to 31 s later."
    assert rows["503"] == (
        "gets it out of the endpoints 20 to 31.2 s later, kube-proxy included; "
        "if it hangs, at most 32.2 s later."
    )
    assert rows["200 again"] == "gets it back into them at most 11.2 s later."
    assert rows["order"] == "liveness may kill a hung app that still gets new connections."


def test_what_changes_nothing_is_told_too() -> None:
    """Without probes that count."""
    rows = dict(running(told(Container("a"))))
    assert rows["a hung app"] == "is never killed: no liveness probe counts."
    assert rows["503"].startswith("changes nothing")
    assert set(rows) == {"a hung app", "503"}
    never = dict(running(told(Container("a", readiness=LOST))))
    assert never["endpoints"] == "It is never in them."


def explained(
    kind: Literal["Deployment", "StatefulSet", "DaemonSet"],
    update: RollingUpdate | None,
    *,
    startup: Probe | None = None,
    replicas: int = 3,
) -> Explanation:
    """Return what there is to tell of a workload of some kind."""
    template = pod(Container("a", startup=startup)).template
    return explain(Workload(kind, "a", template, rolling_update=update, replicas=replicas))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (explained("Deployment", RollingUpdate(1, 0)),
         "3 replicas; up to 1 more at a time, and 0 of them may be unavailable."),
        (explained("Deployment", RollingUpdate(0, 1), replicas=1),
         "1 replica; up to 0 more at a time, and 1 of them may be unavailable."),
        (explained("Deployment", None), "all pods end before new ones start (Recreate)."),
        (explained("StatefulSet", None), "a pod is replaced when somebody deletes it (OnDelete)."),
        (explained("DaemonSet", None, startup=LOST),
         ("a pod is replaced when somebody deletes it (OnDelete). No pod ever gets available: "
          "one of its probes never counts.")),
        (explained("StatefulSet", RollingUpdate(0, 1)),
         "3 replicas; 1 of them may be unavailable at a time."),
        (explained("DaemonSet", RollingUpdate(0, 1)), "on each node the old pod ends first."),
        (explained("DaemonSet", RollingUpdate(1, 0), startup=PROBE),
         ("on each node the new pod is ready before the old one ends. "
         "By its probes a pod may need 31.1 s beside its image.")),
        (explained("Deployment", RollingUpdate(1, 0), startup=PROBE),
         ("3 replicas; up to 1 more at a time, and 0 of them may be unavailable. By its probes a "
         "pod may need 31.1 s beside its image; progressDeadlineSeconds is 600: it fits.")),
        (explained("Deployment", None, startup=replace(PROBE, failure_threshold=60)),
         ("all pods end before new ones start (Recreate). By its probes a pod may need 601.1 s "
         "beside its image; progressDeadlineSeconds is 600: too little, the rollout counts as "
         "failed while it goes on.")),
    ],
)  # fmt: skip
def test_a_rollout_is_told_in_a_sentence(found: Explanation, words: str) -> None:
    """By the kind of the workload."""
    assert found.rollout is not None
    assert rollout(found, found.rollout) == words
