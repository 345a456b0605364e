"""The quality-of-service class of a pod, and why it has it.

The rules are those of kubernetes 1.36 pkg/apis/core/v1/helper/qos/qos.go (ComputePodQOS), with the
defaults of pkg/apis/core/v1/defaults.go before them: a limit is a request too where none is
written. Init containers and sidecars count as the others do. What is written for the pod as a whole
counts alone.

The surprising fact: of all resources only cpu and memory count, and one container that asks for
nothing is enough to make a pod Burstable whose others are all Guaranteed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

from healthkit.manifests._quantity import quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from healthkit.manifests import Container, PodSpec, Resources

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]

#: Those that count.
_COUNTED: Final = ("cpu", "memory")

#: What the class means when a node's memory runs out, or somebody has to make room
#: (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/).
MEANS: Final[Mapping[QosClass, str]] = {
    "Guaranteed": "it is the last to go when the node's memory runs out",
    "Burstable": "it goes before Guaranteed pods when the node's memory runs out, "
    "if it uses more than it asked for",
    "BestEffort": "it is among the first to go when the node's memory runs out",
}


@dataclass(frozen=True, slots=True)
class Qos:
    """A pod's class."""

    name: QosClass
    #: What makes it so, in one sentence.
    why: str


def qos(pod: PodSpec) -> Qos:
    """Return the class of a pod."""
    if pod.resources is not None:
        return _of("the pod as a whole", _defaulted(pod.resources, _asked(pod)), pod.resources)
    everyone = [*pod.init_containers, *pod.containers]
    found = [_of(one.name, _requests(one.resources), one.resources) for one in everyone]
    burstable = [one for one in found if one.name == "Burstable"]
    if burstable:
        return burstable[0]
    if len({one.name for one in found}) > 1:
        names = [one.name for one, its in zip(everyone, found, strict=True) if _is_nothing(its)]
        return Qos("Burstable", f"{names[0]} asks for neither cpu nor memory, and others do")
    if _is_nothing(found[0]):
        return Qos("BestEffort", "no container asks for cpu or memory")
    return Qos("Guaranteed", "requests and limits are equal, for cpu and memory, everywhere")


def _is_nothing(found: Qos) -> bool:
    return found.name == "BestEffort"


def _of(name: str, requests: Mapping[str, Fraction], resources: Resources) -> Qos:
    """Return the class of one set of resources, and whose fault it is."""
    limits = _values(resources.limits)
    asked = [one for one in _COUNTED if requests.get(one) or limits.get(one)]
    if not asked:
        return Qos("BestEffort", f"{name} asks for neither cpu nor memory")
    for one in _COUNTED:
        if one not in asked:
            return Qos("Burstable", f"{name} asks for {asked[0]}, and not for {one}")
        if requests.get(one, Fraction(0)) != limits.get(one, Fraction(0)):
            return Qos("Burstable", f"{name}: {_unequal(one, resources)}")
    return Qos("Guaranteed", f"{name} has equal requests and limits, for cpu and memory")


def _unequal(one: str, resources: Resources) -> str:
    """Say how a request differs from its limit."""
    request, limit = resources.requests.get(one), resources.limits.get(one)
    asked = f"its {one} request is {request}" if request else f"it has no {one} request of its own"
    return f"{asked}, and its limit {'is ' + limit if limit else 'is not set'}"


def _values(given: Mapping[str, str]) -> dict[str, Fraction]:
    return {name: quantity(given[name]) for name in _COUNTED if name in given}


def _requests(resources: Resources) -> dict[str, Fraction]:
    """Return what is asked for, by the limits where nothing is (SetDefaults_Pod)."""
    return _values(resources.limits) | _values(resources.requests)


def _defaulted(resources: Resources, asked: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Return what a pod asks for (defaultPodRequests): by its containers, else by its limits.

    Nothing is filled in for one without limits.
    """
    own, limits = _values(resources.requests), _values(resources.limits)
    return limits | {**asked, **own} if resources.limits else own


def _asked(pod: PodSpec) -> dict[str, Fraction]:
    """Return what the containers ask for together, or the most that a start needs.

    component-helpers/resource/helpers.go, AggregateContainerRequests: init containers run one
    after the other, beside the sidecars that have been started before them.
    """
    found = {one: _sum(one, pod.containers) for one in _COUNTED}
    sidecars = [one for one in pod.init_containers if one.restart_policy == "Always"]
    for one in _COUNTED:
        found[one] += _sum(one, sidecars)
        for place, container in enumerate(pod.init_containers):
            beside = [other for other in pod.init_containers[:place] if other in sidecars]
            found[one] = max(found[one], _sum(one, [*beside, container]))
    return {one: value for one, value in found.items() if value}


def _sum(resource: str, containers: Iterable[Container]) -> Fraction:
    """Return what containers ask for of one resource, together."""
    asked = (_requests(one.resources).get(resource, Fraction(0)) for one in containers)
    return sum(asked, Fraction(0))
