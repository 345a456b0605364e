"""The rules of a pod: many workers, one truth. Pure functions of what the workers say.

The answer of a pod is the answer of one of its workers: the one that decides. Workers are ranked by
how far they are. At first the pod needs as many as it begins with, so the last of those decides;
once it has been ready, one is enough, so the best decides: a worker that is replaced warms up
without taking the pod out. On top of it come the conditions that are the pod's whichever worker has
said them: told to drain, paused, liveness failed.

A worker that is ending by itself (recycled, reloaded, its own SIGTERM) is counted out while others
are there, and nothing is remembered of it. Only when every living worker is ending is the pod, for
that moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from healthkit._facts import Details, Facts, details_of
from healthkit._model import Component, Kind, Pause, Phase, Report, WorkState
from healthkit._registry import WORKERS

if TYPE_CHECKING:
    from healthkit._state_dir import Peer, View


class Level(IntEnum):
    """How far a worker is. Each includes the ones before."""

    NONE = 0
    STARTED = 1
    WARMED = 2
    #: It could serve, by itself.
    READY = 3


@dataclass(frozen=True, slots=True)
class Member:
    """One living worker, as the worker that judges sees it."""

    facts: Facts
    #: Its record, or its own report if it is the one that judges.
    source: Peer | Report
    #: Whether what it says can be believed; a hung one's can't.
    fresh: bool = True

    @property
    def level(self) -> Level:
        """How far it is."""
        facts = self.facts
        return Level(facts.started + facts.warmed + facts.ready) if self.fresh else Level.NONE

    @property
    def rank(self) -> tuple[int, int, int]:
        """Where it stands among the others; smaller is better. All workers rank alike."""
        return (-self.level, self.facts.joined, self.facts.pid)

    def details(self) -> Details:
        """Return what else there is to see of it, if it is not the one that judges."""
        return Details() if isinstance(self.source, Report) else details_of(self.source.body)

    def report(self) -> Report:
        """Return its own report."""
        if isinstance(self.source, Report):
            return self.source
        return Report(
            phase=self.facts.phase,
            started=self.facts.started,
            warmed=self.facts.warmed,
            components=self.details().components,
        )


@dataclass(frozen=True, slots=True)
class Pod:
    """What a worker knows of its pod."""

    report: Report
    #: When the pod was told to drain; None if it was not.
    told: float | None
    pause: Pause
    #: Whether it has been started, and ready: from then on one worker is enough.
    started_once: bool
    ready_once: bool
    #: When the first of its workers began, in Unix time; None if none says so.
    start_time: float | None
    members: tuple[Member, ...]
    #: How many workers could serve, and how many it takes.
    ready: int
    needed: int


def judge(own: Facts, report: Report, view: View) -> Pod:
    """Judge the pod, as one of its workers.

    Args:
        own: what this worker says of itself.
        report: its own report.
        view: what it sees of the others.
    """
    peers = [Member(peer.facts, peer, peer.fresh) for peer in view.peers]
    members = (Member(own, report), *peers)
    everybody = [member.facts for member in members]
    told = _earliest(*(facts.told for facts in everybody), view.told)
    pause = max((facts.pause for facts in everybody), key=lambda pause: pause.said)
    ready_once = view.settled or any(facts.pod_ready for facts in everybody)
    started_once = ready_once or any(facts.pod_started for facts in everybody)
    serving = [member for member in members if not member.facts.ending]
    ranked = sorted(serving or members, key=lambda member: member.rank)
    expected = max(facts.expected or 0 for facts in everybody) or len(ranked)
    if view.alone:  # nobody else can be counted on, nor waited for
        expected = 1
    to_start, to_serve = (1 if once else expected for once in (started_once, ready_once))
    can_serve = sum(member.level == Level.READY for member in ranked)
    can_start = sum(member.level >= Level.STARTED for member in ranked)
    started = can_start >= to_start or (told is not None and started_once)
    decisive = ranked[min(to_serve, len(ranked)) - 1].report()
    joined = _joined(sum(member.fresh for member in ranked), to_serve, started=started)
    warmed = decisive.warmed and joined.passes
    return Pod(
        report=replace(
            decisive,
            phase=_phase(decisive.phase, started=started, warmed=warmed, told=told is not None),
            started=started,
            warmed=warmed,
            liveness_failed=any(facts.liveness_failed for facts in everybody),
            paused=pause.paused,
            components=(joined, *decisive.components),
        ),
        told=told,
        pause=pause,
        started_once=started_once or started,
        ready_once=ready_once or (can_serve >= to_serve and told is None),
        start_time=_earliest(*(facts.pod_start_time for facts in everybody)),
        members=members,
        ready=can_serve,
        needed=to_serve,
    )


def unseen(pod: Pod) -> Pod:
    """Judge a pod of which nothing was seen yet but the worker that judges: it has not started.

    What it knows of itself may be the contrary of what all the others know.
    """
    joining = Component(WORKERS, Kind.STARTUP, WorkState.PENDING)
    report = pod.report
    phase = _phase(report.phase, started=False, warmed=False, told=pod.told is not None)
    components = (joining, *report.components[1:])
    report = replace(report, phase=phase, started=False, warmed=False, components=components)
    return replace(pod, report=report, ready=0)


def _earliest(*moments: float | None) -> float | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _joined(there: int, needed: int, *, started: bool) -> Component:
    """Say whether there are as many workers as it takes."""
    return Component(
        WORKERS,
        # What it holds up is the start, as long as that is not over.
        Kind.WARMUP if started else Kind.STARTUP,
        WorkState.DONE if there >= needed else WorkState.PENDING,
        note="" if there >= needed else f"{there} of {needed}",
    )


def _phase(phase: Phase, *, started: bool, warmed: bool, told: bool) -> Phase:
    """Return the pod's phase, where that of the deciding worker is not the whole truth."""
    if phase in {Phase.DRAINING, Phase.STOPPED}:
        return phase
    if told:
        return Phase.DRAINING
    if not started:
        return Phase.STARTING
    return Phase.SERVING if warmed else Phase.WARMING
