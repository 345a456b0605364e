"""The programs that `tests/cluster` puts into pods, run here: the same app, on a real uvicorn.

What the suite asks of a pod over the client pod is asked here of a process, by the same code.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlencode

import pytest

from examples.pod.server import Server
from tests.cluster import promises
from tests.cluster.client import Hand, Watch, ask, serve
from tests.cluster.load import Load
from tests.cluster.objects import programs
from tests.cluster.promises import PROBES, Seen, Span
from tests.integration.stalls import again_after_a_stall
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

#: They are tested with the chart, which the suite installs.
pytestmark = pytest.mark.chart

APP: Final = "tests.cluster.app:app"
#: Seconds for anything that is waited for.
PATIENCE: Final = 30.0
#: Seconds between two looks.
TICK: Final = 0.02
#: A request that takes long enough here.
SLOW: Final = "/sleep/0.3"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


async def _seen(url: str) -> Seen:
    told = await ask(url)
    headers = cast("dict[str, str]", told["headers"])
    return Seen(int(str(told["status"])), headers, str(told["body"]).rstrip("\n"))


async def _promised(phase: str, url: str) -> None:
    """Wait until all probes answer as promised."""

    async def complaints() -> list[str]:
        return promises.broken(phase, {probe: await _seen(url + probe) for probe in PROBES})

    await _until(complaints)


async def _until(complaints: Callable[[], Awaitable[list[str]]]) -> None:
    found = ["nothing was asked"]
    try:
        async with asyncio.timeout(PATIENCE):
            while found:
                await asyncio.sleep(TICK)
                found = await complaints()
    except TimeoutError:
        pytest.fail("; ".join(found))


async def _counted(what: str, load: Load, least: int) -> None:
    """Wait until so many requests are answered, lost or stale."""

    async def complaints() -> list[str]:
        found: object = load.tally.as_json()[what]
        return [] if int(str(found)) >= least else [f"{what}: {found}, expected {least}"]

    await _until(complaints)


def _served(flags: Path, **settings: str) -> Server:
    environ = {"E2E_FLAGS": str(flags), "HEALTHKIT_DRAIN_DELAY": "0.6", **settings}
    return Server(APP, environ, lambda _line: None)


def _spans(watch: Watch) -> list[Span]:
    return [
        Span(
            status=int(str(span["status"])),
            text=str(span["text"]),
            first=float(str(span["first"])),
            last=float(str(span["last"])),
        )
        for span in watch.spans
    ]


@again_after_a_stall
async def test_the_app_goes_through_its_phases(tmp_path: Path) -> None:
    """Each phase is what the suite tells the app to be in, and the drain can be watched."""
    async with _served(tmp_path, E2E_WAITS="start,warm", HEALTHKIT_DRAIN_DELAY="1.2") as server:
        url = await server.url()
        await _promised("starting", url)
        await ask(f"{url}/do/raise/start")
        await _promised("warming", url)
        await ask(f"{url}/do/raise/warm")
        await _promised("serving", url)
        await ask(f"{url}/do/raise/broken")
        await _promised("failing", url)
        await ask(f"{url}/do/lower/broken")
        await _promised("serving", url)
        await ask(f"{url}/do/pause/by-hand")
        await _promised("paused", url)
        await ask(f"{url}/do/resume/by-hand")
        await _promised("serving", url)
        watch = Watch(f"{url}/readyz")
        await asyncio.sleep(0.2)
        server.terminate()
        await _promised("draining", url)
        assert (await _seen(url)).headers["connection"] == "close"
        await server.ended(PATIENCE)
        await asyncio.sleep(0.2)
        await watch.stop()
    assert promises.ordered(_spans(watch), ["ok", "draining"]) == []
    assert promises.held(_spans(watch), 0.4) == []
    assert promises.held(_spans(watch), 5.0) != []


async def test_the_app_fails_liveness_and_exits_when_told(tmp_path: Path) -> None:
    """The answers of a failed liveness, and the exit code that it is told."""
    async with _served(tmp_path) as server:
        url = await server.url()
        await _promised("serving", url)
        await ask(f"{url}/do/fail-liveness/by-hand")
        await _promised("liveness failed", url)
        assert (await ask(f"{url}/do/exit/3"))["status"] == 0
        assert await server.ended(PATIENCE) == 3


async def test_nothing_is_lost_of_an_app_that_stays(tmp_path: Path) -> None:
    """All kinds of clients are answered; kept connections are told to close while it drains."""
    async with _served(tmp_path, E2E_VERSION="7") as server:
        load = Load(await server.url(), SLOW)
        load.start()
        await _counted("answered", load, 60)
        tally = await load.stop()
    assert (tally.lost, tally.stale, tally.reasons) == (0, 0, [])
    assert tally.sent == tally.answered >= 60
    assert tally.versions == {"7": tally.answered}


async def test_what_is_lost_is_told(tmp_path: Path) -> None:
    """An app that is killed loses requests, and every loss has its reason."""
    async with _served(tmp_path) as server:
        load = Load(await server.url(), SLOW)
        load.start()
        await _counted("answered", load, 20)
        server.send(signal.SIGKILL)
        await _counted("lost", load, 5)
        tally = await load.stop()
    assert tally.sent == tally.answered + tally.lost
    assert all("Error" in reason for reason in tally.reasons), tally.reasons


async def test_a_kept_connection_that_is_closed_is_stale_and_not_lost() -> None:
    """The request is repeated on another connection; a refused one is lost."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"version": "1"}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server:
        load = Load(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "/")
        load.start()
        await _counted("stale", load, 3)
        tally = await load.stop()
    assert tally.lost == 0, tally.reasons


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "NoAnswerError"),
        (b"HTTP/1.1 200 OK\r\n", "ended in the headers"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "ended after 5 of 9 bytes"),
        (b"SSH-2.0-x\r\n\r\n", "expected an answer over HTTP/1.1"),
    ],
)
async def test_what_is_no_answer_has_its_reason(raw: bytes, reason: str) -> None:
    """Nothing is raised: status 0, and why."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        told = await ask(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert told["status"] == 0
    assert reason in str(told["body"])


async def test_the_hand_does_what_it_is_asked(tmp_path: Path) -> None:
    """Over HTTP, always with status 200; what it can't do is told."""
    async with _served(tmp_path) as app:
        url = await app.url()
        await _promised("serving", url)
        server = await serve(Hand(), "127.0.0.1", 0)
        async with server:
            hand = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

            async def told(path: str) -> dict[str, object]:
                seen = await _seen(f"{hand}{path}")
                assert seen.status == 200
                found: dict[str, object] = json.loads(seen.text)
                return found

            assert await told("/") == {"here": True}
            assert (await told(f"/ask?url={url}/livez"))["body"] == "ok\n"
            await told(f"/watch?name=w&url={url}/readyz")
            await told(f"/load?name=l&url={url}/")

            async def seen() -> list[str]:
                answered = int(str((await told("/tally?name=l"))["answered"]))
                known = '"ok"' in json.dumps(await told("/seen?name=w"))
                return [] if answered and known else [f"{answered} answered, seen: {known}"]

            await _until(seen)
            assert (await told("/tally?name=l"))["lost"] == 0
            assert int(str((await told("/stop?name=l"))["answered"])) > 0
            assert '"ok"' in json.dumps(await told("/seen?name=w&stop=1"))
            urls = urlencode({"urls": json.dumps([f"{url}/livez", f"{url}/readyz"])})
            assert json.dumps(await told(f"/asks?{urls}")).count("200") == 2
            assert await told("/can?import=healthkit") == {"why": ""}
            assert "ModuleNotFoundError" in str(await told("/can?import=nowhere.at.all"))
            await told(f"/load?name=left&url={url}/")
            await told(f"/watch?name=left&url={url}/")
            assert await told("/quiet") == {"quiet": True}
            assert "error" in await told("/tally?name=left")
            assert "error" in await told("/tally?name=nobody")
            assert "expected one of" in str((await told("/what"))["error"])


async def test_the_programs_need_nothing_but_the_config_map(tmp_path: Path) -> None:
    """As they are mounted there: a package of their own, whose client is run as a module."""
    folder = tmp_path / "tests" / "cluster"
    folder.mkdir(parents=True)
    for package in (tmp_path / "tests", folder):
        (package / "__init__.py").touch()
    for name, text in programs().items():
        (folder / name).write_text(text, encoding="utf-8")
    program = "import tests.cluster.client as c; print(c.__file__)"
    ran = await asyncio.create_subprocess_exec(
        *[sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await ran.communicate()
    assert (ran.returncode, said.decode().strip()) == (0, str(folder / "client.py"))
