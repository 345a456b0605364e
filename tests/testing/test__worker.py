"""One probe's worker: when it asks, and what its results add up to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from healthkit.manifests._spec import Container, HttpGet, PodSpec, Probe, ProbeKind
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Reply, Says
from healthkit.testing._pod import PodLife
from healthkit.testing._prober import Prober, Sent
from healthkit.testing._rules import Pace, Sync
from healthkit.testing._worker import Worker
from tests.testing import model
from tests.testing.model import Box, Setting

if TYPE_CHECKING:
    from healthkit.testing._events import Event
    from healthkit.testing._process import Process
    from healthkit.testing._verdict import Verdict

#: How far a moment may be from the model's, in milliseconds.
NEAR = 2

#: How much longer is played than is compared, in seconds: a request is shown when it is answered.
UNANSWERED = 16


@dataclass
class Look:
    """What a worker sees: as a pod's status would have it, but set by hand."""

    number: int = 0
    running: bool = False
    shown_start: float = 0.0
    started: bool = False
    process: Process = None  # type: ignore[assignment]  # until there is a container


class Heard:
    """What a worker tells, with its moments in milliseconds."""

    def __init__(self, clock: Schedule) -> None:
        self._clock = clock
        self.asked: list[int] = []
        self.results: list[tuple[int, bool, int]] = []
        self.met: list[tuple[int, int]] = []

    def new_container(self, kind: ProbeKind) -> None:
        """Note a container that was met."""
        del kind
        self.met.append((self._now(), len(self.met) + 1))

    def sent(self, kind: ProbeKind, sent: Sent, verdict: Verdict) -> None:
        """Note the first request of a probe."""
        del kind, verdict
        if sent.attempt in {None, 1}:
            self.asked.append(round(sent.at * 1000))

    def result(self, kind: ProbeKind, passes: bool, number: int) -> None:
        """Note a result that is another than before."""
        del kind
        if not self.results or self.results[-1][1:] != (passes, number):
            self.results.append((self._now(), passes, number))

    def _now(self) -> int:
        return round(self._clock.now() * 1000)


class Rig:
    """A worker, its clock and what it sees, played as a `Setting` says."""

    def __init__(self, setting: Setting) -> None:
        self.clock = Schedule()
        self.look = Look()
        self.heard = Heard(self.clock)
        self._app = Described(*(life_of(setting, box) for box in setting.boxes))
        container = Container("app", **{setting.kind: probe_of(setting)})  # type: ignore[arg-type]  # one of the three
        pace = Pace(phases={setting.kind: setting.phase / 1000})
        prober = Prober(container, probe_of(setting), self.clock)
        self.worker = Worker(setting.kind, prober, self.look, pace, self.heard)
        for box in setting.boxes:
            self.clock.call_at(box.starts / 1000, lambda box=box: self._start(box))  # type: ignore[misc]  # a default
            if box.gone is not None:
                self.clock.call_at(box.gone / 1000, self._gone)
        for since, started in setting.started:
            self.clock.call_at(since / 1000, lambda to=started: setattr(self.look, "started", to))  # type: ignore[misc]  # a default
        for moment in setting.triggers:
            self.clock.call_at(moment / 1000, self.worker.trigger)
        self.worker.begin()

    def _start(self, box: Box) -> None:
        self.look.number += 1
        self.look.running = True
        self.look.shown_start = box.shown / 1000
        self.look.process = self._app.start(self.clock, lambda _code: None)
        self.worker.wake()

    def _gone(self) -> None:
        self.look.running = False


def probe_of(setting: Setting) -> Probe:
    """Return the probe of a setting."""
    return Probe(
        HttpGet("/probed", 8080),
        initial_delay=setting.delay,
        period=setting.period,
        timeout=setting.timeout,
        success_threshold=setting.successes,
        failure_threshold=setting.failures,
    )


def life_of(setting: Setting, box: Box) -> Life:
    """Return the life of a container's process."""
    first = (-(10**9), setting.answers[0][1])
    says = [
        Says("/probed", reply_of(outcome), (since - box.starts) / 1000)
        for since, outcome in (first, *setting.answers)
    ]
    return Life(listens_at=(box.listens - box.starts) / 1000, says=tuple(says))


def reply_of(outcome: model.Outcome) -> Reply:
    """Return what is answered."""
    what, takes = outcome
    if what in {"pass", "fail"}:
        return Reply(200 if what == "pass" else 503, delay=takes / 1000)
    return Reply(200, delay=takes / 1000, broken=what)  # type: ignore[arg-type]  # one of the two


def rig(kind: ProbeKind, **more: object) -> Rig:
    """Return a worker of a container that starts at 0.5 s and answers well, once a second."""
    well = Setting(
        kind=kind,
        delay=0,
        period=1,
        timeout=1,
        successes=1,
        failures=3,
        boxes=(Box(500, 500, 500),),
        phase=0,
        started=((500, kind != "startup"),),
        answers=((1, ("pass", 0)),),
    )
    return Rig(replace(well, **more))  # type: ignore[arg-type]  # fields by their names


def test_a_trigger_asks_at_once_and_begins_the_ticker_anew() -> None:
    """And so does a rephase, without the question."""
    played = rig("readiness", period=5, triggers=(7300,))
    played.clock.run_until(8)
    played.worker.rephase()
    played.clock.run_until(20)
    assert played.heard.asked == [5000, 7300, 13_000, 18_000]


def test_one_tick_and_one_trigger_wait_for_an_answer() -> None:
    """The trigger goes first, and the tick is lost to it; others are lost at once."""
    slow = ((1, ("fail", 2600)),)
    waits = rig("liveness", timeout=5, answers=slow)
    waits.clock.run_until(7)
    assert waits.heard.asked == [1000, 3602]
    assert repr(waits.worker) == "<liveness worker: 2 x failure>"
    triggered = rig("readiness", timeout=5, answers=slow, period=4, triggers=(4500, 5000, 5500))
    triggered.clock.run_until(16)
    assert triggered.heard.asked == [4000, 6602, 10_602]
    assert repr(triggered.worker) == "<readiness worker: 3 x failure>"


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_as_many_failures_in_a_row_as_the_threshold_says(failures: int) -> None:
    """Not one less; then it waits for the next container."""
    answers = ((1, ("fail", 0)), (1900, ("pass", 0)), (2900, ("fail", 0)))
    played = rig("liveness", failures=failures, answers=answers)
    played.clock.run_until(30)
    told = {1: [(1002, False)], 2: [(2002, True), (4002, False)], 3: [(2002, True), (5002, False)]}
    assert [one[:2] for one in played.heard.results] == told[failures]
    assert repr(played.worker) == "<liveness worker: on hold>"
    asked = len(played.heard.asked)
    played.worker.wake()
    played.worker.wake()
    played.clock.run_until(60)
    assert len(played.heard.asked) == asked


def test_a_worker_that_is_stopped_asks_and_tells_nothing() -> None:
    """Nor of what was under way, nor when it is triggered or woken."""
    played = rig("readiness", answers=((1, ("fail", 700)),), failures=1)
    played.clock.run_until(1.5)
    assert repr(played.worker) == "<readiness worker: 0 x nothing>"
    played.worker.trigger()
    played.worker.stop()
    played.worker.rephase()
    played.worker.wake()
    played.clock.run_until(9)
    played.worker.trigger()
    played.clock.run_until(20)
    assert (played.heard.asked, played.heard.results) == ([], [])
    early = rig("liveness")
    Worker.stop(early.worker)
    early.clock.run_until(9)
    assert early.heard.asked == []


def test_a_worker_that_has_not_begun_can_be_stopped_and_triggered() -> None:
    """A sync may come before the ticker; there is nobody to ask then."""
    clock = Schedule()
    prober = Prober(Container("app"), Probe(HttpGet("/", 80)), clock)
    worker = Worker("readiness", prober, Look(), Pace(), Heard(clock))
    worker.stop()
    worker.begin()
    other = Worker("readiness", prober, Look(), Pace(), Heard(clock))
    other.rephase()
    clock.run_until(100)
    assert repr(other) == repr(worker) == "<readiness worker: 0 x nothing>"


# Against the model.

ALL: tuple[ProbeKind, ...] = ("startup", "liveness", "readiness")
KINDS = st.sampled_from(ALL)
ANSWERS: tuple[model.Answered, ...] = ("pass", "pass", "fail", "fail", "slow body", "short body")
OUTCOMES = st.tuples(
    st.sampled_from(ANSWERS),
    st.sampled_from([0, 0, 0, 31, 731, 1231, 2831, 5231]),
)


def moments(offset: int, most: int) -> st.SearchStrategy[list[int]]:
    """Return moments of one cause: no other one has its offset in a tenth of a second."""
    ticks = st.integers(1, 290).map(lambda tenth: tenth * 100 + offset)
    return st.lists(ticks, max_size=most, unique=True).map(sorted)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[Box, ...]:
    """Return up to three containers, one after the other."""
    starts = draw(moments(17, 2)) or [517]
    starts = [draw(st.sampled_from([517, 817, 17])), *(start for start in starts if start > 900)]
    made: list[Box] = []
    for start, following in zip(starts, [*starts[1:], 40_000], strict=True):
        boot = draw(st.sampled_from([0, 1020, 2520, 6020]))
        gone = draw(st.sampled_from([None, None, following - 283]))
        whole = draw(st.booleans())
        shown = start // 1000 * 1000 if whole else start
        alive = gone if gone is not None and gone > start else None
        made.append(Box(start, shown, start + boot, alive))
    return tuple(made)


@st.composite
def whole_settings(draw: st.DrawFn) -> Setting:
    """Return a probe and what happens to it."""
    kind = draw(KINDS)
    made = draw(boxes())
    always = draw(st.booleans())
    changes = draw(moments(43, 3))
    started = [(moment, bool(index % 2)) for index, moment in enumerate(changes, always)]
    if always or not started:
        started = [(made[0].starts, kind != "startup"), *started]
    since = draw(moments(61, 6))
    return Setting(
        kind=kind,
        delay=draw(st.sampled_from([0, 0, 1, 5])),
        period=draw(st.sampled_from([1, 1, 2, 3, 10])),
        timeout=draw(st.sampled_from([1, 1, 2, 5])),
        successes=draw(st.integers(1, 3)) if kind == "readiness" else 1,
        failures=draw(st.integers(1, 4)),
        boxes=made,
        phase=draw(st.integers(0, 9)) * 100,
        started=tuple(sorted(started)),
        answers=tuple((moment, draw(OUTCOMES)) for moment in [1, *since]),
        triggers=tuple(draw(moments(79, 4))) if kind == "readiness" else (),
    )


@settings(max_examples=300, deadline=None)
@given(whole_settings())
def test_it_asks_and_tells_what_the_model_does(setting: Setting) -> None:
    """The same probes at the same moments, and the same results of the same containers."""
    expected = model.play(setting)
    assume(not expected.ambiguous)
    rig = Rig(setting)
    rig.clock.run_until(setting.end / 1000 + UNANSWERED)
    found = [one for one in rig.heard.results if one[0] < setting.end]
    assert near([one for one in rig.heard.asked if one < setting.end], expected.asked)
    assert [one[1:] for one in found] == [one[1:] for one in expected.results]
    assert near([one[0] for one in found], [one[0] for one in expected.results])
    met = [moment for moment, _ in rig.heard.met if moment < setting.end]
    assert near(met, [moment for moment, _ in expected.met])


@st.composite
def pod_settings(draw: st.DrawFn) -> Setting:
    """Return one container with one probe: what it sees of `started` follows from it."""
    setting = draw(whole_settings())
    box = replace(setting.boxes[0], gone=None)
    started = ((box.starts, setting.kind != "startup"),)
    return replace(setting, boxes=(box,), started=started)


@settings(max_examples=200, deadline=None)
@given(pod_settings())
def test_a_pod_with_one_probe_does_what_the_model_does(setting: Setting) -> None:
    """Its probe asks as the model's; what the results lead to comes when the model has them."""
    expected = model.play(setting)
    assume(not expected.ambiguous)
    seen = [event for event in pod_events(setting) if event.at * 1000 < setting.end]
    asked = [round(event.at * 1000) for event in seen if is_first_request(event)]
    results = [(at, passes) for at, passes, _ in expected.results]
    if setting.kind != "readiness":  # the first failure kills: what comes after it is another story
        ends = [at for at, passes in results if not passes]
        asked = [at for at in asked if not ends or at < ends[0]]
    assert near(asked, expected.asked)
    if setting.kind == "readiness":
        ready = [
            (round(one.at * 1000), one.details["value"]) for one in seen if one.name == "ready"
        ]
        first = 0 if not results or results[0][1] else 1  # it is not ready at its beginning
        assert [value for _, value in ready] == [passes for _, passes in results[first:]]
        assert near([at for at, _ in ready], [at for at, _ in results[first:]])
    else:
        killed = [round(one.at * 1000) for one in seen if one.name == "killing"]
        assert near(killed[:1], [at for at, passes in results if not passes][:1])
        started = [one.details["value"] for one in seen if one.name == "started"]
        passed = any(passes for _, passes in results)
        assert (True in started) is (setting.kind == "liveness" or passed)


def is_first_request(event: Event) -> bool:
    """Whether it is the first one, or the only one, of a probe."""
    return event.name == "probe" and event.details.get("request", 1) == 1


def pod_events(setting: Setting) -> list[Event]:
    """Play a pod with one container, whose syncs are given."""
    clock = Schedule()
    events: list[Event] = []
    box = setting.boxes[0]
    container = Container("app", **{setting.kind: probe_of(setting)})  # type: ignore[arg-type]  # one of the three
    pace = Pace(
        phases={setting.kind: setting.phase / 1000},
        starts=(box.starts / 1000,),
        started_at=(box.shown / 1000,),
        syncs=tuple(Sync(moment / 1000) for moment in setting.triggers),
    )
    app = Described(life_of(setting, box))
    PodLife(PodSpec("played", (container,)), app, clock, events.append, pace).admit()
    clock.run_until(setting.end / 1000 + UNANSWERED)
    return sorted(events, key=lambda event: event.at)


def near(ours: list[int], theirs: list[int]) -> bool:
    """Whether moments are the same but for some milliseconds."""
    pairs = zip(ours, theirs, strict=False)
    return len(ours) == len(theirs) and all(abs(one - other) <= NEAR for one, other in pairs)
