"""A log that is broken breaks nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from healthkit import Health, HealthMiddleware
from healthkit._log import logger
from tests.servers import ask, lifespan_of, plain_app

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Broken(logging.Handler):
    """A handler that raises, as one may whose collector is away."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        raise ConnectionError


@pytest.fixture
def broken() -> Iterator[_Broken]:
    """Have everything that healthkit logs raise."""
    handler = _Broken()
    root = logging.getLogger("healthkit")
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def test_a_record_names_who_has_logged_it(caplog: pytest.LogCaptureFixture) -> None:
    """With its own fields, as from any logger."""
    caplog.set_level(logging.INFO, "healthkit")
    logger.info("%s", "said", extra={"phase": "serving"})
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("healthkit", "said")
    assert record.funcName == "test_a_record_names_who_has_logged_it"
    assert record.__dict__["phase"] == "serving"


async def test_a_broken_log_stops_no_check(broken: _Broken) -> None:
    """It runs on, and readiness follows it."""
    health = Health()
    ends = [ValueError("down"), None, ValueError("down"), None]

    async def database() -> None:
        end = ends.pop(0) if ends else None
        if end is not None:
            raise end

    health.check(database, interval=1)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        seen: list[int] = []
        for _ in range(4):
            await anyio.sleep(0.5)
            seen.append((await ask(app, "/readyz")).status)
            await anyio.sleep(0.6)
    assert seen == [503, 200, 503, 200]
    assert "check database fails: ValueError: down" in broken.lines


async def test_a_broken_log_stops_no_drain(broken: _Broken) -> None:
    """Unready at once, connections closed, callbacks called, and the life ends in order."""
    health = Health()
    called: list[str] = []

    async def leave() -> None:
        called.append("leave")

    health.warmup(anyio.lowlevel.checkpoint, name="cache")
    health.on_drain(leave)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        assert (await ask(app, "/readyz")).status == 200
        health.drain()
        assert (await ask(app, "/readyz")).status == 503
        assert (await ask(app)).headers[b"connection"] == b"close"
        await health.draining()
    assert (health.phase, called) == ("stopped", ["leave"])
    assert "draining" in broken.lines
