"""A check runs by its own interval and never piles up."""

from __future__ import annotations

import itertools
import logging
import random
from typing import TYPE_CHECKING

import anyio
import pytest

from healthkit import CheckFailed, Outcome
from healthkit._calls import Calls
from healthkit._checks import Check, CheckWatch
from healthkit._loop import Loop, Tasks
from tests.virtual import stubbornly

if TYPE_CHECKING:
    from collections.abc import Callable


def a_check(function: Callable[[], object], interval: float = 10, timeout: float = 0.8) -> Check:
    """Make a required check."""
    return Check("db", function, interval, timeout, required=True)


class Watched:
    """A check that is being watched, and how often it reported a change."""

    def __init__(self, check: Check) -> None:
        self.changes = 0
        self.watch = CheckWatch(check, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    async def run_for(self, seconds: float) -> None:
        """Watch for some virtual seconds."""
        loop = Loop()
        tasks = Tasks(loop)
        calls = Calls(tasks, loop)
        tasks.start(self.watch.run(calls, random.Random(1)), "check")  # noqa: S311  # jitter
        await anyio.sleep(seconds)
        calls.close()
        tasks.cancel()
        await tasks.ended(1000)


async def test_the_first_run_is_immediate() -> None:
    """There is an outcome long before the first interval is over."""

    async def function() -> None: ...

    watched = Watched(a_check(function))
    assert repr(watched.watch) == "<CheckWatch db pending>"
    await watched.run_for(0.001)
    assert watched.watch.outcome is Outcome.SUCCESS
    assert repr(watched.watch) == "<CheckWatch db success>"


async def test_the_interval_is_jittered_by_a_tenth() -> None:
    """Runs are 9 to 11 seconds apart, and not all the same."""
    runs: list[float] = []

    async def function() -> None:
        runs.append(anyio.current_time())

    await Watched(a_check(function)).run_for(1000)
    gaps = [later - earlier for earlier, later in itertools.pairwise(runs)]
    assert len(gaps) > 90
    assert all(9 <= gap <= 11.001 for gap in gaps)
    assert max(gaps) - min(gaps) > 0.5


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (None, Outcome.SUCCESS),
        (0, Outcome.SUCCESS),
        ("nonsense", Outcome.SUCCESS),
        (object(), Outcome.SUCCESS),
        (False, Outcome.FAILURE),
    ],
)
async def test_only_false_is_a_failing_return(result: object, outcome: Outcome) -> None:
    """A check that returns anything else has succeeded."""

    async def function() -> object:
        return result

    watched = Watched(a_check(function))
    await watched.run_for(1)
    assert watched.watch.outcome is outcome


@pytest.mark.parametrize("error", [CheckFailed("down"), ValueError("bug"), SystemExit(1)])
async def test_raising_is_failing(error: BaseException) -> None:
    """Whatever is raised is a failure of this check."""

    async def function() -> None:
        raise error

    watched = Watched(a_check(function))
    await watched.run_for(100)
    assert watched.watch.outcome is Outcome.FAILURE
    assert watched.changes == 1


async def test_a_hanging_check_fails_in_time_and_is_not_started_again() -> None:
    """It fails at its timeout; while it refuses to end there is no second run."""
    runs = 0

    async def function() -> None:
        nonlocal runs
        runs += 1
        await stubbornly(300)

    watched = Watched(a_check(function))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watched.run_for, 250)
        await anyio.sleep(0.7)
        assert watched.watch.outcome is None
        await anyio.sleep(0.2)
        assert watched.watch.outcome is Outcome.FAILURE
    assert runs == 1


async def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """One line per change with the exception, none per run."""
    caplog.set_level(logging.INFO, "healthkit")
    results = [None, None, ValueError("hunter2"), ValueError("hunter2"), None, None]

    async def function() -> None:
        error = results.pop(0) if results else None
        if error is not None:
            raise error

    watched = Watched(a_check(function))
    await watched.run_for(100)
    assert [record.message for record in caplog.records] == [
        "check db succeeds",
        "check db fails",
        "check db succeeds",
    ]
    assert caplog.records[1].exc_info is not None
    assert caplog.records[1].__dict__["outcome"] == "failure"
    assert watched.changes == 3
