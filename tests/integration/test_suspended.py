"""A real process that is stopped and continued: it does not vouch for what it has not seen since.

SIGSTOP does it, or the freezer of the container's control group (``docker pause``); the monotonic
clock goes on meanwhile. Here the stop takes some seconds: a minute is the same arithmetic, and
tests/test__checks.py has it in virtual time.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from examples.pod.server import Server
from tests.integration.suspended import INTERVAL, MAX_AGE, QUERY
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import Callable

APP: Final = "tests.integration.suspended:app"

#: Seconds from the stop to the resume.
STOPPED: Final = 2.3
#: Seconds of it that are left when the probes are sent.
WAITING: Final = 1.0
#: Seconds after the resume in which runs are counted.
WATCHED: Final = 2.0
#: Seconds that anything else may take.
PATIENCE: Final = 10.0
#: An interval has a tenth of jitter to either side.
SHORTEST: Final = 0.9 * INTERVAL

JSON: Final = {"accept": "application/json"}
READY: Final[list[tuple[str, dict[str, str]]]] = [
    ("/readyz", {}),
    ("/readyz?verbose", {}),
    ("/readyz", JSON),
    ("/readyz/database", {}),
]
#: What is sent to the stopped process, several times, each on a connection of its own.
PROBES: Final[list[tuple[str, dict[str, str]]]] = [("/livez", {}), ("/healthz", {}), *READY]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


class Runs:
    """What the check has written down."""

    def __init__(self, log: Path) -> None:
        self._log = log
        log.touch()

    def moments(self, what: str) -> list[float]:
        """Return when runs ``began`` or ``ended``, on the monotonic clock."""
        parted = [line.split() for line in self._log.read_text().splitlines()]
        return [float(moment) for word, moment in parted if word == what]

    def under_way(self) -> bool:
        """Whether one has begun and not ended."""
        return len(self.moments("began")) > len(self.moments("ended"))


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds of another process."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def is_stopped(pid: int) -> bool:
    """Whether the kernel has stopped a process (proc(5), /proc/pid/stat, the third field)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def ready(http: httpx.AsyncClient) -> httpx.Response:
    """Ask until it is ready; return that answer."""
    deadline = time.monotonic() + PATIENCE
    while (answer := await http.get("/readyz")).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.01)
    return answer


async def stop_and_resume(
    server: Server, http: httpx.AsyncClient, runs: Runs
) -> tuple[int, float, list[httpx.Response]]:
    """Stop the process; send probes while it is; resume it.

    Returns:
        How many runs had ended before, when it was resumed, and what the probes were answered.
    """
    server.send(signal.SIGSTOP)
    try:
        await until(lambda: is_stopped(server.pid))
        before = len(runs.moments("ended"))
        await asyncio.sleep(STOPPED - WAITING)
        probes = [
            asyncio.create_task(http.get(path, headers=headers))
            for _ in range(3)
            for path, headers in PROBES
        ]
        await asyncio.sleep(WAITING)
        assert not any(probe.done() for probe in probes)
        assert len(runs.moments("ended")) == before
    finally:
        resumed = time.monotonic()
        server.send(signal.SIGCONT)
    return before, resumed, await asyncio.gather(*probes)


@pytest.mark.matrix
@pytest.mark.parametrize(
    "moment", ["between two runs", pytest.param("in a run", marks=pytest.mark.matrix)]
)
async def test_a_resumed_process_is_not_ready_before_its_checks_have_run(
    moment: str, tmp_path: Path
) -> None:
    """Alive at once, ready after a run, and what it has missed is not made up for."""
    runs = Runs(tmp_path / "runs")
    async with Server(APP, {"RUNS_LOG": str(tmp_path / "runs")}, print) as server:
        close = {"connection": "close"}
        async with httpx.AsyncClient(
            base_url=await server.url(), trust_env=False, timeout=PATIENCE, headers=close
        ) as http:
            await ready(http)
            await until(lambda: runs.under_way() == (moment == "in a run"))
            before, resumed, answers = await stop_and_resume(server, http, runs)
            told_ready_after_a_run(answers, before)
            assert int((await ready(http)).headers["x-runs"]) > before
            assert time.monotonic() - resumed < 1.1 * INTERVAL + QUERY + 0.5
            await asyncio.sleep(max(0.0, resumed + WATCHED - time.monotonic()))
            no_burst(runs, before, resumed)


def told_ready_after_a_run(answers: list[httpx.Response], before: int) -> None:
    """Hold every answer against the runs that had ended when it was given."""
    paths = [answer.request.url.path for answer in answers]
    assert len(paths) == 3 * len(PROBES)
    for path, answer in zip(paths, answers, strict=True):
        has_run = int(answer.headers["x-runs"]) > before
        if path in {"/livez", "/healthz"}:
            assert answer.status_code == 200
        else:
            assert answer.status_code == 503 or has_run, answer.text
    # The connections that waited are answered before a run can have ended.
    early = [answer for answer in answers if answer.status_code == 503]
    assert {answer.request.url.path for answer in early} == {"/readyz", "/readyz/database"}
    lines = {answer.text for answer in early if answer.request.url.raw_path == b"/readyz"}
    lines = {line for line in lines if not line.startswith("{")}
    assert all(line.startswith(("stale: database", "failing: database")) for line in lines), lines


def no_burst(runs: Runs, before: int, resumed: float) -> None:
    """One run at once if one was due, then an interval after each end."""
    ended = runs.moments("ended")[before:]
    assert all(moment > resumed for moment in ended)
    gaps = [later - earlier for earlier, later in itertools.pairwise(ended)]
    assert min(gaps) >= SHORTEST, gaps
    assert 1 < len(ended) <= 1 + WATCHED / SHORTEST
    assert STOPPED > MAX_AGE
