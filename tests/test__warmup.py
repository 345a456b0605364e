"""Start-up work and warm-ups: progress, attempts, backoff, deadline."""

from __future__ import annotations

import itertools
import logging
import random
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit._calls import Calls
from healthkit._loop import Loop, Tasks
from healthkit._model import Kind, WorkState
from healthkit._warmup import Progress, Work, WorkRun, backoff
from tests.virtual import on_both, stubbornly

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit import Progress as PublicProgress


anyio_backend = on_both


def nothing() -> None:
    """Take no notice."""


def a_warmup(
    function: Callable[..., object],
    *,
    takes: int = 0,
    timeout: float | None = None,
    deadline: float | None = None,
    attempts: int | None = None,
) -> WorkRun:
    """Make a run of a warm-up; with attempts, of start-up work."""
    kind = Kind.WARMUP if attempts is None else Kind.STARTUP
    work = Work(kind, "catalogue", function, takes, timeout, deadline, attempts, required=True)
    return WorkRun(work, nothing, nothing)


async def perform(run: WorkRun, state: object = None, seconds: float = 10_000) -> None:
    """Run the work, and its deadline's watch, for at most some virtual seconds."""
    loop = Loop()
    tasks = Tasks(loop)
    tasks.start(run.watch_deadline(), "deadline")
    with anyio.move_on_after(seconds):
        await run.run(Calls(tasks, loop), state, random.Random(1))  # noqa: S311  # jitter
    tasks.cancel()
    await tasks.ended(1000)


@given(seed=st.integers(0, 2**32))
def test_the_backoff_doubles_from_one_second_to_a_minute(seed: int) -> None:
    """Each wait lies between a half and the whole of a cap: 1, 2, 4 ... 60, 60 seconds."""
    waits = itertools.islice(backoff(random.Random(seed)), 10)  # noqa: S311  # jitter
    caps = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert all(cap / 2 <= wait <= cap for wait, cap in zip(waits, caps, strict=True))


def test_no_two_pods_wait_alike() -> None:
    """A fleet that failed together does not come back together."""
    waits = [next(backoff(random.Random(seed))) for seed in range(50)]  # noqa: S311  # jitter
    assert len(set(waits)) == 50
    assert max(waits) - min(waits) > 0.4


async def test_work_is_done_once() -> None:
    """A function that returns is not called again."""
    count = itertools.count()

    async def function() -> None:
        next(count)

    run = a_warmup(function)
    assert repr(run) == "<WorkRun catalogue pending>"
    await perform(run)
    assert run.state is WorkState.DONE
    assert next(count) == 1


@pytest.mark.parametrize("takes", [0, 1, 2])
async def test_work_gets_what_it_takes(takes: int) -> None:
    """Nothing, the progress, or the progress and the lifespan's state."""
    state = {"pool": object()}
    got: list[object] = []

    async def function(*arguments: object) -> None:
        got.extend(arguments)

    run = a_warmup(function, takes=takes)
    await perform(run, state)
    assert got == [run.progress, state][:takes]


async def test_a_warmup_is_tried_until_it_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    """Attempts are a backoff apart; each failure is logged with its reason."""
    caplog.set_level(logging.INFO, "healthkit")
    attempts: list[float] = []

    async def function() -> None:
        attempts.append(anyio.current_time())
        if len(attempts) < 5:
            raise ConnectionError("down")

    run = a_warmup(function)
    await perform(run)
    gaps = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert all(cap / 2 <= gap <= cap + 0.001 for gap, cap in zip(gaps, [1, 2, 4, 8], strict=True))
    assert run.state is WorkState.DONE
    failures = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(failures) == 4
    for number, record in enumerate(failures, start=1):
        line = rf"warmup catalogue: attempt {number} failed; the next one in \d\.\d s: "
        assert re.fullmatch(f"{line}ConnectionError: down", record.message)


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG], ids=logging.getLevelName)
async def test_the_traceback_is_for_whoever_debugs(
    level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The line about an attempt has its reason in itself."""
    caplog.set_level(level, "healthkit")
    bug = ValueError("bug")
    steps: list[BaseException | None] = [bug, None]

    async def function() -> None:
        if (step := steps.pop(0)) is not None:
            raise step

    await perform(a_warmup(function))
    record = caplog.records[0]
    assert record.message.endswith(" s: ValueError: bug")
    assert (record.exc_info and record.exc_info[1]) == (bug if level == logging.DEBUG else None)


async def test_attempts_have_structured_fields(caplog: pytest.LogCaptureFixture) -> None:
    """For whoever reads the log by machine."""
    caplog.set_level(logging.INFO, "healthkit")

    async def function() -> None:
        await anyio.sleep(5)
        raise OSError("down")

    await perform(a_warmup(function, deadline=8, attempts=2))
    fields = ("levelname", "work", "kind", "work_state", "overdue", "reason")
    assert [tuple(record.__dict__[name] for name in fields) for record in caplog.records] == [
        ("WARNING", "catalogue", "startup", "pending", False, "OSError: down"),
        ("ERROR", "catalogue", "startup", "pending", True, "OSError: down"),
        ("ERROR", "catalogue", "startup", "failed", True, "OSError: down"),
    ]


async def test_a_note_says_what_is_not_as_it_should_be() -> None:
    """Which attempt it is, from the second on, and that it is overdue, beside how far it is."""
    notes: list[str] = []
    attempts: list[int] = []

    async def function(progress: PublicProgress) -> None:
        for percent in (0, 41):
            if percent:
                progress(percent, 100)
            notes.append(run.component().note)
        attempts.append(run.component().attempts)
        await anyio.sleep(5)
        notes.append(run.component().note)
        if len(attempts) < 3:
            raise ConnectionError

    run = a_warmup(function, takes=1, deadline=8)
    assert (run.component().note, run.component().attempts) == ("", 0)
    await perform(run)
    assert notes == [
        *("", "41 %", "41 %"),
        *("(attempt 2)", "41 % (attempt 2)", "41 % (attempt 2, overdue)"),
        *("(attempt 3, overdue)", "41 % (attempt 3, overdue)", "41 % (attempt 3, overdue)"),
    ]
    assert attempts == [1, 2, 3]
    done = run.component()
    assert (done.note, done.overdue, done.attempts) == ("", False, 3)


async def test_the_first_attempt_may_be_overdue() -> None:
    """Also without any progress; and the answers are told so at once."""
    changes: list[str] = []
    work = Work(Kind.WARMUP, "catalogue", anyio.sleep_forever, 0, None, 10, None, required=True)
    run = WorkRun(work, lambda: changes.append(run.component().note), nothing)
    await perform(run, seconds=11)
    assert (changes, run.component().overdue) == (["", "(overdue)"], True)


async def test_each_attempt_is_told_to_the_answers() -> None:
    """Also when no attempt says how far it is."""
    changes: list[str] = []

    async def function() -> None:
        if len(changes) < 3:
            raise ConnectionError

    work = Work(Kind.WARMUP, "catalogue", function, 0, None, None, None, required=True)
    run = WorkRun(work, lambda: changes.append(run.component().note), nothing)
    await perform(run)
    assert changes == ["", "(attempt 2)", "(attempt 3)"]


async def test_failed_work_keeps_its_attempts() -> None:
    """They belong to what is to be seen of it."""

    async def function() -> None:
        raise ConnectionError

    run = a_warmup(function, attempts=3)
    await perform(run)
    assert run.state is WorkState.FAILED
    assert (run.component().note, run.component().attempts) == ("(attempt 3)", 3)


async def test_each_attempt_has_its_own_timeout_and_progress() -> None:
    """A late attempt is cancelled, forgotten, and followed by the next."""
    durations = [100.0, 100.0, 1.0]
    said: list[str] = []

    async def function(progress: PublicProgress) -> None:
        said.append(str(progress))
        progress(1, 2)
        await anyio.sleep(durations.pop(0))

    run = a_warmup(function, takes=1, timeout=30)
    await perform(run)
    assert run.state is WorkState.DONE
    assert said == ["", "", ""]


async def test_the_next_attempt_waits_for_the_last_to_end(caplog: pytest.LogCaptureFixture) -> None:
    """An attempt that refuses to be cancelled is never joined by a second one; the log says so."""
    running = 0
    most = 0

    async def function() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await stubbornly(100)
        running -= 1

    await perform(a_warmup(function, timeout=1), seconds=1000)
    assert most == 1
    assert "attempt 1 does not end; the next one has to wait for it" in caplog.text


async def test_the_last_failure_of_start_up_work_is_final() -> None:
    """As many attempts as were asked for; then it has failed for good."""
    attempts = itertools.count()

    async def function() -> None:
        next(attempts)
        raise SystemExit

    run = a_warmup(function, attempts=3)
    await perform(run)
    assert run.state is WorkState.FAILED
    assert next(attempts) == 3


async def test_hanging_start_up_work_fails_at_its_timeout() -> None:
    """Also when it refuses to end: the kubelet must get to know."""

    async def function() -> None:
        await stubbornly(50)

    run = a_warmup(function, timeout=2, attempts=1)
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(perform, run)
        while run.state is WorkState.PENDING:  # noqa: ASYNC110  # virtual time
            await anyio.sleep(0.1)
        assert anyio.current_time() - began == pytest.approx(2, abs=0.2)
    assert run.state is WorkState.FAILED


async def test_a_missed_deadline_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Once, with how far it is; the attempt goes on and may still succeed."""

    async def function(progress: PublicProgress) -> None:
        progress(41, 100)
        await anyio.sleep(60)

    run = a_warmup(function, takes=1, deadline=10)
    await perform(run)
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    line = "warmup catalogue 41 % is not done after its deadline of 10 s; its attempts go on"
    assert errors == [line]
    assert run.state is WorkState.DONE


async def test_a_kept_deadline_is_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    """Work that is done in time is never overdue."""

    async def function() -> None: ...

    run = a_warmup(function, deadline=10)
    loop = Loop()
    tasks = Tasks(loop)
    tasks.start(run.watch_deadline(), "deadline")
    await run.run(Calls(tasks, loop), None, random.Random(1))  # noqa: S311  # jitter
    assert await tasks.ended(11)
    assert not caplog.records


@pytest.mark.parametrize(
    ("done", "total", "said"),
    [
        (0, 100, "0 %"),
        (41, 100, "41 %"),
        (41.9, 100, "41 %"),
        (999, 1000, "99 %"),
        (150, 100, "100 %"),
        (-5, 100, "0 %"),
        (1200, None, "1200"),
        (7, 0, "7"),
        (10**20, None, "1000000000000000"),
        (-(10**20), None, "0"),
    ],
)
def test_progress_is_said_in_percent(done: float, total: float | None, said: str) -> None:
    """Rounded down, so that 100 % means all; without a total it is the count."""
    progress = Progress("catalogue", nothing)
    progress(done, total)
    assert str(progress) == said


@pytest.mark.parametrize(
    ("done", "total"),
    [
        ("x", 100),
        (None, 100),
        (float("nan"), 100),
        (float("inf"), 100),
        ("x", None),
        (1, "y"),
        (Decimal("snan"), 1),
    ],
)
def test_nonsense_is_no_progress(done: object, total: object) -> None:
    """A slip in a report does not fail the work it reports on."""
    progress = Progress("catalogue", nothing)
    progress(41, 100)
    progress(done, total)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the point
    assert str(progress) == "41 %"


def test_progress_is_logged_in_tenths(caplog: pytest.LogCaptureFixture) -> None:
    """A million calls make ten lines, and each call that says nothing new changes nothing."""
    caplog.set_level(logging.INFO, "healthkit")
    changes: list[None] = []
    progress = Progress("catalogue", lambda: changes.append(None))
    for done in range(1001):
        progress(done, 1000)
    assert [record.message for record in caplog.records] == [
        f"catalogue: {percent} %" for percent in range(10, 101, 10)
    ]
    assert len(changes) == 101


def test_a_new_attempt_begins_without_progress() -> None:
    """What the last one reported is forgotten at once, also by the answers."""
    changes: list[str] = []
    progress = Progress("catalogue", lambda: changes.append(str(progress)))
    progress(90, 100)
    progress.reset()
    assert changes == ["90 %", ""]


def test_a_new_attempt_logs_its_tenths_again(caplog: pytest.LogCaptureFixture) -> None:
    """Each attempt is a load of its own."""
    caplog.set_level(logging.INFO, "healthkit")
    progress = Progress("catalogue", nothing)
    for _ in range(2):
        progress(50, 100)
        progress.reset()
    assert caplog.messages == ["catalogue: 50 %"] * 2
