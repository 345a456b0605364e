"""A workload as JSON has it. The members are described in `healthkit._explain`."""

from __future__ import annotations

import math
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
        "needed": _seconds(how.needed),
        "progress_deadline": how.deadline,
        "in_time": how.in_time,
        "never_available": how.is_never_available,
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
        "guaranteed_boot": _seconds(start.guaranteed),
        "documented_boot": _seconds(start.nominal),
        "latest_kill": _seconds(start.latest),
        "latest_kill_hanging": _seconds(start.latest_hanging),
    }


def _running(running: Running) -> Json:
    return {
        "kill": _span(running.kill),
        "leaves_endpoints": _span(running.leaves),
        "leaves_endpoints_hanging": _seconds(running.leaves_hanging),
        "returns": _seconds(running.returns),
        "kill_may_be_first": running.kill_may_be_first,
    }


def _ending(ending: Ending) -> Json:
    hook = ending.hook
    return {
        "why": ending.why,
        "grace": ending.grace,
        "hook": None if hook is None else {"does": hook.does, "takes": _seconds(hook.takes)},
        "hook_fits": ending.fits,
        "left_for_sigterm": _seconds(ending.left),
        "waits_for_others": ending.waits,
        "moments": [
            {"at": _seconds(one.at), "what": one.what, "latest": one.is_latest}
            for one in ending.moments
        ],
    }


def _span(found: Span | None) -> Json | None:
    if found is None:
        return None
    return {"earliest": _seconds(found.earliest), "latest": _seconds(found.latest)}


def _seconds(value: float | None) -> float | None:
    """Return seconds without what adding up floats has left behind the thousandths.

    For ever is no number in JSON.
    """
    return None if value is None or math.isinf(value) else round(value, 3)
