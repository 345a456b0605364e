"""Under gevent, records are handled by a greenlet of the hub's own thread."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from healthkit import _real
from healthkit._log import logger
from healthkit._relay import Relay, install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Hub:
    """A hub that does what it was asked to when it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        self.loop = self

    def run_callback_threadsafe(self, function: Callable[..., object], *args: object) -> None:
        """Take a callback, from any thread."""
        self.asked.append((function, args))

    def turn(self) -> None:
        """Call back."""
        while self.asked:
            function, args = self.asked.pop(0)
            function(*args)


def spawn(function: Callable[..., object], *args: object) -> None:
    """Start a greenlet, which runs at once."""
    function(*args)


@pytest.fixture(autouse=True)
def _no_relay_stays() -> Iterator[None]:
    yield
    for one in [one for one in logger.logger.filters if isinstance(one, Relay)]:
        logger.logger.removeFilter(one)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Be in a process that gevent has patched."""
    found = Hub()
    gevent = SimpleNamespace(get_hub=lambda: found, spawn=spawn)
    monkeypatch.setitem(sys.modules, "gevent", gevent)
    monkeypatch.setattr(_real, "is_patched", lambda: True)
    return found


def in_a_thread(function: Callable[[], object]) -> None:
    """Call in another thread."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(30)


def test_a_record_of_another_thread_is_handled_by_the_hub(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not handled where it was made, and not lost, and handled once."""
    caplog.set_level(logging.INFO, "healthkit")
    install()
    in_a_thread(lambda: logger.info("from a thread"))
    assert caplog.messages == []
    hub.turn()
    assert caplog.messages == ["from a thread"]
    assert hub.asked == []


def test_a_record_of_the_hubs_thread_is_handled_at_once(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    """A greenlet may log as always."""
    caplog.set_level(logging.INFO, "healthkit")
    install()
    logger.info("from a greenlet")
    assert caplog.messages == ["from a greenlet"]
    assert hub.asked == []


def test_there_is_one_relay_and_without_gevent_none(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A forked child has another hub."""
    caplog.set_level(logging.INFO, "healthkit")
    install()
    install()
    in_a_thread(lambda: logger.info("once"))
    assert len(hub.asked) == 1
    monkeypatch.setattr(_real, "is_patched", lambda: False)
    install()
    in_a_thread(lambda: logger.info("at once"))
    assert caplog.messages == ["at once"]


_STRESS = """
from gevent import monkey
monkey.patch_all()
import logging, sys, time, gevent
logging.basicConfig(stream=sys.stderr, level=logging.INFO)
from healthkit import Health
from healthkit.wsgi import HealthMiddleware
health = Health()
turns = iter(range(10**9))
shows = 0

@health.check(interval=0.01, required=False)
async def flaps():
    global shows
    shows = next(turns)
    return shows % 2 == 0

app = HealthMiddleware(lambda environ, start: [], health=health)
app.start()
ends = time.monotonic() + 3
late = ends + 30

def goes_on():
    now = time.monotonic()
    return now < ends or (shows < 10 and now < late)

def chat():
    while goes_on():
        logging.getLogger("app").info("a greenlet")
        gevent.sleep(0)

gevent.joinall([gevent.spawn(chat) for _ in range(20)], timeout=40, raise_error=True)
app.stop()
print(next(turns))
"""


def test_greenlets_and_threads_log_without_end() -> None:
    """A wake-up that is lost would stop a greenlet for good; here nothing does."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", _STRESS], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 5
    lines = done.stderr.splitlines()
    assert sum("healthkit" in line for line in lines) > 5
    assert sum("a greenlet" in line for line in lines) > 100
