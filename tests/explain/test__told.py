"""The numbers of a workload: all of them are `timing`'s."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from healthkit import timing
from healthkit.explain import Explanation, Rollout, as_dict, as_text, explain, svg
from healthkit.lint import Options
from healthkit.lint._reading import read
from healthkit.lint._run import run
from healthkit.manifests import (
    Container,
    Exec,
    Hook,
    HttpGet,
    Port,
    Probe,
    RollingUpdate,
    Sleep,
    TcpSocket,
    Workload,
    workload,
)
from healthkit.timing import Span
from tests.explain.pods import EXPLANATIONS, LIVE, pod, told

if TYPE_CHECKING:
    from pathlib import Path

PROBE = Probe(LIVE)
START = Probe(LIVE, failure_threshold=30)
LOST = Probe(HttpGet("/", "web"))


def test_the_example_of_the_arithmetic_comes_out() -> None:
    """Thirty probes ten seconds apart guarantee 290 s, not 300."""
    start = told(Container("app", startup=START)).start
    assert start is not None
    assert (start.kind, start.failures, start.first) == ("startup", 30, Span(0, 10))
    assert (start.guaranteed, start.nominal) == (290, 300)
    assert (start.latest, start.latest_hanging) == (300, 301)


def test_without_a_startup_probe_liveness_decides() -> None:
    """From the first moment on; its delay is counted from a start that was cut."""
    start = told(Container("app", liveness=replace(PROBE, initial_delay=5))).start
    assert start is not None
    assert (start.kind, start.first, start.guaranteed) == ("liveness", Span(4, 15), 24)
    assert told(Container("app", readiness=PROBE)).start is None


def test_what_becomes_of_a_running_app() -> None:
    """Hang to kill, 503 to the last connection, and back."""
    found = told(Container("app", liveness=PROBE, readiness=replace(PROBE, period=5))).running
    assert found.kill == timing.failed(PROBE) == Span(21, 31)
    assert found.leaves == timing.withdrawn(replace(PROBE, period=5), 0)
    assert found.leaves_hanging == timing.withdrawn(replace(PROBE, period=5)).latest
    assert found.returns == timing.readmitted(replace(PROBE, period=5))
    assert not found.kill_may_be_first


def test_liveness_may_be_faster_than_readiness() -> None:
    """With the same numbers it may be; their ticks have nothing to do with each other."""
    assert told(Container("app", liveness=PROBE, readiness=PROBE)).running.kill_may_be_first
    patient = replace(PROBE, failure_threshold=6)
    slow = told(Container("app", liveness=patient, readiness=PROBE)).running
    assert not slow.kill_may_be_first
    assert not told(Container("app", readiness=PROBE)).running.kill_may_be_first


def test_a_lost_startup_probe_keeps_the_others_from_being_asked() -> None:
    """Nothing is killed, and nothing is ever ready."""
    found = told(Container("app", startup=LOST, liveness=PROBE, readiness=PROBE))
    assert (found.start, found.running.kill, found.running.leaves) == (None, None, None)
    assert found.is_never_ready
    assert [one.why for one in found.endings] == ["deletion"]


def test_a_lost_probe_decides_nothing() -> None:
    """Without liveness there is no kill; without readiness it is never ready."""
    live = told(Container("app", liveness=LOST))
    assert (live.start, live.running.kill, live.is_never_ready) == (None, None, False)
    ready = told(Container("app", liveness=PROBE, readiness=LOST))
    assert ready.is_never_ready
    assert ready.running.leaves is None
    assert ready.start is not None


def test_the_moments_of_a_deletion_are_in_order() -> None:
    """And are those of `timing.end`."""
    (ending,) = told(Container("app", pre_stop=Sleep(10)), grace=40).endings
    assert [(one.at, one.what) for one in ending.moments] == [
        (0, "begin"),
        (0, "prestop"),
        (timing.PROXY_LAG, "last_connection"),
        (10, "sigterm"),
        (40, "sigkill"),
    ]
    assert (ending.fits, ending.left, ending.grace) == (True, 30, 40)
    (bare,) = told(Container("app")).endings
    assert [one.what for one in bare.moments] == ["begin", "sigterm", "last_connection", "sigkill"]


@pytest.mark.parametrize(
    ("hook", "grace", "fits", "sigterm", "sigkill"),
    [
        (Sleep(30), 30, False, 30, 32),
        (Exec(("sleep", "60")), 30, False, 30, 32),
        (Exec(("sleep", "29")), 30, True, 29, 31),
        (Exec(("./drain",)), 30, None, 30, 32),
        (Exec(("./drain",)), 0, None, 1, 3),
        (TcpSocket(80), 30, True, 0, 30),
        (HttpGet("/", "web"), 30, True, 0, 30),
    ],
)
def test_a_hook_counts_against_the_grace_period(
    hook: Exec | Sleep | TcpSocket | HttpGet,
    grace: int,
    fits: bool | None,
    sigterm: float,
    sigkill: float,
) -> None:
    """One of unknown length takes all of it at most; one that can't run takes nothing."""
    (ending,) = told(Container("app", pre_stop=hook), grace=grace).endings
    assert (ending.fits, ending.at("sigterm"), ending.at("sigkill")) == (fits, sigterm, sigkill)
    signals = [one for one in ending.moments if one.what in {"sigterm", "sigkill"}]
    assert {one.is_latest for one in signals} == {fits is None}


def test_a_kill_has_the_probes_own_grace_period() -> None:
    """And nobody is told of a deletion: there is no last connection."""
    live = replace(PROBE, termination_grace_period=15)
    found = told(Container("app", startup=START, liveness=live, pre_stop=Sleep(10))).endings
    assert [(one.why, one.grace, one.left) for one in found] == [
        ("deletion", 30, 20),
        ("liveness", 15, 5),
        ("startup", 30, 20),
    ]
    assert all("last_connection" not in [m.what for m in one.moments] for one in found[1:])


def test_a_sidecar_waits_for_the_others() -> None:
    """Its SIGTERM may come when the grace period is over, whatever its hook is."""
    sidecar = Container("proxy", pre_stop=Sleep(5), restart_policy="Always")
    first = (Container("migrate"), sidecar)
    found = explain(pod(Container("app"), first=first))
    assert found.init_containers == ("migrate",)
    assert [(one.name, one.is_sidecar) for one in found.containers] == [
        ("app", False),
        ("proxy", True),
    ]
    (ending,) = found.containers[1].endings
    assert ending.waits
    assert (ending.at("sigterm"), ending.at("sigkill"), ending.fits) == (30, 32, True)
    assert [
        one.name for one in explain(pod(Container("app"), first=first), "proxy").containers
    ] == ["proxy"]


def test_who_is_not_restarted_is_known() -> None:
    """By the container's own policy, or the pod's."""
    assert told(Container("app")).restarts
    assert not told(Container("app", restart_policy="Never")).restarts


def rollout(*containers: Container, first: tuple[Container, ...] = ()) -> Rollout:
    """Return the rollout of a Deployment with these containers."""
    template = pod(*containers, first=first).template
    one = Workload("Deployment", "web", template, rolling_update=RollingUpdate(1, 0))
    found = explain(replace(one, min_ready_seconds=5, progress_deadline_seconds=400)).rollout
    assert found is not None
    return found


def test_the_deadline_is_held_against_the_latest_start() -> None:
    """With a readiness period, minReadySeconds, and the timeout of the last probe that may pass."""
    found = rollout(Container("app", startup=START, readiness=PROBE))
    assert found.needed == timing.progress_needed(timing.latest_kill(START), PROBE, 5)
    assert found.in_time
    assert (found.deadline, found.update) == (400, RollingUpdate(1, 0))


def test_sidecars_start_before_the_others() -> None:
    """One after the other, those that have a startup probe; the others start together."""
    sidecar = Container("proxy", startup=replace(PROBE), restart_policy="Always")
    two = (sidecar, replace(sidecar, name="log"), replace(sidecar, name="x", startup=None))
    found = rollout(Container("app", startup=START), Container("b"), first=two)
    assert found.needed == timing.progress_needed(301 + 31 + 31, None, 5)
    assert rollout(Container("b"), first=two[:1]).needed == timing.progress_needed(31, None, 5)
    late = replace(START, failure_threshold=40)
    assert rollout(Container("app", startup=late)).in_time is False


def test_the_linter_and_explain_need_the_same(tmp_path: Path) -> None:
    """However long the timeout is: HK210 and the rollout name one number."""
    file = tmp_path / "web.yaml"
    file.write_text(_SLOW)
    (numbers,) = (
        one.numbers for one in run(read([str(file)]), Options()).findings if one.rule == "HK210"
    )
    found = explain(workload(str(file))).rollout
    assert found is not None
    assert (numbers["needed"], found.needed, found.in_time) == (614.1, 614.1, False)


_SLOW = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  progressDeadlineSeconds: 613
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          ports: [{name: http, containerPort: 80}]
          startupProbe:
            httpGet: {path: /startupz, port: http}
            timeoutSeconds: 9
            periodSeconds: 10
            failureThreshold: 60
          readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5}
"""


def test_a_pod_that_is_never_ready_is_never_available() -> None:
    """Whatever the deadline is."""
    found = rollout(Container("app", startup=START, readiness=LOST), Container("b"))
    assert found.is_never_available
    assert (found.needed, found.in_time) == (None, False)


def test_without_a_limit_nobody_can_tell() -> None:
    """Neither what a pod needs, nor whether that is in time; and a Pod is not rolled out."""
    found = rollout(Container("app"))
    assert (found.needed, found.in_time) == (None, None)
    assert explain(pod(Container("app"))).rollout is None
    template = pod(Container("app", startup=START)).template
    daemons = explain(Workload("DaemonSet", "web", template)).rollout
    assert daemons is not None
    assert (daemons.deadline, daemons.in_time) == (None, None)


@given(EXPLANATIONS)
def test_what_is_told_holds_together(found: Explanation) -> None:
    """Moments are in order, spans begin before they end, and what is guaranteed is not killed."""
    for one in found.containers:
        if one.start is not None:
            assert one.start.guaranteed < one.start.latest < one.start.latest_hanging
            assert one.start.guaranteed < one.start.nominal
        for ending in one.endings:
            times = [moment.at for moment in ending.moments]
            assert times == sorted(times)
            assert ending.left >= timing.LEAST_GRACE


def test_a_port_with_a_name_is_found() -> None:
    """If the container declares it."""
    container = Container("app", ports=(Port(80, "web"),), liveness=LOST)
    assert told(container).start is not None


@pytest.mark.parametrize(
    ("hook", "takes"),
    [
        (Sleep(5), 5), (Sleep(0), 0), (TcpSocket(80), 0), (Exec(("/bin/sleep", "0.5")), 0.5),
        (Exec(("/bin/bash", "-ec", " exec sleep 2m; ")), 120), (Exec(("sleep", "1h")), 3600),
        (Exec(("sh", "-c", "sleep 5 && nginx -s quit")), 5),
        (Exec(("sleep", "infinity")), math.inf),
    ],
)  # fmt: skip
def test_a_hook_takes_what_the_linter_takes_it_to_take(hook: Hook, takes: float) -> None:
    """By whatever way it sleeps; one that can't be is over at once."""
    found = told(Container("app", pre_stop=hook)).endings[0].hook
    assert found is not None
    assert found.takes == takes


@pytest.mark.parametrize(
    "hook",
    [
        HttpGet("/drain"), Exec(("./drain.sh",)), Exec(("sh", "-c", "sleep 5; ./drain.sh")),
        Exec(("sh", "-c", "sleep $DELAY")), Exec(("sleep", "-1")), Exec(("sleep",)),
        Exec(("python", "-c", "sleep 5")),
    ],
)  # fmt: skip
def test_of_another_hook_nobody_can_tell(hook: Hook) -> None:
    """It may take as long as it wants."""
    found = told(Container("app", pre_stop=hook)).endings[0].hook
    assert found is not None
    assert found.takes is None


def test_a_hook_without_end_is_told_written_and_drawn() -> None:
    """As one that doesn't fit; JSON has no number for it."""
    found = explain(pod(Container("app", pre_stop=Exec(("sleep", "infinity")), liveness=PROBE)))
    assert found.containers[0].endings[0].at("sigterm") == 30
    assert "it never ends, and SIGTERM gets 2 s, no more" in " ".join(as_text(found).split())
    text = json.dumps(as_dict(found), allow_nan=False)
    ending = json.loads(text)["containers"][0]["endings"][0]
    assert (ending["hook"]["takes"], ending["hook_fits"]) == (None, False)
    assert "run sleep infinity" in svg([found])
