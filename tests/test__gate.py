"""The gate's thread, and how the lives of a Health reach it. Real threads: time is real here."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import threading
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from healthkit import (
    Health,
    HealthMiddleware,
    _gate,
    _gate_pod,
    _gate_publisher,
    _gate_wire,
    _own_loop,
    _real,
)
from healthkit._gate_pod import InPod
from healthkit._gate_wire import Patch
from healthkit._loop import Loop
from healthkit.kubernetes import ReadinessGate
from tests.servers import plain_app
from tests.test_trio import lifespan_of
from tests.virtual import BOTH, BOTH_REAL, REAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from healthkit._gate import Gate

KIND = "healthkit.dev/cache-warm"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run in real time."""
    return REAL


class Api:
    """An API server in memory, and a Pod."""

    def __init__(self, account: Path) -> None:
        self.account = account
        self.statuses: list[str] = []
        self.threads = set[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Take a patch."""
        (said,) = json.loads(request.content)["status"]["conditions"]
        self.threads.add(threading.current_thread().name)
        self.statuses.append(said["status"])
        return httpx.Response(200)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Be in a pod, where patches are sent to an object."""
    (tmp_path / "token").write_text("a-token")
    made = Api(tmp_path)

    def patch(gate: Gate) -> Patch:
        del gate
        pod = InPod("https://api/status", "shop-1", "shop", tmp_path)
        return Patch(pod, httpx.MockTransport(made))

    monkeypatch.setattr(_gate.Gate, "patch", patch)
    monkeypatch.setattr(InPod, "trust", _trusting)
    for module in (_gate, _gate_publisher):
        monkeypatch.setattr(module, "LEFT_WITHIN", 60.0)  # a busy machine may take its time
    yield made
    for thread in threading.enumerate():
        if thread.name == "healthkit gate":
            thread.join(10)  # a life that was ended by hand does not wait for it
    assert not _gate._SESSIONS, "every thread has ended"


def _trusting(_pod: InPod) -> bool:
    return True


def _nowhere(_name: str) -> None:
    """Find no module."""


async def happens(condition: Callable[[], object]) -> None:
    """Wait until it is true, but not for ever."""
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110  # it happens in another thread
            await anyio.sleep(0.005)


@BOTH_REAL
async def test_a_life_is_published_by_a_thread(api: Api, tmp_path: Path) -> None:
    """Its own, from the first moment to the last word, whatever the app's loop is."""
    health = Health(state_dir=tmp_path / "state", workers=1)
    gate = ReadinessGate(health)
    assert repr(gate) == f"<ReadinessGate {KIND} idle>"
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await happens(lambda: "published True" in repr(gate))
        health.pause("a test")
        await happens(lambda: api.statuses[-1] == "False")
        health.resume()
        await happens(lambda: api.statuses[-1] == "True")
    await happens(lambda: repr(gate) == f"<ReadinessGate {KIND} not publishing>")
    assert api.statuses[-1] == "False"
    assert api.threads == {"healthkit gate"}


@BOTH_REAL
async def test_what_was_left_is_reset_first(api: Api) -> None:
    """Also where there is nothing to warm up: nobody sees the True of another container as ours."""
    health = Health()
    gate = ReadinessGate(health)
    for _ in range(5):
        api.statuses.clear()
        async with lifespan_of(HealthMiddleware(plain_app, health=health)):
            await happens(lambda: "published True" in repr(gate))
        assert api.statuses == ["False", "True", "False"]


async def test_the_publisher_never_waits_for_a_pool(api: Api) -> None:
    """A name that can't be looked up would keep the process from ending."""
    health = Health()
    gate = ReadinessGate(health)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await happens(lambda: "published True" in repr(gate))
        assert gate._gate is not None
        assert gate._gate._session is not None
        assert isinstance(gate._gate._session._loop, _own_loop._RealLoop)
    assert api.threads == {"healthkit gate"}


async def test_two_healths_do_not_publish_the_same(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """The second is off, and says so: one that is ready would hide one that is not."""
    first, second, third = Health(), Health(), Health()
    gates = [ReadinessGate(first), ReadinessGate(second), ReadinessGate(third, "shop.example/warm")]
    apps = [HealthMiddleware(plain_app, health=health) for health in (first, second, third)]
    async with lifespan_of(apps[0]), lifespan_of(apps[1]), lifespan_of(apps[2]):
        await happens(lambda: "published True" in repr(gates[0]))
        await happens(lambda: "published True" in repr(gates[2]))
        assert repr(gates[1]) == f"<ReadinessGate {KIND} off>"
        assert api.statuses.count("True") == 2
    errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert errors == [_gate._ANOTHER % KIND]
    async with lifespan_of(apps[1]):
        await happens(lambda: "published True" in repr(gates[1]))


async def test_a_life_that_is_over_has_no_say(api: Api) -> None:
    """Its end says nothing once another one has begun; nor does it say it twice."""
    health = Health()
    ReadinessGate(health)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        first = health.life
    async with lifespan_of(app):
        await happens(lambda: api.statuses[-1] == "True")
        first.end()
        first.end()
        health.life.end()
        health.life.end()
        await happens(lambda: api.statuses[-1] == "False")
    health.pause("afterwards")


async def test_a_forked_child_publishes_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no thread, and does not wake its parent's."""
    health = Health()
    gate = ReadinessGate(health)
    app = HealthMiddleware(plain_app, health=health)
    async with lifespan_of(app):
        await happens(lambda: "published True" in repr(gate))
        before = len(api.statuses)
        with monkeypatch.context() as forked:
            forked.setattr(os, "getpid", lambda: 1)
            health.answering.forget()
            assert gate._gate is not None
            gate._gate.end(health.life)
        await anyio.sleep(0.05)
        assert len(api.statuses) == before
        session = gate._gate._session
        health.forked()
        assert repr(gate) == f"<ReadinessGate {KIND} idle>"
        await gate._gate.ended()
        health.answering.forget()
        gate._gate.end(health.life)
        gate._gate._session = session
        assert session is not None
        session.end()
        await session.gone.wait()


async def test_without_a_thread_the_app_serves_all_the_same(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and nothing is published."""

    class Refused:
        def __init__(self, *_what: object) -> None:
            pass

        def start(self) -> None:
            message = "can't start new thread"
            raise RuntimeError(message)

    monkeypatch.setattr(_real, "thread", Refused)
    health = Health()
    gate = ReadinessGate(health)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        assert health.phase == "serving"
    assert api.statuses == []
    assert "readiness gate: can't start a thread (can't start new thread)" in caplog.text
    assert repr(gate) == f"<ReadinessGate {KIND} off>"


async def test_a_bug_in_the_thread_is_heard_of(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And takes nothing with it."""
    monkeypatch.setattr(_gate, "Alone", lambda: 1 / 0)
    health = Health()
    ReadinessGate(health)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        assert health.phase == "serving"
    assert api.statuses == []
    assert "the thread of the readiness gate has failed; a bug in healthkit" in caplog.text


@BOTH
async def test_the_end_does_not_wait_for_a_thread_that_hangs(api: Api) -> None:
    """The publisher has its own limit; what it hangs in may not know of that."""
    health = Health()
    gate = ReadinessGate(health)._gate
    assert gate is not None
    gate._session = _gate._Session(gate, health.life, Loop())
    began = anyio.current_time()
    await gate.ended()
    assert anyio.current_time() - began == pytest.approx(60)
    assert api.statuses == []


async def test_a_loop_that_is_just_closed_is_not_woken(api: Api) -> None:
    """Whoever changes something in that moment does not hear of it."""
    health = Health()
    gate = ReadinessGate(health)
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await happens(lambda: "published True" in repr(gate))
        assert gate._gate is not None
        session = gate._gate._session
        assert session is not None
        session._woken()
        loop, session._loop = session._loop, _closed()
        session.changed()
        assert not session._awake
        session._loop = loop
        publisher, session._publisher = session._publisher, None
        session._woken()
        session._publisher = publisher
    assert api.statuses[-1] == "False"


def _closed() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


# -- where there is nothing to publish to ----------------------------------------------------------


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what the log says of the gate."""
    records = [(one.levelname, one.getMessage()) for one in caplog.records]
    return [one for one in records if one[1].startswith("readiness gate")]


async def twice(health: Health) -> None:
    """Live two lives."""
    app = HealthMiddleware(plain_app, health=health)
    for _ in range(2):
        async with lifespan_of(app):
            pass  # its end waits for what the thread has to say
    await happens(lambda: not _gate._SESSIONS)


async def test_outside_kubernetes_it_is_off(caplog: pytest.LogCaptureFixture) -> None:
    """And says so once."""
    caplog.set_level(logging.INFO)
    health = Health()
    gate = ReadinessGate(health)
    await twice(health)
    assert said(caplog) == [("INFO", _gate._OUTSIDE)]
    assert repr(gate) == f"<ReadinessGate {KIND} off>"


@pytest.mark.parametrize(("by_environment", "level"), [(False, "INFO"), (True, "ERROR")])
async def test_without_a_token_it_is_off(
    by_environment: bool,
    level: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error if the deployment wants it: the pod is never ready then."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(_gate_pod, "ACCOUNT", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    if by_environment:
        monkeypatch.setenv("HEALTHKIT_READINESS_GATE", KIND)
    health = Health(drain_delay=0)
    if not by_environment:
        ReadinessGate(health)
    await twice(health)
    ((found, line),) = said(caplog)
    assert found == level
    assert "automountServiceAccountToken: true, and a Role that allows patch of pods" in line


async def test_without_httpx_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The app serves."""
    (tmp_path / "token").write_text("a-token")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setattr(importlib.util, "find_spec", _nowhere)
    health = Health(drain_delay=0)
    ReadinessGate(health, account=tmp_path)
    await twice(health)
    assert said(caplog) == [("ERROR", _gate_wire.MISSING)]
    assert "healthkit-asgi[kubernetes]" in _gate_wire.MISSING


async def test_a_pod_that_is_not_named_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With what to set; and with all that, it is made."""
    (tmp_path / "token").write_text("a-token")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("POD_NAME", "Not A Pod")
    health = Health(drain_delay=0)
    gate = ReadinessGate(health, account=tmp_path)
    await twice(health)
    ((level, line),) = said(caplog)
    assert level == "ERROR"
    assert "POD_NAME='Not A Pod': expected the Pod's name" in line
    monkeypatch.setenv("POD_NAME", "shop-1")
    monkeypatch.setenv("POD_NAMESPACE", "shop")
    assert gate._gate is not None
    assert "namespaces/shop/pods/shop-1/status" in repr(gate._gate.patch())


def test_under_gevent_all_is_loaded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the thread."""
    loaded: list[bool] = []
    monkeypatch.setattr(_real, "is_patched", lambda: True)
    monkeypatch.setattr(_gate_wire, "load", lambda: loaded.append(True))
    ReadinessGate(Health())
    assert loaded == [True]
