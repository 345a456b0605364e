"""One life, from its beginning to its end by a real SIGTERM, in virtual time."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from healthkit import Health, HealthMiddleware, Phase
from healthkit._lifecycle import Event
from tests.servers import ask, lifespan_of, plain_app

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from types import FrameType

    from starlette.types import Receive, Scope, Send


class Server:
    """A server that notes when SIGTERM reached it."""

    def __init__(self) -> None:
        self.terminated: list[float] = []

    def handle(self, _signum: int, _frame: FrameType | None) -> None:
        """Note the moment."""
        self.terminated.append(anyio.current_time())


@pytest.fixture
def server() -> Iterator[Server]:
    """Install a server's handler for SIGTERM, for the time of a test."""
    before = signal.getsignal(signal.SIGTERM)
    made = Server()
    signal.signal(signal.SIGTERM, made.handle)
    yield made
    signal.signal(signal.SIGTERM, before)


async def sleepy_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Sleep for the seconds that the path names."""
    if scope["type"] == "http":
        await anyio.sleep(float(scope["path"][1:]))
    await plain_app(scope, receive, send)


@asynccontextmanager
async def serving(health: Health) -> AsyncGenerator[HealthMiddleware]:
    """Serve an app until the phase is serving, and to the end."""
    app = HealthMiddleware(sleepy_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        yield app


def terminate() -> float:
    """Deliver a SIGTERM; return the moment."""
    signal.raise_signal(signal.SIGTERM)
    return anyio.current_time()


async def test_sigterm_drains_and_then_reaches_the_server(server: Server) -> None:
    """Unready at once, serving for the delay and for what is in flight; then the server."""
    health = Health(drain_delay=5)
    async with serving(health) as app:
        slow = asyncio.create_task(ask(app, "/7"))
        await anyio.sleep(0.1)
        sent = terminate()
        await anyio.lowlevel.checkpoint()
        assert (await ask(app, "/readyz")).text == "draining\n"
        await anyio.sleep(4.8)
        assert (await ask(app, "/0")).status == 200
        assert server.terminated == []
        await anyio.sleep(10)
        assert server.terminated == [pytest.approx(sent + 6.9)]
        assert slow.done()
        assert (await ask(app, "/livez")).status == 200


async def test_outside_kubernetes_there_is_no_delay(server: Server) -> None:
    """An idle app hands the signal over at once."""
    async with serving(Health()):
        sent = terminate()
        await anyio.sleep(1)
        assert server.terminated == [pytest.approx(sent)]


async def test_a_drain_before_sigterm_counts(server: Server) -> None:
    """A preStop hook drained for 4 of 5 seconds: one is left."""
    health = Health(drain_delay=5)
    async with serving(health):
        health.drain()
        health.drain()
        await anyio.sleep(4)
        sent = terminate()
        await anyio.sleep(10)
        assert server.terminated == [pytest.approx(sent + 1)]


async def test_a_second_sigterm_passes_straight_through(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second later it is meant; until then it is the same."""
    health = Health(drain_delay=60)
    monkeypatch.setattr(health.life._gate, "_now", anyio.current_time)
    async with serving(health):
        terminate()
        await anyio.sleep(0.5)
        terminate()
        await anyio.sleep(0.6)
        assert server.terminated == []
        sent = terminate()
        assert server.terminated == [sent]
        stopping = anyio.current_time()
    assert anyio.current_time() == pytest.approx(stopping)
    assert len(server.terminated) == 1


async def test_work_in_flight_is_given_up_at_the_drain_timeout(
    server: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names what is left."""
    health = Health(drain_delay=1, drain_timeout=3)
    async with serving(health) as app:
        slow = asyncio.create_task(ask(app, "/600"))
        await anyio.sleep(0.1)
        with health.hold("checkout job"):
            sent = terminate()
            await anyio.sleep(10)
        assert server.terminated == [pytest.approx(sent + 4)]
        line = "drain_timeout of 3 s is over with 1 request, hold 'checkout job' still in flight"
        assert line in [record.message for record in caplog.records]
        slow.cancel()
        await asyncio.wait([slow])
    assert health.life.in_flight == 0


async def test_a_hold_is_waited_for(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Also one of a thread; the log says by name what delays the exit."""
    caplog.set_level(logging.INFO, "healthkit")
    health = Health()
    async with serving(health):
        hold = health.hold("checkout job")
        assert repr(hold) == "<Hold 'checkout job' free>"
        thread = threading.Thread(target=hold.__enter__)
        thread.start()
        thread.join()
        assert repr(hold) == "<Hold 'checkout job' held>"
        async with hold:
            terminate()
            await anyio.sleep(3)
        assert server.terminated == []
        released = anyio.current_time()
        thread = threading.Thread(target=hold.__exit__, args=(None, None, None))
        thread.start()
        thread.join()
        await anyio.sleep(1)
        assert server.terminated == [pytest.approx(released)]
        assert "waiting for hold 'checkout job', hold 'checkout job'" in caplog.text


async def test_callbacks_are_called_once_and_waited_for(
    server: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the drain begins, beside the serving; what they raise is logged."""
    health = Health()
    called: list[str] = []

    @health.on_drain
    async def consumer() -> None:
        called.append("consumer")
        await anyio.sleep(2)

    @health.on_drain
    async def broken() -> None:
        called.append("broken")
        raise SystemExit(3)

    async with serving(health) as app:
        sent = terminate()
        await anyio.sleep(0.1)
        assert called == ["consumer", "broken"]
        assert (await ask(app, "/0")).status == 200
        await anyio.sleep(5)
        assert server.terminated == [pytest.approx(sent + 2)]
    assert called == ["consumer", "broken"]
    assert "on_drain broken failed" in caplog.text


async def test_a_shutdown_without_a_signal_waits_for_holds_and_callbacks() -> None:
    """SIGINT and recycled workers come this way: no delay, but no lost work."""
    health = Health(drain_delay=60)
    called: list[str] = []

    @health.on_drain
    async def consumer() -> None:
        called.append("consumer")

    async with serving(health):
        before = anyio.current_time()
        hold = health.hold("job")
        await hold.__aenter__()
        asyncio.get_running_loop().call_later(2, hold.__exit__, None, None, None)
    assert anyio.current_time() == pytest.approx(before + 2)
    assert called == ["consumer"]


async def test_a_shutdown_that_comes_at_once_still_calls_back() -> None:
    """Before the life's tasks have had their first turn."""
    health = Health()
    called: list[str] = []

    @health.on_drain
    async def consumer() -> None:
        called.append("consumer")

    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        pass
    assert called == ["consumer"]


async def test_a_shutdown_in_the_middle_of_a_drain_is_not_held_up(server: Server) -> None:
    """Ctrl-C during the drain: whoever does that is in a hurry."""
    health = Health(drain_delay=60)
    async with serving(health):
        await health.hold("job").__aenter__()
        terminate()
        await anyio.sleep(1)
        before = anyio.current_time()
    assert anyio.current_time() == pytest.approx(before)
    assert health.phase is Phase.STOPPED
    assert server.terminated == []
    assert signal.getsignal(signal.SIGTERM) == server.handle


async def test_a_signal_that_crosses_the_end_is_passed_on(server: Server) -> None:
    """It came while the life was ending: the server gets it all the same."""
    health = Health()
    async with serving(health):
        terminate()
        health.life.abandon()
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
    assert len(server.terminated) == 1


async def test_a_drain_that_is_torn_down_gives_the_server_nothing(server: Server) -> None:
    """When the loop ends its tasks, the server is past its own end."""
    health = Health(drain_delay=60)
    async with serving(health):
        terminate()
        await anyio.sleep(1)
        ending = health.life._ending
        assert ending is not None
        ending.cancel()
        await asyncio.wait([ending])
    assert server.terminated == []


async def test_what_refuses_to_end_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """A check that swallows its cancellation can't hold up the exit for more than a second."""
    health = Health()
    over = anyio.Event()

    @health.check
    async def stubborn() -> None:
        while not over.is_set():
            try:
                await anyio.sleep(3600)
            except asyncio.CancelledError:
                with anyio.CancelScope(shield=True):
                    await over.wait()

    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(0.1)
        before = anyio.current_time()
    assert anyio.current_time() == pytest.approx(before + 1)
    assert "left behind" in caplog.text
    over.set()
    await anyio.lowlevel.checkpoint()


async def test_a_drain_from_another_thread_begins_on_the_loop() -> None:
    """A moment later, and not in the thread."""
    health = Health()
    async with serving(health):
        thread = threading.Thread(target=health.drain)
        thread.start()
        thread.join()
        assert repr(health) == "<Health serving in_flight=0>"
        await health.draining()
        assert health.phase is Phase.DRAINING


async def test_a_drain_before_the_beginning_is_kept() -> None:
    """Nothing that is told to end becomes ready; the callbacks are called when they can be."""
    health = Health()
    called: list[str] = []

    @health.on_drain
    async def consumer() -> None:
        called.append("consumer")

    health.drain()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        assert called == ["consumer"]
        assert health.phase is Phase.DRAINING
        assert (await ask(app, "/startupz")).status == 503
        assert (await ask(app, "/livez")).status == 200


async def test_work_that_ends_in_the_drain_changes_nothing() -> None:
    """A warm-up that succeeds too late makes nobody ready, whatever draining pods may answer."""
    health = Health(readyz_while_draining=200)
    warm = anyio.Event()
    health.warmup(warm.wait, name="catalogue")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(0.1)
        health.drain()
        warm.set()
        await anyio.sleep(1)
        assert (await ask(app, "/readyz")).text == "warming\n"
        assert health.phase is Phase.DRAINING


async def test_readiness_while_draining_can_be_kept() -> None:
    """For a single replica: as it was when the drain began; never for the balancer's endpoint."""
    health = Health(readyz_while_draining=200)
    async with serving(health) as app:
        health.drain()
        assert (await ask(app, "/readyz")).status == 200
        assert (await ask(app, "/healthz")).status == 503


async def test_work_that_ends_after_the_end_changes_nothing() -> None:
    """A result that comes in late is not an event any more."""
    health = Health()
    async with serving(health):
        pass
    health.life._proceed()
    health.life.app_started({})
    health.life.app_failed()
    assert health.phase is Phase.STOPPED


async def test_a_phase_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """With what it was before, as fields."""
    caplog.set_level(logging.INFO, "healthkit")
    health = Health()
    async with serving(health):
        health.drain()
        health.drain()
    phases = [r.message for r in caplog.records if "phase_before" in r.__dict__]
    assert phases == ["warming", "serving", "draining", "stopped"]


def test_a_life_shows_its_state() -> None:
    """In one line."""
    life = Health().life
    assert repr(life) == "<Life starting in_flight=0 <Gate open>>"
    life.lifecycle.advance(Event.DRAIN_REQUESTED, 0)
    assert repr(life) == "<Life draining in_flight=0 <Gate open>>"


async def test_optional_work_holds_up_nothing() -> None:
    """A warm-up that is not required runs beside the serving."""
    health = Health()
    ran = anyio.Event()

    @health.warmup(required=False)
    async def recommendations() -> None:
        ran.set()
        await anyio.sleep_forever()

    async with serving(health) as app:
        await ran.wait()
        assert (await ask(app, "/readyz")).status == 200
