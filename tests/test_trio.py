"""A whole life on trio: from its start to its end by a real SIGTERM, in virtual time."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing
from starlette.types import Message  # a stream's type is there when it runs

from healthkit import CheckFailed, Health, HealthMiddleware, Phase, _duties
from healthkit._signals import GATE
from tests.servers import Exchange, ask, http_scope, plain_app, receive_nothing
from tests.virtual import REAL_TRIO, VIRTUAL_TRIO

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run on trio."""
    return VIRTUAL_TRIO


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


@asynccontextmanager
async def lifespan_of(app: ASGIApp) -> AsyncGenerator[None]:
    """Be a server's side of a lifespan on any library: `servers.lifespan_of` is asyncio's."""
    to_app, inbox = anyio.create_memory_object_stream[Message](2)
    outbox, from_app = anyio.create_memory_object_stream["Message"](2)

    async def run() -> None:
        await app({"type": "lifespan", "state": {}}, inbox.receive, outbox.send)

    with to_app, inbox, outbox, from_app:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await to_app.send({"type": "lifespan.startup"})
            assert await from_app.receive() == {"type": "lifespan.startup.complete"}
            yield
            await to_app.send({"type": "lifespan.shutdown"})
            assert await from_app.receive() == {"type": "lifespan.shutdown.complete"}


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
        await health.wait_for("serving", PATIENCE)
        yield app


#: Seconds for what nothing keeps waiting.
PATIENCE: Final = 30.0


def terminate() -> float:
    """Deliver a SIGTERM; return the moment."""
    signal.raise_signal(signal.SIGTERM)
    return anyio.current_time()


def healthkits_tasks() -> list[str]:
    """Return the names of what healthkit runs here."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    tasks = [task for nursery in root.child_nurseries for task in nursery.child_tasks]
    return [task.name for task in tasks if task.name.startswith("healthkit")]


async def test_sigterm_drains_and_then_reaches_the_server(server: Server) -> None:
    """Unready at once, serving for the delay and for what is in flight; then the server."""
    health = Health(drain_delay=5)
    slow = Exchange()
    async with serving(health) as app, anyio.create_task_group() as tasks:
        tasks.start_soon(_request, app, "/7", slow)
        await anyio.sleep(0.1)
        sent = terminate()
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        assert (await ask(app, "/readyz")).text == "draining\n"
        await anyio.sleep(4.8)
        assert (await ask(app, "/0")).status == 200
        assert server.terminated == []
        await anyio.sleep(10)
        assert server.terminated == [pytest.approx(sent + 6.9)]
        assert slow.status == 200
        assert (await ask(app, "/livez")).status == 200
    assert health.phase is Phase.STOPPED


async def _request(app: ASGIApp, path: str, exchange: Exchange) -> None:
    await app(http_scope(path), receive_nothing, exchange.send)


async def test_a_shutdown_in_the_middle_of_a_drain_ends_its_delay(server: Server) -> None:
    """Ctrl-C: what is in flight is waited for, the delay is not."""
    health = Health(drain_delay=60)
    async with serving(health):
        hold = health.hold("job")
        await hold.__aenter__()
        terminate()
        await anyio.sleep(1)
        before = anyio.current_time()
        trio.lowlevel.spawn_system_task(_leave_later, hold.__exit__)
    assert anyio.current_time() == pytest.approx(before + 3)
    assert health.phase is Phase.STOPPED
    assert len(server.terminated) == 1
    assert signal.getsignal(signal.SIGTERM) == server.handle


async def _leave_later(leave: object) -> None:
    await anyio.sleep(3)
    assert callable(leave)
    leave(None, None, None)


async def test_work_is_done_and_judged(server: Server) -> None:
    """Warming until the warm-up has succeeded, 503 while a required check fails."""
    health = Health()
    warm = anyio.Event()
    down = [False]
    called: list[str] = []
    health.warmup(warm.wait, name="catalogue")

    @health.check(interval=1)
    async def db() -> None:
        if down[0]:
            raise CheckFailed

    @health.on_drain
    async def consumer() -> None:
        called.append("consumer")
        await anyio.sleep(2)

    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(1)
        assert (await ask(app, "/readyz")).text == "warming: catalogue\n"
        assert (await ask(app, "/startupz")).status == 200
        warm.set()
        await health.wait_for("serving")
        assert (await ask(app, "/readyz")).status == 200
        down[0] = True
        await anyio.sleep(3)
        assert (await ask(app, "/readyz")).status == 503
        sent = terminate()
        await anyio.sleep(3)
        assert server.terminated == [pytest.approx(sent + 2)]
    assert called == ["consumer"]
    assert healthkits_tasks() == []


@pytest.mark.parametrize("anyio_backend", [REAL_TRIO], ids=["trio"])
async def test_a_plain_function_runs_in_a_thread() -> None:
    """A check and a warm-up; no thread stays behind."""
    before = set(threading.enumerate())
    health = Health()
    threads: list[threading.Thread] = []
    health.warmup(lambda: threads.append(threading.current_thread()), name="cache")
    health.check(lambda: threads.append(threading.current_thread()), name="db")
    async with serving(health) as app:
        with anyio.fail_after(PATIENCE):
            while (await ask(app, "/readyz")).status != 200:  # noqa: ASYNC110  # an answer
                await anyio.sleep(0.01)
    assert threading.main_thread() not in threads
    for thread in threads:
        await anyio.to_thread.run_sync(thread.join, PATIENCE)
    assert not set(threads) & (set(threading.enumerate()) - before)


async def test_a_drain_from_another_thread_begins_on_the_loop() -> None:
    """A moment later, and not in the thread."""
    health = Health()
    async with serving(health):
        assert "healthkit life" in healthkits_tasks()
        thread = threading.Thread(target=health.drain)
        thread.start()
        thread.join()
        assert repr(health) == "<Health serving in_flight=0>"
        await health.draining()
        assert health.phase is Phase.DRAINING


@pytest.mark.parametrize("by_request", [True, False])
def test_a_run_that_is_torn_down_loses_no_signal(server: Server, *, by_request: bool) -> None:
    """Its life ends with its tasks, and the server gets what was held back."""
    health = Health(drain_delay=60)
    app = HealthMiddleware(plain_app, health=health)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            if by_request:
                await ask(app)
            else:
                tasks.start_soon(_never_closed, app)
            await health.wait_for("serving")
            health.life.exit.guard()
            terminate()
            await anyio.sleep(1)
            assert server.terminated == []
            tasks.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert health.phase is Phase.STOPPED
    assert len(server.terminated) == 1
    assert signal.getsignal(signal.SIGTERM) == server.handle
    assert not GATE.closed


async def _never_closed(app: ASGIApp) -> None:
    """Open a lifespan, and crash before it is closed."""
    async with lifespan_of(app):
        await anyio.sleep_forever()


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_the_next_life_may_be_on_another_library(library: str) -> None:
    """One `Health` for a test client's loops, one after the other."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)

    async def once() -> int:
        await ask(app)
        await health.wait_for("serving")
        return (await ask(app, "/readyz")).status

    for each in (library, "trio", "asyncio"):
        assert anyio.run(once, backend=each) == 200


@pytest.mark.skipif(sys.platform != "linux", reason="several workers are for Linux")
@pytest.mark.parametrize("anyio_backend", [REAL_TRIO], ids=["trio"])
async def test_the_time_of_a_pods_drain_is_known_on_trio(tmp_path: Path, server: Server) -> None:
    """All workers mean the same by a moment, though trio's own clock has a random offset."""
    health = Health(drain_delay=0.3, state_dir=tmp_path, workers=1)
    async with serving(health):
        before = anyio.current_time()
        terminate()
        with anyio.fail_after(PATIENCE):
            while not server.terminated:  # noqa: ASYNC110  # a signal handler wakes nobody
                await anyio.sleep(0.01)
        assert 0.29 < server.terminated[0] - before < PATIENCE


@pytest.mark.parametrize("anyio_backend", [REAL_TRIO], ids=["trio"])
async def test_what_is_slow_to_end_is_not_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shutdown goes on; only the run itself waits for what is shielded."""
    monkeypatch.setattr(_duties, "OBEDIENCE", 0.05)
    monkeypatch.setattr(_duties, "LAST_WORDS", 0.05)
    health = Health()
    begun, over = anyio.Event(), anyio.Event()

    @health.check(timeout=60, max_age=100)
    async def slow() -> None:
        with anyio.CancelScope(shield=True):
            begun.set()
            await over.wait()

    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await begun.wait()
    assert "does not end when it is cancelled, and is closed: <Tasks 1>" in caplog.text
    over.set()
    with anyio.fail_after(PATIENCE):
        while healthkits_tasks():  # noqa: ASYNC110  # trio's own names
            await anyio.sleep(0.01)
