"""A stranger never reads a secret, whatever it asks and however the secret got there."""

from __future__ import annotations

import itertools
import logging
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from healthkit import CheckFailed, Health, HealthMiddleware
from tests.servers import ask, lifespan_of, plain_app
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.types import Scope

    from tests.servers import Exchange

SECRET = "hunter2"  # noqa: S105  # the one to look for
DSN = f"postgres://app:{SECRET}@db.internal:5432/app"


class Hunter2Error(Exception):
    """Has a name that is no secret: a type is code."""


class Pool:
    """What a check is bound to, with a repr that tells too much."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def __repr__(self) -> str:
        return f"<Pool {self.dsn}>"

    async def ping(self) -> None:
        """Fail, with itself in the text."""
        raise ConnectionError(self)


# -- how a secret gets into a failure -------------------------------------------------------------


async def _in_the_text() -> None:
    raise ConnectionError(f"could not connect to {DSN}")


async def _in_a_reason() -> None:
    raise CheckFailed(DSN)


async def _in_a_group() -> None:
    raise ExceptionGroup(DSN, [ValueError("down")])


async def _in_an_exit() -> None:
    raise SystemExit(DSN)


async def _in_several_lines() -> None:
    raise OSError(f"{DSN}\n[+]{DSN} ok\r\nx-{SECRET}: {DSN}")


async def _in_an_argument(dsn: str) -> None:
    raise OSError(dsn)


async def _in_the_cause() -> None:
    raise CheckFailed("down") from OSError(DSN)


async def _inside_of_a_group() -> None:
    raise ExceptionGroup("down", [OSError(DSN), ExceptionGroup("down", [ValueError(DSN)])])


async def _in_a_note() -> None:
    error = OSError("down")
    error.add_note(DSN)
    raise error


#: In the text of what was raised.
SAID = [
    pytest.param(_in_the_text, id="text"),
    pytest.param(_in_a_reason, id="reason"),
    pytest.param(_in_a_group, id="group"),
    pytest.param(_in_an_exit, id="exit"),
    pytest.param(_in_several_lines, id="several lines"),
    pytest.param(partial(_in_an_argument, DSN), id="a partial's argument"),
    pytest.param(Pool(DSN).ping, id="what a method is bound to"),
]

#: Somewhere behind it, where a reason looks too.
BEHIND = [
    pytest.param(_in_the_cause, id="cause"),
    pytest.param(_inside_of_a_group, id="inside of a group"),
]

#: Where only a traceback has it.
BESIDE = [pytest.param(_in_a_note, id="note")]

# -- how a stranger may ask -----------------------------------------------------------------------

PATHS = [
    *(
        "/livez",
        "/readyz",
        "/startupz",
        "/healthz",
        "/readyz/",
        f"/readyz/{SECRET}x",
        "/readyz/../db",
    ),
    *("/readyz/check", "/readyz/optional", "/readyz/warm", "/readyz/start", "/readyz/lifespan"),
    *("/api/readyz", "/api/readyz/check", "/api/livez"),
]
QUERIES = [b"", b"verbose", b"verbose&exclude=check", b"exclude=check&exclude=optional&exclude=x"]
ACCEPTS = [b"*/*", b"application/json", b"application/health+json;q=0.1", b"text/plain"]
#: What might make a stranger look like somebody.
GUISES: list[list[tuple[bytes, bytes]]] = [
    [],
    [(b"authorization", b"Basic YWRtaW46YWRtaW4="), (b"x-forwarded-for", b"127.0.0.1")],
]


@asynccontextmanager
async def _failing(
    function: Callable[[], Awaitable[object]], admits: Callable[[Scope], bool] | None
) -> AsyncGenerator[HealthMiddleware]:
    """Run an app of which everything fails by `function`; start-up work comes to an end."""
    health = Health(show_reasons=admits)
    attempts = iter([function])

    async def once() -> object:
        failing = next(attempts, None)
        return None if failing is None else await failing()

    health.startup(once, name="start", attempts=2)
    health.warmup(function, name="warm")
    health.check(function, name="check")
    health.check(function, name="optional", required=False)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(0.1)
        yield app


def _received(answer: Exchange) -> str:
    """Return all that a client gets to see."""
    headers = b"".join(name + value for name, value in answer.messages[0]["headers"])
    return answer.text + headers.decode("latin-1")


async def _everything(app: HealthMiddleware, **more: object) -> list[str]:
    """Ask in every way there is."""
    seen: list[str] = []
    ways = itertools.product(("GET", "HEAD", "POST"), PATHS, QUERIES, ACCEPTS, GUISES)
    for method, path, query, accept, guise in ways:
        headers = [(b"accept", accept), *guise]
        root_path = "/api" if path.startswith("/api/") else ""
        scope = {"query_string": query, "headers": headers, "root_path": root_path, **more}
        seen.append(_received(await ask(app, path, method=method, **scope)))
    return seen


@pytest.mark.parametrize("function", [*SAID, *BEHIND, *BESIDE])
@pytest.mark.parametrize("admitted", ["nobody", "somebody else"])
async def test_a_stranger_reads_no_secret(
    function: Callable[[], Awaitable[object]], admitted: str
) -> None:
    """By no path, query, header or method, while starting, warming, serving or draining."""
    admits = None if admitted == "nobody" else _is_admin
    async with _failing(function, admits) as app:
        seen = await _everything(app)
        await anyio.sleep(5)
        seen += await _everything(app)
        app._health.drain()
        seen += await _everything(app)
    assert any("check" in one for one in seen)
    assert [one for one in seen if SECRET in one or "db.internal" in one] == []


def _is_admin(scope: Scope) -> bool:
    return scope.get("client") == ("10.0.0.1", 40_000)


@pytest.mark.parametrize("function", [*SAID, *BEHIND])
async def test_who_is_admitted_reads_the_reason(function: Callable[[], Awaitable[object]]) -> None:
    """With what is behind it: in the detailed forms of what fails, in one line, nowhere else."""
    async with _failing(function, _is_admin) as app:
        await anyio.sleep(5)
        client = ("10.0.0.1", 40_000)
        for path in ("/readyz", "/readyz/check", "/readyz/warm", "/readyz/optional"):
            verbose = await ask(app, path, query_string=b"verbose", client=client)
            assert DSN in verbose.text
            assert all(line[:3] in "[+][-][!]" for line in verbose.text.splitlines()[:-1])
            json = await ask(app, path, headers=[(b"accept", b"application/json")], client=client)
            assert DSN in json.text
            assert SECRET not in (await ask(app, path, client=client)).text
        assert SECRET not in (await ask(app, "/livez", query_string=b"verbose")).text


@pytest.mark.parametrize("function", BESIDE)
async def test_a_reason_is_no_traceback(function: Callable[[], Awaitable[object]]) -> None:
    """For the admitted neither: that is for the log."""
    async with _failing(function, _is_admin) as app:
        answer = await ask(app, "/readyz", query_string=b"verbose", client=("10.0.0.1", 40_000))
        assert "down" in answer.text
        assert SECRET not in answer.text


#: What the log says of a failure, before its reason.
ABOUT = [
    "check check fails: ",
    "check optional fails, and is not required: ",
    "startup start: attempt 1 failed; ",
    "warmup warm: attempt 1 failed; ",
]


@pytest.mark.parametrize("about", ABOUT)
@pytest.mark.parametrize("function", [*SAID, *BEHIND])
async def test_the_log_has_it(
    function: Callable[[], Awaitable[object]], about: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the line itself, by default: who reads the log may know. A traceback it has not."""
    caplog.set_level(logging.INFO, "healthkit")
    async with _failing(function, None):
        await anyio.sleep(5)
    [failed] = [record for record in caplog.records if record.message.startswith(about)]
    assert DSN in failed.message
    assert "\n" not in failed.message
    assert DSN in failed.__dict__["reason"]
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("about", ABOUT)
@pytest.mark.parametrize("function", [*SAID, *BEHIND, *BESIDE])
async def test_whoever_debugs_has_the_traceback(
    function: Callable[[], Awaitable[object]], about: str, caplog: pytest.LogCaptureFixture
) -> None:
    """All that was raised, with its notes."""
    caplog.set_level(logging.DEBUG, "healthkit")
    async with _failing(function, None):
        await anyio.sleep(5)
    [failed] = [record for record in caplog.records if record.message.startswith(about)]
    assert failed.exc_info
    assert DSN in logging.Formatter().formatException(failed.exc_info)


async def test_a_type_is_no_secret() -> None:
    """What an admitted client reads begins with it; a stranger does not read that either."""

    async def failing() -> None:
        raise Hunter2Error

    async with _failing(failing, _is_admin) as app:
        await anyio.sleep(5)
        for client, seen in ((("10.0.0.1", 40_000), True), (None, False)):
            answer = await ask(app, "/readyz", query_string=b"verbose", client=client)
            assert ("Hunter2Error" in answer.text) == seen


@pytest.mark.parametrize("anyio_backend", [REAL], ids=["real"])
async def test_a_plain_function_tells_no_secret() -> None:
    """Nor does its thread."""

    def failing() -> None:
        raise OSError(DSN)

    health = Health()
    health.check(failing, name="check")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        while (await ask(app, "/readyz")).text != "failing: check\n":
            await anyio.lowlevel.checkpoint()
        assert not any(SECRET in one for one in await _everything(app))


async def test_a_question_is_not_repeated() -> None:
    """What a client has sent it gets back as a name or not at all."""
    async with _failing(_in_the_text, None) as app:
        sent = "<b>\n\x1b[2J"
        query = b"verbose&exclude=%3Cb%3E%0A%1B%5B2J"
        for path in ("/readyz", "/startupz", "/healthz", "/readyz/check", f"/readyz/{sent}"):
            for accept in ACCEPTS:
                answer = await ask(app, path, query_string=query, headers=[(b"accept", accept)])
                seen = _received(answer)
                assert "<" not in seen
                assert "\x1b" not in seen
                assert "u001b" not in seen
