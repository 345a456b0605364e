"""The workers of one pod, each with an app of its own, in one loop and in virtual time."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from healthkit import Health, HealthMiddleware, Phase
from healthkit._facts import HOLDS_NAMED
from healthkit._workers import CALM, HURRIED
from tests.pods import Board
from tests.scrapes import OF_PODS, scraped
from tests.servers import ask, lifespan_of, plain_app

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Receive, Scope, Send

#: Longer than a change takes to reach everybody, with a board that delivers at once.
SOON = 3 * HURRIED


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    """A directory in memory, which every new Health gets."""
    board = Board()
    monkeypatch.setattr("healthkit._clerk.Clerk", board.clerk)
    return board


@dataclass
class Worker:
    """One worker: its app, and how warm it is."""

    health: Health
    app: HealthMiddleware
    warm: asyncio.Event
    number: int

    async def says(self, path: str = "/readyz") -> str:
        """Ask it."""
        return (await ask(self.app, path)).text.strip()

    async def status(self, path: str = "/readyz") -> int:
        """Ask it for the status code."""
        return (await ask(self.app, path)).status


def a_worker(board: Board, app: Callable[..., object] = plain_app, **settings: object) -> Worker:
    """Make a worker whose warm-up ends when it is told to."""
    health = Health(state_dir="/run/pod", **{"workers": 2, **settings})  # type: ignore[arg-type]
    warm = asyncio.Event()

    @health.warmup
    async def catalogue(progress: Callable[[float, float], None]) -> None:
        progress(1, 4)
        await warm.wait()

    return Worker(health, HealthMiddleware(app, health=health), warm, len(board.clerks))  # type: ignore[arg-type]


@asynccontextmanager
async def running(*workers: Worker, warm: bool = True) -> AsyncGenerator[None]:
    """Have some workers run, and be as warm as they should be."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(lifespan_of(worker.app))
            if warm:
                worker.warm.set()
        await asyncio.sleep(SOON)
        yield


async def _passes() -> None:
    """Pass."""


# -- one truth ------------------------------------------------------------------------------------


async def test_the_pod_is_ready_when_its_last_worker_is(board: Board) -> None:
    """Whichever worker is asked."""
    first, second = a_worker(board), a_worker(board)
    async with running(first, warm=False):
        assert await first.says("/startupz") == "starting: workers 1 of 2"
        async with running(second, warm=False):
            first.warm.set()
            await asyncio.sleep(SOON)
            for worker in (first, second):
                assert await worker.says("/startupz") == "ok"
                assert await worker.says() == "warming: catalogue 25 %"
            assert first.health.phase == "serving"
            second.warm.set()
            await asyncio.sleep(SOON)
            for worker in (first, second):
                assert await worker.says() == "ok"


async def test_a_worker_alone_that_is_enough(board: Board) -> None:
    """One worker with a directory is a pod too."""
    worker = a_worker(board, workers=1)
    async with running(worker):
        assert (await ask(worker.app, "/readyz", query_string=b"verbose")).text.strip() == (
            "[+]workers ok\n[+]lifespan ok\n[+]catalogue ok\nready check passed"
        )
        assert await worker.status("/readyz/workers") == 200


async def test_a_replaced_worker_does_not_take_the_pod_out(board: Board) -> None:
    """Recycled, or killed: the one that joins warms up while the others serve."""
    first, second, third = (a_worker(board) for _ in range(3))
    async with running(first):
        async with running(second):
            assert await first.says() == "ok"
        assert await first.says() == "ok"
        async with running(third, warm=False):
            assert await third.says() == "ok"
            assert third.health.phase == "warming"


async def test_workers_that_are_all_replaced_at_once(board: Board) -> None:
    """The server's process is the same: the pod needs one of them, not all."""
    first, second, third = (a_worker(board) for _ in range(3))
    async with running(first, second):
        assert await first.says() == "ok"
    async with running(third):
        assert board.settled
        assert await third.says() == "ok"


async def test_a_hung_worker_is_not_counted_on(board: Board) -> None:
    """It said that it is ready; nobody has heard of it since."""
    first, second = a_worker(board), a_worker(board)
    async with running(first, second):
        board.stale = {1}
        board.deliver()
        await asyncio.sleep(SOON)
        assert await second.says() == "ok"
        assert scraped(second.health)["healthkit_workers_ready"] == 1


# -- the drain ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["drain()", "request"])
async def test_a_drain_reaches_all_workers(board: Board, by: str) -> None:
    """And those that join later; the time that has passed counts for them too."""
    first, second, third = (a_worker(board, drain_delay=5) for _ in range(3))
    async with running(first, second):
        loop = asyncio.get_running_loop()
        began = loop.time()
        if by == "drain()":
            first.health.drain()
        else:
            board.told = began
            board.deliver()
        await asyncio.sleep(SOON)
        for worker in (first, second):
            assert worker.health.phase == "draining"
            assert await worker.says() == "draining"
            assert await worker.says("/livez") == "ok"
            assert await worker.says("/startupz") == "ok"
            assert (await ask(worker.app)).headers[b"connection"] == b"close"
        board.told = None  # whoever asked has gone
        await asyncio.sleep(2)
        async with running(third, warm=False):
            assert third.health.phase == "draining"
            assert await third.says() == "draining"
            assert third.health.life.told == pytest.approx(began, abs=0.1)
            assert third.health.life.exit._plan().began == pytest.approx(began, abs=0.1)


async def test_the_end_of_one_worker_is_not_the_pods(board: Board) -> None:
    """Its own SIGTERM, as when it is recycled: the others serve, and the pod stays in."""
    first, second = a_worker(board), a_worker(board)
    async with running(first, second):
        first.health.life.begin_drain()
        await asyncio.sleep(SOON)
        assert first.health.phase == "draining"
        assert second.health.phase == "serving"
        for worker in (first, second):
            assert await worker.says() == "ok"
        second.health.life.begin_drain()
        await asyncio.sleep(SOON)
        for worker in (first, second):
            assert await worker.says() == "draining"
            assert worker.health.life.told is None


async def test_nothing_of_a_drain_outlives_the_workers(board: Board) -> None:
    """The next container over the same directory comes up ready."""
    first, second = a_worker(board, workers=1), a_worker(board, workers=1)
    async with running(first):
        first.health.drain()
        await asyncio.sleep(SOON)
    async with running(second):
        assert await second.says() == "ok"


async def test_the_next_life_begins_anew(board: Board) -> None:
    """Also of the same Health: reload, tests."""
    worker = a_worker(board, workers=1)
    async with running(worker):
        worker.health.drain()
        await asyncio.sleep(SOON)
        assert board.notes[1].facts.told is not None
    assert board.notes == {}
    async with running(worker):
        assert await worker.says() == "ok"
        assert board.notes[1].facts.told is None


async def test_a_worker_that_ends_by_itself_and_is_told_later(board: Board) -> None:
    """It is told all the same; what it has waited for counts."""
    worker = a_worker(board, workers=1, drain_delay=5)
    async with running(worker):
        worker.health.life.begin_drain()
        began = worker.health.life.lifecycle.entered[Phase.DRAINING]
        await asyncio.sleep(1)
        worker.health.drain()
        await asyncio.sleep(SOON)
        assert board.notes[1].facts.told == pytest.approx(began + 1, abs=0.1)
        assert worker.health.life.exit._plan().began == began


# -- joining --------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
async def test_a_worker_answers_for_a_pod_when_it_has_seen_it(board: Board, *, told: bool) -> None:
    """It may know of nothing, and be ready by itself, while the others drain, or serve."""
    first, second = a_worker(board, workers=None), a_worker(board, workers=None)
    second.warm.set()
    async with running(first):
        if told:
            first.health.drain()
            await asyncio.sleep(SOON)
        board.blind = True
        async with running(second):
            assert await second.says("/livez") == "ok"
            assert await second.says("/startupz") == "starting: workers"
            assert await second.says() == "starting: workers"
            assert await first.says() == ("draining" if told else "ok")
            assert not board.notes[2].facts.pod_ready
            board.blind = False
            board.clerks[1].look()
            await asyncio.sleep(SOON)
            assert await second.says() == ("draining" if told else "ok")


async def test_a_start_up_waits_for_the_first_look_but_not_long(board: Board) -> None:
    """A second; a disk that hangs must not keep the port closed."""
    board.blind = True
    worker = a_worker(board)
    before = asyncio.get_running_loop().time()
    async with lifespan_of(worker.app):
        assert asyncio.get_running_loop().time() - before == pytest.approx(1, abs=0.1)


# -- conditions -----------------------------------------------------------------------------------


async def test_a_pause_is_the_pods(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    """Paused by one worker, resumed by another: a request reaches one of them by chance."""
    caplog.set_level(logging.INFO, "healthkit")
    first, second, third = (a_worker(board) for _ in range(3))
    async with running(first, second):
        first.health.pause("maintenance")
        await asyncio.sleep(SOON)
        assert [await one.says() for one in (first, second)] == ["paused"] * 2
        async with running(third):
            assert await third.says() == "paused"
            third.health.resume()
            await asyncio.sleep(SOON)
            assert [await one.says() for one in (first, second, third)] == ["ok"] * 3
        second.health.resume()
        await asyncio.sleep(SOON)
    said = [line for line in caplog.messages if "pause" in line or "resume" in line]
    assert said == [
        "paused: maintenance",
        "paused by another worker",
        "paused by another worker",
        "resumed",
        *["resumed by another worker"] * 2,
    ]


async def test_a_pause_outlives_the_worker_that_said_it(board: Board) -> None:
    """The others have taken it over; it ends with the last of them."""
    first, second, third = (a_worker(board) for _ in range(3))
    async with running(second):
        async with running(first):
            first.health.pause("maintenance")
            await asyncio.sleep(SOON)
        assert await second.says() == "paused"
    async with running(third):
        assert await third.says() == "ok"


async def test_failed_liveness_is_the_pods(board: Board) -> None:
    """Else the broken worker hides behind its siblings; it ends with that worker."""
    first, second = a_worker(board), a_worker(board)
    async with running(second):
        async with running(first):
            first.health.fail_liveness("broken")
            await asyncio.sleep(SOON)
            for worker in (first, second):
                assert await worker.says("/livez") == "liveness failed"
                assert await worker.status("/readyz") == 503
        assert await second.says("/livez") == "ok"
        assert await second.says() == "ok"


# -- what is written, and how often ---------------------------------------------------------------


async def test_a_calm_worker_writes_once_a_second(board: Board) -> None:
    """And one that drains twenty times, so that whoever waits for it knows."""
    worker = a_worker(board, workers=1)
    async with running(worker):
        await asyncio.sleep(1)
        before = board.posts[1]
        await asyncio.sleep(10)
        assert board.posts[1] - before in {9, 10, 11}
        worker.health.drain()
        await asyncio.sleep(SOON)
        before = board.posts[1]
        await asyncio.sleep(1)
        assert board.posts[1] - before in {19, 20, 21}


async def test_two_calm_workers_do_not_keep_each_other_awake(board: Board) -> None:
    """What one reads of the other is no news, and no reason to write."""
    first, second = a_worker(board), a_worker(board)
    async with running(first, second):
        await asyncio.sleep(2)
        before = sum(board.posts.values())
        await asyncio.sleep(10 * CALM)
        assert sum(board.posts.values()) - before in range(18, 23)


async def test_what_is_in_flight_is_no_news(board: Board) -> None:
    """It changes all the time: nobody is woken for it, and no answer is made anew."""
    first, second = a_worker(board), a_worker(board)
    async with running(first, second):
        await asyncio.sleep(2)
        kept = second.health.answering._version
        for taken in range(3):
            with first.health.hold(f"job {taken}"):
                await asyncio.sleep(CALM)
            first.health.life.traffic.flight.guests[object()] = False
        await asyncio.sleep(CALM)
        assert second.health.answering._version is kept
        assert scraped(second.health)["healthkit_requests_in_flight"] == 3
        first.health.life.traffic.flight.guests.clear()


async def test_a_check_that_goes_on_passing_is_no_news(board: Board) -> None:
    """Else each run of each would wake all workers of the pod; a change of its state does."""
    workers = [a_worker(board) for _ in range(2)]
    for worker in workers:
        worker.health.check(_passes, name="database", interval=0.2)
        worker.health.check(_passes, name="disk", interval=0.1)
    async with running(*workers):
        await asyncio.sleep(2)
        before = sum(board.posts.values())
        await asyncio.sleep(10 * CALM)
        assert sum(board.posts.values()) - before in range(18, 23)


async def test_how_old_a_result_is_grows_in_the_detailed_answer(board: Board) -> None:
    """It is made anew once a second: the worker that decides may be another one."""
    first, second = a_worker(board), a_worker(board)
    for worker in (first, second):
        worker.health.check(_passes, name="disk", interval=1)
    async with running(first, second):
        await asyncio.sleep(2)
        accept = [(b"accept", b"application/json")]
        answers: list[str] = []
        for _ in range(2):
            answers.append((await ask(second.app, "/readyz", headers=accept)).text)
            await asyncio.sleep(3 * CALM)
        assert answers[0] != answers[1]


async def test_a_drained_worker_calms_down(board: Board) -> None:
    """Nobody waits for it any more; while something is in flight, somebody may."""
    worker = a_worker(board, workers=1, drain_delay=1)
    async with running(worker):
        worker.health.drain()
        with worker.health.hold("job"):
            await asyncio.sleep(5)
            before = board.posts[1]
            await asyncio.sleep(1)
            assert board.posts[1] - before in {19, 20, 21}
        await asyncio.sleep(2)
        before = board.posts[1]
        await asyncio.sleep(10 * CALM)
        assert board.posts[1] - before in {9, 10, 11}


async def test_an_earlier_word_of_a_drain_is_taken_up(board: Board) -> None:
    """Time that has been drained elsewhere counts here too."""
    worker = a_worker(board, workers=1)
    async with running(worker):
        worker.health.drain()
        await asyncio.sleep(SOON)
        told = worker.health.life.told
        assert told is not None
        board.told = told - 3
        board.deliver()
        await asyncio.sleep(SOON)
        assert worker.health.life.told == told - 3


async def test_a_second_life_knows_nothing_of_the_first(board: Board) -> None:
    """Neither that the pod was ready, nor that it was seen; and the first can't end it."""
    worker = a_worker(board)
    other = a_worker(board)
    async with running(worker, other):
        before = worker.health.life
    board.settled = False
    board.blind = True
    async with running(worker):
        assert await worker.says() == "starting: workers"
        board.blind = False
        board.news[1]()
        await asyncio.sleep(SOON)
        assert await worker.says() == "starting: workers 1 of 2"
        workers = worker.health._workers
        assert workers is not None
        workers.end(before)
        await asyncio.sleep(SOON)
        assert 1 in board.notes


async def test_a_change_is_written_at_once_but_a_hundred_are_not(board: Board) -> None:
    """The first within the same moment, the rest 50 ms later."""
    worker = a_worker(board, workers=1)
    async with running(worker):
        await asyncio.sleep(1.5)
        before = board.posts[1]
        for _ in range(100):
            worker.health.pause("again")
            await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert board.posts[1] - before == 1
        await asyncio.sleep(HURRIED)
        assert board.posts[1] - before == 2


async def test_a_change_in_another_thread_is_written_too(board: Board) -> None:
    """`pause` is safe in any thread; the loop wakes for it."""
    worker = a_worker(board, workers=1)
    async with running(worker):
        await asyncio.sleep(1.5)
        thread = threading.Thread(target=worker.health.pause, args=("elsewhere",))
        thread.start()
        thread.join()
        await asyncio.sleep(HURRIED)
        assert board.notes[1].facts.pause.paused


async def test_the_record_says_all_that_a_drain_waits_for(board: Board) -> None:
    """Requests are counted, holds are named, and not all of a thousand."""
    inside = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await inside.wait()
        await plain_app(scope, receive, send)

    worker = a_worker(board, slow, workers=1, drain_delay=2, drain_timeout=7)
    async with running(worker):
        request = asyncio.create_task(ask(worker.app))
        holds = [worker.health.hold(f"job {number:02}") for number in range(HOLDS_NAMED + 5)]
        for hold in holds:
            hold.__enter__()
        await asyncio.sleep(2 * CALM)
        facts = board.notes[1].facts
        assert facts.requests == 1
        assert facts.holds[0] == "hold 'job 00'"
        assert facts.holds[-1] == "5 more"
        assert len(facts.holds) == HOLDS_NAMED + 1
        assert (facts.drain_delay, facts.drain_timeout) == (2, 7)
        for hold in holds:
            hold.__exit__(None, None, None)
        inside.set()
        await request


async def test_what_an_exec_probe_reads_is_what_the_endpoints_answer(board: Board) -> None:
    """The four lines in the record are the pod's."""
    first, second = a_worker(board), a_worker(board)
    async with running(first), running(second, warm=False):
        for number in (1, 2):
            said = {str(probe): line for probe, (_, line) in board.notes[number].says.items()}
            assert said == {
                "live": "ok",
                "ready": "warming: catalogue 25 %",
                "startup": "ok",
                "health": "warming: catalogue 25 %",
            }


async def test_each_worker_has_a_number_of_its_own(board: Board) -> None:
    """Small, kept while it lives, and given to the next when it is free."""
    first, second, third, fourth = (a_worker(board) for _ in range(4))
    async with running(first):
        async with running(second, third):
            assert [board.notes[number].facts.slot for number in (1, 2, 3)] == [0, 1, 2]
        async with running(fourth):
            assert [board.notes[number].facts.slot for number in (1, 4)] == [0, 1]


async def test_two_that_took_the_same_number_part(board: Board) -> None:
    """They joined at once, and neither saw the other: who came first keeps it."""
    board.by_hand = True
    first, second = a_worker(board), a_worker(board)
    async with running(first, second):
        assert [board.notes[number].facts.slot for number in (1, 2)] == [0, 0]
        board.by_hand = False
        board.deliver()
        await asyncio.sleep(SOON)
        assert [board.notes[number].facts.slot for number in (1, 2)] == [0, 1]


# -- metrics --------------------------------------------------------------------------------------


async def test_the_metrics_are_the_pods(board: Board) -> None:
    """The same from each worker, but for what has not been written down yet."""
    first, second = a_worker(board), a_worker(board)
    async with running(first), running(second, warm=False):
        for worker in (first, first, second):
            await worker.says()
        hold = first.health.hold("job")
        hold.__enter__()
        await asyncio.sleep(2 * CALM)
        one, other = scraped(first.health), scraped(second.health)
        assert {series: one[series] for series in one if "drain" not in series} == {
            series: other[series] for series in other if "drain" not in series
        }
        assert one['healthkit_phase{phase="warming"}'] == 1
        assert one['healthkit_probe_success{probe="ready"}'] == 0
        assert one['healthkit_probe_answers_total{code="503",probe="ready",worker="0"}'] == 2
        assert one['healthkit_probe_answers_total{code="503",probe="ready",worker="1"}'] == 1
        assert one['healthkit_work_attempts_total{kind="warmup",work="catalogue",worker="1"}'] == 1
        assert one["healthkit_holds_in_flight"] == 1
        assert {name: one[name] for name in OF_PODS} == {
            "healthkit_workers": 2,
            "healthkit_workers_ready": 1,
            "healthkit_workers_needed": 2,
        }
        assert not [series for series in one if 'work="workers"' in series]
        hold.__exit__(None, None, None)


async def test_the_metrics_of_a_drain_are_the_pods(board: Board) -> None:
    """They begin with the first worker's; a worker that ends alone is no drain."""
    first, second = a_worker(board), a_worker(board)
    async with running(first, second):
        first.health.life.begin_drain()
        await asyncio.sleep(SOON)
        assert "healthkit_drain_start_time_seconds" not in scraped(second.health)
        second.health.drain()
        await asyncio.sleep(2)
        for worker in (first, second):
            found = scraped(worker.health)
            assert found["healthkit_drain_start_time_seconds"] == first.health.life.drain_time
            assert 1 < found["healthkit_drain_duration_seconds"] < 4


async def test_the_start_is_that_of_the_pods_first_worker(board: Board) -> None:
    """A worker that is replaced is no restart: those that live hand the time on."""
    first, second, third = (a_worker(board) for _ in range(3))
    start = "healthkit_start_time_seconds"
    async with running(second), running(first):
        await asyncio.sleep(2 * CALM)
        began = second.health.life.start_time
        assert began is not None
        assert scraped(first.health)[start] == scraped(second.health)[start] == began
    async with running(first):
        async with running(second):
            await asyncio.sleep(2 * CALM)
            old = first.health.life.start_time
        async with running(third):
            await asyncio.sleep(2 * CALM)
            assert scraped(third.health)[start] == old


async def test_all_workers_new_is_a_new_start(board: Board) -> None:
    """The directory outlives the container; what stood in it ends with the last worker."""
    first, second = a_worker(board), a_worker(board)
    async with running(first):
        await asyncio.sleep(2 * CALM)
    async with running(second):
        await asyncio.sleep(2 * CALM)
        found = scraped(second.health)["healthkit_start_time_seconds"]
        assert found == second.health.life.start_time
        assert found != first.health.life.start_time


async def test_what_a_drain_has_is_the_most_that_any_worker_has(board: Board) -> None:
    """Whoever waits for the pod waits for that."""
    first, second = a_worker(board, drain_delay=2), a_worker(board, drain_timeout=40)
    async with running(first, second):
        await asyncio.sleep(2 * CALM)
        for worker in (first, second):
            found = scraped(worker.health)
            assert found["healthkit_drain_delay_seconds"] == 2
            assert found["healthkit_drain_timeout_seconds"] == 40


# -- its own repr and end -------------------------------------------------------------------------


async def test_its_repr(board: Board) -> None:
    """How many others it sees."""
    first, second = a_worker(board), a_worker(board)
    async with running(first, second):
        assert repr(first.health._workers) == "<Workers beside 1>"


async def test_a_change_before_a_life_wakes_nobody(board: Board) -> None:
    """There is no loop yet, and nothing to write."""
    worker = a_worker(board)
    worker.health.pause("early")
    assert board.posts == {1: 0}
    async with running(worker):
        assert board.notes[1].facts.pause.paused


async def test_the_exit_does_not_wait_long_for_a_disk(board: Board) -> None:
    """The record of a dead worker says nothing anyway."""
    worker = a_worker(board)
    clerk = board.clerks[0]
    loop = asyncio.get_running_loop()
    async with running(worker):
        clerk.end = lambda: None  # type: ignore[method-assign]
        before = loop.time()
    assert loop.time() - before == pytest.approx(0.5, abs=0.1)


async def test_news_that_comes_after_the_end_changes_nothing(board: Board) -> None:
    """The clerk may be in the middle of something when the life ends."""
    worker = a_worker(board, workers=1)
    async with running(worker):
        news = board.news[1]
    board.told = 1.0
    news()
    await asyncio.sleep(SOON)
    assert worker.health.phase == "stopped"
    assert worker.health.life.told is None


async def test_the_exit_waits_for_the_record_whatever_news_is_late(board: Board) -> None:
    """Each was on its way when the life ended: only the last says that the record is gone."""
    worker = a_worker(board)
    clerk, loop = board.clerks[0], asyncio.get_running_loop()
    take_away = clerk.end

    def end() -> None:
        board.news[1]()
        loop.call_later(0.2, take_away)

    async with running(worker):
        clerk.end = end  # type: ignore[method-assign]
        before = loop.time()
    assert loop.time() - before == pytest.approx(0.2, abs=0.01)
    assert board.notes == {}


async def test_an_exit_holds_up_nobody_when_the_next_life_has_begun(board: Board) -> None:
    """The clerk's word is about that one then."""
    worker = a_worker(board, workers=1)
    loop = asyncio.get_running_loop()
    async with running(worker):
        news, board.clerks[0].end = board.news[1], lambda: None  # type: ignore[method-assign]
        before = loop.time()
        loop.call_later(0.1, worker.health.begin_without_server)
        loop.call_later(0.2, news)
    assert loop.time() - before == pytest.approx(0.2, abs=0.01)
    await worker.health.life.stop()
