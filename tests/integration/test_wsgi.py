"""The WSGI door behind real gunicorn workers: sync, threads and gevent, Flask and Django."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from healthkit._state_dir import StateDir
from tests.integration.pods import Look, Process, ask, until
from tests.integration.stalls import again_after_a_stall
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FLASK: Final = "tests.integration.wsgi_flask:app"
DJANGO: Final = "11_django_wsgi:app"
HOOK: Final = ("--config", "tests/integration/gunicorn_hook.py")

#: Seconds of the drain's delay, and of a request that outlives it.
DELAY: Final = 0.6
SLOW: Final = 1.0
#: A delay in which a request that takes long ends, and gunicorn, which looks once a second, would.
LONG_DELAY: Final = 4.0

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sync": ("--worker-class", "sync"),
    "gthread": ("--worker-class", "gthread", "--threads", "4"),
    "gevent": ("--worker-class", "gevent"),
}
_LISTENS: Final = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
_EXIT_WITHOUT_A_DRAIN: Final = 3.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


class Gunicorn(Process):
    """gunicorn with an app of ours."""

    def __init__(
        self, kind: str, *options: str, app: str = FLASK, settings: Mapping[str, str] | None = None
    ) -> None:
        command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket"]
        more = {"HEALTHKIT_DRAIN_DELAY": str(DELAY), **(settings or {})}
        super().__init__([*command, *KINDS[kind], *options, app], more)

    async def begun(self) -> None:
        """Wait until its port is open."""
        await until("an open port", lambda: self._port() is not None or self.ended_at is not None)

    def _port(self) -> int | None:
        found = [_LISTENS.search(line) for line in tuple(self.log)]
        return next((int(one[1]) for one in found if one is not None), None)

    @property
    def port(self) -> int:
        """Where it listens."""
        port = self._port()
        assert port is not None, "the server has ended"
        return port

    async def ask(self, path: str) -> Look:
        """Ask once."""
        return await ask(self.port, path)

    async def is_ready(self, workers: int = 0, path: str = "/readyz") -> None:
        """Wait until so many workers say so in the log, and somebody who is asked."""
        async with asyncio.timeout(20):
            while (await self.ask(path)).status != 200:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)
        await until("the workers", lambda: self.logged(": serving") >= workers)

    def logged(self, text: str) -> int:
        """Count the lines with this text."""
        return sum(text in line for line in tuple(self.log))

    async def ends_well(self) -> float:
        """Wait for exit code 0; return how long that took."""
        began = time.monotonic()
        assert await self.ends() == 0
        assert not self.logged("Traceback")
        assert not self.logged("ERROR")
        return time.monotonic() - began


def kinds(first: str) -> list[object]:
    """Return all kinds of workers, all but one for the matrix."""
    return [
        kind if kind == first else pytest.param(kind, marks=pytest.mark.matrix) for kind in KINDS
    ]


@pytest.mark.parametrize("preload", [False, pytest.param(True, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("kind", kinds("gevent"))
@again_after_a_stall
async def test_a_drain_loses_nothing(kind: str, preload: bool) -> None:
    """Requests in flight and those that come in the delay are answered; readiness is off.

    The delay goes on though nothing is in flight any more.
    """
    workers = "2" if kind == "sync" else "1"  # each of them answers one at a time
    more = ["--preload"] if preload else []
    settings = {"HEALTHKIT_DRAIN_DELAY": str(LONG_DELAY)}
    async with Gunicorn(kind, "--workers", workers, *HOOK, *more, settings=settings) as server:
        await server.is_ready(int(workers))
        assert (await server.ask("/readyz?verbose")).text.count("[+]") == 4
        slow = asyncio.create_task(server.ask(f"/sleep/{SLOW}"))
        await asyncio.sleep(0.2)
        server_told = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        await until("the drain", lambda: server.logged("draining") == int(workers))
        during = [await server.ask(path) for path in ("/readyz", "/livez", "/quick")]
        assert [look.status for look in during] == [503, 200, 200]
        assert during[2].text == "draining"
        assert (await slow).text == "slept"
        assert (await server.ask("/quick")).text == "draining"
        assert time.monotonic() - server_told < LONG_DELAY
        await server.ends_well()
        assert server.ended_at is not None
        assert server.ended_at - server_told > LONG_DELAY
        assert server.logged("goodbye from") == int(workers)
        assert not server.logged("SIGTERM is not held back")


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
async def test_ten_drains_lose_nothing(kind: str) -> None:
    """New connections all the time, until the delay is over."""
    for _ in range(10):
        workers = "2"
        async with Gunicorn(kind, "--workers", workers, *HOOK) as server:
            await server.is_ready(2)
            looks: list[Look] = []
            os.kill(server.pid, signal.SIGTERM)
            told = time.monotonic()
            while time.monotonic() - told < DELAY - 0.2:
                looks += await asyncio.gather(*(server.ask("/sleep/0.05") for _ in range(2)))
            assert {look.status for look in looks} == {200}
            await server.ends_well()


@pytest.mark.parametrize("kind", kinds("gthread"))
@pytest.mark.parametrize("preload", [pytest.param(False, marks=pytest.mark.matrix), True])
async def test_a_worker_warms_up_before_its_first_request(kind: str, preload: bool) -> None:
    """By the hook's line alone."""
    more = ["--preload"] if preload else []
    async with Gunicorn(kind, *HOOK, *more, settings={"WARMUP_SECONDS": "0.2"}) as server:
        await until("warmth", lambda: server.logged("healthkit: ") and server.logged("serving"))
        assert (await server.ask("/quick")).text == "serving"
        assert not server.logged("SIGTERM is not held back")


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
async def test_without_the_hook_the_first_request_begins(kind: str) -> None:
    """In another thread than the main one SIGTERM is not held back, and that is said once."""
    async with Gunicorn(kind) as server:
        await asyncio.sleep(0.5)
        assert not server.logged("warming")
        await server.is_ready()
        assert (await server.ask("/quick")).text == "serving"
        assert server.logged("SIGTERM is not held back") == (kind != "sync")
        os.kill(server.pid, signal.SIGTERM)
        await server.ends_well()


@pytest.mark.matrix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_end_without_a_drain_is_not_held_up(kind: str, number: signal.Signals) -> None:
    """The developer's Ctrl-C."""
    async with Gunicorn(kind, *HOOK) as server:
        await server.is_ready()
        os.kill(server.pid, number)
        assert await server.ends_well() < _EXIT_WITHOUT_A_DRAIN


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
async def test_workers_are_recycled(kind: str) -> None:
    """``max_requests`` ends one; the next begins as warm."""
    async with Gunicorn(kind, *HOOK, "--max-requests", "20") as server:
        await server.is_ready()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while server.logged("Booting worker") < 3:
                    await server.ask("/quick")
        await server.is_ready()
        assert server.logged("goodbye from") >= 2
        os.kill(server.pid, signal.SIGTERM)
        await server.ends_well()


@pytest.mark.parametrize("kind", kinds("sync"))
async def test_django_is_probed_by_address(kind: str) -> None:
    """Probes pass with any host; Django's own host check is as strict as before."""
    async with Gunicorn(kind, *HOOK, "--pythonpath", "examples", app=DJANGO) as server:
        await server.is_ready(path="/readyz/database")
        paths = ["/livez", "/readyz", "/readyz/database", "/"]
        assert [(await server.ask(path)).status for path in paths] == [200, 200, 200, 400]
        os.kill(server.pid, signal.SIGTERM)
        await server.ends_well()


@pytest.mark.parametrize("kind", kinds("gthread"))
@again_after_a_stall
async def test_workers_of_one_pod_drain_together(kind: str, tmp_path: Path) -> None:
    """One truth for both, and `healthkit drain` reaches both and waits for what is in flight."""
    settings = {"HEALTHKIT_STATE_DIR": str(tmp_path), "HEALTHKIT_WORKERS": "2"}
    async with Gunicorn(kind, "--workers", "2", *HOOK, settings=settings) as server:
        await server.is_ready(2)
        pids = {(await server.ask("/livez")).pid for _ in range(40)}
        slow = asyncio.create_task(server.ask(f"/sleep/{SLOW}"))
        await asyncio.sleep(0.2)
        command = [sys.executable, "-m", "healthkit", "drain"]
        async with Process(command, {"HEALTHKIT_STATE_DIR": str(tmp_path)}) as drain:
            await until("the drain", lambda: server.logged("draining") == 2)
            assert (await server.ask("/readyz")).status == 503
            assert await drain.ends() == 0
        answer = await slow
        assert answer.text == "slept"
        assert drain.ended_at is not None
        assert drain.ended_at - answer.asked > SLOW
        os.kill(server.pid, signal.SIGTERM)
        await server.ends_well()
        assert not server.logged("left behind")
        assert 1 <= len(pids) <= 2
        assert not StateDir(str(tmp_path)).look().peers
