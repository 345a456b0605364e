"""The metrics: every family, name, label and value, in every state; and the endpoint."""

from __future__ import annotations

import asyncio
import random
import re
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

import anyio
import anyio.lowlevel
import pytest
from prometheus_client.parser import text_string_to_metric_families

from healthkit import CheckFailed, Health, HealthMiddleware, Probe
from healthkit._model import Outcome
from healthkit.prometheus import HealthCollector
from tests.scrapes import FAMILIES, counters, present, samples, scraped
from tests.servers import ask, lifespan_of, plain_app
from tests.virtual import REAL, stubbornly

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.types import Receive, Scope, Send

#: What a process says of itself of which nobody has begun anything.
UNBEGUN: Final = {
    'healthkit_phase{phase="starting"}': 1,
    'healthkit_phase{phase="warming"}': 0,
    'healthkit_phase{phase="serving"}': 0,
    'healthkit_phase{phase="draining"}': 0,
    'healthkit_phase{phase="stopped"}': 0,
    "healthkit_paused": 0,
    "healthkit_liveness_failed": 0,
    'healthkit_probe_success{probe="live"}': 1,
    'healthkit_probe_success{probe="ready"}': 0,
    'healthkit_probe_success{probe="startup"}': 0,
    'healthkit_probe_success{probe="health"}': 0,
    'healthkit_probe_answers_total{code="200",probe="live"}': 0,
    'healthkit_probe_answers_total{code="503",probe="live"}': 0,
    'healthkit_probe_answers_total{code="200",probe="ready"}': 0,
    'healthkit_probe_answers_total{code="503",probe="ready"}': 0,
    'healthkit_probe_answers_total{code="200",probe="startup"}': 0,
    'healthkit_probe_answers_total{code="503",probe="startup"}': 0,
    'healthkit_probe_answers_total{code="200",probe="health"}': 0,
    'healthkit_probe_answers_total{code="503",probe="health"}': 0,
    'healthkit_work_state{kind="startup",state="pending",work="lifespan"}': 1,
    'healthkit_work_state{kind="startup",state="done",work="lifespan"}': 0,
    'healthkit_work_state{kind="startup",state="failed",work="lifespan"}': 0,
    'healthkit_work_required{kind="startup",work="lifespan"}': 1,
    'healthkit_work_overdue{kind="startup",work="lifespan"}': 0,
    'healthkit_work_attempts_total{kind="startup",work="lifespan"}': 0,
    "healthkit_requests_in_flight": 0,
    "healthkit_streams_in_flight": 0,
    "healthkit_holds_in_flight": 0,
    "healthkit_drain_delay_seconds": 0,
    "healthkit_drain_timeout_seconds": 15,
}

#: What it says of one check more.
OF_A_CHECK: Final = {
    'healthkit_check_state{check="db",state="pending"}': 1,
    'healthkit_check_state{check="db",state="passing"}': 0,
    'healthkit_check_state{check="db",state="failing"}': 0,
    'healthkit_check_state{check="db",state="stale"}': 0,
    'healthkit_check_required{check="db"}': 1,
    'healthkit_check_hanging{check="db"}': 0,
    'healthkit_check_runs_total{check="db",outcome="success"}': 0,
    'healthkit_check_runs_total{check="db",outcome="failure"}': 0,
    'healthkit_check_runs_total{check="db",outcome="unknown"}': 0,
}

PATHS: Final = {
    Probe.LIVE: "/livez",
    Probe.READY: "/readyz",
    Probe.STARTUP: "/startupz",
    Probe.HEALTH: "/healthz",
}

#: The kubelet's: with it, what a probe is told stays in place to be told at once.
ANYTHING: Final = [(b"accept", b"*/*")]

#: What there is from a drain's beginning on.
OF_A_DRAIN: Final = {"healthkit_drain_start_time_seconds", "healthkit_drain_duration_seconds"}

#: A check's runs, by outcome.
RUNS: Final = 'healthkit_check_runs_total{{check="db",outcome="{}"}}'

SECRET: Final = "hunter2"  # noqa: S105  # the one to look for


async def passing() -> None:
    """Pass."""


async def scrape(app: HealthMiddleware, **more: object) -> dict[str, float]:
    """Ask the endpoint."""
    answer = await ask(app, "/metrics", **more)
    assert answer.status == 200
    return samples(answer.text)


def of_work(found: dict[str, float], name: str) -> dict[str, float]:
    """Return what there is about one piece of work, by the family's name."""
    label = f'work="{name}"'
    return {
        series.partition("{")[0].removeprefix("healthkit_work_"): value
        for series, value in found.items()
        if label in series and "_work_state{" not in series
    }


# -- families -------------------------------------------------------------------------------------


def test_the_families_are_those_that_dashboards_know() -> None:
    """By name and type, each with one line of help; always all, so that none surprises later."""
    found: dict[str, str] = {}
    for family in HealthCollector(Health()).collect():
        assert family.name not in found
        assert re.fullmatch(r"[A-Z][^\n]*\.", family.documentation)
        found[family.name] = family.type
    assert found == FAMILIES


def test_before_any_lifespan() -> None:
    """The whole scrape, to the last series: nothing is there that has no value yet."""
    assert scraped(Health()) == UNBEGUN


def test_a_check_before_any_lifespan() -> None:
    """What is registered belongs to a life, and none has begun."""
    health = Health()
    health.check(passing, name="db")
    assert scraped(health) == UNBEGUN


async def test_a_check_that_has_not_run_yet() -> None:
    """It has a state and no age, no duration and no runs."""
    health = Health()

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        begun = {"healthkit_start_time_seconds": health.life.start_time}
        assert scraped(health) == UNBEGUN | OF_A_CHECK | begun
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    health.check(passing, name="db")
    async with lifespan_of(HealthMiddleware(lifespan, health=health)):
        pass


# -- phases and conditions ------------------------------------------------------------------------


async def test_the_phases_of_a_life() -> None:
    """One of them is 1 at any time."""
    health = Health()
    begun, warm = anyio.Event(), anyio.Event()
    health.startup(begun.wait, name="migrate")
    health.warmup(warm.wait, name="catalogue")
    seen = [present(scraped(health), "phase")]
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        seen.append(present(scraped(health), "phase"))
        begun.set()
        await health.wait_for("warming")
        seen.append(present(scraped(health), "phase"))
        warm.set()
        await health.wait_for("serving")
        seen.append(present(scraped(health), "phase"))
        health.drain()
        seen.append(present(scraped(health), "phase"))
    seen.append(present(scraped(health), "phase"))
    assert seen == ["starting", "starting", "warming", "serving", "draining", "stopped"]


async def test_the_conditions_come_and_go() -> None:
    """Paused is until resumed; failed liveness is for the rest of the life."""
    health = Health()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):

        def conditions() -> tuple[float, float]:
            found = scraped(health)
            return found["healthkit_paused"], found["healthkit_liveness_failed"]

        assert conditions() == (0, 0)
        health.pause("by hand")
        assert conditions() == (1, 0)
        health.resume()
        assert conditions() == (0, 0)
        health.fail_liveness("deadlocked")
        assert conditions() == (0, 1)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        assert conditions() == (0, 0)


@pytest.mark.parametrize(("ready_while_draining", "drained"), [(503, "+-+-"), (200, "+++-")])
async def test_success_is_what_the_endpoints_answer(
    ready_while_draining: Literal[503, 200], drained: str
) -> None:
    """In every phase, under every condition, and after a drain in any of them."""
    health = Health(readyz_while_draining=ready_while_draining)
    begun, warm = anyio.Event(), anyio.Event()
    health.startup(begun.wait, name="migrate")
    health.warmup(warm.wait, name="catalogue")
    ending: BaseException | None = None

    @health.check(interval=1, unknown=OSError)
    async def database() -> None:
        if ending is not None:
            raise ending

    app = HealthMiddleware(plain_app, health=health)

    async def answers(seconds: float = 0.0) -> str:
        """Ask all four after some seconds, the metrics first: a plus for each that passes."""
        await anyio.sleep(seconds)
        found = scraped(health)
        told = [(await ask(app, path)).status == 200 for path in PATHS.values()]
        assert told == [found[f'healthkit_probe_success{{probe="{p}"}}'] == 1 for p in PATHS]
        return "".join("+" if passes else "-" for passes in told)

    async with lifespan_of(app):
        assert await answers() == "+---"
        begun.set()
        await health.wait_for("warming")
        assert await answers() == "+-+-"
        warm.set()
        assert await answers(0.1) == "++++"
        health.pause("by hand")
        assert await answers() == "+-++"
        health.resume()
        ending = OSError()
        assert await answers(5) == "+-++"
        assert present(scraped(health), "check_state", check="database") == "stale"
        ending = None
        assert await answers(2) == "++++"
        health.drain()
        assert await answers() == drained
        ending = CheckFailed("down")
        assert await answers(2) == "+-+-"
    ending = None
    async with lifespan_of(app):
        assert await answers(1) == "++++"
        health.fail_liveness("deadlocked")
        assert await answers() == "--+-"
        health.drain()
        assert await answers() == "--+-"


# -- checks ---------------------------------------------------------------------------------------


def steps(*ends: BaseException | None, slow: float = 0.0) -> Callable[[], Awaitable[None]]:
    """Make a check that ends like this, one after the other; the last for ever."""
    left = list(ends)

    async def function() -> None:
        await anyio.sleep(slow)
        end = left.pop(0) if len(left) > 1 else left[0]
        if end is not None:
            raise end

    return function


@pytest.mark.parametrize(
    ("ends", "slow", "seconds", "state"),
    [
        pytest.param([None], 60.0, 0.1, "pending", id="first run under way"),
        pytest.param([None], 0.0, 0.1, "passing", id="passing"),
        pytest.param([ValueError()], 0.0, 0.1, "failing", id="failing"),
        pytest.param([CheckFailed("down")], 0.0, 0.1, "failing", id="failing with a reason"),
        pytest.param([None], 60.0, 1.0, "failing", id="too late"),
        pytest.param([OSError()], 0.0, 60.0, "stale", id="never known"),
        pytest.param([None, OSError()], 0.0, 30.0, "stale", id="known too long ago"),
        pytest.param([None, OSError(), None], 0.0, 30.0, "passing", id="known again"),
    ],
)
@pytest.mark.parametrize("required", [True, False])
async def test_the_states_of_a_check(
    ends: list[BaseException | None], slow: float, seconds: float, state: str, required: bool
) -> None:
    """One of them is 1; whether readiness depends on it is another family."""
    health = Health()
    health.check(steps(*ends, slow=slow), name="db", required=required, unknown=OSError)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(seconds)
        found = scraped(health)
        assert present(found, "check_state", check="db") == state
        assert found['healthkit_check_required{check="db"}'] == required
        assert found['healthkit_check_hanging{check="db"}'] == 0


async def test_a_check_that_hangs() -> None:
    """From its timeout until its end. It is failing meanwhile."""
    health = Health()

    async def stuck() -> None:
        await stubbornly(20)

    health.check(stuck, name="db", interval=5, timeout=1)
    seen: list[tuple[str, float]] = []
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        for seconds in (0.9, 0.2, 19.4):
            await anyio.sleep(seconds)
            found = scraped(health)
            hanging = found['healthkit_check_hanging{check="db"}']
            seen.append((present(found, "check_state", check="db"), hanging))
        await anyio.sleep(30)  # the run that began meanwhile is to end before the lifespan
    assert seen == [("pending", 0), ("failing", 1), ("stale", 0)]


async def test_age_and_duration() -> None:
    """Absent before the end of the first run; then in seconds."""
    health = Health()
    health.check(steps(None, slow=0.25), name="db")
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(0.2)
        assert not [series for series in scraped(health) if "check" in series and "_sec" in series]
        await anyio.sleep(3.05)
        found = scraped(health)
        assert found['healthkit_check_age_seconds{check="db"}'] == pytest.approx(3.0, abs=1e-6)
        assert found['healthkit_check_duration_seconds{check="db"}'] == pytest.approx(0.25)


async def test_age_is_that_of_the_last_success_or_failure() -> None:
    """An unknown outcome has a duration and changes no age."""
    health = Health()
    health.check(steps(None, OSError(), slow=0.5), name="db", unknown=OSError)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(14.5)
        found = scraped(health)
        assert found['healthkit_check_age_seconds{check="db"}'] == pytest.approx(14.0, abs=1e-6)
        assert found[RUNS.format(Outcome.UNKNOWN)] == 1


async def test_runs_are_counted_by_outcome() -> None:
    """Each that has ended, in a series of its own."""
    health = Health()
    ends = (None, CheckFailed(), OSError(), ValueError(), TimeoutError(), OSError(), None)
    health.check(steps(*ends), name="db", interval=10, unknown=OSError)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        for _ in ends:
            await anyio.sleep(10)
        found = scraped(health)
    runs = {outcome: found[RUNS.format(outcome)] for outcome in Outcome}
    # A tenth of jitter to either side: one run more or less, which are successes.
    assert runs == {"success": pytest.approx(2, abs=1), "failure": 2, "unknown": 3}


async def test_checks_are_told_apart_by_their_names() -> None:
    """Series of two checks do not mix."""
    health = Health()
    health.check(steps(None), name="db")
    health.check(steps(CheckFailed()), name="cache", required=False)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(1)
        found = scraped(health)
    assert present(found, "check_state", check="db") == "passing"
    assert present(found, "check_state", check="cache") == "failing"
    assert found['healthkit_check_required{check="db"}'] == 1
    assert found['healthkit_check_required{check="cache"}'] == 0


# -- work -----------------------------------------------------------------------------------------


async def test_work_and_its_progress() -> None:
    """A ratio, while the work reports a total, and 1 in the end."""
    health = Health()

    @health.warmup(required=False)
    async def catalogue(progress: Callable[..., None]) -> None:
        for done in (1, 2):
            progress(done, 4)
            await anyio.sleep(1)

    seen: list[object] = []
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        for _ in range(3):
            await anyio.sleep(0.9)
            found = scraped(health)
            state = present(found, "work_state", kind="warmup", work="catalogue")
            seen.append((state, of_work(found, "catalogue")))
    rest = {"required": 0, "overdue": 0, "attempts_total": 1}
    assert seen == [
        ("pending", {**rest, "progress_ratio": 0.25}),
        ("pending", {**rest, "progress_ratio": 0.5}),
        ("done", {**rest, "progress_ratio": 1}),
    ]


@pytest.mark.parametrize("reports", [(), (41,), (41, None), (41, 0)])
async def test_work_without_a_total_has_no_progress(reports: tuple[float, ...]) -> None:
    """A count is no ratio; that it is done is one."""
    health = Health()
    done = anyio.Event()

    @health.warmup
    async def catalogue(progress: Callable[..., None]) -> None:
        if reports:
            progress(*reports)
        await done.wait()

    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(0.1)
        rest = {"required": 1, "overdue": 0, "attempts_total": 1}
        assert of_work(scraped(health), "catalogue") == rest
        done.set()
        await anyio.sleep(0.1)
        assert of_work(scraped(health), "catalogue")["progress_ratio"] == 1


async def test_progress_of_a_failed_attempt_is_forgotten() -> None:
    """The next one begins anew, and says so when it has something to say."""
    health = Health()
    attempts: list[int] = []

    @health.warmup
    async def catalogue(progress: Callable[..., None]) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            progress(3, 4)
            await anyio.sleep(1)
            raise OSError
        await anyio.sleep_forever()

    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(0.5)
        assert of_work(scraped(health), "catalogue")["progress_ratio"] == 0.75
        await anyio.sleep(10)
        assert "progress_ratio" not in of_work(scraped(health), "catalogue")


async def test_work_past_its_deadline_is_overdue_until_it_is_done() -> None:
    """The symptom to alert on: it goes on trying."""
    health = Health()
    done = anyio.Event()
    health.warmup(done.wait, name="catalogue", deadline=60)
    seen: list[float] = []
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        for seconds in (59, 2):
            await anyio.sleep(seconds)
            seen.append(of_work(scraped(health), "catalogue")["overdue"])
        done.set()
        await anyio.sleep(1)
        seen.append(of_work(scraped(health), "catalogue")["overdue"])
    assert seen == [0, 1, 0]


async def test_start_up_work_that_has_failed_for_good() -> None:
    """Beside the app's own start-up, which is work of the same kind."""
    health = Health()
    health.startup(steps(OSError()), name="migrate")
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(1)
        found = scraped(health)
    assert present(found, "work_state", kind="startup", work="migrate") == "failed"
    assert present(found, "work_state", kind="startup", work="lifespan") == "done"
    assert of_work(found, "migrate") == {"required": 1, "overdue": 0, "attempts_total": 1}


# -- in flight, the drain -------------------------------------------------------------------------


async def test_what_is_in_flight() -> None:
    """Requests that are in the app, and holds; a probe or a scrape is neither."""
    health = Health(metrics_path="/metrics")
    go = anyio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        await plain_app(scope, receive, send)

    app = HealthMiddleware(slow, health=health)
    await ask(app, "/livez")

    async def counts() -> tuple[float, float]:
        found = await scrape(app)
        return found["healthkit_requests_in_flight"], found["healthkit_holds_in_flight"]

    async with anyio.create_task_group() as tasks:
        assert await counts() == (0, 0)
        for _ in range(3):
            tasks.start_soon(ask, app, "/")
        await anyio.sleep(0.1)
        async with health.hold("job"), health.hold("job"):
            assert await counts() == (3, 2)
        assert await counts() == (3, 0)
        go.set()
        await anyio.sleep(0.1)
        assert await counts() == (0, 0)


async def test_the_drain() -> None:
    """Absent before; then its beginning in Unix time, and how long it has been under way."""
    health = Health()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(100)
        assert not [series for series in scraped(health) if series in OF_A_DRAIN]
        before = time.time()
        health.drain()
        after = time.time()
        for seconds in (0, 3.5, 4.0):
            await anyio.sleep(seconds)
            found = scraped(health)
            assert before <= found["healthkit_drain_start_time_seconds"] <= after
            health.drain()
        assert found["healthkit_drain_duration_seconds"] == pytest.approx(7.5, abs=1e-6)


async def test_the_next_life_has_not_drained() -> None:
    """A reload begins without the last one's drain."""
    health = Health()
    for _ in range(2):
        async with lifespan_of(HealthMiddleware(plain_app, health=health)):
            assert "healthkit_drain_start_time_seconds" not in scraped(health)
            health.drain()
            assert "healthkit_drain_start_time_seconds" in scraped(health)


async def test_a_life_that_ends_without_a_drain_has_none() -> None:
    """The server was killed off, or its loop torn down: nothing is made up."""
    health = Health()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        health.life.abandon()
        found = scraped(health)
        assert present(found, "phase") == "stopped"
        assert not [series for series in found if series in OF_A_DRAIN]


async def test_what_a_drain_has_is_known_before_it() -> None:
    """Nobody has to write the settings down a second time to tell how near a drain is."""
    health = Health(drain_delay=7, drain_timeout=40)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        found = scraped(health)
    assert found["healthkit_drain_delay_seconds"] == 7
    assert found["healthkit_drain_timeout_seconds"] == 40


async def test_the_start_stays_and_the_next_life_has_its_own() -> None:
    """In Unix time: a restart is a change of it, and nothing else is."""
    health = Health()
    assert "healthkit_start_time_seconds" not in scraped(health)
    seen: list[float] = []
    for _ in range(2):
        before = time.time()
        async with lifespan_of(HealthMiddleware(plain_app, health=health)):
            seen.append(scraped(health)["healthkit_start_time_seconds"])
            await anyio.sleep(100)
            health.drain()
            assert before <= seen[-1] <= time.time()
            assert scraped(health)["healthkit_start_time_seconds"] == seen[-1]
    assert seen[0] < seen[1]


# -- answers --------------------------------------------------------------------------------------

#: How a probe may be asked: the path, what else is in the scope, whose answer it is.
WAYS: Final[list[tuple[str, dict[str, object], Probe]]] = [
    ("/livez", {"headers": ANYTHING}, Probe.LIVE),
    ("/readyz", {"headers": ANYTHING}, Probe.READY),
    ("/startupz", {"headers": ANYTHING}, Probe.STARTUP),
    ("/healthz", {"headers": ANYTHING}, Probe.HEALTH),
    ("/livez", {}, Probe.LIVE),
    ("/readyz", {}, Probe.READY),
    ("/startupz", {}, Probe.STARTUP),
    ("/healthz", {}, Probe.HEALTH),
    ("/livez", {"query_string": b"verbose"}, Probe.LIVE),
    ("/readyz", {"query_string": b"verbose", "headers": ANYTHING}, Probe.READY),
    ("/readyz", {"headers": [(b"accept", b"application/json")]}, Probe.READY),
    ("/livez", {"method": "HEAD", "headers": ANYTHING}, Probe.LIVE),
    ("/readyz", {"method": "HEAD", "headers": ANYTHING}, Probe.READY),
    ("/livez", {"method": "POST"}, Probe.LIVE),
    ("/healthz", {"method": "DELETE"}, Probe.HEALTH),
    ("/api/livez", {"root_path": "/api", "headers": ANYTHING}, Probe.LIVE),
    ("/api/readyz", {"root_path": "/api", "headers": ANYTHING}, Probe.READY),
]


def answered(found: dict[str, float]) -> dict[tuple[Probe, int], float]:
    """Return how many answers of each kind there were, without those that there were none of."""
    line = re.compile(r'healthkit_probe_answers_total\{code="(\d+)",probe="(\w+)"\}')
    matched = [(line.fullmatch(series), value) for series, value in found.items()]
    return {(Probe(m[2]), int(m[1])): value for m, value in matched if m is not None and value}


@pytest.mark.parametrize("times", [1, 2, 1000])
@pytest.mark.parametrize(("path", "question", "probe"), WAYS)
async def test_every_answer_is_counted(
    path: str, question: dict[str, object], probe: Probe, times: int
) -> None:
    """Also those that are told at once: the number is exact, and by code."""
    health = Health()
    health.check(passing, name="db")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(0.1)
        statuses = {(await ask(app, path, **question)).status for _ in range(times)}
        assert answered(scraped(health)) == {(probe, *statuses): times}


@pytest.mark.parametrize("seed", range(20))
async def test_no_answer_is_counted_twice_or_lost(seed: int) -> None:
    """Whatever is asked and whatever changes in between, for several lives."""
    chance = random.Random(seed)  # noqa: S311  # a test's own
    health = Health(metrics_path="/metrics")
    health.check(steps(None), name="db", interval=1)
    app = HealthMiddleware(plain_app, health=health)
    tally: Counter[tuple[Probe, int]] = Counter()
    changes = [lambda: health.pause("a change"), health.resume, health.answering.forget]

    async def some() -> None:
        for _ in range(100):
            if chance.random() < 0.2:
                chance.choice(changes)()
            if chance.random() < 0.1:
                await anyio.sleep(chance.uniform(0, 3))
            path, question, probe = chance.choice(WAYS)
            tally[probe, (await ask(app, path, **question)).status] += 1
            assert answered(await scrape(app)) == tally

    await some()
    for _ in range(2):
        async with lifespan_of(app):
            await some()
            health.fail_liveness("deadlocked")
            await some()
            health.drain()
            await some()
        await some()


async def test_answers_survive_lifespans() -> None:
    """They are the process's: a reload is no reset. What a check has run is a life's."""
    health = Health()
    health.check(steps(None), name="db")
    app = HealthMiddleware(plain_app, health=health)
    for number in range(1, 4):
        async with lifespan_of(app):
            await anyio.sleep(0.1)
            for path in PATHS.values():
                await ask(app, path, headers=ANYTHING)
            found = scraped(health)
            assert set(answered(found).values()) == {number}
            assert found[RUNS.format(Outcome.SUCCESS)] == 1
        assert set(answered(scraped(health)).values()) == {number}


async def test_a_probe_that_is_switched_off_is_still_told_about() -> None:
    """A dashboard shows the state of a pod whose probes are elsewhere."""
    health = Health(paths={"startup": None, "health": None})
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        found = scraped(health)
    assert found['healthkit_probe_success{probe="startup"}'] == 1
    assert found['healthkit_probe_answers_total{code="200",probe="startup"}'] == 0


@pytest.fixture
def _switching() -> Iterator[None]:
    """Have the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching")
@pytest.mark.parametrize("anyio_backend", [REAL], ids=["real"])
async def test_another_thread_may_scrape_at_any_time() -> None:
    """Counters only grow, states are whole, and at the end nothing is missing."""
    health = Health()
    health.check(steps(None), name="db", interval=0.01)
    health.warmup(anyio.sleep_forever, name="catalogue", required=False)
    app = HealthMiddleware(plain_app, health=health)
    over = threading.Event()
    failures: list[object] = []
    scrapes: list[dict[str, float]] = [{}]

    def prometheus() -> None:
        while not over.is_set():
            found = scraped(health)
            present(found, "phase")
            present(found, "check_state", check="db")
            fell = {k: v for k, v in counters(scrapes[-1]).items() if found[k] < v}
            failures.extend(fell.items())
            scrapes.append(found)

    asked = 0
    async with lifespan_of(app):
        await anyio.sleep(0.05)
        thread = threading.Thread(target=_keeping(failures, prometheus))
        thread.start()
        until = anyio.current_time() + 1.0
        late = until + 30.0  # the thread gets little of a processor that has a lot else to do
        while (now := anyio.current_time()) < until or (len(scrapes) <= 10 and now < late):
            for _ in range(7):
                asked += len(PATHS)
                for path in PATHS.values():
                    await ask(app, path, headers=ANYTHING)
            health.pause("a change") if asked % 3 else health.resume()
            await anyio.lowlevel.checkpoint()
        over.set()
        await asyncio.to_thread(thread.join)
        assert sum(answered(scraped(health)).values()) == asked
    assert (failures, len(scrapes) > 10) == ([], True)


def _keeping(failures: list[object], function: Callable[[], None]) -> Callable[[], None]:
    """Make a thread's function of which every exception is a failure of the test."""

    def run() -> None:
        try:
            function()
        except BaseException as exc:  # noqa: BLE001  # for the test to see
            failures.append(exc)

    return run


# -- what is not told -----------------------------------------------------------------------------


async def test_labels_are_names_and_nothing_else() -> None:
    """No reason, no exception and no client ever becomes a series."""
    dsn = f"postgres://app:{SECRET}@db.internal"
    health = Health(metrics_path="/metrics")
    health.check(steps(OSError(dsn)), name="db")
    health.check(steps(CheckFailed(dsn)), name="cache", required=False)
    health.check(steps(ValueError(dsn)), name="unknown", unknown=ValueError)
    health.startup(steps(None), name="migrate")
    health.warmup(steps(RuntimeError(dsn)), name="catalogue")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app), health.hold(dsn):
        health.pause(dsn)
        await anyio.sleep(5)
        await ask(app, f"/readyz/{SECRET}", query_string=f"exclude={SECRET}".encode())
        health.fail_liveness(dsn)
        health.drain()
        text = (await ask(app, "/metrics")).text
    assert SECRET not in text
    names = {"db", "cache", "unknown", "migrate", "catalogue", "lifespan"}
    by_name = [value for key, value in _labels(text) if key in {"check", "work"}]
    assert set(by_name) == names
    assert {key for key, _ in _labels(text)} == {
        *("check", "work", "kind", "state", "phase", "probe", "code", "outcome")
    }


def _labels(text: str) -> list[tuple[str, str]]:
    families = text_string_to_metric_families(text)
    return [pair for family in families for one in family.samples for pair in one.labels.items()]
