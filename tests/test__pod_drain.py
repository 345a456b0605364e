"""How a process that is no worker drains a pod, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import _records
from healthkit._facts import Facts
from healthkit._pod_drain import PodDrain
from healthkit._pod_drain_log import printable
from healthkit._seat import Seat
from healthkit._state_dir import StateDir
from tests.drains import TICK, Directory, Watch, Worker, a_record, asked_by_another

if TYPE_CHECKING:
    from pathlib import Path

HANGS = float("inf")


class Play:
    """A pod, a drain of it, and what was said when."""

    def __init__(self, path: Path, *workers: Worker) -> None:
        self.watch = Watch()
        self.directory = Directory(path, self.watch, *workers)
        self.said: list[tuple[float, str]] = []

    @property
    def lines(self) -> list[str]:
        """What was said."""
        return [line for _, line in self.said]

    def drain(
        self,
        *,
        delay: float | None = None,
        least_delay: float = 0.0,
        limit: float | None = None,
    ) -> PodDrain:
        """Make a drain."""
        return PodDrain(
            self.directory,
            lambda line: self.said.append((self.watch.passed, line)),
            delay=delay,
            least_delay=least_delay,
            limit=limit,
            clock=self.watch.now,
        )

    def run(self, drain: PodDrain | None = None) -> float:
        """Drain to the end; return how long it took."""
        drain = drain or self.drain()
        began = self.watch.passed
        drain.begin()
        while not drain.step():
            self.watch.sleep(TICK)
            assert self.watch.passed < 200, self.said
        drain.end()
        return round(self.watch.passed - began, 3)

    def say_until(self, moment: float, drain: PodDrain) -> None:
        """Step until a moment, which is before the end."""
        while self.watch.passed < moment:
            assert not drain.step()
            self.watch.sleep(TICK)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Return a pod of two idle workers."""
    return Play(tmp_path, Worker(11), Worker(12))


# -- when it ends ---------------------------------------------------------------------------------


def test_an_idle_pod_is_drained_when_it_has_said_so_after_the_delay(play: Play) -> None:
    """The records that count are written one tick after the delay's end."""
    assert play.run() == 5.05
    # 5.05 s is no float, and which of its neighbours it is depends on when the clock began.
    assert play.lines[0] == "draining 2 workers, serving on for 5 s"
    assert play.lines[1] in {"drained in 5 s", "drained in 5.1 s"}
    assert [moment for moment, _ in play.said] == [0, 5.05]


def test_a_record_from_before_the_delays_end_is_not_believed(tmp_path: Path) -> None:
    """A request that arrives in the last moment of the delay is waited for."""
    play = Play(tmp_path, Worker(12, requests=((4.98, 6.0),)))
    assert play.run() == 6.0
    assert play.lines[1] == "waiting for 1 request"


def test_the_delay_is_the_greatest_of_the_living(tmp_path: Path) -> None:
    """A worker that ends takes its settings with it."""
    play = Play(tmp_path, Worker(11, delay=3), Worker(12, delay=7), Worker(13, delay=90, ends=1))
    assert play.run() == 7.05


@pytest.mark.parametrize(
    ("delay", "wanted", "least", "takes"),
    [(5, None, 0, 5.05), (5, 2, 0, 2.05), (5, 0, 9, 0.05), (5, None, 9, 5.05), (0, None, 3, 3.05)],
)
def test_the_delay_may_be_wanted_otherwise(
    tmp_path: Path, delay: float, wanted: float | None, least: float, takes: float
) -> None:
    """As an order; or as the least, for workers that have none."""
    play = Play(tmp_path, Worker(12, delay=delay))
    assert play.run(play.drain(delay=wanted, least_delay=least)) == takes


def test_work_in_flight_is_waited_for(tmp_path: Path) -> None:
    """The requests and holds of all workers; the last one ends the wait."""
    play = Play(
        tmp_path,
        Worker(11, requests=((0, 6), (1, 8))),
        Worker(12, holds={"hold 'checkout job'": (2, 9.5)}),
    )
    assert play.run() == 9.5
    assert play.said == [
        (0, "draining 2 workers, serving on for 5 s"),
        (5, "waiting for 2 requests, hold 'checkout job' (worker 12)"),
        (6, "waiting for 1 request, hold 'checkout job' (worker 12)"),
        (8, "waiting for hold 'checkout job' (worker 12)"),
        (9.5, "drained in 9.5 s"),
    ]


def test_the_deadline_counts_from_the_end_of_the_delay(tmp_path: Path) -> None:
    """It is the greatest `drain_timeout` of the living, and what is left behind is named."""
    stuck = Worker(12, timeout=4, requests=((0, 99),), holds={"hold 'x'": (0, 99)})
    play = Play(tmp_path, Worker(11, timeout=2), stuck)
    assert play.run() == 9
    assert (
        play.lines[-1] == "gave up after 9 s with 1 request, hold 'x' (worker 12) still in flight"
    )


def test_the_limit_is_for_everything(tmp_path: Path) -> None:
    """Counted from this drain's own beginning, in the delay or after it."""
    play = Play(tmp_path, Worker(12, requests=((0, 99),)))
    assert play.run(play.drain(limit=7)) == 7
    assert play.lines[-1] == "gave up after 7 s with 1 request still in flight"
    play = Play(tmp_path, Worker(12, requests=((0, 99),)))
    assert play.run(play.drain(limit=3)) == 3
    assert play.lines == [
        "draining 1 worker, serving on for 3 s",
        "gave up after 3 s with 1 request still in flight and 2 s of the delay to go",
    ]
    play = Play(tmp_path, Worker(12))
    assert play.run(play.drain(limit=3)) == 3
    assert play.lines[-1] == "gave up after 3 s with 2 s of the delay to go"


def test_the_limit_is_this_drains_own(play: Play) -> None:
    """Whoever has asked before, and however long ago."""
    with asked_by_another(play.directory, play.watch.now()):
        play.watch.sleep(3)
        assert play.run(play.drain(limit=1)) == 1


def test_without_a_timeout_the_last_word_counts(tmp_path: Path) -> None:
    """A worker that has latched had no time to write after the delay: it is not accused."""
    play = Play(tmp_path, Worker(12, timeout=0))
    assert play.run() == 5
    assert play.lines[-1] == "drained in 5 s"


def test_no_worker_is_nothing_to_drain(tmp_path: Path) -> None:
    """It ends at once, and says where nobody is."""
    play = Play(tmp_path)
    assert play.run() == 0
    assert play.lines == [f"no worker lives in {printable(str(tmp_path), 80)}: nothing to drain"]


@pytest.mark.parametrize("moment", [2, 7])
def test_a_pod_whose_workers_have_all_ended_is_drained(tmp_path: Path, moment: float) -> None:
    """The server shuts down; in the delay it may as well replace them, so that is waited for."""
    ends = [Worker(pid, ends=moment, requests=((0, 99),)) for pid in (11, 12)]
    play = Play(tmp_path, *ends)
    assert play.run() == max(moment, 5)
    waiting = [] if moment < 5 else ["waiting for 2 requests"]
    first = "draining 2 workers, serving on for 5 s"
    assert play.lines == [first, *waiting, "all workers have ended"]


def test_a_worker_that_replaces_the_last_one_is_told_and_waited_for(tmp_path: Path) -> None:
    """A server starts another for one that has died, which takes a while."""
    new = Worker(12, joins=3.0, answers_in=0.1, requests=((3.5, 6.2),))
    play = Play(tmp_path, Worker(11, ends=2), new)
    assert play.run() == 6.2
    assert play.said == [
        (0, "draining 1 worker, serving on for 5 s"),
        (3, "worker 12 joined: told as well"),
        (5, "waiting for 1 request"),
        (6.2, "drained in 6.2 s"),
    ]
    assert (3.0, "worker-12-0") in play.directory.rung


def test_while_none_lives_the_settings_of_the_last_ones_count(tmp_path: Path) -> None:
    """Theirs who were seen last, and the limit; and what they had latched."""
    play = Play(tmp_path, Worker(11, delay=3, ends=1), Worker(12, delay=7, ends=0.5))
    assert play.run() == 3
    play = Play(tmp_path, Worker(11, ends=1))
    assert play.run(play.drain(limit=2)) == 2
    assert play.lines[-1] == "all workers have ended"
    play = Play(tmp_path, Worker(11, ends=6))
    play.directory.workers[0].told = play.watch.now()
    play.watch.sleep(4)
    play.directory.workers[0].ends = 4.5
    assert play.run() == 1


def test_a_worker_that_ends_before_the_first_step_was_there(tmp_path: Path) -> None:
    """It is waited for who replaces it, and nothing is said before there is something to say."""
    play = Play(tmp_path, Worker(11, ends=0.05))
    drain = play.drain()
    drain.begin()
    play.watch.sleep(TICK)
    assert play.run(drain) == 4.95
    assert play.said == [(5, "all workers have ended")]


# -- when it began --------------------------------------------------------------------------------


def test_a_second_drain_waits_only_for_the_rest(play: Play) -> None:
    """Another command has asked 3 s ago, and still waits."""
    with asked_by_another(play.directory, play.watch.now()):
        play.watch.sleep(3)
        assert play.run() == 2.05
    assert play.said[0] == (3, "draining 2 workers, serving on for 2 s")


def test_after_health_drain_only_the_rest_is_waited_for(play: Play) -> None:
    """One worker has latched the drain 4 s ago, whoever asked for it."""
    play.directory.workers[1].told = play.watch.now()
    play.watch.sleep(4)
    assert play.run() == 1.05


def test_a_drain_long_after_another_waits_for_what_is_in_flight_only(play: Play) -> None:
    """The delay is not waited for twice; a request has its time all the same."""
    for worker in play.directory.workers:
        worker.told = play.watch.now()
    play.watch.sleep(60)
    assert play.run() == 0
    assert play.lines == ["draining 2 workers", "drained in 0 s"]
    play.directory.workers[0].requests = ((0, 70),)
    assert play.run() == 10
    assert play.lines[-1] == "drained in 10 s"
    play.directory.workers[0].requests = ((0, 99),)
    assert play.run() == 15
    assert play.lines[-1] == "gave up after 15 s with 1 request still in flight"


# -- who is told ----------------------------------------------------------------------------------


def test_workers_are_rung_for_until_they_have_latched(tmp_path: Path) -> None:
    """At the beginning and at each step."""
    play = Play(tmp_path, Worker(11), Worker(12, answers_in=0.12))
    drain = play.drain()
    drain.begin()
    assert play.directory.rung == [(0, "worker-12-0")]
    play.say_until(0.3, drain)
    rung = [moment for moment, name in play.directory.rung if name == "worker-12-0"]
    assert rung == [0, 0, 0.05, 0.1]
    assert len(rung) == len(play.directory.rung)
    drain.end()


def test_a_worker_that_joins_later_is_told_as_well(tmp_path: Path) -> None:
    """And is waited for like the others."""
    late = Worker(13, joins=4.0, answers_in=0.1, requests=((4.5, 6.2),))
    play = Play(tmp_path, Worker(12), late)
    assert play.run() == 6.2
    assert (4.0, "worker 13 joined: told as well") in play.said
    assert (4.0, "worker-13-0") in play.directory.rung
    assert play.lines.count("worker 13 joined: told as well") == 1


def test_a_worker_that_hangs_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    """It never latches; that is said once, a second after it should have."""
    play = Play(tmp_path, Worker(11), Worker(12, answers_in=HANGS, hangs=0.0))
    assert play.run() == 20
    assert play.said == [
        (0, "draining 2 workers, serving on for 5 s"),
        (1.05, "worker 12 does not answer"),
        (20, "gave up after 20 s with worker 12 not answering"),
    ]


def test_a_worker_that_hangs_after_it_has_latched(tmp_path: Path) -> None:
    """Its last record is from before the delay's end, and is not believed."""
    play = Play(tmp_path, Worker(12, hangs=2.0, requests=((0, 99),)))
    assert play.run() == 20
    assert play.said[1:] == [
        (5, "waiting for 1 request"),
        (6.05, "worker 12 does not answer"),
        (20, "gave up after 20 s with 1 request still in flight and worker 12 not answering"),
    ]


def test_a_worker_that_was_not_told_in_time_is_named_at_the_end(tmp_path: Path) -> None:
    """Also when it had less than a second."""
    play = Play(tmp_path, Worker(12, answers_in=HANGS))
    assert play.run(play.drain(limit=0.5)) == 0.5
    assert play.lines[-1] == (
        "gave up after 0.5 s with 4.5 s of the delay to go and worker 12 not answering"
    )


def test_a_worker_of_another_version_is_said(play: Play) -> None:
    """Once: it can't be told."""
    play.directory.other_version = "worker-9-ab is of version 2"
    play.run()
    stranger = "worker-9-ab is of version 2: not told, expected one version of healthkit"
    assert [line.startswith(stranger) for line in play.lines] == [True, False, False]


# -- the shell ------------------------------------------------------------------------------------


def test_the_request_stands_until_the_end(play: Play) -> None:
    """It is a record that others see, with the moment of the beginning; `end` may come twice."""
    drain = play.drain()
    assert play.directory.requests() == []
    drain.begin()
    assert len(play.directory.requests()) == 1
    told = StateDir(play.directory.path).look().told
    assert told == pytest.approx(play.watch.now(), abs=1e-6)
    drain.begin()
    assert (len(play.directory.requests()), play.lines) == (1, [])
    assert not drain.step()
    drain.end()
    drain.end()
    assert play.directory.requests() == []


def test_a_drain_shows_its_state(play: Play) -> None:
    """In one line."""
    drain = play.drain()
    shown = [repr(drain)]
    drain.begin()
    shown.append(repr(drain))
    play.watch.sleep(6)
    drain.step()
    shown.append(repr(drain))
    where = f"<PodDrain {play.directory.path!r}"
    assert shown == [f"{where} idle>", f"{where} in its delay>", f"{where} drained>"]
    drain.end()


def test_a_drain_that_is_over_stays_over(play: Play) -> None:
    """It says nothing more, whatever happens."""
    drain = play.drain()
    assert drain.step()
    play.run(drain)
    said = list(play.lines)
    play.directory.workers.append(Worker(14, requests=((0, 99),)))
    play.watch.sleep(1)
    assert drain.step()
    assert play.lines == said


def test_a_missing_directory_is_said_and_not_made(tmp_path: Path) -> None:
    """There is nothing to wait for then."""
    said: list[str] = []
    drain = PodDrain(StateDir(f"{tmp_path}/none"), said.append)
    drain.begin()
    assert drain.step()
    drain.end()
    (line,) = said
    assert line.startswith("there is no /")
    assert line.endswith(": nothing to drain")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    """That is not what an app does that has not come up yet."""
    (tmp_path / "file").touch()
    said: list[str] = []
    drain = PodDrain(StateDir(f"{tmp_path}/file"), said.append)
    drain.begin()
    assert drain.step()
    (line,) = said
    assert "(Not a directory)" in line


def test_a_directory_that_takes_no_request_is_said(play: Play) -> None:
    """As when this process has a request there already."""
    first, second = play.drain(), play.drain()
    first.begin()
    second.begin()
    assert second.step()
    assert len(play.lines) == 1
    assert "expected a directory for each" in play.lines[0]
    first.end()
    assert play.run(second) == 5.05


def test_a_directory_that_breaks_in_the_middle_forgets_nobody(play: Play) -> None:
    """Said once; the delay goes on, and its workers are waited for until the deadline."""
    drain = play.drain()
    drain.begin()
    play.say_until(2, drain)
    play.directory.broken = True
    while not drain.step():
        play.watch.sleep(TICK)
    drain.end()
    assert play.said[1:] == [
        (2, "state_dir: can't list it"),
        (6.05, "worker 11 does not answer"),
        (6.05, "worker 12 does not answer"),
        (20, "gave up after 20 s with worker 11 not answering and worker 12 not answering"),
    ]


def test_a_real_worker_is_rung_for(tmp_path: Path) -> None:
    """A real place in a real directory, with a real bell."""
    directory, watch = StateDir(str(tmp_path)), Watch()
    facts = Facts(pid=12, app="shop", joined=0, drain_delay=1.0)
    worker = Seat(directory, _records.WORKER, a_record(facts, watch.now()).body)
    said: list[str] = []
    drain = PodDrain(directory, said.append, clock=watch.now)
    drain.begin()
    assert not drain.step()
    assert worker.bell is not None
    with open(worker.bell, "rb", buffering=0, closefd=False) as bell:
        assert bell.read(10) == b"!!"
    worker.leave()
    assert not drain.step()
    watch.sleep(1)
    assert drain.step()
    drain.end()
    assert said == ["draining 1 worker, serving on for 1 s", "all workers have ended"]


# -- the rules, against the slow and obvious ------------------------------------------------------

MOMENTS = st.integers(0, 300).map(lambda ticks: ticks * TICK)
SPANS = st.tuples(MOMENTS, MOMENTS)
WORKERS = st.builds(
    Worker,
    pid=st.integers(1, 99),
    delay=st.integers(0, 6).map(float),
    timeout=st.integers(0, 6).map(float),
    answers_in=st.sampled_from([0.0, 0.1, 0.7, 3.0, HANGS]),
    joins=st.sampled_from([0.0, 0.0, 0.5, 4.0]),
    ends=st.one_of(st.just(HANGS), MOMENTS),
    requests=st.lists(SPANS, max_size=3).map(tuple),
    hangs=st.one_of(st.just(HANGS), MOMENTS),
)


def obvious(workers: list[Worker], limit: float | None) -> float:
    """Walk through the ticks, from what really happens in the workers; return the end."""
    known: list[Worker] = []
    for tick in range(10_000):
        now = round(tick * TICK, 3)
        living = [worker for worker in workers if worker.joins <= now < worker.ends]
        known = living or known
        if not known:
            return now
        delay_ends = max(worker.delay for worker in known)
        deadline = delay_ends + max(worker.timeout for worker in known)
        if now >= min(deadline, HANGS if limit is None else limit):
            return now
        if now >= delay_ends and all(_done(worker, delay_ends, now) for worker in living):
            return now
    raise AssertionError


def _done(worker: Worker, delay_ends: float, now: float) -> bool:
    told_by_now = worker.joins + worker.answers_in <= now
    moment = min(now, worker.hangs)
    busy = any(start <= moment < end for start, end in worker.requests)
    return told_by_now and moment > delay_ends and not busy


@settings(max_examples=100, deadline=None)
@given(
    workers=st.lists(WORKERS, max_size=4, unique_by=lambda worker: worker.pid),
    limit=st.one_of(st.none(), st.integers(1, 12).map(float)),
)
def test_a_drain_ends_when_what_really_happens_says_so(
    tmp_path_factory: pytest.TempPathFactory, workers: list[Worker], limit: float | None
) -> None:
    """Whatever the workers do, and never later than its deadline."""
    play = Play(tmp_path_factory.mktemp("pod"), *(replace(worker) for worker in workers))
    assert play.run(play.drain(limit=limit)) == pytest.approx(obvious(workers, limit))
    assert len({line for line in play.lines if "does not answer" in line}) <= len(workers)
    assert all(line.isprintable() for line in play.lines)
