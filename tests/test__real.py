"""Real threads: the standard library's, or what gevent has replaced."""

from __future__ import annotations

import queue
import select
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from healthkit import _real

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a program does under a real gevent, patched before or after healthkit is imported.
UNDER_GEVENT = """
import asyncio
{first}
{second}
from gevent.monkey import get_original

def slow():
    get_original("time", "sleep")(0.01)

health = Health()
health.check(slow, name="plain", interval=0.05, timeout=5)

@health.check(interval=0.05, timeout=5)
async def coroutine():
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    await asyncio.to_thread(slow)

app = HealthMiddleware(lambda environ, start: [], health=health)
app.start()

def seen():
    report = health.life.report()
    runs = [sum(one.runs.values()) for one in report.components[1:]]
    return min(runs) > 3, str(health.phase)

for _ in range(2000):
    get_original("time", "sleep")(0.01)  # no greenlet runs: the hub is blocked
    if seen() == (True, "serving"):
        break
try:
    asyncio.get_running_loop()
except RuntimeError:
    print("no loop here")
print(*seen())
app.stop()
print(str(health.phase))
"""

PATCH = "from gevent import monkey; monkey.patch_all()"
IMPORT = "from healthkit import Health; from healthkit.wsgi import HealthMiddleware"


class FakeMonkey(SimpleNamespace):
    """gevent.monkey, with threads patched or not."""

    patched: bool

    def is_module_patched(self, name: str) -> bool:
        """Say whether threads are greenlets."""
        assert name == "threading"
        return self.patched

    def get_original(self, module: str, name: str) -> object:
        """Return what was there before."""
        found: object = getattr(sys.modules[module], name)
        return found


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> FakeMonkey:
    """Have a process that gevent has patched."""
    fake = FakeMonkey(patched=True)
    monkeypatch.setitem(sys.modules, "gevent.monkey", fake)
    return fake


@pytest.fixture
def unpatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a process that knows nothing of gevent."""
    monkeypatch.delitem(sys.modules, "gevent.monkey", raising=False)


def run(work: Callable[[], object]) -> _real.Thread:
    """Start a thread."""
    thread = _real.thread(work, "healthkit test")
    thread.start()
    return thread


@pytest.mark.usefixtures("unpatched")
def test_without_gevent_everything_is_the_standard_library_s() -> None:
    """A thread is one that everybody can list."""
    assert isinstance(_real.thread(lambda: None, "healthkit test"), threading.Thread)
    assert isinstance(_real.simple_queue(), queue.SimpleQueue)
    assert isinstance(_real.poll(), type(select.poll()))
    assert not _real.is_patched()


def test_an_imported_gevent_that_has_not_patched_changes_nothing(patched: FakeMonkey) -> None:
    """It is asked at each use: it may patch later."""
    patched.patched = False
    assert isinstance(_real.thread(lambda: None, "healthkit test"), threading.Thread)
    patched.patched = True
    assert not isinstance(_real.thread(lambda: None, "healthkit test"), threading.Thread)


@pytest.mark.usefixtures("patched")
def test_a_native_thread_has_a_name_and_an_end() -> None:
    """It can be waited for."""
    names: list[str] = []
    go = _real.Latch()

    def work() -> None:
        names.append(threading.current_thread().name)
        go.wait(30)

    thread = run(work)
    thread.join(0.01)
    go.set()
    thread.join()
    assert names == ["healthkit test"]


@pytest.mark.usefixtures("patched")
def test_a_native_thread_that_fails_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is not left waiting."""
    monkeypatch.setattr(threading.current_thread(), "name", "MainThread")

    def fail() -> None:
        assert threading.current_thread().name == "healthkit test"
        raise ValueError

    thread = _real._Native(fail, "healthkit test")
    with pytest.raises(ValueError):  # noqa: PT011  # its own
        thread._run()
    thread.join(0)


@pytest.mark.parametrize("way", ["patched", "unpatched"])
def test_a_latch_lets_everybody_go_on(way: str, request: pytest.FixtureRequest) -> None:
    """Once it is set, at once; before that after the timeout."""
    request.getfixturevalue(way)
    latch = _real.Latch()
    assert repr(latch) == "<Latch open>"
    assert not latch.wait(0.01)
    thread = run(latch.set)
    assert latch.wait(30)
    assert latch.wait(30)
    thread.join(5)
    latch.set()
    assert repr(latch) == "<Latch set>"


@pytest.mark.parametrize("order", [(PATCH, IMPORT), (IMPORT, PATCH)])
def test_checks_go_on_while_gevent_s_hub_is_blocked(order: tuple[str, str]) -> None:
    """Coroutines and plain functions; the app's thread has no running loop."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    program = UNDER_GEVENT.format(first=order[0], second=order[1])
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # our own interpreter
    assert done.stdout.splitlines() == ["no loop here", "True serving", "stopped"], done.stderr
