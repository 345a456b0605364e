"""The workers of one pod: this worker's part in it, and what it knows of the others.

Owns the beat: the present state is handed to the clerk at once when it changes, every 50 ms while
it keeps changing or a drain may wait for it, and once a second otherwise. What comes back is judged
(`_pod`), and what concerns this worker is done to its life: told to drain, paused, resumed.

Without a state directory none of this exists, and a life speaks for itself.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from healthkit import _answers, _pod
from healthkit._facts import HOLDS_NAMED, Details, Facts
from healthkit._loop import Tasks
from healthkit._place import Note
from healthkit._state_dir import identity

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from healthkit._clerk import Clerking
    from healthkit._loop import Loop
    from healthkit._model import Pause, Probe, Report
    from healthkit._pod import Pod
    from healthkit._settings import Settings
    from healthkit._traffic import Traffic

#: Seconds between two records of a worker whose state changes all the time.
HURRIED: Final = 0.05
#: Seconds between two records of one whose state does not.
CALM: Final = 1.0
#: Seconds that a beat may come too early.
EARLY: Final = 0.001
#: Seconds after a drain's delay in which whoever waits for it looks for the end.
SETTLED_AFTER: Final = 2.0
#: Seconds that a start-up waits for a disk. A worker that is slower begins as not started.
SEEN_WITHIN: Final = 1.0
#: Seconds that an exit waits for a disk.
GONE_WITHIN: Final = 0.5


class Worker(Protocol):
    """The life of this worker, as its pod sees it. On the loop."""

    def report(self) -> Report:
        """Say how things stand with this worker alone."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What is in flight through it."""
        ...

    @property
    def drain_time(self) -> float | None:
        """When the drain began, in Unix time."""
        ...

    @property
    def drain_duration(self) -> float | None:
        """How long it has been under way, in seconds."""
        ...

    @property
    def start_time(self) -> float | None:
        """When this life began, in Unix time."""
        ...

    @property
    def told(self) -> float | None:
        """When the whole pod was told to drain, on the clock that all processes share."""
        ...

    @property
    def pause_said(self) -> Pause:
        """The last word on whether the pod is paused, as far as it is known here."""
        ...

    def tell(self, since: float) -> None:
        """Drain: the whole pod was told to, at that time."""
        ...

    def adopt(self, pause: Pause) -> None:
        """Pause or resume: another worker has said so."""
        ...


class Answers(Protocol):
    """The answers to probes, as this room needs them."""

    def say(self, report: Report) -> Mapping[Probe, tuple[bool, str]]:
        """Return what each probe would be told, given a report."""
        ...

    def counts(self) -> Mapping[Probe, Mapping[int, int]]:
        """Return how many answers were given, by probe and status code."""
        ...

    def forget(self) -> None:
        """Have every answer made anew."""
        ...


class Workers:
    """One worker among those of its pod. On its life's loop, unless a method says otherwise."""

    def __init__(
        self,
        settings: Settings,
        clerk: Clerking,
        answers: Answers,
    ) -> None:
        """Make one that has not joined yet.

        Args:
            settings: those in force.
            clerk: who reads and writes.
            answers: what becomes of what is known here.
        """
        self._settings = settings
        self._clerk = clerk
        self._answers = answers
        self._app = identity()
        self._worker: Worker | None = None
        self._loop: Loop | None = None
        self._tasks: Tasks | None = None
        self._joined = 0
        self._slot = 0
        self._version = 0
        self._shown: tuple[object, ...] = ()
        self._started_once = self._ready_once = False
        #: When the first of the pod's workers began, as far as this one knows.
        self._start_time: float | None = None
        #: Set when there is something to write down.
        self._wake = anyio.Event()
        self._awake = False
        #: Those who wait for what the others have in flight, an object for each.
        self._watchers: dict[object, None] = {}
        #: Set when the others were looked at for the first time.
        self._seen = anyio.Event()
        #: Set when the record is gone.
        self._left = anyio.Event()

    def __repr__(self) -> str:
        return f"<Workers beside {len(self._clerk.view.peers)}>"

    # -- one life ---------------------------------------------------------------------------------

    def begin(self, worker: Worker, loop: Loop) -> None:
        """Join the pod, for one life."""
        self._worker, self._loop = worker, loop
        self._joined = time.monotonic_ns()
        self._slot = self._version = 0
        self._started_once = self._ready_once = False
        self._start_time = worker.start_time
        left = self._left = anyio.Event()
        self._seen = anyio.Event()

        def heard() -> None:
            """Tell the news of this life from those that come after its end."""
            if self._worker is worker:
                self._heard(worker)
            elif self._left is not left or self._clerk.gone:  # else it is late, and not the last
                left.set()

        self._clerk.begin(lambda: loop.soon(heard))
        self._tasks = Tasks(loop)
        self._tasks.start(self._beat(worker), "workers")

    def end(self, worker: Worker) -> None:
        """Leave the pod, if that life is in it. Safe in any thread; never blocks."""
        if self._worker is worker and self._tasks is not None:
            self._worker = None
            self._tasks.cancel()
            self._clerk.end()

    async def joined(self) -> None:
        """Wait until this worker knows what the others say, but not for long.

        Else it would say ready in the middle of a drain, or unready in a pod that serves.
        """
        with anyio.move_on_after(SEEN_WITHIN):
            await self._seen.wait()

    async def ended(self) -> None:
        """Wait for the record to be gone, but not for long: a dead worker's says nothing."""
        with anyio.move_on_after(GONE_WITHIN):
            await self._left.wait()

    @property
    def knows(self) -> bool:
        """Whether the others were looked at, or can't be. Safe in any thread."""
        return self._seen.is_set()

    def changed(self) -> None:
        """Have the state written down soon, if it is news. Safe in any thread."""
        if not self._awake and self._loop is not None:
            self._awake = True
            self._loop.soon(self._wake.set)

    @contextlib.contextmanager
    def watched(self) -> Generator[None]:
        """Look at the others often, for as long as this lasts: what is in flight there is no news.

        Safe in any thread.
        """
        token = object()
        self._watchers[token] = None
        self.changed()
        try:
            yield
        finally:
            del self._watchers[token]

    def pod(self) -> Pod | None:
        """Judge the pod; None if this worker is in none. Safe in any thread."""
        worker = self._worker
        return None if worker is None else self._judge(worker)

    # -- inside -----------------------------------------------------------------------------------

    async def _beat(self, worker: Worker) -> None:
        """Have it written down how things stand, until this life's tasks are cancelled.

        Woken, it looks whether there is anything new; what is not new waits for its time.
        """
        written = looked = -math.inf
        last: tuple[Facts, Mapping[Probe, tuple[bool, str]]] | None = None
        said: Facts | None = None
        while True:
            self._awake = False
            self._wake = anyio.Event()
            now = anyio.current_time()
            pod = self._heed(worker)
            facts, says = pod.members[0].facts, self._says(pod)
            # A timer may be early by what a float can't say.
            every = HURRIED if self._watchers else CALM
            look = (facts, says) != last or now - looked >= every - EARLY
            if look or now - written >= self._pace(facts, said or facts) - EARLY:
                last, said, written = (facts, says), facts, now
                looked = now if look else looked
                self._clerk.post(Note(facts, self._details(worker, pod), says, look=look))
            due = min(looked + every, written + self._pace(facts, said or facts))
            with anyio.move_on_after(due - now):
                await self._wake.wait()
                await anyio.sleep(max(0.0, now + HURRIED - anyio.current_time()))

    def _pace(self, facts: Facts, written: Facts) -> float:
        """Return how often the record is written: often while a drain may wait for what it says.

        Once more when nothing is in flight any longer: that is what it waits for.
        """
        if facts.told is None or self._loop is None:
            return CALM
        just_told = self._loop.now() < facts.told + facts.drain_delay + SETTLED_AFTER
        busy = any(one.requests or one.streams or one.holds for one in (facts, written))
        return HURRIED if just_told or busy else CALM

    def _heard(self, worker: Worker) -> None:
        """Act on what the others say. Called by the loop."""
        self._seen.set()
        self._heed(worker)
        self._answers.forget()
        self.changed()

    def _heed(self, worker: Worker) -> Pod:
        """Do to this worker what was said to the pod; return how the pod stands then."""
        self._count(worker.report())
        pod = self._judge(worker)
        if not self._seen.is_set():
            return pod
        if pod.told is not None and worker.told != pod.told:
            worker.tell(pod.told)
        if pod.pause.said > worker.pause_said.said:
            worker.adopt(pod.pause)
        self._started_once, self._ready_once = pod.started_once, pod.ready_once
        self._start_time = pod.start_time
        self._slot = _free_slot(pod, self._slot)
        return self._judge(worker)

    def _judge(self, worker: Worker) -> Pod:
        report = worker.report()
        pod = _pod.judge(self._standing(worker, report), report, self._clerk.view)
        return pod if self._seen.is_set() else _pod.unseen(pod)

    def _standing(self, worker: Worker, report: Report) -> Facts:
        """Say how this worker stands."""
        traffic = worker.traffic
        labels = traffic.holds
        more = [f"{len(labels) - HOLDS_NAMED} more"] if len(labels) > HOLDS_NAMED else []
        return Facts(
            pid=os.getpid(),
            app=self._app,
            joined=self._joined,
            slot=self._slot,
            expected=self._settings.workers,
            phase=report.phase,
            started=report.started,
            warmed=report.warmed,
            ready=_answers.could_serve(report),
            liveness_failed=report.liveness_failed,
            pause=worker.pause_said,
            told=worker.told,
            pod_started=self._started_once,
            pod_ready=self._ready_once,
            pod_start_time=self._start_time,
            requests=traffic.in_flight,
            streams=traffic.streams,
            holds=(*labels[:HOLDS_NAMED], *more),
            drain_delay=self._settings.drain_delay,
            drain_timeout=self._settings.drain_timeout,
            version=self._version,
        )

    def _count(self, report: Report) -> None:
        """Count one more version if somebody could see a difference. A result's age is none.

        A check that goes on passing must not wake all workers of the pod with each run.
        """
        shown = tuple((one.name, one.state, one.note, one.overdue) for one in report.components)
        if shown != self._shown:
            self._shown = shown
            self._version += 1

    def _says(self, pod: Pod) -> Mapping[Probe, tuple[bool, str]]:
        """Return what probes would be told; nothing while this worker can't tell."""
        return self._answers.say(pod.report) if self._seen.is_set() else {}

    def _details(self, worker: Worker, pod: Pod) -> Details:
        return Details(
            components=pod.members[0].report().components,
            answers=self._answers.counts(),
            drain_time=worker.drain_time,
            drain_duration=worker.drain_duration,
        )


def _free_slot(pod: Pod, slot: int) -> int:
    """Return the worker's number: another one if somebody who came earlier has the same."""
    own, *others = (member.facts for member in pod.members)
    earlier = {facts.slot for facts in others if (facts.joined, facts.pid) < (own.joined, own.pid)}
    if slot not in earlier:
        return slot
    taken = {facts.slot for facts in others}
    return next(number for number in range(len(taken) + 1) if number not in taken)
