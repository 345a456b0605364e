"""Real uvicorn processes, real signals, a real client: nothing is lost at the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import websockets

from examples.pod.app import SLOW
from examples.pod.server import ROOT, Server
from healthkit._signals import SAME_SIGNAL
from tests.integration.termination import DRAIN_DELAY, LATE, terminate
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.integration.termination import Ending

APP = "tests.integration.apps:app"
PLAIN = "tests.integration.apps:plain"
#: What uvicorn 0.54 exits with after SIGTERM: it raises the signal again when it is done.
UVICORN_EXIT = -signal.SIGTERM
#: The shortest probe period that Kubernetes allows, in seconds.
PROBE_PERIOD = 1.0

LOOPS = ["asyncio", "uvloop"]
PARSERS = ["h11", "httptools"]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


def loses_nothing(ending: Ending) -> None:
    """Hold one termination against every promise."""
    assert ending.tally is not None
    assert min(ending.tally.kinds.values()) >= 2, ending.tally
    assert (ending.tally.lost, ending.tally.reasons) == (0, {}), ending.log
    assert ending.tally.kinds["single"] == 2
    assert ending.tally.told_to_close >= 3
    assert ending.tally.stale == 0
    assert ending.unready_after() < PROBE_PERIOD
    assert ending.liveness_failures() == []
    assert ending.exit_code == UVICORN_EXIT
    assert ending.handed_over is not None
    # uvicorn hears of SIGTERM when the delay is over and the late request has its answer.
    assert DRAIN_DELAY < LATE + SLOW < ending.handed_over < 6


@pytest.mark.matrix
@pytest.mark.parametrize("loop", LOOPS)
async def test_no_request_is_lost(loop: str) -> None:
    """Three terminations on each event loop."""
    for ending in await terminate("examples.pod.app:app", "--loop", loop, times=3):
        loses_nothing(ending)


@pytest.mark.matrix
async def test_without_healthkit_requests_are_lost() -> None:
    """The same app under the same load: this is what the test above would catch."""
    (ending,) = await terminate("examples.pod.app:plain", times=1)
    assert ending.tally is not None
    assert ending.tally.lost > 2
    assert ending.exit_code == UVICORN_EXIT


@pytest.mark.matrix
@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("loop", LOOPS)
async def test_no_request_is_lost_in_twenty_terminations(loop: str, parser: str) -> None:
    """On each event loop and HTTP parser; `make matrix` adds each Python."""
    options = ["--loop", loop, "--http", parser]
    for ending in await terminate("examples.pod.app:app", *options, times=20):
        loses_nothing(ending)


class Running:
    """A server that is up, and a client of it."""

    def __init__(self, server: Server, http: httpx.AsyncClient, log: list[str]) -> None:
        self.server = server
        self.http = http
        self.log = log

    async def status(self, path: str) -> int:
        """Ask, on a connection of its own."""
        return (await self.http.get(path, headers={"connection": "close"})).status_code

    async def ends(self) -> tuple[int, float]:
        """Wait for the end; return the exit code and the seconds it took."""
        began = time.monotonic()
        code = await self.server.ended(20)
        return code, time.monotonic() - began


@contextlib.asynccontextmanager
async def running(
    target: str = APP,
    *options: str,
    **settings: str,
) -> AsyncGenerator[Running]:
    """Serve an app, wait until it is ready, and end it afterwards."""
    log: list[str] = []
    async with Server(target, settings, log.append, options) as server:
        url = await server.url()
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=40) as http:
            up = Running(server, http, log)
            while target == APP and await up.status("/readyz") == 503:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)
            yield up


@pytest.mark.parametrize("loop", LOOPS)
async def test_an_idle_app_ends_at_once_outside_kubernetes(loop: str) -> None:
    """No delay unless configured."""
    async with running(APP, "--loop", loop) as up:
        up.server.terminate()
        code, took = await up.ends()
    assert (code, took < 4.5) == (UVICORN_EXIT, True)  # the default delay is 5 s


@pytest.mark.matrix
async def test_in_kubernetes_it_serves_on_for_five_seconds() -> None:
    """The default; ready is off at once, the process is alive."""
    async with running(APP, KUBERNETES_SERVICE_HOST="10.96.0.1") as up:
        up.server.terminate()
        await asyncio.sleep(0.3)
        assert [await up.status(path) for path in ("/readyz", "/livez")] == [503, 200]
        _, took = await up.ends()
    assert 4.5 < took < 7


@pytest.mark.matrix
async def test_a_second_signal_ends_the_delay() -> None:
    """After a second it is meant; uvicorn then still answers what is in flight."""
    async with running(APP, HEALTHKIT_DRAIN_DELAY="60") as up:
        slow = asyncio.create_task(up.status("/sleep/2.5"))
        await asyncio.sleep(0.3)
        up.server.terminate()
        await asyncio.sleep(1.2)
        up.server.terminate()
        code, took = await up.ends()
        assert await slow == 200
    assert (code, took < 3) == (UVICORN_EXIT, True)


async def test_sigint_never_delays() -> None:
    """Ctrl-C is the developer, not the platform: uvicorn gets it directly."""
    async with running(APP, HEALTHKIT_DRAIN_DELAY="60") as up:
        up.server.send(signal.SIGINT)
        code, took = await up.ends()
    async with running(PLAIN) as plain:
        plain.server.send(signal.SIGINT)
        expected, _ = await plain.ends()
    assert (code, took < 15) == (expected, True)


@pytest.mark.matrix
async def test_without_a_lifespan_the_first_request_closes_the_gate() -> None:
    """``--lifespan off``: a request in flight is answered, and readiness is off in the drain."""
    async with running(APP, "--lifespan", "off", HEALTHKIT_DRAIN_DELAY="1") as up:
        up.server.terminate()
        await asyncio.sleep(0.2)
        assert await up.status("/readyz") == 503
        slow = asyncio.create_task(up.status("/sleep/2"))
        code, took = await up.ends()
        assert await slow == 200
    assert code == UVICORN_EXIT
    assert 1.5 < took < 5


async def test_a_websocket_does_not_hold_the_drain() -> None:
    """It passes through, works in the drain, and uvicorn closes it: 1012, service restart."""
    async with running(APP, HEALTHKIT_DRAIN_DELAY="60") as up:
        url = str(up.http.base_url.copy_with(scheme="ws", path="/echo"))
        async with websockets.connect(url, proxy=None) as websocket:
            up.server.terminate()
            while await up.status("/readyz") == 200:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)
            await websocket.send("still here")
            assert await websocket.recv() == "still here"
            await asyncio.sleep(SAME_SIGNAL)
            up.server.terminate()  # the end of the delay
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await websocket.recv()
        code, took = await up.ends()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert (code, took < 15) == (UVICORN_EXIT, True)


@pytest.mark.parametrize(
    "method",
    ["fork", *(pytest.param(other, marks=pytest.mark.matrix) for other in ("spawn", "forkserver"))],
)
async def test_a_child_is_as_without_healthkit(method: str) -> None:
    """It has the server's handler or none, and ends, or does not, as it would have."""
    found: list[object] = []
    for target in (APP, PLAIN):
        async with running(target) as up:
            found.append((await up.http.get(f"/child/{method}")).json())
            if target == APP:
                assert await up.status("/readyz") == 200
    assert found[0] == found[1]


def test_a_wrong_setting_is_refused_at_start() -> None:
    """Non-zero, before the port opens; the last line says what to do."""
    environment = {"HEALTHKIT_DRAIN_TIMEOUT": "soon", "PATH": ""}
    ran = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "uvicorn", APP, "--port", "0", "--app-dir", str(ROOT)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode != 0
    assert ran.stderr.splitlines()[-1] == (
        "healthkit.errors.ConfigError: HEALTHKIT_DRAIN_TIMEOUT='soon': "
        "expected seconds as a number from 0 to 86400"
    )
