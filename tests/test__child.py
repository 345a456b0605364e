"""The server's process: real small ones; the terminal, and the parent's own stop, are played."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from healthkit import _child
from healthkit._child import Child, Terminal
from healthkit._run import CAUGHT
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _blocked() -> Iterator[None]:
    """Block the signals as the parent does, and forget those that came."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    yield
    while signal.sigtimedwait(CAUGHT, 0.0) is not None:
        pass
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Tty:
    """The terminal of a session: it has one process group in its foreground."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, foreground: int | None) -> None:
        """Be this process's stdin; `foreground` is None if it is no terminal."""
        self.foreground = foreground
        self.changes: list[int] = []
        monkeypatch.setattr(os, "tcgetpgrp", self.tcgetpgrp)
        monkeypatch.setattr(os, "tcsetpgrp", self.tcsetpgrp)

    def tcgetpgrp(self, descriptor: int) -> int:
        """Tell which group it is."""
        assert descriptor == 0
        if self.foreground is None:
            raise OSError(25, "Inappropriate ioctl for device")
        return self.foreground

    def tcsetpgrp(self, descriptor: int, group: int) -> None:
        """Change it."""
        assert descriptor == 0
        self.changes.append(group)
        self.foreground = group


class Job:
    """A child, what was said of it, and how often the parent has stopped itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
        self.said: list[str] = []
        self.stops = 0
        monkeypatch.setattr(_child, "_stop", self.stop)
        self.child = _child.spawn(("/bin/sh", "-c", script), os.environ, self.said.append)

    def stop(self) -> None:
        """Stop the parent, and continue it."""
        self.stops += 1

    def reaped(self) -> int | None:
        """Wait until the child has ended or stopped, and return what `reap` does."""
        os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        return self.child.reap()

    def kill(self, signum: int = signal.SIGKILL) -> int | None:
        """Kill its whole group, and return its status."""
        os.killpg(self.child.pid, signum)
        return self.reaped()


class Calls:
    """A function that notes what it was called with, and does nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def __call__(self, *arguments: object) -> None:
        """Be called."""
        self.calls.append(arguments)


def hung_up(_descriptor: int, _group: int) -> None:
    """Fail like tcsetpgrp on a terminal that is gone."""
    raise OSError(5, "Input/output error")


OWN = os.getpgrp()
SLEEP = "exec sleep 60"


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)],
)
def test_the_status_is_the_servers_own(
    monkeypatch: pytest.MonkeyPatch, script: str, status: int
) -> None:
    """As a shell has it: 128 and the signal's number."""
    job = Job(monkeypatch, script)
    assert job.reaped() == status
    assert repr(job.child) == f"<Child {job.child.pid} ended {status}>"


def test_it_is_in_a_group_of_its_own_with_every_signal_as_it_should_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is blocked, and what Python ignores is not ignored."""
    job = Job(monkeypatch, SLEEP)
    assert os.getpgid(job.child.pid) == job.child.pid != OWN
    assert repr(job.child) == f"<Child {job.child.pid} running>"
    with open(f"/proc/{job.child.pid}/status") as file:  # noqa: PTH123  # one line of proc(5)
        fields = dict(line.split(":\t") for line in file)
    assert int(fields["SigBlk"], 16) == 0
    ignored = int(fields["SigIgn"], 16)
    for signum in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        assert not ignored & 1 << signum - 1
    assert job.kill() == 137


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("/nonesuch", "'/nonesuch' (No such file or directory)"),
        ("healthkit-nonesuch", "'healthkit-nonesuch' (No such file or directory)"),
        ("/etc/passwd", "'/etc/passwd' (Permission denied)"),
        ("", "'' (posix_spawnp: argv first element cannot be empty)"),
    ],
)
def test_a_command_that_can_not_be_started_is_refused(name: str, found: str) -> None:
    """In one line, and without a process."""
    with pytest.raises(ConfigError) as caught:
        _child.spawn((name,), os.environ, print)
    assert str(caught.value) == f"can't start {found}: expected an executable, by path or in PATH"


def test_signals_go_to_the_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It signals its own workers; they would get two."""
    sent = Calls()
    monkeypatch.setattr(os, "kill", sent)
    Child(12345, Terminal(), print).send(signal.SIGUSR1)
    assert sent.calls == [(12345, signal.SIGUSR1)]


def test_a_server_that_was_waited_for_is_not_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process id may be another's."""
    job = Job(monkeypatch, "exit 0")
    assert job.reaped() == 0
    job.child.pid = os.getpid()
    job.child.send(signal.SIGKILL)
    job.child.resume()
    assert job.said == []


def test_a_server_that_has_become_another_user_is_said() -> None:
    """It can't be signalled, and nobody would know why it does not end."""
    said: list[str] = []
    child = Child(2**22 + 1, Terminal(), said.append)  # no such process: /proc/sys/kernel/pid_max
    child.send(signal.SIGHUP)
    child.resume()
    assert said == ["can't send signal 1 to the server (No such process)"]


def test_orphans_are_reaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process that ends is waited for, whoever it is; without children there is none."""
    job = Job(monkeypatch, SLEEP)
    orphan = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    assert job.child.reap() is None
    with pytest.raises(ChildProcessError):
        os.waitpid(orphan, 0)
    assert job.kill() == 137
    assert job.child.reap() == 137


def test_an_orphan_that_stops_stops_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none of the terminal's job."""
    job = Job(monkeypatch, SLEEP)
    orphan = os.posix_spawnp("sleep", ["sleep", "60"], os.environ, setpgroup=0, setsigmask=())
    os.kill(orphan, signal.SIGTSTP)
    os.waitid(os.P_PID, orphan, os.WSTOPPED | os.WNOWAIT)
    assert job.child.reap() is None
    assert job.stops == 0
    os.kill(orphan, signal.SIGKILL)
    os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    assert job.kill() == 137


def test_the_whole_group_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal has stopped the workers too."""
    sent = Calls()
    monkeypatch.setattr(os, "killpg", sent)
    Child(12345, Terminal(), print).resume()
    assert sent.calls == [(12345, signal.SIGCONT)]


def test_in_the_foreground_the_server_gets_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that Ctrl-C reaches it directly; in the end the shell finds it where it was."""
    tty = Tty(monkeypatch, OWN)
    job = Job(monkeypatch, SLEEP)
    assert tty.foreground == job.child.pid
    assert repr(job.child.terminal) == f"<Terminal foreground={job.child.pid}>"
    job.kill()
    assert tty.changes == [job.child.pid, OWN]


@pytest.mark.parametrize("foreground", [None, 1])
def test_in_the_background_the_terminal_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, foreground: int | None
) -> None:
    """It is somebody else's, or none at all."""
    tty = Tty(monkeypatch, foreground)
    assert Job(monkeypatch, SLEEP).kill() == 137
    assert tty.changes == []


def test_a_group_of_another_namespace_keeps_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from inside a PID namespace its number is 0: it could not be handed back."""
    tty = Tty(monkeypatch, 0)
    monkeypatch.setattr(os, "getpgrp", lambda: 0)
    assert Job(monkeypatch, SLEEP).kill() == 137
    assert tty.changes == []


def test_a_terminal_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hang up between two looks."""
    Tty(monkeypatch, OWN)
    monkeypatch.setattr(os, "tcsetpgrp", hung_up)
    assert Job(monkeypatch, SLEEP).kill() == 137


@pytest.mark.parametrize("signum", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_stopped_job_stops_as_a_whole(monkeypatch: pytest.MonkeyPatch, signum: int) -> None:
    """The terminal is taken back, the parent stops; continued in the foreground it goes on."""
    tty = Tty(monkeypatch, OWN)
    job = Job(monkeypatch, SLEEP)
    assert job.kill(signum) is None
    assert job.stops == 1
    assert tty.changes == [job.child.pid, OWN, job.child.pid]
    assert is_running(job.child.pid)
    job.kill()


def test_a_job_that_is_stopped_in_the_background_stops_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody passed a SIGTSTP on: he wants the shell to see it stopped."""
    tty = Tty(monkeypatch, 1)
    job = Job(monkeypatch, SLEEP)
    assert job.kill(signal.SIGTSTP) is None
    assert (job.stops, tty.changes) == (1, [])
    assert is_running(job.child.pid)
    job.kill()


def test_a_sigstop_in_the_background_leaves_the_parent_awake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No terminal sends it: whoever does means the server, and continues the server."""
    job = Job(monkeypatch, SLEEP)
    assert job.kill(signal.SIGSTOP) is None
    assert job.stops == 0
    assert not is_running(job.child.pid)
    job.kill()


@pytest.mark.parametrize("signum", [signal.SIGTTIN, signal.SIGTTOU])
def test_a_server_that_asks_for_the_terminal_gets_it(
    monkeypatch: pytest.MonkeyPatch, signum: int
) -> None:
    """If the parent has it, or it was faster than the parent that has just handed it on."""
    tty = Tty(monkeypatch, 1)
    job = Job(monkeypatch, SLEEP)
    for foreground in (OWN, job.child.pid):
        tty.foreground = foreground
        assert job.kill(signum) is None
        assert (job.stops, tty.foreground) == (0, job.child.pid)
        assert is_running(job.child.pid)
    job.kill()


def test_the_sigcont_that_continues_the_parent_is_taken_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Taken later, it would continue a server that was stopped again."""
    real = os.kill

    def continued(_pid: int, _signum: int) -> None:
        real(os.getpid(), signal.SIGCONT)

    monkeypatch.setattr(os, "kill", continued)
    _child._stop()
    assert signal.SIGCONT not in signal.sigpending()


def test_the_parent_stops_by_the_default_action_of_its_own_sigtstp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sent to its whole group, and let through for as long as it takes."""
    done = Calls()
    with monkeypatch.context() as patch:  # undone before the mask of the fixture is
        patch.setattr(os, "kill", done)
        patch.setattr(signal, "pthread_sigmask", done)
        patch.setattr(signal, "signal", done)
        patch.setattr(signal, "sigtimedwait", done)
        _child._stop()
    assert done.calls == [
        (signal.SIGTSTP, signal.SIG_DFL),
        (0, signal.SIGTSTP),
        (signal.SIG_UNBLOCK, {signal.SIGTSTP}),
        (signal.SIG_BLOCK, {signal.SIGTSTP}),
        (signal.SIGTSTP, None),  # what the first call has returned
        ({signal.SIGCONT}, 0),
    ]


def is_running(pid: int) -> bool:
    """Whether a process is not stopped (proc(5), /proc/pid/stat, 3)."""
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123  # as above
        return file.read().rpartition(")")[2].split()[0] != "T"
