"""The demo on the real thing, and the example whose point is a real SIGTERM."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from examples.pod.server import ROOT, Server

DEMO = [sys.executable, str(ROOT / "examples" / "demo.py")]
LAST = re.compile(r"requests: (\d+), lost: (\d+)")


@pytest.fixture
def anyio_backend() -> str:
    """Real processes take real time."""
    return "asyncio"


def demo(*options: str) -> tuple[int, list[str], str]:
    """Run the demo with nobody watching; return exit code, lines, and what it complained of."""
    ran = subprocess.run(  # noqa: S603  # our own interpreter on our own file
        [*DEMO, *options], capture_output=True, text=True, timeout=90, check=False
    )
    return ran.returncode, ran.stdout.splitlines(), ran.stderr


def count(lines: list[str]) -> tuple[int, int]:
    """Read the last line: requests and lost."""
    found = LAST.fullmatch(lines[-1])
    assert found is not None, lines
    return int(found[1]), int(found[2])


@pytest.mark.matrix
def test_the_demo_loses_nothing() -> None:
    """It plays all phases in their order, under load, and its last line says that nothing is lost.

    Without a terminal there are no control characters in it.
    """
    code, lines, complaints = demo("--serve", "2")
    requests, lost = count(lines)
    assert (code, lost, complaints) == (0, 0, ""), lines
    assert requests > 100
    rows = [line.split() for line in lines if re.match(r" *\d+\.\d  ", line)]
    assert [row[1:] for row in rows] == [
        ["starting", "503", "200", "503", "503"],
        ["warming", "200", "200", "503", "503"],
        ["serving", "200", "200", "200", "200"],
        ["draining", "200", "200", "503", "503"],
        ["no", "answer", "-", "-", "-", "-"],
    ]
    assert any("/readyz says: warming: catalogue" in line for line in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.matrix
def test_the_demo_without_healthkit_loses_requests() -> None:
    """The same app, load and Service can fail: it is healthkit that makes the difference."""
    code, lines, complaints = demo("--plain", "--serve", "1")
    requests, lost = count(lines)
    assert (code, complaints) == (1, "")
    assert 0 < lost < requests


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.matrix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_is_interrupted_cleanly(number: signal.Signals) -> None:
    """Ctrl-C ends the server first, and says so in one line."""
    with subprocess.Popen(  # noqa: S603  # our own interpreter on our own file
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        while "warming" not in running.stdout.readline():
            pass
        servers = children(running.pid)
        running.send_signal(number)
        _, complaints = running.communicate(timeout=30)
    assert running.returncode == 130
    assert complaints == "demo: interrupted; the server has been ended\n"
    assert servers
    assert not [pid for pid in servers if Path(f"/proc/{pid}").exists()]


@pytest.mark.matrix
async def test_a_prestop_hook_counts() -> None:
    """The delay passes inside the hook; the SIGTERM after it ends the server at once."""
    heard: list[str] = []
    settings = {"PRESTOP_TOKEN": "secret"}
    async with Server("examples.06_prestop:app", settings, heard.append) as server:
        async with httpx.AsyncClient(base_url=await server.url(), trust_env=False) as client:
            began = time.monotonic()
            hook = await client.get("/prestop", headers={"X-Prestop-Token": "secret"})
            assert (hook.status_code, hook.text) == (200, "drained\n")
            hooked = time.monotonic() - began
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/")).headers["connection"] == "close"
        server.terminate()
        assert await server.ended(10) == -signal.SIGTERM
        ended = time.monotonic() - began - hooked
    assert hooked >= 3
    assert ended < hooked - 0.5, "it would have waited for the delay once more"
