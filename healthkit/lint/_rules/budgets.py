"""HK201 to HK204, HK206, HK207 and HK209: the numbers of one probe, and of two side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.lint._finding import Severity
from healthkit.lint._probe import DEFAULTS
from healthkit.lint._rule import About, Found, container_rule, probe_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from healthkit.lint._finding import Number
    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container

#: Below this a pause of the process is a kill: a collection of garbage, a throttled second.
LEAST_TO_KILL: Final = 20

#: Liveness that begins later than this stands in for a startup probe.
MOST_DELAY: Final = 30

#: Requests that fail for longer than this are no hiccup.
MOST_TO_WITHDRAW: Final = 60

#: Of these the API server makes the default if they are 0; a delay of 0 is none, and means it.
_NEVER_ZERO: Final = tuple(name for name, default in DEFAULTS.items() if default)

#: What says that a timeout is a second, with the words for it.
_A_SECOND: Final[Mapping[int | None, str]] = {
    None: "timeoutSeconds is not set, and the default is 1",
    0: "timeoutSeconds is 0, which means the default: 1",
    1: "timeoutSeconds is 1",
}


@probe_rule(
    About(
        id="HK201",
        severity=Severity.WARNING,
        title="the timeout of a probe is one second",
        why="a throttled CPU, a garbage collection or the start of an exec probe's process takes "
        "as long, and the probe fails although nothing is wrong",
        fix="set timeoutSeconds to 2 or more, up to periodSeconds",
        source="https://kubernetes.io/docs/tasks/configure-pod-container/"
        "configure-liveness-readiness-startup-probes/#configure-probes; Azure/AKS#2256, "
        "linkerd/linkerd2#9128, projectcalico/calico#4788",
    )
)
def hasty(probe: Probe) -> Iterator[Found]:
    """Yield HTTP and exec probes that have a second, by what is written or by the default."""
    at = probe.at / "timeoutSeconds"
    said = at.whole
    is_number = said is not None or not at
    if is_number and said in _A_SECOND and {"httpGet", "exec"}.intersection(probe.handlers):
        yield Found(at=at, what=_A_SECOND[said], numbers={"timeoutSeconds": 1})


@probe_rule(
    About(
        id="HK202",
        severity=Severity.WARNING,
        title="timeoutSeconds is longer than periodSeconds",
        why="probes of one kind never overlap: a hanging one stretches the period, and every "
        "budget with it",
        fix="set timeoutSeconds to periodSeconds at most",
        source="kubernetes pkg/kubelet/prober/worker.go, run: one probe at a time, one tick kept",
        arithmetic="distance of failing probes = max(periodSeconds, timeoutSeconds)",
    )
)
def stretched(probe: Probe) -> Iterator[Found]:
    """Yield probes that may take longer than their period."""
    times = probe.times
    if times.timeout > times.period:
        yield Found(
            at=probe.at / "timeoutSeconds",
            what=f"timeoutSeconds {times.timeout} is longer than periodSeconds {times.period}",
            numbers={"timeoutSeconds": times.timeout, "periodSeconds": times.period},
        )


@probe_rule(
    About(
        id="HK203",
        severity=Severity.WARNING,
        title="liveness kills after one failure, or within 20 seconds",
        why="one hiccup restarts the container, and a restart costs more than the hiccup",
        fix="raise failureThreshold to 3 or more, and the product with periodSeconds above 20 s",
        source="kubernetes pkg/kubelet/prober/worker.go, doProbe: failureThreshold in a row kill",
        arithmetic="from hang to kill, at the earliest = (F - 1) * max(P, T) + T, with "
        "F = failureThreshold, P = periodSeconds, T = timeoutSeconds",
    )
)
def trigger_happy(probe: Probe) -> Iterator[Found]:
    """Yield liveness probes that leave a container no time to recover."""
    if probe.kind != "liveness":
        return
    times, soonest = probe.times, timing.failed(probe.times).earliest
    if times.failure_threshold > 1 and soonest >= LEAST_TO_KILL:
        return
    after = "one failure" if times.failure_threshold == 1 else f"{times.failure_threshold} failures"
    yield Found(
        at=probe.at / "failureThreshold",
        what=f"a container that hangs is killed after {after}, from {soonest:g} s on",
        numbers={"failureThreshold": times.failure_threshold, "hang to kill": soonest},
    )


@container_rule(
    About(
        id="HK204",
        severity=Severity.WARNING,
        title="liveness may kill before readiness has withdrawn the container",
        why="an app that is only overloaded has no chance to shed its load first: it is killed "
        "while requests still come, and its load falls on the others",
        fix="give readiness fewer failures than liveness, or a shorter period",
        source="kubernetes pkg/kubelet/prober/worker.go: each probe has a ticker of its own",
        arithmetic="killed, at the earliest = (F - 1) * max(P, T) + T of liveness; "
        "withdrawn, at the latest = (F - 1) * max(P, T) + T + P of readiness",
    )
)
def kills_first(container: Container) -> Iterator[Found]:
    """Yield containers whose liveness probe is the quicker one."""
    liveness, readiness = (container.probes.get(kind) for kind in ("liveness", "readiness"))
    if liveness is None or readiness is None:
        return
    if timing.may_kill_first(liveness.times, readiness.times):
        kill = timing.failed(liveness.times).earliest
        withdrawn = timing.failed(readiness.times).latest
        what = f"liveness kills from {kill:g} s on, readiness withdraws within {withdrawn:g} s"
        numbers = {"earliest kill": kill, "latest withdrawal": withdrawn}
        yield Found(at=liveness.at, what=what, numbers=numbers)


@probe_rule(
    About(
        id="HK206",
        severity=Severity.INFO,
        title="liveness begins later than 30 seconds after the start",
        why="the delay holds at every restart too, however fast that start is, and a start that "
        "takes longer is killed all the same",
        fix="use a startupProbe: liveness begins when it has passed",
        source="https://kubernetes.io/docs/concepts/workloads/pods/probes/#startup-probe",
    )
)
def late(probe: Probe) -> Iterator[Found]:
    """Yield liveness probes with a long delay."""
    delay = probe.times.initial_delay
    if probe.kind == "liveness" and delay > MOST_DELAY:
        at = probe.at / "initialDelaySeconds"
        what = f"a container that hangs in its first {delay} s is not looked at"
        yield Found(at=at, what=what, numbers={"initialDelaySeconds": delay})


@probe_rule(
    About(
        id="HK207",
        severity=Severity.WARNING,
        title="readiness takes more than a minute to withdraw the container",
        why="until then it gets requests that it can't answer",
        fix="lower periodSeconds, or failureThreshold",
        source="kubernetes pkg/kubelet/prober/worker.go, doProbe: failureThreshold in a row count",
        arithmetic="withdrawn, at the latest = F * P, for an app that fails at once",
    )
)
def slow_to_withdraw(probe: Probe) -> Iterator[Found]:
    """Yield readiness probes with a long way to a verdict."""
    latest = timing.failed(probe.times, takes=0).latest
    if probe.kind == "readiness" and latest > MOST_TO_WITHDRAW:
        times = probe.times
        numbers: dict[str, Number] = {
            "periodSeconds": times.period,
            "failureThreshold": times.failure_threshold,
            "withdrawn, latest": latest,
        }
        what = f"an app that fails is withdrawn {latest:g} s later"
        yield Found(at=probe.at, what=what, numbers=numbers)


@probe_rule(
    About(
        id="HK209",
        severity=Severity.INFO,
        title="a number of a probe is written as 0",
        why="0 means the default and not zero: it says something else than it does",
        fix="write the number that is meant, or leave the field out",
        source="kubernetes pkg/apis/core/v1/defaults.go, SetDefaults_Probe",
    )
)
def zero(probe: Probe) -> Iterator[Found]:
    """Yield the fields that are 0 and mean something else."""
    for name in _NEVER_ZERO:
        at = probe.at / name
        if at.whole == 0:
            what = f"{name} is 0, which means the default: {DEFAULTS[name]}"
            yield Found(at=at, what=what, numbers={name: DEFAULTS[name]})
