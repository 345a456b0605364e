"""A real hypercorn on trio: with its one process (``-w 0``) and with a worker beside it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.pods import PATIENCE, TICK, Process, ask, until
from tests.integration.stalls import again_after_a_stall
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.integration.pods import Look

pytestmark = pytest.mark.parametrize("workers", ["0", pytest.param("1", marks=pytest.mark.matrix)])

#: Seconds that the app serves on after it was told to drain.
DELAY: Final = 0.5
#: Seconds in which whoever does not wait for a request would have gone.
LONG: Final = 1.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run in real time: the servers do."""
    return REAL


class Hypercorn(Process):
    """One server on trio. Inside the block it listens.

    Args:
        files: an empty directory, for what the app looks at and for healthkit.
        workers: what it is told of them.
        before: what stands before its command.
    """

    def __init__(self, files: Path, workers: str, before: Sequence[str] = ()) -> None:
        self.files = files
        options = ["--worker-class", "trio", "--workers", workers, "--bind", "127.0.0.1:0"]
        command = [sys.executable, "-m", "hypercorn", *options, "tests.integration.trio_app:app"]
        self.settings = {
            "FILES": str(files),
            "HEALTHKIT_STATE_DIR": str(files / "state"),
            "HEALTHKIT_DRAIN_DELAY": str(DELAY),
        }
        super().__init__([*before, *command], self.settings)
        self.port = 0

    async def begun(self) -> None:
        """Wait for the port."""
        await until("an open port", lambda: self._listens() or self.ended_at is not None)
        assert self.ended_at is None, "the server has ended"

    def _listens(self) -> bool:
        said = re.search(r"Running on http://127\.0\.0\.1:(\d+)", "\n".join(self.log))
        self.port = int(said[1]) if said else 0
        return said is not None

    async def ask(self, path: str) -> Look:
        """Ask once."""
        return await ask(self.port, path)

    async def says(self, path: str, status: int, text: str = "") -> None:
        """Wait for an answer."""
        deadline = time.monotonic() + PATIENCE
        while (look := await self.ask(path)).status != status or text not in look.text:
            assert time.monotonic() < deadline, f"waited for {status} {text}: {look}"
            await asyncio.sleep(TICK)

    async def is_ready(self) -> None:
        """Let it warm up."""
        (self.files / "warm").touch()
        await self.says("/readyz", 200)

    async def works(self) -> asyncio.Task[Look]:
        """Have a request in flight; return what waits for its answer."""
        slow = asyncio.create_task(ask(self.port, "/slow", within=PATIENCE))
        await until("a request in flight", (self.files / "in flight").exists)
        return slow


async def test_a_pod_on_trio_warms_up_and_is_judged_by_its_checks(
    tmp_path: Path, workers: str
) -> None:
    """Of both kinds, in time or not; no failure is fatal."""
    async with Hypercorn(tmp_path, workers) as server:
        assert (await server.ask("/library")).text == "trio"
        await server.says("/startupz", 200)
        await server.says("/readyz", 503, "warming")
        await server.is_ready()
        for file, check in [("database down", "database"), ("disk full", "disk")]:
            (tmp_path / file).touch()
            await server.says("/readyz", 503, check)
            assert (await server.ask("/livez")).status == 200
            (tmp_path / file).unlink()
            await server.says("/readyz", 200)
        (tmp_path / "cache hangs").touch()
        await server.says("/readyz", 503, "cache")
        (tmp_path / "cache hangs").unlink()
        await server.says("/readyz", 200)
        assert not [line for line in server.log if "Traceback" in line]


async def test_a_pod_on_trio_is_drained_before_it_is_told_to_end(
    tmp_path: Path, workers: str
) -> None:
    """By ``healthkit drain``, as a preStop hook: what is in flight is waited for."""
    async with Hypercorn(tmp_path, workers) as server:
        await server.is_ready()
        slow = await server.works()
        drain = [sys.executable, "-m", "healthkit", "drain"]
        async with Process(drain, server.settings) as hook:
            await server.says("/readyz", 503, "draining")
            assert (await server.ask("/library")).status == 200
            await until("its wait", lambda: any("waiting for 1 request" in one for one in hook.log))
            await asyncio.sleep(LONG)
            assert hook.ended_at is None
            (tmp_path / "answer").touch()
            assert await hook.ends() == 0
        assert (await slow).text == "answered"
        assert (tmp_path / "told").exists()
        os.kill(server.pid, signal.SIGTERM)
        assert await server.ends() == 0
        assert not [line for line in server.log if "Traceback" in line]


async def test_healthkit_run_drains_a_pod_on_trio(tmp_path: Path, workers: str) -> None:
    """SIGTERM reaches the server when nothing is in flight any more."""
    run = [sys.executable, "-m", "healthkit", "run", "--"]
    async with Hypercorn(tmp_path, workers, run) as server:
        await server.is_ready()
        slow = await server.works()
        os.kill(server.pid, signal.SIGTERM)
        await until("its wait", lambda: any("waiting for 1 request" in one for one in server.log))
        await server.says("/readyz", 503, "draining")
        await asyncio.sleep(LONG)
        assert not [line for line in server.log if "passing SIGTERM on" in line]
        (tmp_path / "answer").touch()
        assert (await slow).text == "answered"
        assert await server.ends() == 0
        assert not [line for line in server.log if "Traceback" in line]


@again_after_a_stall
async def test_ctrl_c_ends_a_pod_on_trio_in_order(tmp_path: Path, workers: str) -> None:
    """It closes the lifespan, and healthkit's own tasks hold up nothing."""
    async with Hypercorn(tmp_path, workers) as server:
        await server.is_ready()
        (tmp_path / "cache hangs").touch()
        # Trio raises KeyboardInterrupt wherever it is: in the task that has just answered hypercorn
        # takes it for a failure of the app. No task does anything now, if we give it a moment.
        await asyncio.sleep(0.3)
        os.killpg(server.pid, signal.SIGINT)
        assert await server.ends() == 0
        assert (tmp_path / "told").exists()
        assert not [line for line in server.log if "Traceback" in line]
