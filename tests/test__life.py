"""One life, from its beginning to its end by a real SIGTERM, in virtual time."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from healthkit import Health, HealthMiddleware, Phase
from healthkit._lifecycle import Event
from healthkit._signals import GATE
from tests.servers import ask, lifespan_of, plain_app
from tests.virtual import REAL, stubbornly

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Iterator
    from pathlib import Path
    from types import FrameType

    from starlette.types import Message, Receive, Scope, Send


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


def healthkits_tasks() -> list[asyncio.Task[object]]:
    """Return what healthkit runs on this loop."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("healthkit")]


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
    monkeypatch.setattr(GATE, "now", anyio.current_time)
    async with serving(health):
        terminate()
        await anyio.sleep(0.5)
        terminate()
        await anyio.sleep(0.6)
        assert server.terminated == []
        await health.hold("job").__aenter__()
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
        line = "the drain is over after 4 s with 1 request, hold 'checkout job' still in flight"
        assert line in [record.message for record in caplog.records]
        slow.cancel()
        await asyncio.wait([slow])
    assert health.life.traffic.in_flight == 0


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


async def test_a_shutdown_without_a_signal_waits_no_longer_than_the_timeout() -> None:
    """There is no delay to be added."""
    health = Health(drain_delay=60, drain_timeout=3)
    async with serving(health):
        before = anyio.current_time()
        await health.hold("job").__aenter__()
    assert anyio.current_time() == pytest.approx(before + 3)


async def test_a_life_that_is_abandoned_leaves_no_task() -> None:
    """Also when it is in the middle of its drain."""
    health = Health(drain_delay=60)
    app = HealthMiddleware(plain_app, health=health)
    await ask(app)
    await health.wait_for("serving")
    health.life.exit._end_by_signal()
    await anyio.sleep(1)
    health.life.abandon()
    await anyio.sleep(0.1)
    assert healthkits_tasks() == []


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


async def test_a_shutdown_in_the_middle_of_a_drain_ends_its_delay(server: Server) -> None:
    """Ctrl-C, or a recycled worker: what is in flight is waited for, the delay is not.

    The signal that was held back reaches the server, for its exit code.
    """
    health = Health(drain_delay=60)
    async with serving(health):
        hold = health.hold("job")
        await hold.__aenter__()
        terminate()
        await anyio.sleep(1)
        before = anyio.current_time()
        asyncio.get_running_loop().call_later(3, hold.__exit__, None, None, None)
    assert anyio.current_time() == pytest.approx(before + 3)
    assert health.phase is Phase.STOPPED
    assert len(server.terminated) == 1
    assert signal.getsignal(signal.SIGTERM) == server.handle


async def test_a_hold_that_is_taken_late_is_waited_for(server: Server) -> None:
    """Until the deadline of the drain, also when the server has its signal already."""
    health = Health(drain_delay=3, drain_timeout=3)
    async with serving(health):
        sent = terminate()
        await anyio.sleep(3.5)
        assert server.terminated == [pytest.approx(sent + 3)]
        hold = health.hold("job")
        await hold.__aenter__()
        asyncio.get_running_loop().call_later(1.5, hold.__exit__, None, None, None)
    assert anyio.current_time() == pytest.approx(sent + 5)


async def test_what_arrives_after_the_delay_is_answered(server: Server) -> None:
    """While something is in flight the server does not stop accepting, up to the deadline."""
    health = Health(drain_delay=1)
    async with serving(health) as app:
        early = asyncio.create_task(ask(app, "/3"))
        await anyio.sleep(0.1)
        sent = terminate()
        await anyio.sleep(2)
        late = asyncio.create_task(ask(app, "/6"))
        await anyio.sleep(10)
        assert server.terminated == [pytest.approx(sent + 8)]
        assert (await early).status == (await late).status == 200


async def test_without_a_delay_steady_traffic_does_not_keep_it_from_ending(server: Server) -> None:
    """Nobody was told to go elsewhere: what was in flight is waited for, what comes later not."""
    health = Health()
    async with serving(health) as app:
        requests: list[asyncio.Task[object]] = []

        async def steady_traffic() -> None:
            while True:
                requests.append(asyncio.create_task(ask(app, "/0.5")))
                await anyio.sleep(0.1)

        traffic = asyncio.create_task(steady_traffic())
        await anyio.sleep(1.05)
        sent = terminate()
        await anyio.sleep(1)
        assert server.terminated == [pytest.approx(sent + 0.5, abs=0.11)]
        assert health.life.traffic.in_flight > 0
        assert (await ask(app, "/0")).headers[b"connection"] == b"close"
        traffic.cancel()
        await asyncio.wait([traffic, *requests])


async def test_two_apps_in_one_process_drain_at_once(server: Server) -> None:
    """One mounted in the other, each with its own health: the delay is not paid twice."""
    outer, inner = Health(drain_delay=5), Health(drain_delay=2)
    async with serving(outer), serving(inner):
        sent = terminate()
        await anyio.sleep(0.1)
        assert (outer.phase, inner.phase) == (Phase.DRAINING, Phase.DRAINING)
        await anyio.sleep(10)
        assert server.terminated == [pytest.approx(sent + 5)]


async def test_a_signal_that_crosses_the_end_is_passed_on(server: Server) -> None:
    """It came while the life was ending: the server gets it all the same."""
    health = Health()
    async with serving(health):
        terminate()
        health.life.abandon()
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
    assert len(server.terminated) == 1


async def test_a_loop_that_is_torn_down_loses_no_signal(server: Server) -> None:
    """Its life ends with its tasks, and the server gets what was held back."""
    health = Health(drain_delay=60)
    app = HealthMiddleware(plain_app, health=health)
    await ask(app)
    terminate()
    await anyio.sleep(1)
    for task in healthkits_tasks():
        task.cancel()
    await anyio.sleep(0.1)
    assert health.phase is Phase.STOPPED
    assert len(server.terminated) == 1
    assert signal.getsignal(signal.SIGTERM) == server.handle


async def test_what_refuses_to_end_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """A check that swallows its cancellation can't keep the process from exiting."""
    health = Health()
    health.check(partial(stubbornly, 3600), name="stubborn")
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(0.1)
        before = anyio.current_time()
    assert anyio.current_time() == pytest.approx(before + 1, abs=0.01)
    assert "does not end when it is cancelled, and is closed: <Tasks 1>" in caplog.text
    assert healthkits_tasks() == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_refuses_even_that_is_left_behind() -> None:
    """A function that swallows everything is left alone in the end; the shutdown goes on."""
    health = Health()

    @health.check
    async def deaf() -> None:
        for _ in range(10):
            try:
                await anyio.sleep(3600)
            except BaseException:  # noqa: BLE001, S112  # the point
                continue

    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await anyio.sleep(0.1)
        before = anyio.current_time()
    assert anyio.current_time() - before < 1.2
    for _ in range(10):
        for task in healthkits_tasks():
            task.cancel()
        await anyio.sleep(0.1)
    gc.collect()  # the interpreter complains of the coroutine here, and not in another test


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
    assert repr(life) == "<Life starting in_flight=0>"
    life.lifecycle.advance(Event.DRAIN_REQUESTED, 0)
    assert repr(life) == "<Life draining in_flight=0>"


async def test_duties_show_their_state() -> None:
    """In one line."""
    health = Health()
    health.check(anyio.lowlevel.checkpoint, name="db")
    health.warmup(anyio.lowlevel.checkpoint, name="cache")
    async with serving(health):
        shown = "<Duties [] [<WorkRun cache done>] [<CheckWatch db <Tally passing success x1>>]>"
        assert repr(health.life.duties) == shown


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


async def test_what_is_landing_still_counts() -> None:
    """Requests of an earlier flight are in flight until they have left."""
    health = Health()
    async with serving(health) as app:
        early = asyncio.create_task(ask(app, "/3"))
        await anyio.sleep(0.1)
        health.drain()
        landing = asyncio.create_task(health.life.exit._land())
        await anyio.sleep(0.1)
        late = asyncio.create_task(ask(app, "/1"))
        await anyio.sleep(0.1)
        assert health.life.traffic.in_flight == 2
        await late
        assert health.life.traffic.in_flight == 1
        await asyncio.wait([early, landing])
        assert health.life.traffic.in_flight == 0


async def test_an_ended_life_never_reaches_for_the_server_again(server: Server) -> None:
    """What the drain had still to wait for ends with it."""
    health = Health(drain_delay=60)
    async with serving(health):
        terminate()
        await anyio.sleep(1)
    assert len(server.terminated) == 1
    await anyio.sleep(120)
    assert len(server.terminated) == 1
    assert healthkits_tasks() == []


@pytest.mark.parametrize("anyio_backend", [REAL], ids=["real"])
async def test_a_life_leaves_no_thread_behind() -> None:
    """Idle threads end with it, and a function that was run in one is let go of."""
    before = set(threading.enumerate())
    ran = anyio.Event()

    def plain() -> None:
        thread.append(threading.current_thread())
        loop.call_soon_threadsafe(ran.set)

    thread: list[threading.Thread] = []
    loop = asyncio.get_running_loop()
    health = Health()
    health.check(plain)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await ran.wait()
    thread[0].join(60)
    assert set(threading.enumerate()) <= before


async def test_a_lifespan_takes_over_from_a_request() -> None:
    """The life that a request began ends; its checks do not go on beside the new ones."""
    health = Health()
    health.check(anyio.sleep_forever, name="db")
    app = HealthMiddleware(plain_app, health=health)
    await ask(app)
    await anyio.sleep(0.1)
    earlier, running = health.life, len(healthkits_tasks())
    async with lifespan_of(app):
        await anyio.sleep(0.1)
        assert health.life is not earlier
        assert earlier.phase is Phase.STOPPED
        assert len(healthkits_tasks()) == running


async def test_the_gate_is_closed_when_the_server_hears_of_the_start(server: Server) -> None:
    """From that moment it takes connections, and SIGTERM must be held back."""
    heard: list[bool] = []

    async def send(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            heard.append(signal.getsignal(signal.SIGTERM) == server.handle)

    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Message:
        return next(messages)

    await HealthMiddleware(plain_app, health=Health())({"type": "lifespan"}, receive, send)
    assert heard == [False]


async def test_a_signal_that_comes_too_late_starts_no_drain(server: Server) -> None:
    """Its callback runs after the life has ended; nothing is drained, and nothing complains."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    health = Health()
    async with serving(health):
        terminate()
        health.life.abandon()
        await anyio.sleep(0.1)
    assert (len(server.terminated), complaints) == (1, [])
    assert health.life.exit._ending is None


async def test_a_signal_that_is_held_back_wakes_the_loop() -> None:
    """Its Python handler runs when Python runs. Before a life begins nobody is woken."""
    health = Health()
    health.life.exit._wake()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        health.life.exit._wake()
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"drain_delay": 5}, logging.WARNING),
        ({"drain_delay": 5, "state_dir": True}, logging.INFO),
        ({}, logging.INFO),
    ],
)
async def test_where_sigterm_alone_does_not_do_it_that_is_said(
    settings: dict[str, object], level: int, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Loudly where a drain is expected and nobody could be in front of the server."""
    caplog.set_level(logging.INFO, "healthkit")
    if settings.get("state_dir"):
        settings = {**settings, "state_dir": tmp_path, "workers": 1}
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        async with lifespan_of(HealthMiddleware(plain_app, health=Health(**settings))):  # type: ignore[arg-type]
            pass
    finally:
        signal.signal(signal.SIGTERM, before)
    said = [one for one in caplog.records if "SIGTERM alone ends this worker" in one.getMessage()]
    assert [one.levelno for one in said] == [level]
    assert "nobody handles SIGTERM here" in said[0].getMessage()


async def test_a_task_that_runs_at_once_knows_of_the_delay(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `asyncio.eager_task_factory` of Python 3.12: before anybody has the task."""
    health = Health(drain_delay=5)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await health.wait_for("serving")
        loop = health.life._loop
        assert loop is not None
        delays: list[float] = []
        spawn = loop.spawn

        def eager(work: Coroutine[object, object, None], name: str, *ended: object) -> object:
            if name == "drain":
                delays.append(health.life.exit._plan().delay)
            return spawn(work, name, *ended)  # type: ignore[arg-type]  # passed on as they came

        monkeypatch.setattr(loop, "spawn", eager)
        signal.raise_signal(signal.SIGTERM)
        await anyio.sleep(1)
        health.life.exit._end_by_signal()
        await anyio.sleep(6)
        assert delays == [5]
        assert len(server.terminated) == 1


async def test_a_gate_is_looked_after_by_one_task(server: Server) -> None:
    """However often it is closed."""
    health = Health()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        health.life.exit.guard()
        assert [one.get_name() for one in healthkits_tasks()].count("healthkit gate") == 1
    assert server.terminated == []
