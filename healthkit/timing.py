"""The arithmetic of probes and of a pod's end. Pure functions; all times are seconds.

It stands here once: the lint rules check it, `explain` tells it, `render` writes manifests by it,
and the simulator plays by it. What the kubelet does is said with the file of Kubernetes 1.36 that
does it; what was measured, was on one node of that version.

What is asked for is always a bound, because a probe's ticker does not begin with the container: it
begins at the pod's admission, so that the first probe comes anywhere in a period
(pkg/kubelet/prober/worker.go, run).

The surprising fact: ``failureThreshold * periodSeconds`` is not what a start may take. The first
probe may come at once, and then the last one that counts comes a whole period earlier than that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

#: What SIGTERM gets at least, whatever the hook has used up
#: (pkg/kubelet/kuberuntime/kuberuntime_container.go, minimumGracePeriodInSeconds).
LEAST_GRACE: Final = 2

#: What the kubelet makes of a grace period of 0 (pkg/kubelet/pod_workers.go,
#: calculateEffectiveGracePeriod).
FORCED_GRACE: Final = 1

#: Delays are compared in whole seconds, since a start that the API has cut to the whole second: a
#: probe may come this much early (pkg/kubelet/prober/worker.go, doProbe).
CUT: Final = 1.0

#: From the deciding answer of a probe to the changed EndpointSlice, at most (measured).
SLICE_LAG: Final = 0.1

#: From a pod's deletion, or from the changed EndpointSlice, to the last new connection that
#: kube-proxy still sends (measured on one node; more nodes and load balancers are slower).
PROXY_LAG: Final = 1.1

#: What the delay and the work in flight must leave of the grace period: the app's own shutdown, and
#: the exit.
EXIT_RESERVE: Final = 5.0

#: The grace period of a pod that says nothing (pkg/apis/core/v1/defaults.go, SetDefaults_PodSpec).
DEFAULT_GRACE: Final = 30

#: The same for the time that a Deployment's rollout may stand still (pkg/apis/apps/v1/defaults.go,
#: SetDefaults_Deployment).
DEFAULT_PROGRESS: Final = 600

#: How far apart two moments may be and still be one, in what was added up of floats.
_ONE_MOMENT: Final = 0.001


class Times(Protocol):
    """The numbers of a probe: `healthkit.manifests.Probe` has them, and so has `Timing`."""

    @property
    def initial_delay(self) -> int:
        """Seconds from the container's start, as the API shows it, to the first probe; from 0."""
        ...

    @property
    def period(self) -> int:
        """Seconds between probes; from 1."""
        ...

    @property
    def timeout(self) -> int:
        """Seconds after which a probe has failed; from 1."""
        ...

    @property
    def success_threshold(self) -> int:
        """How many successes in a row make a probe pass; from 1."""
        ...

    @property
    def failure_threshold(self) -> int:
        """How many failures in a row make it fail; from 1."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """The numbers of a probe, by themselves; the defaults are Kubernetes' own."""

    initial_delay: int = 0
    period: int = 10
    timeout: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Span:
    """When something happens, at the earliest and at the latest."""

    earliest: float
    latest: float


# -- the kubelet's own rules -----------------------------------------------------------------------


def delay_is_over(shown_start: float, now: float, initial_delay: int) -> bool:
    """Whether a container has run for its probe's delay.

    Args:
        shown_start: the container's start as the API shows it, cut to the whole second.
        now: the present, on the same clock.
        initial_delay: whole seconds.
    """
    return math.floor(now - shown_start + _ONE_MOMENT) >= initial_delay


def left_for_sigterm(grace: int, hook_took: float) -> int:
    """Return the seconds from SIGTERM to SIGKILL: whole seconds of the hook count, 2 are left.

    pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer and executePreStopHook.
    """
    return max(grace - math.floor(hook_took + _ONE_MOMENT), LEAST_GRACE)


# -- a start ---------------------------------------------------------------------------------------


def spacing(times: Times, takes: float = 0.0) -> float:
    """Return how far apart failing probes begin.

    Args:
        times: the probe's.
        takes: what one of them takes: 0 if it is refused, the timeout if the app hangs. Probes of
            one worker never overlap, and one tick waits: so a longer one stretches the period.
    """
    return max(float(times.period), takes)


def first_probe(times: Times) -> Span:
    """Return when the first probe comes, after the container's start.

    The ticker's phase may be anything; and a delay is counted from a start that was cut.
    """
    delay = times.initial_delay
    return Span(max(delay - CUT, 0.0), float(delay + times.period))


def guaranteed_boot(times: Times, takes: float = 0.0) -> float:
    """Return how long a start may take without a kill, whatever the ticker's phase.

    ``delay - 1 (if there is one) + (F - 1) * max(P, c) + c``: the last probe that counts ends then
    at the earliest, and it must be the first one that passes.

    Args:
        times: those of the startup probe; or of the liveness probe if there is none.
        takes: c, what one failing probe takes. 0 is an app that refuses connections until it
            listens, and the least.
    """
    return first_probe(times).earliest + _failing(times, takes)


def documented_boot(times: Times) -> int:
    """Return what the Kubernetes documentation says a start may take: ``delay + F * P``.

    It is no bound: `guaranteed_boot` is, and a period less if the first probe comes at once
    (kubernetes.io, "Configure Liveness, Readiness and Startup Probes").
    """
    return times.initial_delay + times.failure_threshold * times.period


def latest_kill(times: Times, takes: float | None = None) -> float:
    """Return when a container that never starts is killed, at the latest, after its start.

    ``delay + P + (F - 1) * max(P, c) + c``.

    Args:
        times: as for `guaranteed_boot`.
        takes: c; None is the timeout, and the most that a failure takes.
    """
    return first_probe(times).latest + _failing(times, _takes(times, takes))


def started(times: Times, boot: float) -> float:
    """Return when a startup probe has passed, at the latest, for an app that is up after `boot`.

    The next tick comes within a period of that, and not before the delay is over.
    """
    return max(boot, float(times.initial_delay)) + times.period + SLICE_LAG


def _failing(times: Times, takes: float) -> float:
    """Return the time from the begin of the first failing probe to the end of the last one."""
    return (times.failure_threshold - 1) * spacing(times, takes) + takes


def _takes(times: Times, takes: float | None) -> float:
    return float(times.timeout) if takes is None else takes


# -- while it runs ---------------------------------------------------------------------------------


def failed(times: Times, takes: float | None = None) -> Span:
    """Return the time from when an app goes wrong to when its probe has failed for good.

    For liveness that is the kill's beginning, for readiness the pod's unready status. From
    ``(F - 1) * max(P, c) + c`` to one period more.

    Args:
        times: the probe's.
        takes: c, what one failing probe takes; None is the timeout, as of an app that hangs; 0 is
            one that answers 503 at once.
    """
    least = _failing(times, _takes(times, takes))
    return Span(least, least + times.period)


def withdrawn(times: Times, takes: float | None = None) -> Span:
    """Return the time from when an app goes wrong to the last new connection it gets.

    As `failed`, and then the EndpointSlice and kube-proxy.
    """
    span = failed(times, takes)
    return Span(span.earliest, span.latest + SLICE_LAG + PROXY_LAG)


def may_kill_first(liveness: Times, readiness: Times) -> bool:
    """Whether liveness may kill an app that hangs before its unready status is sure to be there.

    Their tickers have different phases: liveness may be early by its own, and readiness late.
    """
    return failed(liveness).earliest < failed(readiness).latest


def readmitted(times: Times) -> float:
    """Return the time from an app's first good answer to new connections, at the latest.

    ``S * P``, and then the EndpointSlice and kube-proxy. It is often sooner: the kubelet asks an
    unready container at each sync of the pod's status, too.
    """
    return times.success_threshold * times.period + SLICE_LAG + PROXY_LAG


# -- an end ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class End:
    """When an ending container gets its signals, counted from the deletion or the kill."""

    sigterm: float
    #: If it has not ended by itself.
    sigkill: float
    #: Whether SIGTERM comes because the grace period is over, beside a hook that still runs.
    hook_is_cut: bool = False

    @property
    def left(self) -> float:
        """What the process has from SIGTERM on."""
        return self.sigkill - self.sigterm


def end(grace: int, hook: float = 0.0) -> End:
    """Return how a container ends.

    Args:
        grace: the grace period in whole seconds: the pod's, or for a kill by a probe that probe's.
        hook: what the preStop hook takes; 0 is none.
    """
    whole = max(grace, FORCED_GRACE)
    if hook >= whole:
        return End(float(whole), float(whole + LEAST_GRACE), hook_is_cut=hook > whole)
    return End(hook, hook + left_for_sigterm(whole, hook))


def serving_on(hook: float, drain_delay: float) -> float:
    """Return how long an app serves on after the deletion, which is the delay of `grace_needed`.

    Args:
        hook: seconds that a preStop hook sleeps. SIGTERM comes when it is over.
        drain_delay: seconds that the app serves on after SIGTERM; 0 if the hook is the drain.
    """
    return hook + drain_delay


def grace_needed(drain_delay: float, in_flight: float, reserve: float = EXIT_RESERVE) -> float:
    """Return the grace period that an end needs.

    Args:
        drain_delay: seconds of serving on after the deletion; a preStop hook that sleeps is one.
        in_flight: seconds that work in flight may take after that.
        reserve: seconds for the app's own shutdown and the exit; at least 2.
    """
    return drain_delay + in_flight + reserve


def progress_needed(
    latest_start: float, readiness: Times | None, min_ready: int = 0, pull: float = 0.0
) -> float:
    """Return what a Deployment's progressDeadlineSeconds must be more than.

    Each pod that gets available makes it begin anew (pkg/controller/deployment/progress.go), so it
    is what one pod needs: its image, its start, a readiness period, and minReadySeconds.

    Args:
        latest_start: when it has started, at the latest.
        readiness: its times; None is no such probe: it is ready when it has started.
        min_ready: minReadySeconds.
        pull: what its image takes.
    """
    asked = 0 if readiness is None else readiness.period
    return pull + latest_start + asked + SLICE_LAG + min_ready


# -- the other way round ---------------------------------------------------------------------------


def startup_for(boot: float, period: int, timeout: int) -> Timing:
    """Return the startup probe that guarantees a boot time.

    The least `failure_threshold` for which `guaranteed_boot` is no less than `boot`.
    """
    return Timing(0, period, timeout, 1, 1 + math.ceil(max(boot, 0.0) / period))


def start_needed(boot: float, startup: float = 0.0, warm_up: float = 0.0) -> float:
    """Return how long it takes until an app is ready, at the latest.

    Args:
        boot: seconds from the container's start until the app's port is open.
        startup: seconds of the work that the startup endpoint waits for, which begins then.
        warm_up: seconds of the work that readiness waits for, which begins at the same time.
    """
    return boot + max(startup, warm_up)


def exit_needed(limit: float, counted: float = 0.0) -> float:
    """Return the reserve that `grace_needed` takes, for a server with a limit of its own.

    Args:
        limit: seconds for which the server waits for what is in flight, or connected.
        counted: how many of them are the drain's, if the limit counts from the drain's beginning.
    """
    return max(EXIT_RESERVE, limit - counted + LEAST_GRACE)


def grace_for(
    drain_delay: float,
    in_flight: float,
    reserve: float = EXIT_RESERVE,
    least: int = DEFAULT_GRACE,
) -> int:
    """Return the grace period for an end in whole seconds, as the API wants them.

    Args:
        drain_delay: as for `grace_needed`.
        in_flight: as for `grace_needed`.
        reserve: as for `grace_needed`.
        least: what it is at least.
    """
    return max(least, math.ceil(grace_needed(drain_delay, in_flight, reserve)))


def progress_for(
    latest_start: float, readiness: Times, min_ready: int = 0, pull: float = 0.0
) -> int:
    """Return the least progressDeadlineSeconds that is enough; see `progress_needed`."""
    return math.floor(progress_needed(latest_start, readiness, min_ready, pull)) + 1
