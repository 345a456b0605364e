"""A home: a thread with a loop, from its first start to the process's exit, and forks."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from healthkit import Health, Phase, _home, _workers
from healthkit._home import Home
from healthkit._signals import GATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from healthkit._life import Life

#: Seconds for what nothing keeps waiting.
PATIENCE = 10.0


def until(holds: Callable[[], object]) -> None:
    """Look again until something holds that a thread brings about."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def threads() -> list[str]:
    """Return the names of healthkit's threads."""
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("healthkit"))


def _ignore(_number: int, _frame: object) -> None:
    """Be a server's handler."""


def in_a_thread(work: Callable[[], object]) -> None:
    """Do something elsewhere, to its end."""
    thread = threading.Thread(target=work, name="request")
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def homes(monkeypatch: pytest.MonkeyPatch) -> Iterator[weakref.WeakSet[Home]]:
    """Have no homes but the test's own, and leave none."""
    until(lambda: not threads())  # those of the tests before are about to end
    found: weakref.WeakSet[Home] = weakref.WeakSet()
    monkeypatch.setattr(_home, "_HOMES", found)
    for limit in ("SETTLED_WITHIN", "STOPPED_WITHIN", "JOINED_WITHIN"):
        monkeypatch.setattr(_home, limit, PATIENCE)  # a busy machine may take its time
    monkeypatch.setattr(_workers, "GONE_WITHIN", PATIENCE)
    yield found
    _home.stop_all()
    until(lambda: not threads())


@pytest.fixture
def home(homes: object) -> Home:
    """Have one that is empty."""
    del homes
    return Home(Health())


def test_a_life_in_a_thread(home: Home) -> None:
    """Nothing before the start; everything between it and the end; and again."""
    health = home._health
    ran = threading.Event()
    health.warmup(ran.set, name="catalogue")
    assert (repr(home), threads(), health.phase) == ("<Home empty>", [], "starting")
    for _ in range(2):
        ran.clear()
        home.start()
        until(lambda: health.phase == "serving")
        assert ran.is_set()
        assert repr(home) == "<Home <_Stay there>>"
        assert "healthkit loop" in threads()
        home.start()
        assert threads().count("healthkit loop") == 1
        _home.stop(home)
        assert (repr(home), health.phase) == ("<Home <_Stay over>>", "stopped")


def test_many_start_it_at_once(home: Home) -> None:
    """There is one thread, and whoever returns finds the life begun."""
    begun: list[bool] = []

    def start() -> None:
        home.start()
        begun.append(home._health.life.running)

    starters = [threading.Thread(target=start) for _ in range(20)]
    for one in starters:
        one.start()
    for one in starters:
        one.join(PATIENCE)
    assert begun == [True] * 20
    assert threads().count("healthkit loop") == 1


def test_what_was_not_started_is_not_stopped(home: Home) -> None:
    """An exit costs nothing then."""
    _home.stop_all()
    assert repr(home) == "<Home empty>"
    assert home._health.phase == "starting"


def test_two_homes_of_one_health_live_one_life(homes: object) -> None:
    """One app per Health is meant; the second finds a life that has begun."""
    del homes
    health = Health()
    first, second = Home(health), Home(health)
    first.start()
    life = health.life
    second.start()
    assert repr(second) == "<Home empty>"
    assert health.begin_without_server() is life is health.life


def test_a_thread_keeps_its_home(homes: weakref.WeakSet[Home]) -> None:
    """So that it is ended at the exit, whatever became of the middleware."""
    Home(Health()).start()
    assert len(homes) == 1


def test_the_end_comes_before_the_beginning(home: Home) -> None:
    """Whoever is told to leave before its thread runs does not stay."""
    stay = _home._Stay(home._health, home)
    stay.leave()
    stay.thread.start()
    stay.thread.join(PATIENCE)
    assert (stay.over, home._health.phase) == (True, "stopped")


def test_a_warning_where_sigterm_is_not_held_back(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, in one line that says what to add; the main thread puts it right."""
    before = signal.signal(signal.SIGTERM, _ignore)
    try:
        in_a_thread(home.start)
        in_a_thread(home.start)
        until(lambda: "not held back" in caplog.text)
        warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert "started in thread 'request': SIGTERM is not held back" in warnings[0]
        assert "from healthkit.wsgi import post_worker_init" in warnings[0]
        closed = [GATE.closed]
        home.start()
        home.start()
        closed.append(GATE.closed)
        _home.stop(home)
        assert [*closed, GATE.closed] == [False, True, False]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_warning_needs_no_loop(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """A thread that does not come is no reason to be silent."""
    in_a_thread(lambda: home._guard(_home._Stay(home._health, home)))
    assert "SIGTERM is not held back" in caplog.text


def test_no_thread_can_be_had(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, nothing is raised, and the next start tries again."""

    def refuse(_thread: object) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        home.start()
        home.start()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "can't start a thread (can't start new thread)" in caplog.text
    home.start()
    assert home._health.life.running


def test_a_bug_in_the_thread_is_heard_of(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And takes nobody with it who waits."""

    def fail() -> None:
        raise ValueError

    with monkeypatch.context() as patch:
        patch.setattr(home._health, "begin_without_server", fail)
        began = time.monotonic()
        home.start()
        assert time.monotonic() - began < _home.SETTLED_WITHIN
    until(lambda: home._stay is not None and home._stay.over)
    assert "a bug in healthkit" in caplog.text
    home.start()
    assert home._health.life.running


def test_a_start_does_not_wait_for_a_thread_that_is_late(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request does: it is answered, and not held up."""
    begin, released = home._health.begin_without_server, threading.Event()

    def late() -> Life:
        released.wait(PATIENCE)
        return begin()

    monkeypatch.setattr(_home, "SETTLED_WITHIN", 0.05)
    monkeypatch.setattr(home._health, "begin_without_server", late)
    home.start()
    assert not home._health.life.running
    released.set()
    until(lambda: home._health.life.running)


def test_an_exit_does_not_wait_for_a_loop_that_is_blocked(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its life is ended from outside."""
    monkeypatch.setattr(_home, "STOPPED_WITHIN", 0.05)
    monkeypatch.setattr(_home, "JOINED_WITHIN", 0.05)
    blocked, released = threading.Event(), threading.Event()

    @home._health.check
    async def blocking() -> None:
        blocked.set()
        released.wait(PATIENCE)  # to block the loop is what it is for

    home.start()
    assert blocked.wait(PATIENCE)
    _home.stop(home)
    assert "does not end, and is left behind: <Home <_Stay leaving>>" in caplog.text
    assert home._health.phase == "stopped"
    released.set()


def test_an_end_does_not_wait_for_what_is_in_flight_for_long(
    homes: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The drain's own limit is for drains that somebody asked for."""
    del homes
    monkeypatch.setattr(_home, "STOPPED_WITHIN", 0.05)
    home = Home(Health(drain_timeout=3600))
    home.start()
    with home._health.hold("mail"):
        _home.stop(home)
    assert "left behind" not in caplog.text
    assert home._health.phase == "stopped"


def test_callbacks_of_the_drain_are_called_at_the_end(home: Home) -> None:
    """Nobody asked for a drain before."""
    called = threading.Event()
    home._health.on_drain(called.set, name="goodbye")
    home.start()
    _home.stop(home)
    assert called.is_set()


def test_a_worker_joins_its_pod_and_leaves_it(homes: object, tmp_path: Path) -> None:
    """The record is there when the start returns, and gone when the stop does."""
    del homes
    home = Home(Health(state_dir=tmp_path))
    home.start()
    until(lambda: list(tmp_path.glob("worker-*")))
    until(lambda: home._health.life.knows_pod)
    _home.stop(home)
    assert not list(tmp_path.glob("worker-*"))  # that the pod was ready may be noted there


def test_in_a_forked_child_nothing_has_begun(homes: weakref.WeakSet[Home], tmp_path: Path) -> None:
    """A life of its own can begin there; the parent's goes on."""
    del homes
    home = Home(Health(state_dir=tmp_path))
    home.start()
    stay, life = home._stay, home._health.life
    assert stay is not None
    _home._forked()
    assert repr(home) == "<Home empty>"
    assert home._health.phase == "starting"
    assert home._health.life is not life
    assert (stay, life) in _home._LEFT_BEHIND
    assert life.running
    home.start()
    until(lambda: home._health.phase == "serving")
    stay.leave()
    stay.thread.join(PATIENCE)
    assert life.phase is Phase.STOPPED


def test_there_may_be_no_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none."""
    registered: list[object] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.delattr(os, "register_at_fork")
    _home._hook_into_process.__wrapped__()
    assert registered == [_home.stop_all]


# -- whole processes -------------------------------------------------------------------------------

BEGIN = """
import os, signal, sys, threading, time
from healthkit import Health, _duties, _home
from healthkit._home import Home, start_all
health = Health(drain_delay=3600, drain_timeout=3600, grace_period=7205)
home = Home(health)

def until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
"""

#: A child that comes while the parent lives; both say what they find.
FORK = """
ticks = []
health.check(lambda: ticks.append(os.getpid()), name="tick", interval=0.02)
home.start()
until(lambda: health.phase == "serving" and ticks)
if os.fork() == 0:
    assert (str(health.phase), threading.active_count()) == ("starting", 1)
    ticks.clear()
    start_all()
    until(lambda: health.phase == "serving" and os.getpid() in ticks)
    import gc; gc.collect()
    sys.exit(0)
_, code = os.wait()
ticks.clear()
until(lambda: len(ticks) > 3)
health.pause("the loop is not deaf")
health.drain()
until(lambda: health.phase == "draining")
print("child", code, "parent", str(health.phase))
"""

EXIT = """
_home.STOPPED_WITHIN = _duties.OBEDIENCE = 3600  # nobody needs it
health.on_drain(lambda: print("goodbye", flush=True), name="goodbye")
home.start()
until(lambda: health.phase == "serving")
"""

STUCK = """
_home.STOPPED_WITHIN = 0.1
_home.JOINED_WITHIN = 3600  # nobody needs it
home.start()
health.hold("for ever").__enter__()
"""

KILLED = """
_home.STOPPED_WITHIN = _duties.OBEDIENCE = 3600  # nobody needs it
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
home.start()
until(lambda: health.phase == "serving")
os.kill(os.getpid(), signal.SIGINT)
time.sleep(3600)
"""


def program(text: str) -> tuple[int, str]:
    """Run a program; return its exit code and what it printed. What holds it up takes an hour."""
    command = [sys.executable, "-W", "error", "-c", BEGIN + text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # our own interpreter
    for wrong in ("a bug in healthkit", "left behind"):
        assert wrong not in done.stderr
    return done.returncode, done.stdout.strip()


def test_a_real_fork() -> None:
    """The child has a life of its own, and ends it; the parent's loop hears as before."""
    assert program(FORK) == (0, "child 0 parent draining")


def test_an_exit_ends_the_life() -> None:
    """The interpreter's: callbacks are called, and it is quick."""
    assert program(EXIT) == (0, "goodbye")


def test_an_exit_is_not_held_up() -> None:
    """By work that never ends."""
    assert program(STUCK) == (0, "")


def test_an_interrupt_ends_it_too() -> None:
    """As it would without healthkit."""
    assert program(KILLED) == (-signal.SIGINT, "")
