"""A thousand probes at once cost no check a run, and wait for nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from healthkit import Health, HealthMiddleware, Probe
from tests.servers import Exchange, http_scope, lifespan_of, plain_app, receive_nothing

if TYPE_CHECKING:
    from starlette.types import Message

JSON = [(b"accept", b"application/json")]

#: Every form of a question.
FORMS: list[dict[str, object]] = [
    {},
    {"method": "HEAD"},
    {"method": "POST"},
    {"query_string": b"verbose"},
    {"query_string": b"exclude=check3&exclude=nobody"},
    {"headers": JSON},
    {"query_string": b"verbose&exclude=check3", "headers": JSON},
]

PATHS = ["/livez", "/readyz", "/startupz", "/healthz", "/readyz/check3", "/readyz/nobody"]

QUESTIONS = list(itertools.product(PATHS, FORMS))

PROBES = 1_000


class Slow:
    """Checks that take a while, and say how often each has run."""

    def __init__(self, health: Health, seconds: float, **parameters: float) -> None:
        self.runs = Counter[str]()
        self._seconds = seconds
        for number in range(10):
            name = f"check{number}"
            health.check(partial(self._check, name), name=name, **parameters)  # type: ignore[call-overload]  # seconds only

    async def _check(self, name: str) -> None:
        self.runs[name] += 1
        await anyio.sleep(self._seconds)


async def _probe(app: HealthMiddleware, number: int, took: list[float]) -> None:
    """Ask one of the questions; take note of the time that it took."""
    path, question = QUESTIONS[number % len(QUESTIONS)]
    exchange = Exchange()
    began = anyio.current_time()
    await app(http_scope(path, **question), receive_nothing, exchange.send)
    took.append(anyio.current_time() - began)
    assert exchange.status in {200, 404, 405, 503}
    assert len(exchange.messages) == 2


def _of_one_component(number: int) -> bool:
    """Whether a probe of this number asks for a component by its name: no probe is counted."""
    path, _ = QUESTIONS[number % len(QUESTIONS)]
    return path.startswith("/readyz/")


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1_000.0], ids=["quick", "slow", "hanging"])
async def test_a_thousand_probes_run_no_check(seconds: float) -> None:
    """Each check has run by its interval only, and each probe was answered at its moment."""
    health = Health()
    slow = Slow(health, seconds, interval=10.0)
    app = HealthMiddleware(plain_app, health=health)
    took: list[float] = []
    async with lifespan_of(app):
        await anyio.sleep(0.25)
        for moment in (1, 2):
            async with anyio.create_task_group() as tasks:
                for number in range(PROBES):
                    tasks.start_soon(_probe, app, number, took)
            assert len(took) == moment * PROBES
            assert set(slow.runs.values()) == {1}
            await anyio.sleep(0.25)
        await anyio.sleep(15)
        assert len(slow.runs) == 10
        assert set(slow.runs.values()) == {2}
    assert max(took) == 0


async def test_probes_change_nothing_of_the_intervals() -> None:
    """Ten seconds with a thousand probes each, and ten without any: the same runs."""
    runs: list[int] = []
    for probes_a_tenth in (0, 100):
        health = Health()
        slow = Slow(health, 0.1, interval=1.0)
        app = HealthMiddleware(plain_app, health=health)
        took: list[float] = []
        async with lifespan_of(app):
            for _ in range(100):
                for number in range(probes_a_tenth):
                    await _probe(app, number, took)
                await anyio.sleep(0.1)
            assert all(8 <= count <= 10 for count in slow.runs.values())
            runs.append(sum(slow.runs.values()))
        assert sum(took) == 0
        given = [sum(desk.counts().values()) for desk in health.answering.desks.values()]
        counted = [n for n in range(probes_a_tenth) if not _of_one_component(n)]
        assert sum(given) == 100 * len(counted)
        assert len(took) == 100 * probes_a_tenth
    assert abs(runs[0] - runs[1]) <= 10


async def test_a_probe_that_is_slow_to_be_sent_holds_up_no_other() -> None:
    """A client that reads nothing keeps its own answer waiting, and what it was stays true."""
    health = Health()
    Slow(health, 0.1)
    app = HealthMiddleware(plain_app, health=health)
    stuck: list[Message] = []
    reads = anyio.Event()

    async def send(message: Message) -> None:
        stuck.append(message)
        await reads.wait()

    async with lifespan_of(app), anyio.create_task_group() as tasks:
        await anyio.sleep(1)
        for number in range(PROBES):
            path, question = QUESTIONS[number % len(QUESTIONS)]
            tasks.start_soon(app, http_scope(path, **question), receive_nothing, send)
        await anyio.sleep(1)
        took: list[float] = []
        for number in range(len(QUESTIONS)):
            await _probe(app, number, took)
        assert (len(took), max(took), len(stuck)) == (len(QUESTIONS), 0, PROBES)
        reads.set()
    assert len(stuck) == 2 * PROBES


async def test_a_thousand_probes_make_few_reports() -> None:
    """One for each endpoint and form; what is asked for in particular is made for it."""
    health = Health()
    Slow(health, 0.1)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        report = health.life.report
        made = Counter[str]()

        def counting() -> object:
            made["report"] += 1
            return report()

        health.life.report = counting  # type: ignore[method-assign, assignment]  # counts only
        async with anyio.create_task_group() as tasks:
            for number in range(PROBES):
                path = list(health.paths)[number % 4]
                question = FORMS[number % 4]
                tasks.start_soon(_ask, app, path, question)
        assert made["report"] <= 3 * len(Probe)


async def _ask(app: HealthMiddleware, path: str, question: dict[str, object]) -> None:
    await app(http_scope(path, **question), receive_nothing, Exchange().send)
