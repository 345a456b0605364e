"""The readiness gate over real HTTPS, against an API server that is as strict as the real one."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import logging
import os
import shutil
import signal
import statistics
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import pytest

from healthkit import Health, HealthMiddleware, _gate_publisher, _gate_rules, _gate_wire
from healthkit._signals import SAME_SIGNAL
from healthkit.kubernetes import ReadinessGate
from tests.integration.api_server import (
    CLOSE,
    CONDITION,
    GARBAGE,
    HANG,
    POD,
    ApiServer,
    Fault,
    api_server,
    make_ca,
)
from tests.integration.pods import Pod, Watch, until
from tests.integration.pods import ask as ask_pod
from tests.integration.test_wsgi import Gunicorn
from tests.servers import ask, plain_app
from tests.test_trio import lifespan_of
from tests.virtual import BOTH_REAL, REAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APP: Final = "tests.integration.gate_app:app"

#: Seconds of a pod's drain: none ends it but a test, when the last patch has come.
DELAY: Final = 15.0

#: Seconds that a test's patches wait, after another one and after a failure.
SOON: Final = 0.02
#: Seconds: longer than any test waits.
FOR_EVER: Final = 600.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run in real time: there are sockets and threads."""
    return REAL


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """Run an API server, and be in a pod of its cluster. Nobody waits: virtual time tests that."""
    with api_server(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(_gate_publisher, "backoff", _soon)
        monkeypatch.setattr(_gate_rules, "SPACING", SOON)
        yield server


def _soon(_rng: object) -> Iterator[float]:
    return itertools.repeat(SOON)


@pytest.fixture
def only_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """See to it that nothing happens by itself: neither a look, nor the end of a patch."""
    monkeypatch.setattr(_gate_publisher, "TICK", FOR_EVER)
    monkeypatch.setattr(_gate_wire, "PATCHED_WITHIN", FOR_EVER)


async def happens(condition: Callable[[], object], within: float = 10.0) -> None:
    """Wait until it is true."""
    with anyio.fail_after(within):
        while not condition():  # noqa: ASYNC110  # it happens in another thread
            await anyio.sleep(0.01)


def a_gate(api: ApiServer) -> tuple[Health, ReadinessGate, HealthMiddleware]:
    """Make an app with a gate."""
    health = Health()
    gate = ReadinessGate(health, account=api.account)
    return health, gate, HealthMiddleware(plain_app, health=health)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the log says of the gate that somebody has to read."""
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    return [line for line in said if "readiness gate" in line]


@BOTH_REAL
async def test_a_condition_follows_readiness(only_news: None, api: ApiServer) -> None:  # noqa: ARG001  # sets a constant
    """False at first, True when ready, False when a drain begins; nobody else's is touched.

    The status that a container before has left is put back first.
    """
    api.conditions[CONDITION] = {"type": CONDITION, "status": "True"}
    health, gate, app = a_gate(api)
    warm = anyio.Event()

    @health.warmup
    async def catalogue() -> None:
        await warm.wait()

    async with lifespan_of(app):
        await happens(lambda: api.status == "False")
        warm.set()
        await happens(lambda: api.status == "True")
        await happens(lambda: "published True" in repr(gate))
        health.drain()
        await happens(lambda: api.status == "False")
    assert api.says == ["False", "True", "False"]
    assert set(api.conditions) == {"Ready", "ContainersReady", CONDITION}
    request = api.requests[0]
    assert (request.method, request.path.rsplit("/", 2)[1]) == ("PATCH", POD)
    assert request.headers["content-type"] == "application/strategic-merge-patch+json"
    assert request.said["message"] == "starting: lifespan"
    assert [one.said["reason"] for one in api.requests][1:] == ["Ready", "Draining"]


async def test_each_lifespan_publishes_anew(api: ApiServer) -> None:
    """A Health that lives twice is ready twice, and unready at each end."""
    _health, gate, app = a_gate(api)
    for _ in range(2):
        async with lifespan_of(app):
            await happens(lambda: api.status == "True")
        assert api.status == "False"
    assert api.says[-1] == "False"
    assert api.says.count("True") == 2
    assert "not publishing" in repr(gate) or "off" in repr(gate)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(Fault(401), "401 for Pod", id="401"),
        pytest.param(Fault(403), "403 for Pod", id="403"),
        pytest.param(Fault(404), "404 for Pod", id="404"),
        pytest.param(Fault(409), "409 for Pod", id="409"),
        pytest.param(Fault(422), "422 for Pod", id="422"),
        pytest.param(Fault(429, retry_after="0"), "429 for Pod", id="429"),
        pytest.param(Fault(500), "500 for Pod", id="500"),
        pytest.param(Fault(302), "302 for Pod", id="302"),
        pytest.param(CLOSE, "RemoteProtocolError", id="closed"),
        pytest.param(GARBAGE, "RemoteProtocolError", id="garbage"),
        pytest.param(HANG, "no answer within", id="hanging"),
        pytest.param(Fault(delay=0.05), "", id="slow"),
    ],
)
async def test_a_server_that_goes_wrong_is_asked_again(
    fault: Fault,
    said: str,
    api: ApiServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it does, the app goes on; the log has one line, and the condition comes."""
    monkeypatch.setattr(_gate_wire, "PATCHED_WITHIN", 0.3 if fault is HANG else FOR_EVER)
    api.faults.extend([fault, fault])
    _health, _gate, app = a_gate(api)
    async with lifespan_of(app):
        await happens(lambda: api.status == "True")
        assert (await ask(app, "/readyz")).status == 200
        assert (await ask(app, "/livez")).status == 200
    assert len(lines(caplog)) == bool(said)
    assert said in "".join(lines(caplog))
    assert "token-1" not in caplog.text


async def test_a_rotated_token_is_used_from_then_on(api: ApiServer) -> None:
    """The file is read for each patch: the old token is never sent again."""
    health, _gate, app = a_gate(api)
    async with lifespan_of(app):
        await happens(lambda: api.status == "True")
        api.rotate("token-2")
        health.pause("a test")
        await happens(lambda: api.status == "False")
    assert 401 not in api.statuses
    assert api.requests[-1].headers["authorization"] == "Bearer token-2"


async def test_a_token_that_is_late_is_waited_for(
    api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """While the server accepts only a newer token the patch is tried again, and said once."""
    api.token = "token-2"  # noqa: S105  # of a test's server
    _health, _gate, app = a_gate(api)
    async with lifespan_of(app):
        await happens(lambda: api.statuses.count(401) >= 2)
        api.rotate("token-2")
        await happens(lambda: api.status == "True")
    assert len(lines(caplog)) == 1


async def test_without_the_role_it_is_said_what_is_missing(
    api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """403 is said once, as an error, with the Role; with the Role the condition comes."""
    api.permitted = False
    _health, gate, app = a_gate(api)
    async with lifespan_of(app):
        await happens(lambda: api.statuses.count(403) >= 2)
        assert "unpublished, failing: 403" in repr(gate)
        api.permitted = True
        await happens(lambda: api.status == "True")
    (line,) = lines(caplog)
    assert "expected a Role that allows patch of pods/status" in line


async def test_only_the_cluster_s_ca_is_trusted(
    api: ApiServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another server gets no token; when the right CA is there, it is used."""
    right = (api.account / "ca.crt").read_bytes()
    shutil.copy(make_ca(tmp_path, "another-ca")[0], api.account / "ca.crt")
    _health, gate, app = a_gate(api)
    async with lifespan_of(app):
        await happens(lambda: "ConnectError" in repr(gate))
        assert api.requests == []
        (api.account / "ca.crt").write_bytes(right)
        await happens(lambda: api.status == "True")
    assert "CERTIFICATE_VERIFY_FAILED" in lines(caplog)[0]


async def test_a_proxy_of_the_environment_is_not_used(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is for the API server only."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    _health, _gate, app = a_gate(api)
    async with lifespan_of(app):
        await happens(lambda: api.status == "True")


async def test_a_server_that_hangs_slows_nothing(only_news: None, api: ApiServer) -> None:  # noqa: ARG001  # sets constants
    """No request waits for it, nor does the end: it is given a second."""
    _health, _gate, app = a_gate(api)
    api.fault = HANG
    async with lifespan_of(app):
        await happens(lambda: api.requests)
        took: list[float] = []
        for _ in range(300):
            began = time.perf_counter()
            assert (await ask(app, "/")).status == 200
            took.append(time.perf_counter() - began)
        ending = time.monotonic()
    assert time.monotonic() - ending < FOR_EVER / 10
    assert statistics.median(took) < 0.02
    assert max(took) < FOR_EVER / 10


async def test_a_drain_overtakes_a_patch_that_hangs(only_news: None, api: ApiServer) -> None:  # noqa: ARG001  # sets constants
    """False is sent at once, though True has not been answered."""
    health, _gate, app = a_gate(api)
    warm = anyio.Event()

    @health.warmup
    async def catalogue() -> None:
        await warm.wait()

    async with lifespan_of(app):
        await happens(lambda: api.status == "False")
        api.faults.append(HANG)
        warm.set()
        await happens(lambda: len(api.requests) == 2)
        health.drain()
        await happens(lambda: api.says == ["False", "False"])


# -- processes -------------------------------------------------------------------------------------


class GatePod(Pod):
    """A pod of uvicorn that has a gate."""

    def __init__(
        self, api: ApiServer, directory: Path, workers: int = 2, delay: float = DELAY
    ) -> None:
        settings = {
            **api.environment,
            "HEALTHKIT_READINESS_GATE": CONDITION,
            "HEALTHKIT_DRAIN_DELAY": str(delay),
            "ACCOUNT": str(api.account),
        }
        super().__init__("uvicorn", directory, workers=workers, settings=settings)
        self._command = [*self._command[:-1], APP]

    def publisher(self) -> int:
        """Return the worker that holds the lock; 0 if none does."""
        for path in Path(self.directory.path).glob("gate-*"):
            with path.open("rb+") as file:
                asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                found = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, asked))
                return 0 if found[0] == fcntl.F_UNLCK else found[4]
        return 0

    def remembers(self) -> bool:
        """Whether it is written down for the next publisher that True was taken."""
        written = [path.read_text() for path in Path(self.directory.path).glob("gate-*")]
        return any('"status": true' in text for text in written)


async def test_one_of_several_workers_publishes(api: ApiServer, tmp_path: Path) -> None:
    """One patch per change; kill -9 of the publisher: another takes over, and nothing flaps."""
    async with GatePod(api, tmp_path / "state", workers=3) as pod:
        await pod.is_ready()
        await until("True", lambda: api.status == "True")
        # The lock is there before the first patch, and each of them may have seen it free.
        assert api.says.count("True") == 1
        await until("its memory", pod.remembers)  # it hears a moment later that it was taken
        first = pod.publisher()
        assert first in pod.records()
        since = api.conditions[CONDITION]["lastTransitionTime"]
        patches = len(api.requests)
        killed = time.monotonic()
        os.kill(first, signal.SIGKILL)
        await until("another", lambda: pod.publisher() not in {0, first})
        assert time.monotonic() - killed < 10
        await until("its patch", lambda: len(api.requests) > patches)
        await pod.is_ready()
        assert set(api.says[patches:]) == {"True"}
        assert api.conditions[CONDITION]["lastTransitionTime"] == since
        pod.terminate()
        await until("False", lambda: api.status == "False")
        await asyncio.sleep(SAME_SIGNAL)
        for worker in pod.records():
            os.kill(worker, signal.SIGTERM)  # a second one: there is nothing more to wait for
        assert await pod.ends() == 0
    assert set(api.says[api.says.index("True") :]) == {"True", "False"}
    assert "".join(api.says).rstrip("False").count("False") <= api.says.index("True")


@pytest.mark.matrix
async def test_a_hanging_server_slows_no_worker(api: ApiServer, tmp_path: Path) -> None:
    """What probes and requests take is the same, and so is the end."""
    api.fault = HANG
    async with GatePod(api, tmp_path / "state", workers=2, delay=0.5) as pod:
        await pod.is_ready()
        async with Watch(pod, "/quick", clients=2) as watch:
            await until("answers", lambda: len(watch.answers(200)) > 100)
        began = time.monotonic()
        assert (await ask_pod(pod.port or 0, "/readyz")).status == 200
        assert time.monotonic() - began < 0.2
        pod.terminate()
        ending = time.monotonic()
        assert await pod.ends() == 0
        assert time.monotonic() - ending < 4.0


@pytest.mark.parametrize("kind", [pytest.param("gthread", marks=pytest.mark.matrix), "gevent"])
async def test_wsgi_publishes_too(kind: str, api: ApiServer) -> None:
    """Behind gunicorn, in a thread that greenlets do not hold up."""
    settings = {
        **api.environment,
        "HEALTHKIT_READINESS_GATE": CONDITION,
        "ACCOUNT": str(api.account),
        "KIND": "wsgi",
        "HEALTHKIT_DRAIN_DELAY": str(DELAY),
    }
    options = ("--config", "tests/integration/gunicorn_hook.py")
    async with Gunicorn(kind, *options, app=APP, settings=settings) as server:
        await server.is_ready()
        await until("True", lambda: api.status == "True")
        (worker,) = {(await server.ask("/livez")).pid}
        os.kill(server.pid, signal.SIGTERM)
        await until("False", lambda: api.status == "False")
        assert worker is not None
        os.kill(worker, signal.SIGINT)  # there is nothing more to wait for
        assert await server.ends() == 0
