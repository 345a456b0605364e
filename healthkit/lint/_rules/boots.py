"""HK205, HK208, HK210 and HK211: how long a start may take, and who waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit._validate import duration
from healthkit.errors import ConfigError
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, workload_rule
from healthkit.lint._workload import BOOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._finding import Number
    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose

#: A new pod waits for the next startup probe for this long, at most, without anybody minding.
MOST_PERIOD: Final = 10

#: Nobody watches a broken image for longer than half an hour.
MOST_BOOT: Final = 1800


@workload_rule(
    About(
        id="HK205",
        severity=Severity.WARNING,
        title="a start may take longer than the probes allow",
        why="the container is killed in the middle of its start, and the next start takes as long",
        fix="raise failureThreshold of the startupProbe",
        source="kubernetes pkg/kubelet/prober/worker.go, run: the first probe comes anywhere in a "
        "period",
        arithmetic="guaranteed = max(D - 1, 0) + (F - 1) * P, with D = initialDelaySeconds, "
        "F = failureThreshold, P = periodSeconds; D + F * P, as the documentation of Kubernetes "
        "says, is a period more, and only there if the first probe comes late",
    )
)
def killed_while_booting(workload: Workload) -> Iterator[Found]:
    """Yield what is killed before it is up, and a declaration that is no duration."""
    yield from no_duration(workload, BOOT)
    for container in _booting(workload):
        probe = container.probes.get("startup") or container.probes.get("liveness")
        declared = container.declared_boot
        if probe is not None and declared is not None:
            yield from _too_short(probe, *declared)


def no_duration(workload: Workload, annotation: str) -> Iterator[Found]:
    """Yield an annotation that should be a duration, and is none."""
    at = annotation_at(workload, annotation)
    try:
        duration(annotation, at.text or "0")
    except ConfigError as exc:
        yield Found(at=at, what=str(exc), why="so it says nothing", fix="write it as in 90s or 2m")


def annotation_at(workload: Workload, annotation: str) -> Loose:
    """Return where an annotation stands: that of the pods' template counts if there are two."""
    places = [workload.template, workload.thing.root]
    found = [one / "metadata" / "annotations" / annotation for one in places]
    return found[0] or found[1]


def _booting(workload: Workload) -> list[Container]:
    """Return the containers whose start is meant, when somebody says how long that takes.

    The app's; else, of several, those that serve: a sidecar beside them is up at once.
    """
    mains = [one for one in workload.containers if not one.sidecar]
    apps = [one for one in mains if workload.manifests.app_of(one)]
    if apps:
        return apps
    serving = [one for one in mains if one.service_ports]
    return serving if len(mains) > 1 and serving else mains


def _too_short(probe: Probe, declared: float, said_by: str) -> Iterator[Found]:
    guaranteed = timing.guaranteed_boot(probe.times)
    if guaranteed >= declared:
        return
    documented = timing.documented_boot(probe.times)
    what = (
        f"{said_by} says that a start takes {declared:g} s, and {probe.field} guarantees "
        f"{guaranteed:g} s (failureThreshold * periodSeconds says {documented} s)"
    )
    fix = None
    if probe.kind == "startup":
        wanted = timing.startup_for(declared, probe.times.period, probe.times.timeout)
        fix = f"set failureThreshold to {wanted.failure_threshold} or more"
    numbers: dict[str, Number] = {
        "declared": declared,
        "guaranteed": guaranteed,
        "failureThreshold * periodSeconds": documented,
    }
    yield Found(
        at=probe.at,
        what=what,
        numbers=numbers,
        fix=fix or "use a startupProbe with a budget of its own",
        container=probe.container.name,
    )


@container_rule(
    About(
        id="HK208",
        severity=Severity.INFO,
        title="a rollout waits for a probe that could have come sooner",
        why="these seconds are lost with each new pod of each rollout",
        fix="set periodSeconds of the startupProbe to 1 to 10, and no delay of readiness beside it",
        source="kubernetes pkg/kubelet/prober/prober_manager.go: readiness begins when the startup "
        "probe has passed",
        arithmetic="lost, at most = periodSeconds of the startup probe",
    )
)
def idle(container: Container) -> Iterator[Found]:
    """Yield startup probes that come seldom, and delays beside a startup probe."""
    startup, readiness = (container.probes.get(kind) for kind in ("startup", "readiness"))
    if startup is None:
        return
    if startup.times.period > MOST_PERIOD:
        what = f"a container that is up waits up to {startup.times.period} s for its startup probe"
        at = startup.at / "periodSeconds"
        yield Found(at=at, what=what, numbers={"periodSeconds": startup.times.period})
    if readiness is not None and readiness.times.initial_delay > 0:
        delay = readiness.times.initial_delay
        what = f"readiness waits until {delay} s after the start, beside a startup probe"
        at = readiness.at / "initialDelaySeconds"
        yield Found(at=at, what=what, numbers={"initialDelaySeconds": delay})


@workload_rule(
    About(
        id="HK210",
        severity=Severity.WARNING,
        title="a start may take longer than a rollout is waited for",
        why="the rollout is told to have failed while its pods still start as they may, and who "
        "waits for it (helm --wait, kubectl rollout status) rolls back",
        fix="raise progressDeadlineSeconds, or lower the startup probe's budget; a delay that long "
        "is better a startup probe",
        source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/"
        "#progress-deadline-seconds",
        arithmetic="needed = D + P + (F - 1) * max(P, T) + T of the startup probe + P of readiness "
        "+ 0.1 + minReadySeconds; the image's pull comes on top. Without a startup probe, the "
        "longest initialDelaySeconds is in place of what it takes",
    )
)
def outlasts_the_deadline(workload: Workload) -> Iterator[Found]:
    """Yield Deployments whose pods may start for longer than their deadline."""
    if workload.kind != "Deployment":
        return
    spec = workload.thing.root / "spec"
    deadline = (spec / "progressDeadlineSeconds").whole
    deadline = timing.DEFAULT_PROGRESS if deadline is None else deadline
    for container in workload.containers:
        waits = _longest_wait(container)
        if waits is None:
            continue
        at, seconds = waits
        readiness = container.probes.get("readiness")
        needed = timing.progress_needed(
            seconds,
            readiness.times if readiness else None,
            (spec / "minReadySeconds").whole or 0,
        )
        if needed >= deadline:
            what = f"a pod may take {needed:g} s to be available, and the deadline is {deadline} s"
            yield Found(
                at=at,
                what=what,
                numbers={"needed": needed, "progressDeadlineSeconds": deadline},
                container=container.name,
            )


def _longest_wait(container: Container) -> tuple[Loose, float] | None:
    """Return which probe gives a start its time, and how long that is; None if none does.

    Without a startup probe an initialDelaySeconds says what a start takes.
    """
    startup = container.probes.get("startup")
    if startup is not None:
        return startup.at, timing.latest_kill(startup.times)
    probes = container.probes.values()
    slowest = max(probes, key=lambda one: one.times.initial_delay, default=None)
    if slowest is None or not slowest.times.initial_delay:
        return None
    return slowest.at / "initialDelaySeconds", slowest.times.initial_delay


@container_rule(
    About(
        id="HK211",
        severity=Severity.INFO,
        title="a start may take more than half an hour",
        why="an image that can't start is noticed as late as that",
        fix="lower failureThreshold of the startupProbe to what a start really takes",
        source="https://kubernetes.io/docs/concepts/workloads/pods/probes/#startup-probe",
        arithmetic="guaranteed = max(D - 1, 0) + (F - 1) * P of the startup probe",
    )
)
def patient(container: Container) -> Iterator[Found]:
    """Yield startup probes that wait for very long."""
    startup = container.probes.get("startup")
    if startup is None:
        return
    boot = timing.guaranteed_boot(startup.times)
    if boot > MOST_BOOT:
        what = f"the startup probe waits for {boot:g} s before it gives up"
        yield Found(at=startup.at, what=what, numbers={"guaranteed": boot})
