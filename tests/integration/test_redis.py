"""18_redis_warmup on a real uvicorn, with a real Redis that is full, away, killed or frozen.

``REDIS_SERVER`` names redis-server if it is not in ``PATH``; ``redis.sh`` gets it.
"""

# What redis takes as **kwargs has no types:
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from examples.pod.server import Server
from tests.integration.test_metrics import free_port
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

APP: Final = "examples.18_redis_warmup:app"
PRODUCTS: Final = 3_000
#: Seconds for a state to be reached, and for a process to be up or to end.
PATIENCE: Final = 30.0
#: Seconds that a probe may take: the kubelet's own limit, if a manifest names none; and how many in
#: a row must fail until it does anything. A busy machine may be late for one.
PROBE: Final = 1.0
FAILURES: Final = 3


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


@pytest.fixture(scope="module")
def redis_server() -> str:
    """Find redis-server."""
    found = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server in PATH, and REDIS_SERVER names none: redis.sh gets it")
    return found


@pytest.fixture
def port() -> Generator[int]:
    """Keep a port for Redis, also while there is none."""
    with free_port() as number:
        yield number


class RedisServer:
    """One redis-server on loopback that writes nothing to disk. It never outlives its block."""

    def __init__(self, program: str, port: int, folder: Path) -> None:
        self._command = [program, "--port", str(port), "--bind", "127.0.0.1"]
        self._command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._url = f"redis://127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        nowhere = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(*self._command, stdout=nowhere)
        await self._fill()
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.kill()

    async def _fill(self) -> None:
        """Put the products in, as soon as it answers, and something that is no product."""
        products = {f"product:{number}": f"name {number}" for number in range(1, PRODUCTS + 1)}
        deadline = time.monotonic() + PATIENCE
        async with Redis.from_url(self._url) as redis:
            while True:
                try:
                    await redis.mset({**products, "other": "1"})
                except RedisError:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.02)
                else:
                    return

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it as if its machine had failed."""
        assert self._process is not None
        if self._process.returncode is None:
            self.send(signal.SIGKILL)
        await self._process.wait()


class Pod:
    """The example on uvicorn, asked as the kubelet does, one new connection each time."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str) -> httpx.Response:
        """Ask; answers that take longer than a probe may are a failure, if there are a few."""
        for _ in range(FAILURES - 1):
            with suppress(httpx.TimeoutException):
                return await self._ask(path)
        return await self._ask(path)

    async def _ask(self, path: str) -> httpx.Response:
        return await self._http.get(path, headers={"connection": "close"})

    async def until(self, path: str, text: str) -> None:
        """Ask until the answer has a text in it."""
        deadline = time.monotonic() + PATIENCE
        while text not in (answer := (await self.get(path)).text):
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.05)

    async def statuses(self) -> dict[str, int]:
        """Ask the endpoints."""
        paths = ("/startupz", "/livez", "/readyz", "/healthz")
        return {path: (await self.get(path)).status_code for path in paths}

    async def serves(self, number: int) -> bool:
        """Whether a product is served."""
        answer = await self.get(f"/products/{number}")
        return answer.status_code == 200 and answer.json() == {"name": f"name {number}"}


@asynccontextmanager
async def pod(port: int) -> AsyncGenerator[Pod]:
    """Start the example."""
    settings = {"REDIS_URL": f"redis://127.0.0.1:{port}"}
    async with Server(APP, settings, print) as server:
        base_url = await server.url()
        async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=PROBE) as http:
            yield Pod(http)
        server.terminate()
        assert await server.ended(PATIENCE) == -signal.SIGTERM


READY: Final = {"/startupz": 200, "/livez": 200, "/readyz": 200, "/healthz": 200}
WARMING: Final = {"/startupz": 200, "/livez": 200, "/readyz": 503, "/healthz": 503}


async def test_a_filled_redis_warms_the_cache(redis_server: str, port: int, tmp_path: Path) -> None:
    """The pod gets ready, has all products, and nothing that is none."""
    async with RedisServer(redis_server, port, tmp_path), pod(port) as here:
        await here.until("/readyz", "ok")
        assert await here.statuses() == READY
        for number in (1, PRODUCTS):
            assert await here.serves(number)
        assert not await here.serves(PRODUCTS + 1)
        await here.until("/readyz?verbose", "[+]redis_answers ok")


async def test_a_redis_that_comes_later_is_waited_for(
    redis_server: str, port: int, tmp_path: Path
) -> None:
    """Without it the pod lives and says that it warms; it gets ready when Redis is there."""
    async with pod(port) as here:
        await here.until("/readyz?verbose", "[!]redis_answers")
        assert await here.statuses() == WARMING
        assert (await here.get("/readyz")).text.startswith("warming: catalogue")
        async with RedisServer(redis_server, port, tmp_path):
            await here.until("/readyz", "ok")
            assert await here.serves(PRODUCTS)


async def test_a_redis_that_is_killed_takes_no_pod_out(
    redis_server: str, port: int, tmp_path: Path
) -> None:
    """The check warns, the pod stays in the Service, and the cache answers."""
    async with RedisServer(redis_server, port, tmp_path) as redis, pod(port) as here:
        await here.until("/readyz?verbose", "[+]redis_answers ok")
        await here.until("/readyz", "ok")
        await redis.kill()
        await here.until("/readyz?verbose", "[!]redis_answers failed")
        assert await here.statuses() == READY
        assert await here.serves(1)


async def test_a_redis_that_hangs_slows_no_probe(
    redis_server: str, port: int, tmp_path: Path
) -> None:
    """It takes connections and says nothing: the check fails, and answers come as before."""
    async with RedisServer(redis_server, port, tmp_path) as redis, pod(port) as here:
        await here.until("/readyz?verbose", "[+]redis_answers ok")
        await here.until("/readyz", "ok")
        redis.send(signal.SIGSTOP)
        await here.until("/readyz?verbose", "[!]redis_answers failed")
        for _ in range(10):
            assert await here.statuses() == READY
        assert await here.serves(1)


async def test_a_redis_that_hangs_at_the_start_slows_no_probe(
    redis_server: str, port: int, tmp_path: Path
) -> None:
    """The warm-up is stuck in it; liveness and startup are not. When Redis goes on, it is ready."""
    async with RedisServer(redis_server, port, tmp_path) as redis:
        redis.send(signal.SIGSTOP)
        async with pod(port) as here:
            await here.until("/readyz?verbose", "[!]redis_answers failed")
            assert await here.statuses() == WARMING
            redis.send(signal.SIGCONT)
            await here.until("/readyz", "ok")
            assert await here.serves(PRODUCTS)
