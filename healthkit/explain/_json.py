"""A workload as JSON has it. The members are described in `healthkit._explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthkit.explain._values import Asked, Ending, Explanation, Rollout, Running, Start, Told
    from healthkit.timing import Span

#: What `json.dumps` takes.
Json = dict[str, object]


def as_dict(found: Explanation) -> Json:
    """Return what there is to tell of a workload, of values that JSON has. Times are seconds."""
    return {
        "kind": found.kind,
        "name": found.name,
        "namespace": found.namespace,
        "source": found.source,
        "replicas": found.replicas,
        "qos": {"class": found.qos.name, "why": found.qos.why},
        "init_containers": list(found.init_containers),
        "rollout": None if found.rollout is None else _rollout(found.rollout),
        "containers": [_told(one) for one in found.containers],
    }


def _rollout(how: Rollout) -> Json:
    update = how.update
    return {
        "max_surge": None if update is None else update.max_surge,
        "max_unavailable": None if update is None else update.max_unavailable,
        "needed": how.needed,
        "progress_deadline": how.deadline,
        "in_time": how.in_time,
    }


def _told(told: Told) -> Json:
    return {
        "name": told.name,
        "sidecar": told.is_sidecar,
        "never_ready": told.is_never_ready,
        "restarts": told.restarts,
        "probes": {one.kind: _asked(one) for one in told.probes},
        "start": None if told.start is None else _start(told.start),
        "running": _running(told.running),
        "endings": [_ending(one) for one in told.endings],
    }


def _asked(asked: Asked) -> Json:
    found = asked.probe
    return {
        "asks": asked.asks,
        "lost": asked.is_lost,
        "initial_delay": found.initial_delay,
        "period": found.period,
        "timeout": found.timeout,
        "success_threshold": found.success_threshold,
        "failure_threshold": found.failure_threshold,
    }


def _start(start: Start) -> Json:
    return {
        "decided_by": start.kind,
        "first_probe": _span(start.first),
        "guaranteed_boot": start.guaranteed,
        "nominal_boot": start.nominal,
        "latest_kill": start.latest,
        "latest_kill_hanging": start.latest_hanging,
    }


def _running(running: Running) -> Json:
    return {
        "kill": _span(running.kill),
        "leaves_endpoints": _span(running.leaves),
        "leaves_endpoints_hanging": running.leaves_hanging,
        "returns": running.returns,
        "kill_may_be_first": running.kill_may_be_first,
    }


def _ending(ending: Ending) -> Json:
    hook = ending.hook
    return {
        "why": ending.why,
        "grace": ending.grace,
        "hook": None if hook is None else {"does": hook.does, "takes": hook.takes},
        "hook_fits": ending.fits,
        "left_for_sigterm": ending.left,
        "waits_for_others": ending.waits,
        "moments": [
            {"at": one.at, "what": one.what, "latest": one.is_latest} for one in ending.moments
        ],
    }


def _span(found: Span | None) -> Json | None:
    return None if found is None else {"earliest": found.earliest, "latest": found.latest}
