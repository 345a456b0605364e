"""What the API says of pods, slices and rollouts, as values. Pure functions of its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Required, TypedDict, cast

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Condition(TypedDict, total=False):
    type: Required[str]
    status: Required[str]
    reason: str


class _Ended(TypedDict, total=False):
    startedAt: str
    finishedAt: str
    exitCode: int


class _State(TypedDict, total=False):
    running: _Ended
    terminated: _Ended


class _Container(TypedDict, total=False):
    ready: bool
    started: bool
    restartCount: int
    state: _State
    lastState: _State


class _Metadata(TypedDict, total=False):
    name: Required[str]
    uid: Required[str]
    deletionTimestamp: str
    finalizers: list[str]
    generation: int


class _PodStatus(TypedDict, total=False):
    podIP: str
    phase: str
    conditions: list[_Condition]
    containerStatuses: list[_Container]


class _PodObject(TypedDict, total=False):
    metadata: Required[_Metadata]
    status: _PodStatus


class _Serves(TypedDict, total=False):
    ready: bool
    serving: bool
    terminating: bool


class _Reference(TypedDict, total=False):
    name: str


class _Endpoint(TypedDict, total=False):
    addresses: Required[list[str]]
    conditions: _Serves
    targetRef: _Reference


class _Slice(TypedDict, total=False):
    endpoints: list[_Endpoint] | None


class _DeploymentSpec(TypedDict):
    replicas: int


class _DeploymentStatus(TypedDict, total=False):
    observedGeneration: int
    replicas: int
    updatedReplicas: int
    availableReplicas: int
    conditions: list[_Condition]


class _DeploymentObject(TypedDict, total=False):
    metadata: Required[_Metadata]
    spec: Required[_DeploymentSpec]
    status: _DeploymentStatus


class _Event(TypedDict, total=False):
    reason: str
    message: str
    firstTimestamp: str | None
    eventTime: str | None
    involvedObject: _Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod with one container, as the API shows it. Times are seconds since the epoch."""

    name: str
    uid: str
    #: Empty until it has one.
    ip: str
    ending: bool
    #: By type; a condition that is missing is not here.
    conditions: dict[str, str]
    running: bool
    #: Whether its startup probe has passed.
    started: bool
    restarts: int
    #: Of the container that runs; None if none does.
    began: float | None
    #: Of the container before it: None if there was none.
    last_began: float | None
    last_ended: float | None
    last_code: int | None

    @property
    def ready(self) -> bool:
        """Whether it is Ready."""
        return self.conditions.get("Ready") == "True"

    @property
    def up(self) -> bool:
        """Whether it can be asked over the network."""
        return self.running and bool(self.ip) and not self.ending


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a Service's slices say of one pod."""

    pod: str
    address: str
    ready: bool
    serving: bool
    terminating: bool


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a Deployment is."""

    wanted: int
    replicas: int
    updated: int
    available: int
    observed: bool
    #: Of the condition Progressing: status and reason.
    progressing: tuple[str, str]
    finalizers: tuple[str, ...]
    ending: bool

    @property
    def complete(self) -> bool:
        """Whether all pods are new ones, available, and alone: what `kubectl rollout status` asks.

        k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go.
        """
        counts = {self.replicas, self.updated, self.available}
        return self.observed and counts == {self.wanted}


def seconds(written: str) -> float:
    """Read a time of the API: RFC 3339, in UTC."""
    return datetime.fromisoformat(written).timestamp()


def pods(text: str) -> tuple[Pod, ...]:
    """Read a list of pods, by name."""
    found = map(_pod, cast("Iterable[_PodObject]", _items(text)))
    return tuple(sorted(found, key=lambda pod: pod.name))


def _items(text: str) -> Iterable[object]:
    listed: dict[str, Iterable[object]] = json.loads(text)
    return listed["items"]


def _pod(found: _PodObject) -> Pod:
    metadata, status = found["metadata"], found.get("status", {})
    container = next(iter(status.get("containerStatuses") or []), _Container())
    began = container.get("state", {}).get("running", {}).get("startedAt")
    last = container.get("lastState", {}).get("terminated", {})
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        ip=status.get("podIP", ""),
        ending="deletionTimestamp" in metadata,
        conditions={one["type"]: one["status"] for one in status.get("conditions") or []},
        running="running" in container.get("state", {}),
        started=container.get("started", False),
        restarts=container.get("restartCount", 0),
        began=_when(began),
        last_began=_when(last.get("startedAt")),
        last_ended=_when(last.get("finishedAt")),
        last_code=last.get("exitCode"),
    )


def _when(written: str | None) -> float | None:
    return None if written is None else seconds(written)


def endpoints(text: str) -> tuple[Endpoint, ...]:
    """Read what a list of a Service's EndpointSlices says of each pod.

    Conditions that are missing are as the API's documentation says: ready and serving then.
    """
    slices = cast("Iterable[_Slice]", _items(text))
    return tuple(_endpoint(one) for each in slices for one in each.get("endpoints") or [])


def _endpoint(found: _Endpoint) -> Endpoint:
    conditions = found.get("conditions", {})
    return Endpoint(
        pod=found.get("targetRef", {}).get("name", ""),
        address=found["addresses"][0],
        ready=conditions.get("ready", True),
        serving=conditions.get("serving", True),
        terminating=conditions.get("terminating", False),
    )


def admitted(found: Iterable[Endpoint]) -> frozenset[str]:
    """Return the names of the pods that get the Service's traffic."""
    return frozenset(one.pod for one in found if one.ready)


def rollout(text: str) -> Rollout:
    """Read a Deployment."""
    found: _DeploymentObject = json.loads(text)
    metadata, status = found["metadata"], found.get("status", {})
    conditions = status.get("conditions") or []
    progressing = (one for one in conditions if one["type"] == "Progressing")
    said = next(progressing, _Condition(type="Progressing", status=""))
    return Rollout(
        wanted=found["spec"]["replicas"],
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        available=status.get("availableReplicas", 0),
        observed=status.get("observedGeneration", 0) >= metadata.get("generation", 0),
        progressing=(said["status"], said.get("reason", "")),
        finalizers=tuple(metadata.get("finalizers", ())),
        ending="deletionTimestamp" in metadata,
    )


def events(text: str, reason: str) -> tuple[tuple[float, str], ...]:
    """Return when events of a reason were first seen, and what they say; in that order."""
    found = [one for one in cast("Iterable[_Event]", _items(text)) if one.get("reason") == reason]
    told = [(_first_seen(one), one.get("message", "")) for one in found]
    return tuple(sorted(told))


def about(text: str, prefix: str) -> list[str]:
    """Return what events say about objects whose names begin so, with the names."""
    found = cast("Iterable[_Event]", _items(text))
    told = [(one.get("involvedObject", {}).get("name", ""), one) for one in found]
    return [f"{name}: {one.get('message', '')}" for name, one in told if name.startswith(prefix)]


def _first_seen(event: _Event) -> float:
    return seconds(event.get("firstTimestamp") or event.get("eventTime") or "1970-01-01T00:00:00Z")
