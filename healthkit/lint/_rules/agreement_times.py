"""HK703 to HK705: whether the manifest gives the app the time that the app says it needs.

The surprising fact: healthkit's drain begins with SIGTERM, so that a hook which only sleeps is no
part of it: both are waited for, one after the other. ``healthkit drain`` as the hook is the drain,
and nothing is waited for twice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.lint._facts.hooks import drains, length
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule
from healthkit.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container
    from healthkit.manifests._app import AppSettings

#: What the README advises beside a hook that sleeps: enough for busy clients to be told.
_SHORT: Final = 1.0

#: What comes of two waits.
_TWICE: Final = "each end of a pod, and so each rollout, takes longer than it needs to"
_DISAGREE: Final = (
    "both wait until no new connection comes, and they disagree on how long that takes; as both "
    "count, each end of a pod takes longer than it needs to"
)


@container_rule(
    About(
        id="HK703",
        severity=Severity.WARNING,
        title="the hook's sleep and the app's drain_delay don't go together",
        why="the app hears of its end only after the hook: at SIGTERM a worker with nothing to do "
        "ends at once, and cuts kept connections without having said so",
        fix="set drain_delay to 1 beside a hook that sleeps",
        source="healthkit README, 'What begins it'",
        arithmetic="serving on after the deletion = hook + drain_delay, one after the other",
    )
)
def two_delays(container: Container) -> Iterator[Found]:
    """Yield hooks that sleep beside an app that doesn't wait at all, or waits once more."""
    app, sleep = _app(container), _slept(container)
    if app is None or not sleep or 0 < app.drain_delay <= _SHORT:
        return
    delay, together = app.drain_delay, timing.serving_on(sleep, app.drain_delay)
    numbers = {"hook": sleep, "drain_delay": delay, "together": together}
    if not delay:
        what = f"the hook sleeps {sleep:g} s, and {app.name} has no drain_delay after it"
        yield Found(at=container.pre_stop, what=what, numbers=numbers)
        return
    shorter = sleep < delay
    than = ", less than drain_delay" if shorter else ""
    yield Found(
        at=container.pre_stop,
        what=f"the hook sleeps {sleep:g} s{than}; after it {app.name} serves on for "
        f"drain_delay {delay:g} s: {together:g} s in all",
        why=_DISAGREE if shorter else _TWICE,
        fix="leave the hook out, or set drain_delay to 1",
        severity=None if shorter else Severity.INFO,
        numbers=numbers,
    )


@container_rule(
    About(
        id="HK704",
        severity=Severity.WARNING,
        title="the app's drain doesn't fit the pod's grace period",
        why="the kubelet kills what is in flight when the grace period is over",
        fix="raise terminationGracePeriodSeconds, and grace_period with it",
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer",
        arithmetic="needed = hook (not healthkit drain) + drain_delay + drain_timeout + "
        f"{timing.EXIT_RESERVE:g} s for the exit",
    )
)
def drain_too_long(container: Container) -> Iterator[Found]:
    """Yield pods whose grace period is shorter than the drain, or not what the app takes it for."""
    app = _app(container)
    if app is None:
        return
    grace, at = container.workload.grace, container.workload.pod / "terminationGracePeriodSeconds"
    needed = _needed(container, app)
    if needed > grace:
        what = f"{app.name} may take {needed:g} s to end ({_terms(container, app)}), and the grace "
        what += f"period is {grace} s"
        yield Found(at=at, what=what, numbers={"needed": needed, "grace": grace})
    elif app.grace_period != grace:
        more = app.grace_period > grace
        yield Found(
            at=at,
            what=f"{app.name} takes the grace period for {app.grace_period:g} s, and it is {grace}",
            why="what the app warns of at its start is computed with the wrong number",
            fix=f"set grace_period={grace}, or HEALTHKIT_GRACE_PERIOD",
            numbers={"grace_period": app.grace_period, "grace": grace},
            severity=None if more else Severity.INFO,
        )


def _slept(container: Container) -> float:
    """Return how long a hook sleeps that does nothing else; for ever is HK302's."""
    hook = length(container.pre_stop)
    return hook.least if hook.is_known and math.isfinite(hook.least) else 0.0


def _needed(container: Container, app: AppSettings) -> float:
    """Return the grace period that an app needs. Of an unknown hook nothing is counted."""
    hook = _hook(container)
    return timing.grace_needed(timing.serving_on(hook, app.drain_delay), app.drain_timeout)


def _terms(container: Container, app: AppSettings) -> str:
    hook = _hook(container)
    first = f"hook {hook:g} + " if hook else ""
    return (
        f"{first}drain_delay {app.drain_delay:g} + drain_timeout {app.drain_timeout:g} + "
        f"{timing.EXIT_RESERVE:g} for the exit"
    )


def _hook(container: Container) -> float:
    """Return what comes before the drain: `healthkit drain` is a part of it."""
    return 0.0 if drains(container) else _slept(container)


@container_rule(
    About(
        id="HK705",
        severity=Severity.WARNING,
        title="the app may take longer to get ready than the manifest gives it",
        why="the kubelet kills the container in the middle of it, and the next one begins anew",
        fix="raise failureThreshold, or ask /startupz, which doesn't wait for warm-ups",
        source="kubernetes pkg/kubelet/prober/worker.go, doProbe; "
        "pkg/controller/deployment/progress.go",
        arithmetic="budget = initialDelaySeconds (less 1 s if it isn't 0) + (failureThreshold - 1) "
        "* periodSeconds; ready after = the longer of start-up work and warm-ups, which begin "
        "together",
    )
)
def ready_too_late(container: Container) -> Iterator[Found]:
    """Yield probes that kill an app that warms up, and rollouts that give it up."""
    app = _app(container)
    if app is None or app.ready_after is None:
        return
    probe = container.probes.get("startup") or container.probes.get("liveness")
    if probe is not None and probe.http and app.warm_up:
        yield from _killed(probe, app, app.warm_up)
    yield from _given_up(container, app, app.ready_after)


def _killed(probe: Probe, app: AppSettings, warm_up: float) -> Iterator[Found]:
    """Hold a budget against the warm-up. That of start-up work alone is HK205's."""
    budget, endpoint = timing.guaranteed_boot(probe.times), app.endpoint(probe.path)
    declared = probe.container.declared_boot
    if budget >= warm_up or (declared is not None and budget < declared[0]):
        return
    numbers = {"budget": budget, "warm-up": warm_up}
    at = probe.at / "failureThreshold"
    what = f"{app.name} may warm up for {warm_up:g} s, and the {probe.kind} probe guarantees "
    if endpoint in {"ready", "health"}:
        wanted = timing.startup_for(warm_up, probe.times.period, probe.times.timeout)
        fix = f"set failureThreshold to {wanted.failure_threshold}, or ask /startupz: it is 200 "
        fix += "without the warm-ups"
        what = f"{probe.path} waits for the warm-up; {what}{budget:g} s"
        yield Found(at=at, what=what, fix=fix, numbers=numbers)
    elif endpoint == "startup":
        yield Found(
            at=at,
            what=f"{what}{budget:g} s: {probe.path} doesn't wait for it",
            why="that is no mistake: a pod that warms up has started, and readiness keeps it out "
            "of the Service meanwhile",
            fix="leave it, unless a warm-up that hangs should get the container killed",
            numbers=numbers,
            severity=Severity.INFO,
        )


def _given_up(container: Container, app: AppSettings, ready_after: float) -> Iterator[Found]:
    """Hold a Deployment's progress deadline against the time until the app is ready."""
    spec = container.workload.thing.root / "spec"
    at = spec / "progressDeadlineSeconds"
    if container.workload.kind != "Deployment":
        return
    startup, readiness = container.probes.get("startup"), container.probes.get("readiness")
    latest = ready_after if startup is None else timing.started(startup.times, ready_after)
    times = Timing() if readiness is None else readiness.times
    needed = timing.progress_needed(latest, times, (spec / "minReadySeconds").whole or 0)
    deadline = at.whole or timing.DEFAULT_PROGRESS
    if needed >= deadline:
        yield Found(
            at=at,
            what=f"{app.name} may be ready after {ready_after:g} s, and with its probes that needs "
            f"more than {needed:g} s of the {deadline} s",
            why="the rollout counts as failed while the pod is still warming up",
            fix=f"set progressDeadlineSeconds above {needed:.0f}",
            numbers={"needed": needed, "progressDeadlineSeconds": deadline},
        )


def _app(container: Container) -> AppSettings | None:
    return container.workload.manifests.app_of(container)
