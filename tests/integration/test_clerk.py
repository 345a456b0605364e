"""The clerk in processes that sleep, exit, fork, are killed, and are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import _records
from healthkit._clerk import Clerk
from healthkit._facts import Details, Facts
from healthkit._model import Probe
from healthkit._place import Note
from healthkit._state_dir import StateDir

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that anything may take: less than a clerk stands still on a slow disk.
DEADLINE: Final = 30.0
#: Seconds in which a sleeping thread is watched. A timer of less would be seen.
WATCHED: Final = 1.1
#: How often that is tried: on a busy machine it may be late on its way to where it sleeps.
WATCHES: Final = 10

#: What every child begins with.
PRELUDE: Final = """
import os, signal, sys, threading, time
from healthkit._clerk import Clerk, Note
from healthkit._facts import Details, Facts
from healthkit._model import Probe
from healthkit._records import of_living
from healthkit._state_dir import StateDir

class Slow(StateDir):
    reached = threading.Event()
    def look(self, but=""):
        self.reached.set()
        time.sleep(60)

def a_note(**facts):
    made = Facts(**{"pid": os.getpid(), "app": "shop", "joined": 1, **facts})
    return Note(made, Details(), dict.fromkeys(Probe, (True, "ok")))

def records():
    try:
        paths = [f"{home}/{name}" for name in os.listdir(home) if name[-5:] != ".bell"]
    except FileNotFoundError:
        return []
    return [path for path in paths if of_living(path)]

def until(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)

def heard():
    pass

home = sys.argv[1]
clerk = Clerk(StateDir(home))
"""


def run(program: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a child to its end."""
    command = [sys.executable, "-c", PRELUDE + program, str(home)]
    return subprocess.run(  # noqa: S603  # our own program
        command, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def until(true: Callable[[], object]) -> None:
    """Wait for a state that somebody else brings about."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _status(thread: threading.Thread, what: str) -> str:
    """Return what the kernel says of a thread."""
    lines = Path(f"/proc/self/task/{thread.native_id}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(what))


def _switches(thread: threading.Thread) -> int:
    """Count how often a thread has gone to sleep."""
    return int(_status(thread, "voluntary"))


def _sleeps_on(thread: threading.Thread) -> bool:
    """Whether nothing wakes a thread for a while."""
    time.sleep(0.05)  # until it has got to where it sleeps
    before = _switches(thread)
    time.sleep(WATCHED)  # nothing is to happen
    return _switches(thread) == before


def _records_in(home: Path) -> list[Path]:
    return [path for path in home.glob("worker-*[!l]") if _records.of_living(str(path))]


def a_note() -> Note:
    """Make a note of this process."""
    return Note(
        Facts(pid=os.getpid(), app="shop", joined=1), Details(), dict.fromkeys(Probe, (True, "ok"))
    )


def test_a_clerk_with_nothing_to_do_does_nothing(tmp_path: Path) -> None:
    """The thread has no timer: the kernel does not wake it once."""
    clerk = Clerk(StateDir(str(tmp_path)))
    clerk.begin(lambda: None)
    clerk.post(a_note())
    (thread,) = [one for one in threading.enumerate() if one.name == "healthkit clerk"]
    until(lambda: list(tmp_path.glob("*.bell")))
    session = clerk._session
    assert session is not None
    until(lambda: session._busy is None)
    until(lambda: _status(thread, "State") == "S")
    assert any(_sleeps_on(thread) for _ in range(WATCHES))
    clerk.end()
    thread.join(DEADLINE)
    assert not thread.is_alive()


EXITS: Final = {
    "asleep": "clerk.begin(heard); clerk.post(a_note()); until(records)",
    "ended": "clerk.begin(heard); clerk.post(a_note()); until(records); clerk.end()",
    "before a note": "clerk.begin(heard)",
    "on a disk that stands still": """
clerk = Clerk(Slow(home))
os.mkdir(home)
clerk.begin(heard)
clerk.post(a_note())
Slow.reached.wait(20)
clerk.end()
clerk.begin(heard)
clerk.post(a_note())
""",
}


@pytest.mark.parametrize("how", EXITS)
def test_an_exit_is_quick_and_silent(how: str, tmp_path: Path) -> None:
    """No thread keeps a process from ending, or has anything to say about it."""
    began = time.monotonic()
    done = run(EXITS[how] + "\nprint(time.monotonic())", tmp_path / "pod")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - max(began, float(done.stdout)) < DEADLINE / 3


FORKS: Final = """
import multiprocessing, warnings
warnings.simplefilter("ignore")  # later Pythons warn of forks beside threads: that is what is meant
clerk.begin(heard)
clerk.post(a_note(version=1))
until(lambda: clerk._session._place.bell and clerk._session._busy is None)
(before,) = records()
raw = open(before, "rb").read()
wire = clerk._session._wire.descriptor

def child():
    clerk.post(a_note(version=2))
    clerk.end()
    assert threading.active_count() == 1
    assert clerk._session._place.bell is None
    clerk.begin(heard)
    clerk.post(a_note(version=3))
    until(lambda: len(records()) == 2)
    until(lambda: clerk.view.peers)
    clerk.end()
    until(lambda: threading.active_count() == 1)
    clerk.post(a_note(version=4))

if HOW == "fork":
    pid = os.fork()
    if not pid:
        try:
            child()
        except BaseException:
            import traceback; traceback.print_exc()
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
else:
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    code = process.exitcode
assert code == 0, code
until(lambda: records() == [before])
assert open(before, "rb").read() == raw
clerk.post(a_note(version=5))
until(lambda: open(before, "rb").read() != raw)
clerk.end()
until(lambda: not records())
"""


@pytest.mark.parametrize("how", ["fork", "multiprocessing"])
def test_a_forked_child_is_nobody(how: str, tmp_path: Path) -> None:
    """It writes nothing in its parent's name, and may become a worker of its own."""
    done = run(f"HOW = {how!r}\n{FORKS}", tmp_path / "pod")
    assert (done.returncode, done.stderr) == (0, "")


ORPHAN: Final = """
clerk.begin(heard)
clerk.post(a_note())
until(records)
if os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
os.close(1)
os.close(2)
time.sleep(30)
"""


def test_a_child_that_survives_holds_no_lock(tmp_path: Path) -> None:
    """A worker that is killed is dead to the others, whatever it has forked."""
    home = tmp_path / "pod"
    command = [sys.executable, "-W", "ignore", "-c", PRELUDE + ORPHAN, str(home)]
    with subprocess.Popen(command, start_new_session=True) as worker:  # noqa: S603  # as above
        assert worker.wait(DEADLINE) == -signal.SIGKILL
        try:
            left = list(home.glob("worker-*[!l]"))
            assert len(left) == 1
            until(lambda: not _records_in(home))  # the child has let go of it
            clerk = Clerk(StateDir(str(home)))
            clerk.begin(lambda: None)
            clerk.post(a_note())
            until(lambda: not left[0].exists())
            clerk.end()
            until(lambda: not _records_in(home))
        finally:
            os.killpg(worker.pid, signal.SIGKILL)


INTERRUPTED: Final = """
ends = 0

def end(*_):
    global ends
    ends += 1
    clerk.end()

signal.signal(signal.SIGALRM, end)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
deadline = time.monotonic() + 0.5
while time.monotonic() < deadline or ends <= 50:
    clerk.begin(heard)
    for version in range(20):
        clerk.post(a_note(version=version))
signal.setitimer(signal.ITIMER_REAL, 0)
clerk.end()
until(lambda: threading.active_count() == 1)
assert records() == []
assert len(os.listdir("/proc/self/fd")) == 4, os.listdir("/proc/self/fd")
"""


def test_a_signal_handler_may_end_it_at_any_time(tmp_path: Path) -> None:
    """Whatever it interrupts: nothing stands still, nothing stays open."""
    done = run(INTERRUPTED, tmp_path / "pod")
    assert (done.returncode, done.stderr) == (0, "")
