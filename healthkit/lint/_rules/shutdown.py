"""HK301, HK302, HK307 to HK309: the time between a deletion and SIGKILL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.lint._facts.hooks import length
from healthkit.lint._facts.inside import inside
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, probe_rule, workload_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose

#: What cloud autoscalers and node drains wait for at most, roughly.
MOST_GRACE: Final = 300

_GRACE: Final = "terminationGracePeriodSeconds"

#: Ports that only a scraper asks: it asks again.
_SCRAPED: Final = ("metrics", "prometheus", "monitoring", "telemetry")


@container_rule(
    About(
        id="HK301",
        severity=Severity.WARNING,
        title="SIGTERM comes before the last new connection",
        why="endpoints are withdrawn beside the signal and not before it: kube-proxy goes on "
        "sending connections for a second, load balancers for longer, and they are refused",
        fix="add a preStop hook, as in sleep: {seconds: 10}; or give the app a drain delay",
        source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/"
        "#pod-termination-flow",
        arithmetic=f"last new connection = {timing.PROXY_LAG:g} s after the deletion, measured on "
        "one node",
    )
)
def refuses_at_once(container: Container) -> Iterator[Found]:
    """Yield containers that serve and have nothing that delays their end."""
    healthkit = inside(container)
    delays = healthkit is not None and healthkit.drain_delay.seconds > 0
    if container.pre_stop or delays or all(_is_scraped(port) for port in container.service_ports):
        return
    lag = timing.PROXY_LAG
    yield Found(
        at=container.at / "lifecycle" / "preStop",
        what=f"there is no preStop hook, and new connections come for {lag:g} s or more",
        numbers={"last new connection": lag},
    )


def _is_scraped(port: Loose) -> bool:
    """Whether a Service's port is there for metrics alone."""
    return any(word in (port / "name").text.lower() for word in _SCRAPED)


@container_rule(
    About(
        id="HK302",
        severity=Severity.ERROR,
        title="the preStop hook takes the whole grace period",
        why="SIGTERM comes when the grace period is over, and SIGKILL 2 s later: the app has no "
        "time to end",
        fix=f"raise {_GRACE}, or shorten the hook",
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer: "
        "minimumGracePeriodInSeconds",
        arithmetic="left for SIGTERM = max(G - floor(H), 2), with G = grace period, H = hook",
    )
)
def hook_takes_all(container: Container) -> Iterator[Found]:
    """Yield hooks that take as long as the grace period, or longer."""
    hook, grace = length(container.pre_stop), container.workload.grace
    if not takes_all(container):
        return
    end = timing.end(grace, hook.least)
    is_refused = container.pre_stop / "sleep" and end.hook_is_cut
    yield Found(
        at=container.pre_stop,
        what=f"the hook takes {hook.shown} of a grace period of {grace} s: SIGTERM gets "
        f"{end.left:g} s",
        numbers={"hook": hook.number, "grace period": grace, "left for SIGTERM": end.left},
        why="the API server refuses a sleep longer than the grace period" if is_refused else None,
    )


def takes_all(container: Container) -> bool:
    """Whether a hook leaves SIGTERM what it gets anyway, and no more. Grace 0 is HK307's."""
    hook, grace = length(container.pre_stop), container.workload.grace
    return grace > 0 and 0 < hook.least >= timing.end(grace, hook.least).sigterm >= grace


@workload_rule(
    About(
        id="HK307",
        severity=Severity.WARNING,
        title="the grace period is 0",
        why="no hook is run, and SIGKILL follows SIGTERM at once: what is in flight is lost",
        fix=f"leave {_GRACE} out (30 s), or set what an end needs",
        source="kubernetes pkg/kubelet/pod_workers.go, calculateEffectiveGracePeriod; "
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced",
        arithmetic=f"the kubelet makes {timing.FORCED_GRACE} s of 0 s",
    )
)
def no_grace(workload: Workload) -> Iterator[Found]:
    """Yield workloads that go on to run, and may not end; advice where nobody asks for anything."""
    if workload.grace == 0 and not workload.ends:
        idle = not any(
            one.ports or one.service_ports or one.pre_stop for one in workload.containers
        )
        yield Found(
            at=workload.pod / _GRACE,
            what=f"{_GRACE} is 0",
            numbers={_GRACE: 0},
            severity=Severity.INFO if idle else None,
        )


@probe_rule(
    About(
        id="HK308",
        severity=Severity.WARNING,
        title="a kill by the probe cuts the preStop hook",
        why="the grace period of the probe counts in place of the pod's when it kills, and the "
        "hook counts against it",
        fix=f"raise {_GRACE} of the probe, or leave it out: then the pod's counts",
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go, "
        "setTerminationGracePeriod",
        arithmetic="cut if H > G, with H = hook, G = grace period of the probe",
    )
)
def cut_by_a_kill(probe: Probe) -> Iterator[Found]:
    """Yield liveness and startup probes with less grace than the hook takes."""
    at = probe.at / _GRACE
    grace = at.whole
    if probe.kind == "readiness" or grace is None or grace <= 0:
        return
    hook = length(probe.container.pre_stop)
    if timing.end(grace, hook.least).hook_is_cut:
        what = f"the hook takes {hook.shown}, and after a kill by this probe it has {grace} s"
        yield Found(at=at, what=what, numbers={"hook": hook.number, _GRACE: grace})


@workload_rule(
    About(
        id="HK309",
        severity=Severity.INFO,
        title="the grace period is longer than 5 minutes",
        why="node drains, autoscalers and spot instances give up earlier, and how much earlier "
        "depends on the cloud: what is in flight is lost then",
        fix="lower it; or say why it is needed, in the annotation healthkit/ignore.HK309",
        source="https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md, "
        "--max-graceful-termination-sec: 600 s by default",
    )
)
def long_grace(workload: Workload) -> Iterator[Found]:
    """Yield workloads with a very long grace period."""
    if workload.grace > MOST_GRACE:
        at = workload.pod / _GRACE
        yield Found(at=at, what=f"{_GRACE} is {workload.grace}", numbers={_GRACE: workload.grace})
