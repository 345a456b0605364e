"""Long-lived streams on real servers: a drain ends them in order, and nothing holds the exit."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from dataclasses import dataclass
from typing import Final

import httpx
import pytest
import websockets

from tests.integration.pods import PATIENCE, Process, free_port, until
from tests.integration.stalls import again_after_a_stall
from tests.virtual import REAL

APP: Final = "tests.integration.streams_app:app"

#: Seconds of the drain; the app's jitter is the third of them.
DELAY: Final = 1.0
TIMEOUT: Final = 4.0
JITTER: Final = 0.5
#: What a busy machine may add.
SLACK: Final = 1.0

EVENTS: Final = {"accept": "text/event-stream"}
ROUTES: Final = ("/events", "/silent", "/bare")

_GUNICORN: Final = "gunicorn --bind 127.0.0.1:{port} --no-control-socket --graceful-timeout 3"
_UVICORN: Final = "uvicorn --host 127.0.0.1 --port {port} --no-access-log"


@dataclass(frozen=True, slots=True)
class Served:
    """A server, and how it ends."""

    name: str
    command: str
    exit_code: int = 0
    #: Seconds that it takes for its own end.
    ends: float = 0.5
    #: Which streams it leaves to their app, which does not listen.
    deaf: frozenset[str] = frozenset()
    #: What WebSockets are closed with.
    close_code: int = 1012
    #: Whether it takes connections in the drain. granian's master passes the signal on and stops.
    accepts: bool = True

    def __str__(self) -> str:
        return self.name


SERVERS: Final = (
    Served("uvicorn httptools", f"{_UVICORN} --http httptools", -signal.SIGTERM),
    Served("uvicorn h11", f"{_UVICORN} --http h11 --ws wsproto", -signal.SIGTERM),
    Served("uvicorn sansio", f"{_UVICORN} --ws websockets-sansio", -signal.SIGTERM),
    Served("hypercorn", "hypercorn --bind 127.0.0.1:{port} --workers 0 --graceful-timeout 2"),
    Served(
        "hypercorn trio",
        "hypercorn --bind 127.0.0.1:{port} --workers 0 --graceful-timeout 2 -k trio",
    ),
    Served(
        "granian",
        "granian --interface asgi --host 127.0.0.1 --port {port}",
        ends=1.5,
        accepts=False,
    ),
    # Starlette does not listen where `send` raises, and what is silent never sends.
    Served(
        "gunicorn asgi", f"{_GUNICORN} --worker-class asgi", ends=6, deaf=frozenset({"/silent"})
    ),
    Served(
        "gunicorn uvicorn", f"{_GUNICORN} --worker-class uvicorn_worker.UvicornWorker", ends=2.5
    ),
    # autobahn, below it, sends 1000 and 3000 to 4999 only.
    Served("daphne", "daphne --bind 127.0.0.1 --port {port}", ends=1.5, close_code=4012),
)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


class Serving(Process):
    """One server. Inside the block it answers."""

    def __init__(self, served: Served) -> None:
        self.port = free_port()
        module, *own = served.command.format(port=self.port).split()
        settings = {
            "HEALTHKIT_DRAIN_DELAY": str(DELAY),
            "HEALTHKIT_DRAIN_TIMEOUT": str(TIMEOUT),
            "HEALTHKIT_WEBSOCKET_CLOSE_CODE": str(served.close_code),
        }
        super().__init__([sys.executable, "-m", module, *own, APP], settings)
        self.terminated_at = 0.0

    async def begun(self) -> None:
        """Wait for the first answers."""
        async with httpx.AsyncClient(trust_env=False) as http:
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline and self.ended_at is None:
                try:
                    if (await http.get(self.url("http", "/readyz"))).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        pytest.fail("the server never was ready")

    def url(self, scheme: str, path: str) -> str:
        """Return an address on it."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def terminate(self) -> None:
        """Send SIGTERM, and note when."""
        self.terminated_at = time.monotonic()
        self._process_of().send_signal(signal.SIGTERM)

    def _process_of(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    def complaints(self) -> list[str]:
        """Return what of the log is a traceback or an error."""
        return [line for line in self.log if re.search(r"Traceback|ERROR|Exception|Error:", line)]


@dataclass(frozen=True, slots=True)
class End:
    """How a stream ended for its client."""

    #: When, after SIGTERM.
    after: float
    #: The close code, or "complete", or what was raised.
    how: object


async def listen(server: Serving, path: str, there: asyncio.Event) -> End:
    """Be a client of events until they end."""
    how: object = "complete"
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        try:
            async with http.stream("GET", server.url("http", path), headers=EVENTS) as answer:
                async for _ in answer.aiter_bytes():
                    there.set()
        except httpx.TransportError as exc:
            how = repr(exc)
    return End(time.monotonic() - server.terminated_at, how)


async def talk(server: Serving, path: str, there: asyncio.Event) -> End:
    """Be a client of a WebSocket until it is closed."""
    async with websockets.connect(server.url("ws", path), proxy=None) as websocket:
        if path == "/echo":
            await websocket.send("hello")
        try:
            while True:
                await websocket.recv()
                there.set()
        except websockets.ConnectionClosed as closed:
            how = None if closed.rcvd is None else closed.rcvd.code
    return End(time.monotonic() - server.terminated_at, how)


@pytest.mark.parametrize(
    "served",
    [
        pytest.param(served, id=str(served), marks=[] if not number else [pytest.mark.matrix])
        for number, served in enumerate(SERVERS)
    ],
)
@again_after_a_stall
async def test_streams_end_in_order_and_nothing_holds_the_exit(served: Served) -> None:
    """After the delay, within the jitter, in a way that their clients understand."""
    routes = [path for path in ROUTES if path not in served.deaf]
    async with Serving(served) as server:
        clients: dict[str, asyncio.Task[End]] = {}
        there = {path: asyncio.Event() for path in (*routes, "/echo", "/echo 2", "/push")}
        for path, event in there.items():
            be = listen if path in routes else talk
            clients[path] = asyncio.create_task(be(server, path.split()[0], event))
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(event.wait() for event in there.values()))
        server.terminate()
        await asyncio.sleep(DELAY / 2)
        assert not [path for path, client in clients.items() if client.done()]
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(server.url("http", "/quick"))).text == "quick"
        code = await server.ends()
        ends = {path: await client for path, client in clients.items()}
        took = (server.ended_at or 0) - server.terminated_at
        for path, end in ends.items():
            assert end.how == ("complete" if path in routes else served.close_code), ends
            assert DELAY - 0.05 < end.after < DELAY + JITTER + SLACK, ends
        assert code == served.exit_code
        assert took < DELAY + JITTER + served.ends + SLACK
        for line in [f"echo heard {served.close_code}", *(f"{path[1:]} " for path in routes)]:
            assert any(line in each for each in server.log), line
        assert server.complaints() == []


@pytest.mark.matrix
@pytest.mark.parametrize("served", [one for one in SERVERS if one.accepts], ids=str)
async def test_a_stream_that_begins_in_the_drain_ends_too(served: Served) -> None:
    """In the delay: at its end, or a look later."""
    async with Serving(served) as server:
        there = asyncio.Event()
        server.terminate()
        await asyncio.sleep(DELAY / 2)
        began = asyncio.create_task(listen(server, "/events", there))
        end = await asyncio.wait_for(began, PATIENCE)
        assert there.is_set()
        code = await server.ends()
        assert end.how == "complete"
        assert DELAY - 0.05 < end.after < DELAY + JITTER + SLACK
        assert code == served.exit_code
        assert server.complaints() == []


async def test_what_the_drain_ends_is_told() -> None:
    """In the log: how many it waits for."""
    async with Serving(SERVERS[0]) as server:
        there = asyncio.Event()
        client = asyncio.create_task(listen(server, "/bare", there))
        await asyncio.wait_for(there.wait(), PATIENCE)
        server.terminate()
        await until("the end", client.done)
        await server.ends()
        assert any("waiting for 1 stream" in line for line in server.log)
