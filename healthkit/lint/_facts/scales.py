"""How many pods a workload has: by its own word, or by whoever scales it.

An autoscaler gives a range. What scales a workload by rules that are not known here (KEDA's
ScaledObject, an operator's own) leaves it open, and so does what makes a pod on each node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Workload

#: What has a scale (kubernetes 1.36 pkg/controller/disruption/disruption.go, finders).
SCALED: Final = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})

#: How objects name what they scale. KEDA's kind is a Deployment if it says none.
_REFERENCES: Final = ("scaleTargetRef", "workloadRef")

#: As many as there may ever be: an int32.
MANY: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Scale:
    """A workload's number of pods."""

    least: int
    most: int
    #: Whether nobody has said it: 1 is what the API server makes of that, if nobody scales it
    #: later.
    assumed: bool = False


#: Nothing is known.
OPEN: Final = Scale(MANY, MANY)


def scale_of(workload: Workload) -> Scale:
    """Return a workload's number of pods."""
    if workload.kind not in SCALED:
        return OPEN
    said = (workload.thing.root / "spec" / "replicas").whole
    scalers = _scalers(workload)
    if said == 0:
        return Scale(0, 0)  # an autoscaler leaves it at that
    if any(one.kind != "HorizontalPodAutoscaler" or not one.is_known for one in scalers):
        return OPEN
    if scalers:
        return _range(scalers)
    return Scale(1, 1, assumed=True) if said is None else Scale(said, said)


def _scalers(workload: Workload) -> list[Thing]:
    """Return what scales a workload: of its namespace, or else of one that may be the same."""
    named = workload.manifests.scalers.get((workload.kind, workload.name), [])
    found = [one for one in named if one.may_share(workload.thing)]
    return [one for one in found if one.namespace == workload.namespace] or found


def scaled_by(thing: Thing) -> set[tuple[str, str]]:
    """Return what an object scales: kind and name."""
    found = [thing.root / "spec" / name for name in _REFERENCES]
    return {((one / "kind").text or "Deployment", (one / "name").text) for one in found if one}


def _range(autoscalers: list[Thing]) -> Scale:
    """Return the range of autoscalers: from 1, if they don't say (HorizontalPodAutoscalerSpec)."""
    specs = [one.root / "spec" for one in autoscalers]
    least = [(one / "minReplicas").whole for one in specs]
    most = [(one / "maxReplicas").whole for one in specs]
    return Scale(
        min(1 if one is None else one for one in least),
        max(MANY if one is None else one for one in most),
    )
