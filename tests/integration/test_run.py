"""`healthkit run` with real processes, real signals, real shells and a real terminal."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from healthkit._run import CAUGHT
from healthkit._signals import SAME_SIGNAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The longest that anything here may take, in seconds.
PATIENCE = 30.0

#: The command line tool itself, without what other commands import.
RUN = """
import os, sys
from healthkit._run import main
sys.exit(main(sys.argv[1:], os.environ))
"""

#: What some instrumentation does to every Python process: a thread that blocks no signal.
THREAD = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""

#: A server that says which signals it gets, and ends at SIGTERM or SIGINT.
LISTENER = """
import os, signal, sys
HEARD = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
os.write(1, b"listening %d\\n" % os.getpid())
while (found := signal.sigtimedwait(HEARD, 60)) is not None:  # no longer than any test
    os.write(1, b"got %d\\n" % found.si_signo)
    if found.si_signo in (signal.SIGTERM, signal.SIGINT):
        sys.exit(5)
"""

#: The same, but job control may stop it.
STOPPABLE = LISTENER.replace("valid_signals()", "valid_signals() - {20, 21, 22}")

#: A worker as healthkit makes it, with a request that is over a while after it was told to drain.
WORKER = """
import os, signal, sys, time
from dataclasses import replace
from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._seat import Seat
from healthkit._state_dir import StateDir

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
directory = StateDir(os.environ["HEALTHKIT_STATE_DIR"])
facts = Facts(os.getpid(), "app", time.monotonic_ns(), ready=True, requests=1, drain_timeout=60.0)

def body():
    return body_of(facts, Details(), {probe: (True, "ok") for probe in Probe}, time.monotonic_ns())

seat = Seat(directory, _records.WORKER, body())
print("serving", flush=True)
while signal.sigtimedwait({signal.SIGTERM}, 0.01) is None:
    told = directory.look().told
    if told is not None and facts.told is None:
        facts = replace(facts, told=told)
        print("told", flush=True)
    if facts.told is not None and time.monotonic() - facts.told > 0.3 and facts.requests:
        facts = replace(facts, requests=0)
        print("idle", flush=True)
    seat.write(body())
print("got 15", flush=True)
seat.leave()
"""


class Heard:
    """What comes out of a descriptor, up to what is waited for."""

    def __init__(self, descriptor: int) -> None:
        self.text = ""
        self._descriptor = descriptor
        self._at = 0

    def until(self, pattern: str) -> re.Match[str]:
        """Return the next match of `pattern`, when it is there."""
        deadline = time.monotonic() + PATIENCE
        while (match := re.compile(pattern).search(self.text, self._at)) is None:
            assert select.select([self._descriptor], [], [], deadline - time.monotonic())[0], (
                f"no {pattern!r} in time: {self.text!r}"
            )
            assert self._read(), f"no {pattern!r}: {self.text!r}"
        self._at = match.end()
        return match

    def rest(self) -> str:
        """Return what has not been waited for, to the end."""
        while self._read():
            pass
        return self.text[self._at :]

    def _read(self) -> str:
        try:
            new = os.read(self._descriptor, 65536).decode()
        except OSError:  # what reading from a terminal without processes ends with
            return ""
        self.text += new
        return new


class Job:
    """One `healthkit run`, its output and its end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.process = process
        self.out = Heard(process.stdout.fileno())

    def ended(self) -> int:
        """Wait for its end; return the exit code."""
        return self.process.wait(PATIENCE)

    def send(self, signum: int) -> None:
        """Send a signal to the parent, and only to it."""
        self.process.send_signal(signum)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where the private directories are made. In the end none may be left."""
    place = tmp_path / "place"
    place.mkdir()
    return place


@pytest.fixture
def environ(place: Path) -> dict[str, str]:
    """Return the environment of everything here."""
    return {**os.environ, "TMPDIR": str(place), "PS1": "prompt> ", "HISTFILE": "/dev/null"}


@pytest.fixture
def start(environ: dict[str, str], place: Path) -> Iterator[Callable[..., Job]]:
    """Start a `healthkit run`; stdout and stderr are one. It must have cleaned up in the end."""
    with contextlib.ExitStack() as stack:

        def begin(*arguments: str, before: tuple[str, ...] = (), run: str = RUN) -> Job:
            process = subprocess.Popen(  # noqa: S603  # as written here
                [*before, sys.executable, "-c", run, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environ,
                process_group=0,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return Job(process)

        yield begin
    assert list(place.iterdir()) == []


def python(script: str) -> tuple[str, ...]:
    """Return the arguments that run it as the server."""
    return ("--", sys.executable, "-c", script)


def sh(script: str) -> tuple[str, ...]:
    """Return the arguments that run it as the server."""
    return ("--", "/bin/sh", "-c", script)


# -- exit codes and signals -----------------------------------------------------------------------


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_servers(start: Callable[..., Job], script: str, code: int) -> None:
    """Of a server that ends, or dies, by itself."""
    assert start(*sh(script)).ended() == code


@pytest.mark.parametrize("before", ["", THREAD], ids=["alone", "beside a thread"])
def test_every_signal_reaches_the_server_once(start: Callable[..., Job], before: str) -> None:
    """The real-time ones too; the last, SIGINT, ends it. Whoever injects threads loses none."""
    job = start(*python(LISTENER), run=before + RUN)
    job.out.until("listening")
    others = CAUGHT - {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
    for signum in [*sorted(others), signal.SIGINT]:
        job.send(signum)
        job.out.until(f"got {signum}\n")
    assert job.ended() == 5
    assert "got" not in job.out.rest()


def test_a_signal_for_the_group_reaches_the_server_through_the_parent_only(
    start: Callable[..., Job],
) -> None:
    """A supervisor that signals the whole group does not reach it twice, nor past the drain."""
    job = start(*python(LISTENER))
    job.out.until("listening")
    os.killpg(job.process.pid, signal.SIGUSR1)
    job.out.until("got 10\n")
    os.killpg(job.process.pid, signal.SIGTERM)
    assert job.ended() == 5
    assert job.out.rest().count("got") == 1


def test_a_server_that_is_killed_ends_the_parent(start: Callable[..., Job]) -> None:
    """At once, and with the status that a shell would give."""
    job = start(*python(LISTENER))
    os.kill(int(job.out.until(r"listening (\d+)")[1]), signal.SIGKILL)
    assert job.ended() == 137


def test_a_server_that_ignores_sigterm_goes_on(start: Callable[..., Job]) -> None:
    """The parent does not end before it."""
    job = start(*sh('trap "" TERM; echo pid $$; read line <&3; exit 3'), before=fifo_as_3())
    pid = int(job.out.until(r"pid (\d+)")[1])
    job.send(signal.SIGTERM)
    job.out.until("passing SIGTERM on")
    assert job.process.poll() is None
    os.kill(pid, signal.SIGKILL)
    assert job.ended() == 137


def fifo_as_3() -> tuple[str, ...]:
    """Return what starts a program with a descriptor 3 that never ends."""
    return ("/bin/bash", "-c", 'exec 3<> <(:); exec "$@"', "bash")


def test_nohup_still_counts(start: Callable[..., Job]) -> None:
    """What somebody ignored before is ignored by the server; what the parent changed is not."""
    script = "import signal; print(*[int(signal.getsignal(n)) for n in (1, 3, 17)])"
    job = start(*python(script), before=("/bin/sh", "-c", 'trap "" HUP CHLD; exec "$@"', "sh"))
    job.out.until("1 0 0\n")
    assert job.ended() == 0


# -- the drain ------------------------------------------------------------------------------------


def test_the_server_serves_until_its_workers_have_drained(start: Callable[..., Job]) -> None:
    """They are told at once; SIGTERM comes when the delay and the request are over."""
    job = start("--drain-delay", "0.1", *python(WORKER))
    job.out.until("serving")
    job.send(signal.SIGTERM)
    for line in ("told", "idle", "passing SIGTERM on", "got 15"):
        job.out.until(f"{line}\n")
    assert job.ended() == 0


def test_a_storm_of_sigterms_is_one(start: Callable[..., Job]) -> None:
    """Within a second, and while the drain is under way."""
    job = start("--drain-delay", "0.5", *python(WORKER))
    job.out.until("serving")
    end = time.monotonic() + SAME_SIGNAL / 10
    while time.monotonic() < end:
        job.send(signal.SIGTERM)
    for line in ("told", "idle", "passing SIGTERM on", "got 15"):
        job.out.until(f"{line}\n")
    assert job.ended() == 0
    assert job.out.text.count("passing") == 1


def test_a_later_sigterm_is_passed_on_at_once(start: Callable[..., Job]) -> None:
    """The drain is given up."""
    job = start("--drain-delay", "600", *python(WORKER))
    job.out.until("serving")
    job.send(signal.SIGTERM)
    job.out.until("told")
    time.sleep(SAME_SIGNAL)  # a real second is what tells two signals from one
    job.send(signal.SIGTERM)
    job.out.until("got 15")
    assert job.ended() == 0


def test_without_an_option_the_delay_is_five_seconds(start: Callable[..., Job]) -> None:
    """The workers' own is 0; nobody else waits for the load balancer. SIGKILL ends the wait."""
    job = start(*python(WORKER.replace('print("serving"', 'print("pid", os.getpid()')))
    pid = int(job.out.until(r"pid (\d+)")[1])
    job.send(signal.SIGTERM)
    said = job.out.until(r"draining 1 worker, serving on for ([\d.]+) s\n")
    assert 2 < float(said[1]) <= 5  # what is left of it
    os.kill(pid, signal.SIGKILL)
    assert job.ended() == 137


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stderr_does_not_touch_the_drain(
    start: Callable[..., Job], tmp_path: Path, closed: str
) -> None:
    """The drain's own files do not take its place."""
    told = tmp_path / "told"
    script = f'import sys; sys.stdout = open("{told}", "w"){WORKER}'
    before = ("/bin/sh", "-c", f'exec "$@" {closed}', "sh")
    job = start("--drain-delay", "0", *python(script), before=before)
    waited_for(lambda: told.exists() and "serving" in told.read_text())
    job.send(signal.SIGTERM)
    assert job.ended() == 0
    assert told.read_text().split() == ["serving", "told", "idle", "got", "15"]


def test_a_stderr_that_nobody_reads_does_not_end_the_server(
    start: Callable[..., Job], tmp_path: Path
) -> None:
    """SIGPIPE is the parent's own affair, and not passed on."""
    told = tmp_path / "told"
    script = f'import sys; sys.stdout = open("{told}", "w"){WORKER}'
    job = start("--drain-delay", "0", *python(script))
    waited_for(lambda: told.exists() and "serving" in told.read_text())
    assert job.process.stdout is not None
    job.process.stdout.close()
    job.send(signal.SIGTERM)
    assert job.ended() == 0
    assert told.read_text().split() == ["serving", "told", "idle", "got", "15"]


def waited_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so that nobody says."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # between two looks


# -- PID 1 ----------------------------------------------------------------------------------------


def refused_namespace() -> str | None:
    """Return why there can be no PID namespace here; None if there can."""
    if shutil.which("unshare") is None:
        return "no unshare here"
    found = subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True, text=True)  # noqa: S603  # as written below
    return None if found.returncode == 0 else f"not permitted: {found.stderr.strip()}"


NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
REFUSED = refused_namespace()
as_pid_1 = pytest.mark.skipif(REFUSED is not None, reason=f"PID namespace: {REFUSED}")


def pid_1(job: Job) -> int:
    """Return the id, out here, of the process that is 1 in there."""
    path = Path(f"/proc/{job.process.pid}/task/{job.process.pid}/children")
    waited_for(lambda: bool(path.read_text()))
    return int(path.read_text())


#: A server that has not come to its own handlers yet; without KeyboardInterrupt, for its code.
IMPORTING = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("imports", flush=True)
time.sleep(60)
"""


@as_pid_1
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 138)]
)
def test_a_signal_while_the_server_imports_is_not_lost(
    start: Callable[..., Job], signum: int, code: int
) -> None:
    """A bare server as PID 1 would ignore it, and the pod wait out its whole grace period."""
    job = start(*python(IMPORTING), before=NAMESPACE)
    job.out.until("imports")
    os.kill(pid_1(job), signum)
    assert job.ended() == code


@as_pid_1
def test_pid_1_drains_too(start: Callable[..., Job]) -> None:
    """In a container it is the same as outside."""
    job = start("--drain-delay", "0.1", *python(WORKER), before=NAMESPACE)
    job.out.until("serving")
    os.kill(pid_1(job), signal.SIGTERM)
    for line in ("told", "idle", "passing SIGTERM on", "got 15"):
        job.out.until(f"{line}\n")
    assert job.ended() == 0


@as_pid_1
def test_pid_1_ends_with_a_server_that_is_killed(start: Callable[..., Job]) -> None:
    """With what a shell would say."""
    assert start(*sh("kill -9 $$"), before=NAMESPACE).ended() == 137


ORPHANS = """
import os, subprocess, time

def words(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()

reading, writing = os.pipe()
script = "exec 4<&0; (read line) <&4 >/dev/null & echo $!"
command = ["/bin/sh", "-c", script]
orphans = [int(subprocess.check_output(command, stdin=reading)) for _ in range(20)]
assert {words(orphan)[1] for orphan in orphans} == {"1"}  # their parent
os.close(reading)
os.close(writing)
while any(os.path.exists(f"/proc/{orphan}") for orphan in orphans):
    time.sleep(0.01)
states = [words(pid)[0] for pid in os.listdir("/proc") if pid.isdigit()]
print("left:", len(states), "zombies:", states.count("Z"), flush=True)
"""


@as_pid_1
def test_pid_1_reaps_orphans(start: Callable[..., Job]) -> None:
    """A zombie for every process whose parent died first would fill the table of processes."""
    job = start(*python(ORPHANS), before=NAMESPACE)
    job.out.until("left: 2 zombies: 0\n")
    assert job.ended() == 0


# -- terminals ------------------------------------------------------------------------------------


class Screen:
    """A terminal with a shell on it."""

    def __init__(self, shell: list[str], environ: dict[str, str]) -> None:
        self._keys, screen = os.openpty()
        self.heard = Heard(self._keys)
        command = ["setsid", "--ctty", *shell]
        self.shell = subprocess.Popen(  # noqa: S603  # as written below
            command, stdin=screen, stdout=screen, stderr=screen, env=environ
        )
        os.close(screen)
        self.heard.until("prompt> ")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._keys, keys.encode())

    def line(self, line: str) -> None:
        """Give the shell a line, and see it echoed."""
        self.type(f"{line}\n")
        self.heard.until(re.escape(line[-20:]))

    def foreground(self, *groups: int) -> None:
        """Wait until one of these process groups has the terminal."""
        waited_for(lambda: os.tcgetpgrp(self._keys) in groups)

    def is_alive(self) -> None:
        """See that it is the shell that has the terminal."""
        self.line("echo al''ive")
        self.heard.until("alive")

    def close(self) -> None:
        """Hang up."""
        os.close(self._keys)
        self.shell.wait(PATIENCE)


SHELLS = [["bash", "--norc", "--noprofile", "-i"], ["dash", "-i"]]


@pytest.fixture(
    params=[SHELLS[0], *(pytest.param(one, marks=pytest.mark.matrix) for one in SHELLS[1:])],
    ids=lambda shell: shell[0],
)
def screen(
    request: pytest.FixtureRequest, environ: dict[str, str], tmp_path: Path, place: Path
) -> Iterator[Screen]:
    """Return a terminal; `hk`, `listener` and `stoppable` are programs there."""
    if shutil.which(request.param[0]) is None:
        pytest.skip(f"no {request.param[0]} here")
    programs = {"hk": RUN, "listener": LISTENER, "stoppable": STOPPABLE}
    for name, script in programs.items():
        path = tmp_path / name
        path.write_text(f"#!{sys.executable}\n{script}")
        path.chmod(0o755)
    environ |= {"PATH": f"{tmp_path}:{environ['PATH']}", "ENV": "", "TERM": "dumb"}
    screen = Screen(request.param, environ)
    yield screen
    screen.close()
    waited_for(lambda: list(place.iterdir()) == [])


def state(pid: int) -> str:
    """Return R, S, T, Z or another letter (proc(5), /proc/pid/stat, 3)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_ctrl_c_reaches_the_server_once_and_directly(screen: Screen) -> None:
    """And then the shell has its terminal back."""
    screen.line("hk -- listener")
    screen.heard.until("listening")
    screen.type("\x03")
    screen.heard.until("got 2\r")
    screen.heard.until("prompt> ")
    screen.line("echo code $?")
    assert "got" not in screen.heard.until("code 5")[0]
    screen.is_alive()


def test_ctrl_z_stops_the_job_and_fg_continues_it(screen: Screen) -> None:
    """More than once; the parent stops with the server."""
    screen.line("hk -- stoppable")
    server = int(screen.heard.until(r"listening (\d+)")[1])
    parent = parent_of(server)
    for _ in range(3):
        screen.foreground(server)
        screen.type("\x1a")
        screen.heard.until("(Stopped|Suspended)")
        screen.is_alive()
        assert [state(server), state(parent)] == ["T", "T"]
        screen.line("fg")
        screen.heard.until("got 18\r")
    screen.type("\x03")
    screen.heard.until("got 2\r")
    screen.heard.until("prompt> ")
    screen.is_alive()


def test_bg_continues_a_stopped_job_and_leaves_the_terminal_alone(screen: Screen) -> None:
    """The shell keeps it."""
    screen.line("hk -- stoppable")
    screen.heard.until("listening")
    screen.type("\x1a")
    screen.heard.until("(Stopped|Suspended)")
    screen.is_alive()
    screen.line("bg")
    screen.heard.until("got 18\r")
    screen.is_alive()
    screen.line("kill -TERM %1")
    screen.heard.until("got 15\r")
    screen.is_alive()


def test_a_background_job_leaves_the_terminal_alone(screen: Screen) -> None:
    """Until `fg`: then Ctrl-C comes through the parent, or to the server itself."""
    screen.line("hk -- stoppable &")
    server = int(screen.heard.until(r"listening (\d+)")[1])
    screen.is_alive()
    screen.line("fg")
    screen.foreground(parent_of(server), server)  # the latter if the shell sends SIGCONT anyway
    screen.type("\x03")
    screen.heard.until("got 2\r")
    screen.is_alive()


def test_a_pipeline_stops_as_a_whole(screen: Screen) -> None:
    """The other programs of the job are not in the foreground, and Ctrl-Z does not reach them."""
    screen.line("hk -- stoppable | cat")
    screen.heard.until("listening")
    screen.type("\x1a")
    screen.heard.until("(Stopped|Suspended)")
    screen.is_alive()
    screen.line("fg")
    screen.heard.until("got 18\r")
    screen.type("\x03")
    screen.heard.until("got 2\r")
    screen.is_alive()


def test_a_server_may_read_from_the_terminal(screen: Screen) -> None:
    """It has the terminal as soon as it reads, and in the background it stops."""
    screen.line("hk -- sh -c 'echo re''ady; read word; echo got-$word'")
    screen.heard.until("ready")
    screen.line("hello")
    screen.heard.until("got-hello")
    screen.is_alive()
    screen.line("hk -- sh -c 'echo re''ady; read word; echo got-$word' &")
    screen.heard.until("ready")
    screen.line("echo pid $!")
    parent = int(screen.heard.until(r"pid (\d+)\r")[1])
    waited_for(lambda: state(parent) == "T")
    screen.is_alive()
    screen.line("fg")
    screen.heard.until("hk -- sh")
    screen.type("again\n")
    screen.heard.until("got-again")
    screen.is_alive()


def parent_of(pid: int) -> int:
    """Return the id of a process's parent (proc(5), /proc/pid/stat, 4)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("before", [[], pytest.param(list(NAMESPACE), marks=as_pid_1)])
def test_where_nobody_could_continue_it_ctrl_z_stops_nothing_for_long(
    environ: dict[str, str], before: list[str]
) -> None:
    """The leader of a session, as in `docker run -t`, or PID 1: the server goes on at once."""
    environ["PS1"] = ""
    screen = Screen.__new__(Screen)
    screen._keys, other = os.openpty()
    screen.heard = Heard(screen._keys)
    command = [*before, "setsid", "--ctty", sys.executable, "-c", RUN, *python(STOPPABLE)]
    screen.shell = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environ)  # noqa: S603  # as written here
    os.close(other)
    server = int(screen.heard.until(r"listening (\d+)")[1])
    assert (server == 2) is bool(before)
    for _ in range(3):
        screen.type("\x1a")
        screen.heard.until("got 18\r")
    screen.type("\x03")
    screen.heard.until("got 2\r")
    assert screen.shell.wait(PATIENCE) == 5
    os.close(screen._keys)
