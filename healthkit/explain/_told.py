"""The numbers of a workload, put together: what becomes of each of its containers.

All arithmetic is `healthkit.timing`'s. Here is only which of its functions a manifest calls for:
without a startup probe the liveness probe decides of a start; a probe whose port there isn't
decides of nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit import timing
from healthkit.explain._asks import asks, is_lost
from healthkit.explain._qos import qos
from healthkit.explain._values import (
    Asked,
    Ending,
    Explanation,
    Hook,
    Moment,
    Rollout,
    Running,
    Start,
    Told,
)
from healthkit.lint._facts.hooks import NOTHING, Length, command_length
from healthkit.manifests import Exec, Sleep, TcpSocket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from healthkit.explain._values import Why
    from healthkit.manifests import Container, PodSpec, Probe, Workload
    from healthkit.manifests import Hook as Does


def explain(workload: Workload, container: str | None = None) -> Explanation:
    """Return what there is to tell of a workload.

    Args:
        workload: what `healthkit.manifests.read` has returned.
        container: the name of the only container to tell of; None is all of them. It is nobody's
            error if there is none of that name: then none is told of.
    """
    pod = workload.template
    told = [_told(one, pod) for one in _running_on(pod)]
    return Explanation(
        workload.kind,
        workload.name,
        workload.namespace,
        workload.source,
        workload.replicas,
        qos(pod),
        tuple(one.name for one in pod.init_containers if one.restart_policy != "Always"),
        tuple(one for one in told if container in {None, one.name}),
        _rollout(workload, told),
    )


def _running_on(pod: PodSpec) -> list[Container]:
    """Return the containers that go on to run: sidecars, in the order they start, come last."""
    sidecars = [one for one in pod.init_containers if one.restart_policy == "Always"]
    return [*pod.containers, *sidecars]


def _told(container: Container, pod: PodSpec) -> Told:
    probes = tuple(_asked(container))
    sound = {one.kind: one.probe for one in probes if not one.is_lost}
    lost = {one.kind for one in probes if one.is_lost}
    live, ready, startup = (sound.get(kind) for kind in ("liveness", "readiness", "startup"))
    if "startup" in lost:  # the others are never asked
        live = None
    policy = container.restart_policy or pod.restart_policy
    is_sidecar = container not in pod.containers
    return Told(
        container.name,
        is_sidecar,
        probes,
        _start(startup, live),
        _running(live, None if "startup" in lost else ready),
        tuple(_endings(container, pod, live, startup)),
        is_never_ready=bool(lost & {"startup", "readiness"}),
        restarts=policy != "Never",
    )


def _asked(container: Container) -> Iterator[Asked]:
    given = {
        "startup": container.startup,
        "liveness": container.liveness,
        "readiness": container.readiness,
    }
    for kind in ("startup", "liveness", "readiness"):
        probe = given[kind]
        if probe is not None:
            yield Asked(kind, asks(probe.handler), probe, is_lost(probe.handler, container))


# -- its start, and while it runs ------------------------------------------------------------------


def _start(startup: Probe | None, live: Probe | None) -> Start | None:
    probe = startup or live
    if probe is None:
        return None
    return Start(
        "liveness" if startup is None else "startup",
        probe.failure_threshold,
        timing.first_probe(probe),
        timing.guaranteed_boot(probe),
        timing.latest_kill(probe, 0),
        timing.latest_kill(probe),
        timing.documented_boot(probe),
    )


def _running(live: Probe | None, ready: Probe | None) -> Running:
    kill = None if live is None else timing.failed(live)
    if ready is None:
        return Running(kill)
    hanging = timing.withdrawn(ready).latest
    first = live is not None and timing.may_kill_first(live, ready)
    return Running(
        kill, timing.withdrawn(ready, 0), hanging, timing.readmitted(ready), kill_may_be_first=first
    )


# -- its end ---------------------------------------------------------------------------------------


def _endings(
    container: Container, pod: PodSpec, live: Probe | None, startup: Probe | None
) -> Iterator[Ending]:
    """Yield how it ends: by a deletion, and by each probe that may kill it."""
    grace, hook = pod.termination_grace_period, _hook(container)
    yield _ending("deletion", grace, hook, waits=container not in pod.containers)
    if live is not None:
        yield _ending("liveness", live.termination_grace_period or grace, hook)
    if startup is not None:
        yield _ending("startup", startup.termination_grace_period or grace, hook)


def _hook(container: Container) -> Hook | None:
    hook = container.pre_stop
    if hook is None:
        return None
    takes = NOTHING if is_lost(hook, container) else _takes(hook)
    return Hook(asks(hook), takes.least if takes.is_known else None, takes.least)


def _takes(hook: Does) -> Length:
    """Return what a hook takes.

    A tcpSocket fails at once: the API admits it and the kubelet has no such hook
    (pkg/kubelet/lifecycle/handlers.go, Run).
    """
    match hook:
        case TcpSocket():
            return NOTHING
        case Sleep(seconds):
            return Length(float(seconds), float(seconds))
        case Exec(command):
            return command_length(command)
        case _:
            return Length()


def _ending(why: Why, grace: int, hook: Hook | None, *, waits: bool = False) -> Ending:
    """Return how a container ends.

    A sidecar `waits` after its hook, as long as the grace period lasts: for the containers beside
    it, and for the sidecars that were started after it
    (pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer, and
    kuberuntime_termination_order.go, waitForTurn).
    """
    takes, whole = 0.0 if hook is None else hook.takes, float(max(grace, timing.FORCED_GRACE))
    overlong = hook is not None and hook.least >= whole
    # a hook of unknown length takes all the grace period at most, and so does waiting for others
    is_latest = (takes is None and not overlong) or waits
    last = timing.end(grace, whole if takes is None or waits else takes)
    moments = [Moment(0.0, "begin"), *([Moment(0.0, "prestop")] if hook else [])]
    if why == "deletion":
        moments.append(Moment(timing.PROXY_LAG, "last_connection"))
    moments.append(Moment(last.sigterm, "sigterm", is_latest))
    moments.append(Moment(last.sigkill, "sigkill", is_latest))
    ordered = tuple(sorted(moments, key=lambda one: one.at))
    fits = False if overlong else None if takes is None else True
    return Ending(why, grace, hook, ordered, last.left, fits, waits)


# -- a rollout -------------------------------------------------------------------------------------


def _rollout(workload: Workload, told: Sequence[Told]) -> Rollout | None:
    if workload.kind in {"Pod", "Job"}:
        return None
    deadline = workload.progress_deadline_seconds if workload.kind == "Deployment" else None
    never = any(one.is_never_ready for one in told)
    needed = None if never else _needed(told, workload.min_ready_seconds)
    return Rollout(workload.rolling_update, needed, deadline, is_never_available=never)


def _needed(told: Sequence[Told], min_ready: int) -> float | None:
    """Return what a pod may need by its probes until it is available.

    Sidecars are started before the others, one after the other; each waits for the startup probe
    of the one before it. The others are started together.
    """
    if all(one.start is None for one in told):
        return None
    before = [_latest(one) for one in told if one.is_sidecar and one.probe("startup")]
    needs: list[float] = []
    for one in told:
        ready, so_far = one.probe("readiness"), before.copy()
        if not one.is_sidecar:
            so_far.append(_latest(one))
        times = None if ready is None else ready.probe
        needs.append(timing.progress_needed(sum(so_far), times, min_ready))
    return max(needs)


def _latest(told: Told) -> float:
    """Return the end of the last probe that may still pass: it may take its whole timeout."""
    return 0.0 if told.start is None else told.start.latest_hanging
