"""A check runs by its own interval, never piles up, and says what changes, once."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
import threading
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import CheckFailed, Outcome
from healthkit._calls import Calls
from healthkit._checks import Check, CheckWatch, longest_cycle
from healthkit._loop import Loop, Tasks
from healthkit._model import CheckState, Component, Kind
from tests.virtual import VirtualLoop, jump, on_both, stubbornly

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

anyio_backend = on_both

#: What a check may raise, and nothing else is the matter.
DOWN = CheckFailed("down")

LETTER = {
    CheckState.PENDING: ".",
    CheckState.PASSING: "p",
    CheckState.FAILING: "f",
    CheckState.STALE: "x",
}


class Steady(random.Random):
    """Chance that has no jitter: tests know when a run begins."""

    def uniform(self, a: float, b: float) -> float:
        """Return the middle."""
        return (a + b) / 2


class Watched:
    """A check that is being watched, and how often it reported a change."""

    def __init__(self, check: Check, wall_clock: Callable[[], float] = time.time) -> None:
        self.changes = 0
        self.watch = CheckWatch(check, self._changed, wall_clock)

    def _changed(self) -> None:
        self.changes += 1

    @property
    def component(self) -> Component:
        """How it stands now."""
        return self.watch.component(anyio.current_time())

    def state(self) -> CheckState:
        """Return the state now."""
        return CheckState(self.component.state)

    @asynccontextmanager
    async def running(self, rng: random.Random | None = None) -> AsyncGenerator[None]:
        """Run it until the block ends."""
        loop = Loop()
        tasks = Tasks(loop)
        calls = Calls(tasks, loop)
        tasks.start(self.watch.run(calls, rng or Steady()), "check")
        tasks.start(self.watch.watch_age(), "age")
        yield
        calls.close()
        tasks.cancel()
        await tasks.ended(1000)

    async def run_for(self, seconds: float) -> Component:
        """Run it for some virtual seconds; return how it stands then."""
        async with self.running():
            await anyio.sleep(seconds)
            return self.component


class Diary(logging.Handler):
    """What was logged, with the seconds since the diary was opened."""

    def __init__(self, *, level: int) -> None:
        super().__init__(level)
        self._opened = anyio.current_time()
        self.records: list[logging.LogRecord] = []
        self.entries: list[tuple[float, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        self.records.append(record)
        self.entries.append((round(anyio.current_time() - self._opened, 3), record.getMessage()))


@pytest.fixture
async def diary() -> AsyncGenerator[Diary]:
    """Return a diary of what is logged from INFO on."""
    logger = logging.getLogger("healthkit")
    logger.setLevel(logging.DEBUG)
    handler = Diary(level=logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def scripted(*script: object) -> Callable[[], Awaitable[object]]:
    """Make a check that returns, or raises, one step after the other; the last one for ever."""
    steps: Iterator[object] = itertools.chain(script, itertools.repeat(script[-1]))

    async def function() -> object:
        step = next(steps)
        if isinstance(step, BaseException):
            raise step
        return step

    return function


# -- when it runs ---------------------------------------------------------------------------------


async def test_the_first_run_is_immediate() -> None:
    """There is a result long before the first interval is over."""
    watched = Watched(Check("db", scripted(None)))
    assert repr(watched.watch) == "<CheckWatch db <Tally pending>>"
    assert (await watched.run_for(0.001)).state is CheckState.PASSING
    assert repr(watched.watch) == "<CheckWatch db <Tally passing success x1>>"


async def test_the_interval_is_jittered_by_a_tenth() -> None:
    """Runs are 9 to 11 seconds apart, and not all the same."""
    runs: list[float] = []

    async def function() -> None:
        runs.append(anyio.current_time())

    async with Watched(Check("db", function)).running(random.Random(1)):  # noqa: S311  # jitter
        await anyio.sleep(1000)
    gaps = [later - earlier for earlier, later in itertools.pairwise(runs)]
    assert len(gaps) > 90
    assert all(9 <= gap <= 11.001 for gap in gaps)
    assert max(gaps) - min(gaps) > 0.5


async def test_the_next_run_waits_for_the_end_of_the_last() -> None:
    """A check fails at its timeout; while it refuses to end there is no second run."""
    began: list[float] = []

    async def function() -> None:
        began.append(anyio.current_time())
        await stubbornly(300)

    watched = Watched(Check("db", function))
    async with watched.running():
        await anyio.sleep(0.7)
        assert watched.state() is CheckState.PENDING
        await anyio.sleep(0.2)
        assert watched.state() is CheckState.FAILING
        await anyio.sleep(400)
    assert [round(at - began[0]) for at in began] == [0, 310]


class Pool:
    """An object that is called like a coroutine function."""

    async def __call__(self) -> None:
        """Ask the server."""


async def test_an_object_with_a_coroutine_call_needs_no_thread() -> None:
    """It runs on the loop like any coroutine function: what it uses belongs there."""
    watched = Watched(Check("db", Pool()))
    before = threading.enumerate()
    async with watched.running():
        await anyio.sleep(1)
        assert [one for one in threading.enumerate() if one not in before] == []
        assert watched.state() is CheckState.PASSING


# -- what its outcome is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (None, CheckState.PASSING),
        (0, CheckState.PASSING),
        ("nonsense", CheckState.PASSING),
        (object(), CheckState.PASSING),
        (False, CheckState.FAILING),
    ],
)
async def test_only_false_is_a_failing_return(result: object, state: CheckState) -> None:
    """A check that returns anything else has succeeded."""
    watched = Watched(Check("db", scripted(result)))
    assert (await watched.run_for(1)).state is state
    assert watched.watch.reason == ("returned False" if result is False else None)


@pytest.mark.parametrize(
    "error",
    [
        CheckFailed("down"),
        ValueError("bug"),
        SystemExit(1),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        BaseExceptionGroup("several", [SystemExit(1), ValueError("bug")]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_raising_is_failing(error: BaseException) -> None:
    """Whatever is raised is a failure of this check, and of nothing else: it runs again."""
    component = await Watched(Check("db", scripted(error))).run_for(15)
    assert component.state is CheckState.FAILING
    assert component.runs == {Outcome.SUCCESS: 0, Outcome.FAILURE: 2, Outcome.UNKNOWN: 0}


@pytest.mark.parametrize(
    ("unknown", "error", "outcome"),
    [
        pytest.param((), OSError(), Outcome.FAILURE, id="nothing is named"),
        pytest.param((OSError,), OSError(), Outcome.UNKNOWN, id="named"),
        pytest.param((OSError,), ConnectionRefusedError(), Outcome.UNKNOWN, id="a subclass"),
        pytest.param((KeyError, OSError), OSError(), Outcome.UNKNOWN, id="one of several"),
        pytest.param((OSError,), ValueError(), Outcome.FAILURE, id="another"),
        pytest.param((BaseException,), SystemExit(), Outcome.UNKNOWN, id="no Exception at all"),
        pytest.param((Exception,), SystemExit(), Outcome.FAILURE, id="not by Exception"),
        pytest.param((Exception,), CheckFailed("no"), Outcome.FAILURE, id="CheckFailed"),
        pytest.param((Exception,), False, Outcome.FAILURE, id="False"),
        pytest.param((Exception,), None, Outcome.SUCCESS, id="success"),
        pytest.param((TimeoutError,), TimeoutError(), Outcome.UNKNOWN, id="its own TimeoutError"),
        pytest.param(
            (OSError,), ExceptionGroup("", [OSError()]), Outcome.FAILURE, id="inside of a group"
        ),
    ],
)
async def test_unknown_is_what_was_named(
    unknown: tuple[type[BaseException], ...], error: object, outcome: Outcome
) -> None:
    """A type and its subclasses, nothing else; a failure that was said to be one stays one."""
    component = await Watched(Check("db", scripted(error), unknown=unknown)).run_for(1)
    assert [kind for kind, count in component.runs.items() if count] == [outcome]


@pytest.mark.parametrize("unknown", [(Exception,), (TimeoutError,), (BaseException,)])
@pytest.mark.parametrize("hanging", [anyio.sleep_forever, partial(stubbornly, 5)])
async def test_taking_too_long_is_failing_whatever_is_unknown(
    unknown: tuple[type[BaseException], ...], hanging: Callable[[], Awaitable[object]]
) -> None:
    """The timeout is healthkit's own finding: the diagnosis did not break, it did not come."""

    async def function() -> None:
        await hanging()

    watched = Watched(Check("db", function, unknown=unknown))
    component = await watched.run_for(1)
    assert component.state is CheckState.FAILING
    assert component.runs[Outcome.FAILURE] == 1
    assert watched.watch.reason == "no result within 0.8 s"


async def test_thresholds_count_results_in_a_row() -> None:
    """Two successes in a row pass, three failures in a row fail, unknown ones are thrown away."""
    bug = OSError()
    script = [None, None, False, False, None, False, bug, False, False, None, bug, None]
    check = Check(
        "db", scripted(*script), failure_threshold=3, success_threshold=2, unknown=(OSError,)
    )
    watched = Watched(check)
    states = ""
    async with watched.running():
        for _ in script:
            await anyio.sleep(1)
            states += LETTER[watched.state()]
            await anyio.sleep(9)
    assert states == ".ppppppp" + "ff" + "fp"


# -- what is known about it -----------------------------------------------------------------------


async def test_a_check_says_how_it_stands() -> None:
    """Everything that an answer or a metric shows of it."""

    async def function() -> None:
        await anyio.sleep(0.25)

    watched = Watched(Check("db", function, required=False), wall_clock=lambda: 1_700_000_000.5)
    first = watched.component
    assert first == Component("db", Kind.CHECK, CheckState.PENDING, required=False, runs=first.runs)
    assert first.runs == dict.fromkeys(Outcome, 0)
    component = await watched.run_for(5.25)
    assert component.state is CheckState.PASSING
    assert (component.note, component.overdue, component.progress) == ("", False, None)
    assert component.age == pytest.approx(5)
    assert component.duration == pytest.approx(0.25)
    assert component.time == 1_700_000_000.5
    assert component.runs[Outcome.SUCCESS] == 1


async def test_the_age_is_never_negative() -> None:
    """A thread may have read the clock before the result came in."""
    watched = Watched(Check("db", scripted(None)))
    before = anyio.current_time()
    await anyio.sleep(1)
    await watched.run_for(1)
    assert watched.watch.component(before).age == 0


async def test_a_wall_clock_that_jumps_changes_no_age() -> None:
    """An hour back, as after a correction: the time that is told follows, nothing else."""
    wall = [1_700_000_000.0]
    watched = Watched(Check("db", scripted(None)), wall_clock=lambda: wall[0])
    async with watched.running():
        await anyio.sleep(1)
        wall[0] -= 3600
        await anyio.sleep(8)
        assert watched.component.age == pytest.approx(9)
        await anyio.sleep(2)
        assert (watched.component.time, watched.state()) == (wall[0], CheckState.PASSING)
        assert watched.component.age == pytest.approx(1)


async def test_unknown_is_no_result() -> None:
    """Neither the age nor the time moves; the run is counted, and its duration known."""
    times = iter([1000.0, 2000.0])
    check = Check("db", scripted(None, OSError()), unknown=(OSError,))
    watched = Watched(check, wall_clock=lambda: next(times))
    component = await watched.run_for(15)
    assert component.age == pytest.approx(15)
    assert component.time == 1000.0
    assert component.runs == {Outcome.SUCCESS: 1, Outcome.FAILURE: 0, Outcome.UNKNOWN: 1}


async def test_the_duration_of_a_run_under_way_is_what_it_has_taken() -> None:
    """A check that was late took its timeout at least; at its end it is known what it took."""
    watched = Watched(Check("db", partial(stubbornly, 5)))
    async with watched.running():
        await anyio.sleep(4.9)
        assert watched.component.duration == pytest.approx(0.8)
        changes = watched.changes
        await anyio.sleep(0.2)
        assert watched.component.duration == pytest.approx(5)
        assert watched.changes == changes + 1


async def test_a_reason_lasts_until_the_check_passes() -> None:
    """It is the last one, and it stays through a success that does not count yet."""
    script = [ValueError("a"), CheckFailed("b"), OSError("c"), None, None]
    watched = Watched(Check("db", scripted(*script), success_threshold=2, unknown=(OSError,)))
    reasons: list[str | None] = []
    async with watched.running():
        for _ in script:
            await anyio.sleep(1)
            reasons.append(watched.watch.reason)
            await anyio.sleep(9)
    assert reasons == ["ValueError: a", "b", "OSError: c", "OSError: c", None]


async def test_each_run_may_make_another_answer() -> None:
    """The time and the duration are in the detailed ones."""
    watched = Watched(Check("db", scripted(None)))
    await watched.run_for(25)
    assert watched.changes == 3


# -- what is said about it ------------------------------------------------------------------------


async def test_a_change_is_logged_once(diary: Diary) -> None:
    """One line per change with the reason, none for a run that changes nothing."""
    bug = ValueError("hunter2")
    watched = Watched(Check("db", scripted(None, None, bug, bug, None, None)))
    await watched.run_for(100)
    assert diary.entries == [
        (0, "check db passes"),
        (20, "check db fails: ValueError: hunter2"),
        (40, "check db passes"),
    ]
    levels = [record.levelno for record in diary.records]
    assert levels == [logging.INFO, logging.WARNING, logging.INFO]


@pytest.mark.parametrize("unknown", [(), (ValueError,)], ids=["failure", "unknown"])
@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG], ids=logging.getLevelName)
async def test_the_traceback_is_for_whoever_debugs(
    unknown: tuple[type[BaseException], ...], level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A line has its reason in itself, which is enough for everybody else."""
    caplog.set_level(level, "healthkit")
    bug = ValueError("bug")
    await Watched(Check("db", scripted(None, bug, bug), unknown=unknown)).run_for(25)
    about = [record for record in caplog.records if "ValueError: bug" in record.message]
    assert len(about) == (1 if level == logging.INFO else 2)
    shown = [record.exc_info and record.exc_info[1] for record in about]
    assert shown == ([None] if level == logging.INFO else [bug, bug])
    assert [record for record in caplog.records if record.exc_info and record not in about] == []


async def test_a_change_has_structured_fields(diary: Diary) -> None:
    """For whoever reads the log by machine."""
    await Watched(Check("db", scripted(None, DOWN))).run_for(15)
    fields = ("check", "state_before", "state", "outcome", "required", "hanging", "reason")
    assert [tuple(record.__dict__[name] for name in fields) for record in diary.records] == [
        ("db", "pending", "passing", "success", True, False, None),
        ("db", "passing", "failing", "failure", True, False, "down"),
    ]


async def test_a_change_is_logged_when_its_threshold_is_reached(diary: Diary) -> None:
    """The failures before are told to whoever debugs."""
    diary.setLevel(logging.DEBUG)
    await Watched(Check("db", scripted(None, DOWN), failure_threshold=3)).run_for(45)
    assert diary.entries == [
        (0, "check db passes"),
        (10, "check db: a failure; it stays passing: down"),
        (20, "check db: a failure; it stays passing: down"),
        (30, "check db fails: down"),
        (40, "check db: a failure; it stays failing: down"),
    ]


async def test_an_optional_check_says_that_it_is(diary: Diary) -> None:
    """Nobody has to get up for it."""
    check = Check("db", scripted(None, DOWN, OSError()), required=False, unknown=(OSError,))
    await Watched(check).run_for(45)
    assert [line for _, line in diary.entries] == [
        "check db passes",
        "check db fails, and is not required: down",
        "check db: unknown, the diagnosis broke; it stays failing: OSError",
        "check db is stale: no result for too long, and is not required",
        "check db: unknown, the diagnosis broke; it stays stale: OSError",
    ]
    assert not any(record.__dict__["required"] for record in diary.records)


async def test_a_diagnosis_that_breaks_is_logged_once_in_each_state(diary: Diary) -> None:
    """A result that changes nothing begins no new count: a flaky one does not fill the log."""
    diary.setLevel(logging.DEBUG)
    bug = OSError("bug")
    script = scripted(None, bug, bug, None, bug, DOWN, bug, bug, DOWN, bug, None, bug)
    await Watched(Check("db", script, max_age=60, unknown=(OSError,))).run_for(115)
    about = [
        (at, record.levelname, line.removeprefix("check db: unknown, the diagnosis broke; "))
        for (at, line), record in zip(diary.entries, diary.records, strict=True)
        if "unknown" in line
    ]
    assert about == [
        (10, "WARNING", "it stays passing: OSError: bug"),
        (20, "DEBUG", "it stays passing: OSError: bug"),
        (40, "DEBUG", "it stays passing: OSError: bug"),
        (60, "WARNING", "it stays failing: OSError: bug"),
        (70, "DEBUG", "it stays failing: OSError: bug"),
        (90, "DEBUG", "it stays failing: OSError: bug"),
        (110, "WARNING", "it stays passing: OSError: bug"),
    ]
    fields = diary.records[1].__dict__
    assert (fields["outcome"], fields["reason"]) == ("unknown", "OSError: bug")


# -- what grows too old ---------------------------------------------------------------------------


async def test_endless_unknowns_grow_stale(diary: Diary) -> None:
    """Once, `max_age` after the last result; and a result ends it."""
    script = [None, *[OSError()] * 4, None]
    watched = Watched(Check("db", scripted(*script), unknown=(OSError,)))
    async with watched.running():
        await anyio.sleep(20.79)
        assert watched.state() is CheckState.PASSING
        await anyio.sleep(0.02)
        assert watched.state() is CheckState.STALE
        await anyio.sleep(100)
        assert watched.state() is CheckState.PASSING
    assert diary.entries == [
        (0, "check db passes"),
        (10, "check db: unknown, the diagnosis broke; it stays passing: OSError"),
        (20.8, "check db is stale: no result for too long"),
        (30, "check db: unknown, the diagnosis broke; it stays stale: OSError"),
        (50, "check db passes"),
    ]
    stale = diary.records[2]
    assert (stale.levelno, stale.exc_info) == (logging.WARNING, None)
    assert (stale.__dict__["state_before"], stale.__dict__["state"]) == ("passing", "stale")
    assert diary.records[4].__dict__["state_before"] == "stale"


async def test_a_check_without_any_result_grows_stale(diary: Diary) -> None:
    """`max_age` after its first run began: a diagnosis that never worked is told like one lost."""
    script = [*[OSError()] * 4, None]
    watched = Watched(Check("db", scripted(*script), success_threshold=2, unknown=(OSError,)))
    assert watched.watch.fresh_until == math.inf
    await anyio.sleep(100)
    assert watched.state() is CheckState.PENDING
    async with watched.running():
        await anyio.sleep(20.79)
        assert (watched.state(), watched.component.age) == (CheckState.PENDING, None)
        await anyio.sleep(0.02)
        assert (watched.state(), watched.component.age) == (CheckState.STALE, None)
        await anyio.sleep(20)
        assert watched.state() is CheckState.PENDING
        await anyio.sleep(10)
        assert watched.state() is CheckState.PASSING
    assert diary.entries == [
        (100, "check db: unknown, the diagnosis broke; it stays pending: OSError"),
        (120.8, "check db is stale: no result for too long"),
        (130, "check db: unknown, the diagnosis broke; it stays stale: OSError"),
        (140, "check db is pending"),
        (150, "check db passes"),
    ]


async def test_a_hanging_run_is_told_and_grows_stale(diary: Diary) -> None:
    """Hanging from its timeout on; an interval later the log says so; stale with `max_age`."""
    hangs = iter([False, True, False])

    async def function() -> None:
        if next(hangs, False):
            await stubbornly(100)

    watched = Watched(Check("db", function))
    async with watched.running():
        await anyio.sleep(10.7)
        assert (watched.component.note, watched.component.overdue) == ("", False)
        await anyio.sleep(0.2)
        assert (watched.component.note, watched.component.overdue) == ("hanging", True)
        assert watched.component.duration == pytest.approx(0.8)
        assert repr(watched.watch) == "<CheckWatch db <Tally failing failure x1> hanging>"
        changes = watched.changes
        await anyio.sleep(99)
        assert (watched.state(), watched.changes) == (CheckState.STALE, changes)
        assert (watched.component.note, watched.component.overdue) == ("hanging", True)
        await anyio.sleep(1)
        assert (watched.component.note, watched.component.overdue) == ("timed out", False)
        assert watched.component.duration == pytest.approx(100)
        assert watched.changes == changes + 1
        await anyio.sleep(10)
        assert (watched.component.note, watched.component.overdue) == ("", False)
    assert diary.entries == [
        (0, "check db passes"),
        (10.8, "check db fails: no result within 0.8 s"),
        (20.8, "check db hangs: its next run has to wait for the end of this one"),
        (31.6, "check db is stale: no result for too long"),
        (110, "check db hangs no more"),
        (120, "check db passes"),
    ]
    assert diary.records[2].levelno == logging.WARNING
    fields = ("check", "hanging", "reason")
    assert [tuple(record.__dict__[name] for name in fields) for record in diary.records] == [
        ("db", False, None),
        *[("db", True, "no result within 0.8 s")] * 3,
        ("db", False, "no result within 0.8 s"),
        ("db", False, None),
    ]


async def test_a_late_run_that_ends_within_the_interval_is_not_logged(diary: Diary) -> None:
    """It hangs for a while, and has failed; but nothing has to wait for it."""
    watched = Watched(Check("db", partial(stubbornly, 10.7)))
    async with watched.running():
        await anyio.sleep(10.6)
        assert (watched.component.note, watched.component.overdue) == ("hanging", True)
        await anyio.sleep(0.2)
        assert (watched.component.note, watched.component.overdue) == ("timed out", False)
        await anyio.sleep(5)
    assert diary.entries == [(0.8, "check db fails: no result within 0.8 s")]


async def test_a_late_run_that_obeys_does_not_hang() -> None:
    """It was cancelled at its timeout, and has ended with that."""
    component = await Watched(Check("db", anyio.sleep_forever)).run_for(0.9)
    assert (component.note, component.overdue) == ("timed out", False)
    assert component.duration == pytest.approx(0.8)


@pytest.mark.parametrize(
    "after",
    [None, False, DOWN, OSError(), TimeoutError()],
    ids=["success", "False", "failure", "unknown", "its own TimeoutError"],
)
async def test_timed_out_is_said_of_the_last_run_only(after: object) -> None:
    """Not when the next one has ended otherwise; nor does it matter whether that is a failure."""
    runs = iter([anyio.sleep_forever, scripted(after)])

    async def function() -> object:
        return await next(runs)()

    watched = Watched(Check("db", function, unknown=(OSError,)))
    async with watched.running():
        await anyio.sleep(10)
        assert watched.component.note == "timed out"
        await anyio.sleep(5)
        assert sum(watched.component.runs.values()) == 2
        assert watched.component.note == ""


async def test_a_check_in_time_never_grows_stale(diary: Diary) -> None:
    """Also at the smallest `max_age`, when each run takes almost its timeout."""
    max_age = math.nextafter(longest_cycle(10, 0.8), math.inf)
    watched = Watched(Check("db", partial(anyio.sleep, 0.799), max_age=max_age))
    async with watched.running(random.Random(1)):  # noqa: S311  # jitter
        await anyio.sleep(10_000)
    assert diary.entries == [(0.799, "check db passes")]


@pytest.mark.parametrize("seed", range(5))
async def test_growing_stale_is_never_missed(diary: Diary, seed: int) -> None:
    """At no moment of the clock, down to its last bit."""
    rng = random.Random(seed)  # noqa: S311  # a table of moments
    await anyio.sleep(rng.uniform(0, 1000))
    max_age = rng.uniform(20, 100)
    check = Check("db", scripted(None, OSError()), max_age=max_age, unknown=(OSError,))
    await Watched(check).run_for(max_age + 50)
    stale = [line for _, line in diary.entries if line.startswith("check db is stale")]
    assert len(stale) == 1


@pytest.mark.parametrize("how", ["jumped", "blocked"])
async def test_a_process_that_was_suspended_runs_each_check_once(diary: Diary, how: str) -> None:
    """What is known has grown stale; the runs that were missed are not made up for."""
    began: list[float] = []

    async def function() -> None:
        began.append(anyio.current_time())
        await anyio.sleep(0.1)

    watched = Watched(Check("db", function))
    async with watched.running():
        await anyio.sleep(5)
        if how == "jumped":
            jump(60)
        else:
            Loop().soon(partial(jump, 60))
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
        assert watched.state() is CheckState.STALE
        await anyio.sleep(0.05)
        assert watched.state() is CheckState.STALE
        await anyio.sleep(0.1)
        assert watched.state() is CheckState.PASSING
        await anyio.sleep(9)
        assert [round(at - began[0]) for at in began] == [0, 65]
        await anyio.sleep(2)
        assert len(began) == 3
    assert [line for _, line in diary.entries] == [
        "check db passes",
        "check db is stale: no result for too long",
        "check db passes",
    ]


# -- any check ------------------------------------------------------------------------------------

#: What a run may do, and for how many quarters of a second. "refuses" does not obey a cancellation.
Run = tuple[str, int]

RUNS = st.lists(
    st.tuples(
        st.sampled_from(["returns", "False", "raises", "unknown", "refuses"]), st.integers(0, 30)
    ),
    max_size=12,
)

TIMEOUT = 0.875  # no multiple of a quarter: no run ends just then
INTERVAL = 2.0


async def _do(run: Run) -> object:
    kind, quarters = run
    await (stubbornly if kind == "refuses" else anyio.sleep)(quarters / 4)
    if kind == "raises":
        raise ValueError
    if kind == "unknown":
        raise OSError
    return kind != "False"


def _obvious_events(runs: Sequence[Run], until: float) -> list[tuple[float, Outcome]]:
    """Say when each run has which outcome: run, wait an interval after its end, run."""
    outcomes = {"False": Outcome.FAILURE, "raises": Outcome.FAILURE, "unknown": Outcome.UNKNOWN}
    events: list[tuple[float, Outcome]] = []
    began = 0.0
    for kind, quarters in itertools.chain(runs, itertools.repeat(("returns", 0))):
        takes = quarters / 4
        if began > until:
            break
        if takes < TIMEOUT:
            events.append((began + takes, outcomes.get(kind, Outcome.SUCCESS)))
        else:
            events.append((began + TIMEOUT, Outcome.FAILURE))
            takes = takes if kind == "refuses" else TIMEOUT
        began += takes + INTERVAL
    return events


def _obvious_state(
    events: Sequence[tuple[float, Outcome]], check: Check, moment: float
) -> CheckState:
    """Find the state in everything that has happened until `moment`."""
    results = [(at, o) for at, o in events if at <= moment and o is not Outcome.UNKNOWN]
    since = results[-1][0] if results else 0.0
    if moment >= since + check.max_age:
        return CheckState.STALE
    state = CheckState.PENDING
    begins = 0
    for end in range(1, len(results) + 1):
        if end > 1 and results[end - 1][0] >= results[end - 2][0] + check.max_age:
            state, begins = CheckState.PENDING, end - 1
        row = [outcome for _, outcome in results[begins:end]]
        if row[-check.failure_threshold :] == [Outcome.FAILURE] * check.failure_threshold:
            state = CheckState.FAILING
        if row[-check.success_threshold :] == [Outcome.SUCCESS] * check.success_threshold:
            state = CheckState.PASSING
    return state


@settings(deadline=None, database=None, max_examples=200)
@given(
    RUNS,
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([3.125, 5.25, 20.0]),
    st.lists(st.integers(0, 400), min_size=1, max_size=20).map(sorted),
)
def test_any_check_is_in_the_obvious_state_at_any_moment(
    runs: list[Run], failures: int, successes: int, max_age: float, moments: list[int]
) -> None:
    """Whatever its runs do, recomputed from all of them; moments lie beside those of changes."""
    left = iter(runs)

    async def function() -> object:
        return await _do(next(left, ("returns", 0)))

    check = Check(
        "db",
        function,
        interval=INTERVAL,
        timeout=TIMEOUT,
        failure_threshold=failures,
        success_threshold=successes,
        max_age=max_age,
        unknown=(OSError,),
    )

    async def watching() -> list[CheckState]:
        watched = Watched(check)
        states: list[CheckState] = []
        async with watched.running():
            began = anyio.current_time()
            for moment in moments:
                await anyio.sleep(began + _beside(moment) - anyio.current_time())
                states.append(watched.state())
        return states

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        found = runner.run(watching())
    events = _obvious_events(runs, _beside(moments[-1]))
    assert found == [_obvious_state(events, check, _beside(moment)) for moment in moments]


def _beside(moment: int) -> float:
    """Return a moment in seconds that is no multiple of an eighth."""
    return moment / 4 + 1 / 16


class _Moody(type):
    """A type of types that won't say what its instances are."""

    def __instancecheck__(cls, instance: object) -> bool:
        raise ValueError(instance)


class Moody(Exception, metaclass=_Moody):  # noqa: N818  # what it does is the point
    """An exception whose type raises when it is asked."""


def test_a_type_that_raises_when_it_is_asked_names_nothing() -> None:
    """Then a failure is a failure; the check goes on."""
    check = Check("db", scripted(None), unknown=(Moody,))
    assert check.outcome(ValueError()) is Outcome.FAILURE
