"""The facade: conditions, holds, waiting for a phase, and where registrations go."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, cast

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from healthkit import ConfigError, Health, HealthMiddleware, LifecycleError, Phase, Probe
from healthkit._lifecycle import Event, Lifecycle
from tests.servers import ask, lifespan_of, plain_app
from tests.virtual import REAL

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from healthkit._model import Report


async def test_waiting_for_a_phase_that_was_reached_returns_at_once() -> None:
    """Also when the life has moved on: a test need not be quick enough to see it."""
    health = Health()
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await health.wait_for(Phase.SERVING)
        before = anyio.current_time()
        for phase in ("starting", "warming", "serving"):
            await health.wait_for(phase)
        assert anyio.current_time() == before
    await health.wait_for("stopped")


async def test_waiting_is_woken_by_the_phase() -> None:
    """Several may wait, each for its own."""
    health = Health()
    order: list[str] = []

    async def wait(phase: str) -> None:
        await health.wait_for(phase)
        order.append(phase)

    async with anyio.create_task_group() as tasks:
        for phase in ("stopped", "serving", "draining"):
            tasks.start_soon(wait, phase)
        await anyio.sleep(1)
        async with lifespan_of(HealthMiddleware(plain_app, health=health)):
            await anyio.sleep(1)
            assert order == ["serving"]
    assert sorted(order) == ["draining", "serving", "stopped"]


async def test_waiting_in_vain_says_for_what() -> None:
    """The message is the line of the readiness probe."""
    health = Health()
    health.warmup(anyio.sleep_forever, name="catalogue")
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        with pytest.raises(TimeoutError, match=r"^not serving within 2 s: warming: catalogue$"):
            await health.wait_for("serving", timeout=2)


async def test_waiting_for_what_nobody_begins_says_what_to_do() -> None:
    """The usual slip of a test: no lifespan, and no request either."""
    with pytest.raises(TimeoutError, match="open a lifespan or send a request"):
        await Health().wait_for("serving")


async def test_waiting_for_an_unknown_phase_is_refused() -> None:
    """With the phases that there are."""
    with pytest.raises(ConfigError, match="phase='ready': expected one of starting, warming"):
        await Health().wait_for("ready")


async def test_waiting_for_the_next_life() -> None:
    """A life that has stopped has reached nothing any more."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
    with pytest.raises(TimeoutError):
        await health.wait_for("serving", timeout=1)
    async with lifespan_of(app):
        await health.wait_for("serving", timeout=1)


def test_a_synchronous_test_waits_through_its_portal() -> None:
    """Starlette's TestClient runs the app in another thread: the portal calls in there."""
    health = Health()
    health.warmup(lambda progress: progress(1, 2), name="catalogue")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    app = Starlette()
    app.add_middleware(HealthMiddleware, health=health)
    for _ in range(2):
        with TestClient(app) as client:
            assert client.portal is not None
            client.portal.call(health.wait_for, "serving", 60)
            assert client.get("/readyz").text == "ok\n"


@pytest.mark.parametrize("name", ["", "  ", None, 7])
def test_a_hold_needs_a_name(name: str) -> None:
    """What delays an exit must be found in the log."""
    with pytest.raises(ConfigError, match="hold name="):
        Health().hold(name)


async def test_a_hold_belongs_to_the_life_it_was_taken_in() -> None:
    """Released after its life, it changes nothing in the next."""
    health = Health(drain_timeout=1)
    app = HealthMiddleware(plain_app, health=health)
    hold = health.hold("job")
    async with lifespan_of(app):
        hold.__enter__()
    async with lifespan_of(app):
        hold.__exit__(None, None, None)
        assert health.life.traffic.flight.holds == {}
    with health.hold("before any life"):
        pass


def test_a_hold_before_any_life_is_released() -> None:
    """There is no loop yet to be told."""
    health = Health()
    with health.hold("import time"):
        assert health.life.traffic.flight.manifest() == "hold 'import time'"
    assert health.life.traffic.flight.manifest() == ""


async def test_fail_liveness_is_refused_inside_a_check(caplog: pytest.LogCaptureFixture) -> None:
    """A dependency must not reach liveness; the check merely fails."""
    health = Health()

    @health.check
    async def database() -> None:
        await asyncio.create_task(fail())

    async def fail() -> None:
        health.fail_liveness("database is down")

    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await anyio.sleep(0.1)
        assert (await ask(app, "/livez")).status == 200
        assert (await ask(app, "/readyz")).text == "failing: database\n"
    assert "expected the check to fail instead" in caplog.text


@pytest.mark.parametrize("anyio_backend", [REAL], ids=["real"])
async def test_fail_liveness_is_refused_inside_a_plain_check() -> None:
    """In its thread as well."""
    health = Health()
    health.check(lambda: health.fail_liveness("down"), name="database")
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        while (await ask(app, "/readyz")).text != "failing: database\n":
            await anyio.lowlevel.checkpoint()
        assert (await ask(app, "/livez")).status == 200


async def test_reasons_go_to_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    """No client reads them."""
    caplog.set_level(logging.INFO, "healthkit")
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        health.pause("hunter2 by hand")
        health.fail_liveness("hunter2 broke")
        for path in ("/livez", "/readyz", "/startupz", "/healthz"):
            assert "hunter2" not in (await ask(app, path)).text
        health.resume()
        health.drain()
        health.fail_liveness("hunter2 again")
    for line in ("paused: hunter2 by hand", "liveness failed: hunter2 broke", "resumed"):
        assert line in [record.message for record in caplog.records]
    assert "liveness failed while ending, ignored: hunter2 again" in caplog.text


async def test_settings_are_logged_once(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At the first start, when logging has been configured; not at import, not again."""
    caplog.set_level(logging.INFO, "healthkit")
    monkeypatch.setenv("HEALTHKIT_DRAIN_DELAY", "60")
    monkeypatch.setenv("HEALTHKIT_DRAIN_DELEY", "60")
    health = Health()
    assert caplog.records == []
    app = HealthMiddleware(plain_app, health=health)
    for _ in range(2):
        async with lifespan_of(app):
            pass
    texts = [record.message for record in caplog.records]
    assert len([text for text in texts if "HEALTHKIT_DRAIN_DELAY='60' is set" in text]) == 1
    assert len([text for text in texts if "HEALTHKIT_DRAIN_DELEY" in text]) == 1
    assert len([text for text in texts if "do not fit grace_period" in text]) == 1


async def test_what_is_registered_in_a_lifespan_belongs_to_it() -> None:
    """The next lifespan registers it again, under the same name."""
    health = Health()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            health.check(anyio.lowlevel.checkpoint, name="pool")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    middleware = HealthMiddleware(app, health=health)
    for _ in range(2):
        async with lifespan_of(middleware):
            await anyio.sleep(0.1)
            assert all(one.passes for one in health.life.report().components)
            assert [one.name for one in health.life.duties.components(0)] == ["pool"]
            with pytest.raises(ConfigError, match=re.escape("registered after start-up")):
                health.check(anyio.lowlevel.checkpoint, name="late")
    health.check(anyio.lowlevel.checkpoint, name="for-all-lives-to-come")


async def test_many_probes_make_one_answer() -> None:
    """The answer is made after a change and kept until the next."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        probes = list(health.paths.values())
        kept = [health.answering.plain(probe) for probe in probes]
        again = [health.answering.plain(probe) for probe in probes]
        assert all(one is other for one, other in zip(again, kept, strict=True))
        health.pause("a change")
        anew = [health.answering.plain(probe) for probe in probes]
        assert all(new is not old for new, old in zip(anew, kept, strict=True))


def test_health_shows_its_state() -> None:
    """In one line."""
    assert repr(Health()) == "<Health starting in_flight=0>"


def test_an_illegal_event_changes_nothing() -> None:
    """It names the event and the phase."""
    lifecycle = Lifecycle(0)
    with pytest.raises(LifecycleError, match="warmed while starting"):
        lifecycle.advance(Event.WARMED, 1)
    assert repr(lifecycle) == "<Lifecycle starting>"


async def test_a_condition_between_lives_is_about_the_next() -> None:
    """A pause is kept for it, and a drain is waited for in it."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        pass
    waiting = asyncio.create_task(health.draining())
    health.pause("maintenance")
    async with lifespan_of(app):
        await anyio.sleep(0.1)
        assert not waiting.done()
        assert (await ask(app, "/readyz")).text == "paused\n"
        health.resume()
        assert (await ask(app, "/readyz")).text == "ok\n"
    await waiting
    async with lifespan_of(app):
        await health.wait_for("serving")
        assert (await ask(app, "/readyz")).text == "ok\n"


async def test_an_answer_that_was_overtaken_is_not_kept() -> None:
    """A change in another thread, while the answer is being made, is not lost."""
    health = Health()
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await health.wait_for("serving")
        report = health.life.report

        def overtaken() -> Report:
            made = report()
            health.pause("meanwhile")
            return made

        health.life.report = overtaken  # type: ignore[method-assign]  # an interleaving, not a fake
        assert health.answering.plain(Probe.READY).body == b"ok\n"
        health.life.report = report  # type: ignore[method-assign]
        assert health.answering.plain(Probe.READY).body == b"paused\n"


async def test_nothing_is_left_of_who_has_waited() -> None:
    """Neither of those who saw their phase nor of those who gave up."""
    health = Health()
    with pytest.raises(TimeoutError):
        await health.wait_for("serving", timeout=0.1)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await health.wait_for("serving")
    assert health._waiters == set()


@pytest.mark.parametrize("limit", [-1, float("nan"), "1", None])
async def test_a_wrong_limit_is_refused(limit: float) -> None:
    """In one line."""
    with pytest.raises(ConfigError, match="^wait_for timeout="):
        await Health().wait_for("serving", timeout=limit)


def test_a_reason_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever was given: asking for a restart must not fail for its reason."""
    health = Health()
    for reason in ("a\nb", "", None):
        health.fail_liveness(cast("str", reason))
        health.pause(cast("str", reason))
    assert caplog.messages[:2] == ["liveness failed: a b", "paused: a b"]


def test_a_state_directory_is_for_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is refused at start, in one line; without one everything works."""
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(ConfigError, match="state_dir='/run/pod': expected None on win32: several"):
        Health(state_dir="/run/pod")
    assert Health().phase == "starting"
