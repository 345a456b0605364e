"""The drain over HTTP on real servers, as a kubelet has it: the hook, its answer, then SIGTERM."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from typing import TYPE_CHECKING, Final

import pytest

from examples.pod.load import Load
from tests.integration.pods import LAG, Pod, Watch
from tests.virtual import REAL

if TYPE_CHECKING:
    from pathlib import Path

TOKEN: Final = "correct-horse-battery"  # noqa: S105  # the one to look for in the logs

#: Seconds. The Service goes on for less; a slow request begins late and outlasts it.
DRAIN_DELAY: Final = 0.9
WITHDRAWN_AFTER: Final = 0.7
LATE: Final = 0.6
SLOW: Final = 0.5
#: Longer than a server takes for its own end.
LONG_DELAYS: Final = {"uvicorn": 2.0, "gunicorn asgi": 3.5, "gunicorn uvicorn": 3.5}
#: Seconds from the last answer to the hook's: a record and two looks, on a busy machine. Without a
#: hurry it would be a second.
NEWS: Final = 0.6


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


def pod(server: str, directory: Path, workers: int, delay: float, *options: str) -> Pod:
    """Make a pod that a hook can drain. One worker is alone and has no directory."""
    settings = {
        **({"HEALTHKIT_STATE_DIR": "", "HEALTHKIT_WORKERS": "1"} if workers == 1 else {}),
        "HEALTHKIT_DRAIN_DELAY": str(delay),
        "HEALTHKIT_PRESTOP_TOKEN": TOKEN,
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    }
    return Pod(server, directory, *options, workers=workers, settings=settings)


async def is_ready(pod: Pod) -> set[int]:
    """Wait until every worker is ready; return their process ids."""
    if pod.workers > 1:
        await pod.is_ready()
        return set(pod.records())
    await pod.listens()
    while (look := await pod.ask("/readyz")).status != 200:  # noqa: ASYNC110  # another process
        await asyncio.sleep(0.02)
    assert look.pid is not None
    return {look.pid}


async def hook(port: int | None, token: str = TOKEN) -> tuple[str, float]:
    """Be the kubelet's hook: send what it sends, and read the answer.

    Returns:
        The whole answer, and how many seconds it took.
    """
    sent = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = body = b""
    writer.write(
        f"GET /prestop HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: kube-lifecycle/1.36\r\n"
        f"Accept-Encoding: gzip\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
            assert length is not None
            body = await reader.readexactly(int(length[1]))  # gunicorn closes two seconds later
    finally:
        writer.close()
    return (head + body).decode(), time.monotonic() - sent


async def is_drained_under_load(pod: Pod, delay: float) -> None:
    """Run the hook under load, then send SIGTERM: nothing is lost, nothing is waited for twice."""
    pids = await is_ready(pod)
    async with Load(pod.url, paths=["/quick"], new=2, keep_alive=4, pause=0.02) as load:
        await asyncio.sleep(0.2)
        async with Watch(pod, "/readyz", clients=2) as watch:
            began = time.monotonic()
            asking = [asyncio.create_task(hook(pod.port)) for _ in range(2)]
            await asyncio.sleep(delay - DRAIN_DELAY + LATE)
            load.send(f"/sleep/{SLOW}")
            await asyncio.sleep(WITHDRAWN_AFTER - LATE)
            load.withdraw()
            answers = await asyncio.gather(*asking)
            late = [look.asked - began for look in watch.answers(200)]
            assert max(late, default=0.0) < LAG
            assert watch.heard(pids, 503, began)
        for answer, took in answers:
            assert answer.startswith("HTTP/1.1 200 "), answer
            assert answer.endswith("\r\n\r\ndrained\n"), answer
            assert re.search(r"\r\nconnection: close\r\n", answer, re.IGNORECASE)
            assert delay - DRAIN_DELAY + LATE + SLOW < took
            assert took < delay - DRAIN_DELAY + LATE + SLOW + NEWS
        sent = time.monotonic()
        pod.terminate()
        await pod.ends()
        assert pod.ended_at is not None
        tally = await load.finish()
    assert (tally.lost, tally.reasons) == (0, {})
    assert min(tally.kinds.values()) >= 1, tally
    assert tally.told_to_close >= 4, tally
    # The end of the server itself; a delay that began again would take longer.
    assert pod.ended_at - sent < delay, pod.log
    assert not [line for line in pod.log if TOKEN in line]
    assert not [line for line in pod.log if "Traceback" in line]


@pytest.mark.matrix
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_hook_drains_uvicorn(workers: int, tmp_path: Path) -> None:
    """Held for the delay and for what is in flight, in all workers; then SIGTERM ends it."""
    async with pod("uvicorn", tmp_path, workers, delay := 1.1) as up:
        await is_ready(up)
        stranger, took = await asyncio.wait_for(_stranger(up), 5)
        assert stranger.startswith("HTTP/1.1 404 ")
        assert took < DRAIN_DELAY
        assert all(facts.told is None for facts in up.records().values())
        await is_drained_under_load(up, delay)


async def _stranger(pod: Pod) -> tuple[str, float]:
    """Be somebody who guesses, on a connection that stays open after the answer."""
    sent = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    writer.write(b"GET /prestop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess\r\n\r\n")
    answer = await reader.readuntil(b"not found\n")
    writer.close()
    return answer.decode(), time.monotonic() - sent


@pytest.mark.matrix
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("server", list(LONG_DELAYS))
async def test_a_hook_drains_every_server(server: str, workers: int, tmp_path: Path) -> None:
    """Under load, without a loss."""
    delay = LONG_DELAYS[server]
    async with pod(server, tmp_path, workers, delay) as up:
        await is_drained_under_load(up, delay)


@pytest.mark.matrix
@pytest.mark.parametrize("parser", ["h11", "httptools"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_hook_drains_uvicorn_on_each_loop(loop: str, parser: str, tmp_path: Path) -> None:
    """And by each parser."""
    options = ("--loop", loop, "--http", parser)
    async with pod("uvicorn", tmp_path, 2, 2.0, *options) as up:
        await is_drained_under_load(up, 2.0)


@pytest.mark.matrix
@pytest.mark.parametrize("server", ["hypercorn", "granian"])
async def test_a_hook_drains_servers_that_take_sigterm_themselves(
    server: str, tmp_path: Path
) -> None:
    """The hook's answer is held there too; the server ends by its own rules afterwards."""
    async with pod(server, tmp_path, 2, 2.0) as up:
        await is_ready(up)
        answer, took = await hook(up.port)
        assert answer.startswith("HTTP/1.1 200 "), answer
        assert answer.endswith("drained\n")
        assert 2.0 < took < 2.0 + NEWS
        assert all(facts.told is not None for facts in up.records().values())


@pytest.mark.matrix
async def test_a_client_that_goes_away_holds_up_no_server(tmp_path: Path) -> None:
    """The drain goes on; uvicorn, which waits for its requests, has none to wait for."""
    async with pod("uvicorn", tmp_path, 1, 30.0) as up:
        await is_ready(up)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hook(up.port), 1)
        assert (await up.ask("/readyz")).text == "draining"
        sent = time.monotonic()
        up.send(signal.SIGINT)
        await up.ends()
        assert time.monotonic() - sent < 5
