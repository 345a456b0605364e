"""The words: phases, probes, outcomes, and the report from which every answer is made.

Nothing here knows time, tasks or ASGI. Members are strings, so that ``health.phase == "serving"``
holds and so that a log record or an answer needs no conversion.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    """How one run of a check ended."""

    #: It returned.
    SUCCESS = "success"
    #: It returned ``False``, raised, or took longer than its timeout.
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an answer may depend on: names and states, never a reason or an exception.

    Each tuple holds what is to be said of one kind of obstacle, in the order of registration.
    """

    phase: Phase
    #: Start-up was completed in this life; a drain does not take it back.
    started: bool = False
    #: Every required warm-up was completed in this life; a drain does not take it back.
    warmed: bool = False
    liveness_failed: bool = False
    paused: bool = False
    #: Start-up work that failed for good.
    failed: tuple[str, ...] = ()
    #: Start-up work under way, with its progress.
    starting: tuple[str, ...] = ()
    #: Required warm-ups under way, with their progress.
    warming: tuple[str, ...] = ()
    #: Required checks whose last outcome is a failure.
    failing: tuple[str, ...] = ()
    #: Required checks that have had no outcome yet.
    pending: tuple[str, ...] = ()
