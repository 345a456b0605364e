"""Situations in which a server is told to end, and what is expected of each.

A situation is a coroutine function that plays it on one setup and asserts its outcome; its
docstring is the rule, and `DIFFERENT` says where a server leaves no choice.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from examples.pod.load import Load
from tests.integration.ends import SLACK, Serving, Setup
from tests.integration.ends_app import STARTS_UP, WARMS_UP
from tests.integration.pods import Sampling, Watch, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    Situation = Callable[[Setup, Path], Awaitable[None]]

#: Seconds: of the drain, unless a situation needs another; of a request that outlasts it.
DELAY: Final = 1.5
SLOW: Final = 2.1
#: In which nothing is lost by a machine that is slow to begin something.
EARLY: Final = 0.3
#: Longer than any test waits: whoever has it must not wait for it.
FOR_EVER: Final = 60.0
LONG_DELAY: Final = 4.0
#: More than the second in which two signals are one.
LATER: Final = 1.3

_ONLY_ONE: Final = "the master passes SIGTERM on once"
_MAKES_SIGTERM: Final = "the master makes SIGTERM of SIGINT: a drain, unless all have got SIGINT"
#: Where there is no choice, by situation and setup, and why.
DIFFERENT: Final[Mapping[tuple[str, str], str]] = {
    ("twice_later", "daphne"): "it kills what is in flight as soon as it hears of SIGTERM",
    ("twice_later", "uvicorn x2"): _ONLY_ONE,
    ("twice_later", "gunicorn asgi"): _ONLY_ONE,
    ("twice_later", "gunicorn UvicornWorker"): _ONLY_ONE,
    ("twice_later", "granian x1"): _ONLY_ONE,
    ("twice_later", "granian x2"): _ONLY_ONE,
    ("twice_later", "gunicorn gthread"): _ONLY_ONE,
    ("interrupted", "uvicorn x2"): _MAKES_SIGTERM,
    ("interrupted", "granian x1"): _MAKES_SIGTERM,
    ("interrupted", "granian x2"): _MAKES_SIGTERM,
    ("recycled", "gunicorn UvicornWorker"): "uvicorn closes what it has accepted and not yet read",
    ("recycled", "uvicorn x2"): "uvicorn closes what it has accepted and not yet read",
}


def is_different(situation: str, setup: Setup) -> bool:
    """Whether this server leaves no choice there."""
    return (situation, setup.name) in DIFFERENT


def serving(setup: Setup, place: Path, delay: float = DELAY, **settings: str) -> Serving:
    """Serve the app; several workers have a state directory."""
    own = {"HEALTHKIT_DRAIN_DELAY": str(delay), **settings}
    return Serving(setup, place / "state" if setup.workers > 1 else None, settings=own)


async def warming(setup: Setup, place: Path) -> None:
    """SIGTERM in a warm-up that takes for ever: the delay, and never ready."""
    async with serving(setup, place, WARMUP_SECONDS="30") as server:
        await server.serves(503, "/readyz")
        await server.says(WARMS_UP)
        async with Watch(server, "/readyz", clients=2) as watch:
            server.kill_with(signal.SIGTERM)
            code, took = await server.over()
        delay = DELAY if setup.gate else 0.0
        assert watch.answers(503)
        assert watch.answers(200) == []
    assert code == setup.exit_code
    assert delay - 0.1 <= took < delay + setup.own + SLACK


async def starting(setup: Setup, _place: Path) -> None:
    """SIGTERM before the app's start-up has ended: the server's own affair, with or without."""
    settings = {"STARTUP_SECONDS": "3", "HEALTHKIT_DRAIN_DELAY": str(FOR_EVER)}
    run = [sys.executable, "-m", "healthkit", "run", "--drain-delay", "0.5", "--"]
    without, having, behind = await asyncio.gather(
        _starting(Serving(setup, plain=True, settings=settings)),
        _starting(Serving(setup, settings=settings)),
        _starting(Serving(setup, before=run, settings=settings)),
    )
    assert without[0] == having[0] == setup.exit_code
    assert abs(without[1] - having[1]) < SLACK
    assert behind[0] == setup.server.exit_code(setup.workers, run=True)
    assert behind[1] < without[1] + 0.5 + SLACK


async def _starting(server: Serving) -> tuple[int, float]:
    async with server:
        await server.says(STARTS_UP)
        await asyncio.sleep(0.2)  # nobody says that he handles signals
        server.kill_with(signal.SIGTERM)
        return await server.over()


async def twice(setup: Setup, place: Path) -> None:
    """Two SIGTERMs within a second are one: the delay is waited for, nothing is lost."""
    await _nothing_is_lost(setup, place, again_after=0.4)


async def to_the_group(setup: Setup, place: Path) -> None:
    """SIGTERM to the master and its workers at the same time is one: nothing is lost."""
    await _nothing_is_lost(setup, place, again_after=None)


async def _nothing_is_lost(setup: Setup, place: Path, again_after: float | None) -> None:
    async with serving(setup, place) as server:
        await server.serves()
        slow = server.asking(f"/sleep/{SLOW}")
        await asyncio.sleep(EARLY)
        server.kill_with(signal.SIGTERM, group=again_after is None)
        during = asyncio.create_task(server.asks_until(server.sent + DELAY - 2 * EARLY))
        if again_after is not None:
            await asyncio.sleep(again_after)
            server.kill_with(signal.SIGTERM)
        code, took = await server.over()
        assert (await slow).status == 200
        assert set(await during) == {200}
    assert code == setup.exit_code
    assert SLOW - EARLY - 0.1 <= took < SLOW + setup.own + SLACK


async def twice_later(setup: Setup, place: Path) -> None:
    """A second SIGTERM after more than a second: the end, but for what the server waits for."""
    different = is_different("twice_later", setup)
    killed = different and not setup.master
    async with serving(setup, place, LONG_DELAY if setup.master else FOR_EVER) as server:
        await server.serves()
        slow = server.asking("/sleep/3")
        await asyncio.sleep(EARLY)
        server.kill_with(signal.SIGTERM)
        await asyncio.sleep(LATER)
        server.kill_with(signal.SIGTERM)
        code, took = await server.over()
        assert (await slow).status == (0 if killed else 200)
    assert code == setup.exit_code
    at_least, at_most = (LONG_DELAY, LONG_DELAY) if setup.master else (LATER, 3.0)
    assert at_least - 0.1 <= took < at_most + setup.own + SLACK


async def group_later(setup: Setup, place: Path) -> None:
    """The same to the whole group reaches the workers: they end, without a loss in flight.

    Not under gunicorn, whose master repeats SIGTERM by itself: there it is a drain to its end.
    """
    repeats = setup.server.name.startswith("gunicorn")
    async with serving(setup, place, LONG_DELAY if repeats else FOR_EVER) as server:
        await server.serves()
        slow = server.asking("/sleep/3")
        await asyncio.sleep(EARLY)
        for _ in range(2):
            server.kill_with(signal.SIGTERM, group=True)
            await asyncio.sleep(LATER)
        code, took = await server.over()
        assert (await slow).status == 200
    assert code == setup.exit_code
    ends = LONG_DELAY if repeats else 3.0 - EARLY
    assert ends - 0.1 <= took < ends + setup.own + SLACK


async def interrupted(setup: Setup, _place: Path) -> None:
    """SIGINT means no delay: it ends as without healthkit."""
    different = is_different("interrupted", setup)
    own = {"HEALTHKIT_DRAIN_DELAY": str(LONG_DELAY)}
    for group in (False, True):
        (expected, usual), (code, took) = await asyncio.gather(
            _interrupted(Serving(setup, plain=True, settings=own), group=group),
            _interrupted(Serving(setup, settings=own), group=group),
        )
        assert code == expected
        drains = different and not group
        assert abs(took - usual - (LONG_DELAY if drains else 0)) < 1.0 + SLACK


async def _interrupted(server: Serving, *, group: bool) -> tuple[int, float]:
    async with server:
        await server.serves()
        server.kill_with(signal.SIGINT, group=group)
        return await server.over()


async def one_worker(setup: Setup, place: Path) -> None:
    """SIGTERM to one worker of two: it drains by itself, and is replaced; the pod is ready."""
    options = ["--respawn-failed-workers"] if "granian" in setup.name else []
    settings = {"HEALTHKIT_DRAIN_DELAY": str(DELAY)}
    async with Serving(setup, place / "state", options=options, settings=settings) as server:
        await server.serves()
        slow = server.asking(f"/sleep/{SLOW}")
        before = set(server.records())
        victim = min(before)
        async with (
            Sampling(server) as sampling,
            Watch(server, "/readyz", clients=1) as watch,
            Watch(server, "/sleep/0", clients=2) as served,
        ):
            os.kill(victim, signal.SIGTERM)
            began = time.monotonic()
            await until("it has gone", lambda: victim not in server.records())
            lasted = time.monotonic() - began
            await until("two again", lambda: len(server.records()) == 2)
            await until("a new one", lambda: served.heard(set(server.records()), 200))
        assert lasted >= DELAY - 0.1
        assert (await slow).status == 200
        assert not any(sample.told for sample in sampling.samples)
        assert {look.status for look in (*watch.looks, *served.looks)} == {200}


async def reloaded(setup: Setup, place: Path) -> None:
    """SIGHUP: new workers for old ones, which drain; every connection is served throughout."""
    async with serving(setup, place) as server:
        await server.serves()
        slow = server.asking(f"/sleep/{SLOW}")
        await asyncio.sleep(EARLY)
        old = set(server.records())
        os.kill(server.pid, signal.SIGHUP)
        async with Sampling(server) as sampling:
            during = asyncio.create_task(server.asks_until(time.monotonic() + DELAY + SLOW))
            assert set(await during) == {200}
        assert (await slow).status == 200
        assert not old & set(server.records())
        assert not any(sample.told for sample in sampling.samples)
        await ends_with_a_drain(server)


async def one_too_many(setup: Setup, place: Path) -> None:
    """SIGTTOU: the master repeats SIGTERM each second; that cuts nothing short."""
    async with serving(setup, place) as server:
        await server.serves()
        held = 0
        if not setup.server.wsgi:
            held = len([await server.ask_for_long("/hold/3.5") for _ in range(8)])
        slow = [server.asking("/sleep/3.5") for _ in range(4)]
        await asyncio.sleep(EARLY)
        os.kill(server.pid, signal.SIGTTOU)
        await until("one is gone", lambda: len(server.records()) == 1)
        assert {(await one).status for one in slow} == {200}
        await until("all jobs are done", lambda: server.said("the job is done") == held, 5)
        await ends_with_a_drain(server)


async def ends_with_a_drain(server: Serving) -> None:
    """SIGTERM: the delay is there, and what comes in it is answered."""
    server.kill_with(signal.SIGTERM)
    assert set(await server.asks_until(server.sent + DELAY - 2 * EARLY)) == {200}
    code, took = await server.over()
    assert (code, took >= DELAY - 0.1) == (server.setup.exit_code, True)


async def recycled(setup: Setup, place: Path) -> None:
    """``max_requests``: worker after worker is replaced under load; the pod never drains."""
    word = "--limit-max-requests" if setup.server.name == "uvicorn" else "--max-requests"
    options = [word, "40", f"{word}-jitter", "30"]
    settings = {"HEALTHKIT_DRAIN_DELAY": str(FOR_EVER)}
    async with Serving(setup, place / "state", options=options, settings=settings) as server:
        await server.serves()
        async with (
            Sampling(server) as sampling,
            Load(server.url, paths=["/sleep/0"], new=2, keep_alive=0, pause=0.03) as load,
        ):
            await until("five of them", lambda: len(sampling.pids) >= 5, FOR_EVER)
            tally = await load.finish()
        assert not any(sample.told for sample in sampling.samples)
        assert tally.lost <= (len(sampling.pids) if is_different("recycled", setup) else 0), tally


async def with_a_child(setup: Setup, _place: Path) -> None:
    """A child that the app has forked handles SIGTERM as without healthkit; so does its parent.

    Before Python 3.12 the byte of a child's signal reaches the loop of its parent, and ends it.
    """
    found = await asyncio.gather(
        *(_child_of(Serving(setup, plain=plain)) for plain in (True, False))
    )
    assert found[0] == found[1]


async def _child_of(server: Serving) -> tuple[str, bool]:
    """Return how the child was, and whether its end was also that of the parent."""
    async with server:
        await server.serves()
        first = await server.ask_for_long("/child")
        await asyncio.sleep(3)  # a server that ends does not say so before
        return first.text, server.ended_at is None


async def blocked(setup: Setup, place: Path) -> None:
    """SIGTERM while a handler blocks the loop: the drain comes afterwards, nothing is lost."""
    async with serving(setup, place) as server:
        await server.serves()
        blocking = server.asking("/block/2")
        await asyncio.sleep(EARLY)
        server.kill_with(signal.SIGTERM)
        await asyncio.sleep(EARLY)
        later = [server.asking("/sleep/0.5") for _ in range(3)]
        code, took = await server.over()
        assert {(await one).status for one in (blocking, *later)} == {200}
    assert code == setup.exit_code
    assert took < 2 + DELAY + setup.own + SLACK


async def complains(setup: Setup, place: Path) -> None:
    """What SIGTERM can't do is said in one line per worker: a warning if nobody is in front."""
    for state, level in ((None, "WARNING"), (place / "state", "INFO")):
        own = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
        async with Serving(setup, state, settings=own) as server:
            await server.serves()
            said = [line for line in server.log if "SIGTERM alone" in line]
            assert len(said) == (0 if setup.gate else setup.workers)
            assert all(line.startswith(f"{level}: healthkit: ") for line in said)


async def three_in_a_hurry(setup: Setup, place: Path) -> None:
    """Three with more than a second between: the end, once all have their answers, and no hang.

    Without healthkit granian hangs at the third, and the answer never comes.
    """
    async with serving(setup, place, FOR_EVER) as server:
        await server.serves()
        slow = [server.asking("/sleep/4.5") for _ in range(4)]
        await asyncio.sleep(EARLY)
        for _ in range(4):
            server.kill_with(signal.SIGTERM, group=True)
            await asyncio.sleep(1.05)
        code, took = await server.over()
        assert {(await one).status for one in slow} == {200}
    assert code == setup.exit_code
    assert took < 4.5 + setup.own + SLACK


async def three_in_a_row(setup: Setup, place: Path) -> None:
    """Three SIGTERMs to every worker at once are one: granian hangs if it gets three itself."""
    async with serving(setup, place) as server:
        await server.serves()
        slow = server.asking(f"/sleep/{SLOW}")
        await asyncio.sleep(EARLY)
        for _ in range(3):
            server.kill_with(signal.SIGTERM, group=True)
            await asyncio.sleep(0.05)
        code, _ = await server.over()
        assert (await slow).status == 200
    assert code == setup.exit_code
