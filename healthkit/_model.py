"""The words: phases, probes, outcomes, states, and the report from which every answer is made.

Nothing here knows time, tasks or ASGI. Members are strings, so that ``health.phase == "serving"``
holds and so that a log record or an answer needs no conversion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Phase(StrEnum):
    """Where one life of the process stands, from a lifespan's start to its end."""

    #: The app's lifespan or registered start-up work is not done: the startup probe fails, and the
    #: kubelet asks neither liveness nor readiness while it does.
    STARTING = "starting"
    #: Started, but a required warm-up is not done: alive and reachable, not in the endpoints yet.
    WARMING = "warming"
    #: Ready, unless a condition (a failing check, a pause, failed liveness) says otherwise.
    SERVING = "serving"
    #: Told to end: unready at once, alive until the process exits, still serving what arrives.
    DRAINING = "draining"
    #: The server has said goodbye. The next lifespan begins anew at ``STARTING``.
    STOPPED = "stopped"


class Probe(StrEnum):
    """The four questions, named as in ``livenessProbe``, ``readinessProbe``, ``startupProbe``."""

    #: Failing means: kill the container. Nothing but the process itself decides it.
    LIVE = "live"
    #: Failing means: send no traffic.
    READY = "ready"
    #: Failing means: not started yet; for too long, it means kill the container.
    STARTUP = "startup"
    #: For balancers that put in, take out *and kill* by one answer (an ALB in front of ECS).
    HEALTH = "health"


class Outcome(StrEnum):
    """How one run of a check ended: the three results that a kubelet's probe has too."""

    #: It returned.
    SUCCESS = "success"
    #: It returned ``False``, raised, or took longer than its timeout.
    FAILURE = "failure"
    #: It raised what its `unknown` names: the diagnosis broke, and the last state stands.
    UNKNOWN = "unknown"


class CheckState(StrEnum):
    """What the runs of a check have come to. A required check is in the way unless it passes."""

    #: No threshold has been reached yet.
    PENDING = "pending"
    #: The last threshold that was reached is that of successes.
    PASSING = "passing"
    #: The last threshold that was reached is that of failures.
    FAILING = "failing"
    #: The last success or failure is older than `max_age`: nobody knows.
    STALE = "stale"


class WorkState(StrEnum):
    """Where one piece of work stands in one life."""

    #: Not done yet: running, or waiting for its next attempt.
    PENDING = "pending"
    #: It returned.
    DONE = "done"
    #: Its last attempt failed. Final.
    FAILED = "failed"


class Kind(StrEnum):
    """What a component is."""

    #: The app's own lifespan start-up, and registered start-up work.
    STARTUP = "startup"
    WARMUP = "warmup"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether readiness was taken off by hand, and when that was said: the last word holds."""

    #: CLOCK_MONOTONIC in nanoseconds; 0 if nobody has ever said anything.
    said: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """One named thing that readiness may depend on, as it stands. Nothing here is a secret."""

    name: str
    kind: Kind
    state: WorkState | CheckState
    required: bool = True
    #: What anybody may read beside the state: ``41 %`` of work, ``hanging`` of a check.
    note: str = ""
    #: Work that has missed its deadline, or a run that does not end: a symptom, no state.
    overdue: bool = False
    #: How often work was attempted, the present attempt included.
    attempts: int = 0
    #: How much of the work is done, from 0 to 1; None if it does not say.
    progress: float | None = None
    #: Seconds since the last success or failure of a check; None before the first.
    age: float | None = None
    #: When that was, in Unix time.
    time: float | None = None
    #: How long the last run of a check took, in seconds; None before the end of the first.
    duration: float | None = None
    #: How many runs have ended, by how.
    runs: Mapping[Outcome, int] = field(default_factory=dict["Outcome", int])

    @property
    def passes(self) -> bool:
        """Whether it is as it should be."""
        return self.state in {WorkState.DONE, CheckState.PASSING}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an answer may depend on: names and states, never a reason or an exception."""

    phase: Phase
    #: Start-up was completed in this life; a drain does not take it back.
    started: bool = False
    #: Every required warm-up was completed in this life; a drain does not take it back.
    warmed: bool = False
    liveness_failed: bool = False
    paused: bool = False
    #: In the order of registration, start-up work first, checks last.
    components: tuple[Component, ...] = ()
    #: The moment, on the life's clock, at which the first check grows stale.
    fresh_until: float = math.inf

    def required(self, kind: Kind, state: WorkState | CheckState) -> tuple[Component, ...]:
        """Return the required components of this kind that are in this state."""
        return tuple(
            c for c in self.components if (c.kind, c.state, c.required) == (kind, state, True)
        )

    def without(self, names: frozenset[str]) -> Report:
        """Return the report of a pod that never had the checks of these names."""
        kept = [c for c in self.components if c.kind is not Kind.CHECK or c.name not in names]
        return replace(self, components=tuple(kept))
