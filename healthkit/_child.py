"""The server's process: how it is started, signalled, stopped, continued and reaped.

It gets a process group of its own, as every job of a shell does (credentials(7), "Sessions and
process groups"): what signals the parent's group, a supervisor or a terminal, reaches it through
the parent only. In the foreground the terminal is handed on to that group, so that Ctrl-C reaches
the server directly; one that stands in the background leaves the terminal alone.

When a stop comes from job control (Ctrl-Z; a read from the terminal in the background), the
parent takes the terminal back and stops its own group too, as the terminal would have done, so that
the shell sees the job stopped; once it is continued, it continues the server. It stops by SIGTSTP's
own default action: where nobody could continue it (PID 1; an orphaned process group, as that of a
session leader), the kernel ignores that (setpgid(2), pid_namespaces(7)), and the server goes on at
once. A SIGSTOP in the background is no job control: whoever sent it to the server means the server,
and the parent stays awake.

Every signal is blocked while the parent is in here: that is also what lets it take the terminal
from the background (tcsetpgrp(3): otherwise SIGTTOU stops whoever tries).
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

from healthkit import _validate
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What differs here from what the parent was given: Python ignores the first two in itself
#: (CPython Python/pylifecycle.c), and `_run` sets the third. Everything else that is ignored stays
#: so, as nohup wants it: nothing else is handled yet, or it is Python's SIGINT, reset by execve(2).
_CHANGED: Final = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)

_STDIN: Final = 0


def spawn(
    command: tuple[str, ...], environ: Mapping[str, str], say: Callable[[str], None]
) -> Child:
    """Start a command in a process group of its own, with no signal blocked.

    Args:
        command: the program, looked for in PATH, and its arguments.
        environ: its environment.
        say: takes a line for whoever reads the log.

    Raises:
        ConfigError: it can't be started. Nothing is left behind.
    """
    try:
        pid = os.posix_spawnp(
            command[0], command, environ, setpgroup=0, setsigmask=(), setsigdef=_CHANGED
        )
    except (OSError, ValueError) as exc:  # the latter: an empty name
        reason = exc.strerror if isinstance(exc, OSError) else exc
        found = f"can't start {_validate.shown(command[0])} ({reason})"
        raise ConfigError(f"{found}: expected an executable, by path or in PATH") from exc
    child = Child(pid, Terminal(), say)
    child.terminal.give(pid)
    return child


class Terminal:
    """The terminal that is this process's stdin, if there is one."""

    def __init__(self) -> None:
        #: This process's own group. Nobody changes it.
        self._own = os.getpgrp()

    def __repr__(self) -> str:
        return f"<Terminal foreground={self.foreground()}>"

    def foreground(self) -> int | None:
        """Return the process group in the foreground; None without a terminal of this session."""
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(_STDIN)
        return None

    def give(self, group: int) -> bool:
        """Hand the terminal on to `group`, if this process has it; return whether `group` has.

        A group of another PID namespace reads as 0. It could not be handed back.
        """
        if self._own != 0 and self.foreground() == self._own:
            self._set(group)
        return self.foreground() == group

    def take(self, group: int) -> bool:
        """Take it back, if `group` has it; return whether it had."""
        had = self.foreground() == group
        if had:
            self._set(self._own)
        return had

    def _set(self, group: int) -> None:
        with contextlib.suppress(OSError):  # hung up, or nobody is left in that group
            os.tcsetpgrp(_STDIN, group)


class Child:
    """A server's process, the leader of its group. It is nobody else's to wait for."""

    def __init__(self, pid: int, terminal: Terminal, say: Callable[[str], None]) -> None:
        self.pid = pid
        self.terminal = terminal
        self._say = say
        #: Its exit status. A process that was waited for is not signalled: its id may be another's.
        self.status: int | None = None

    def __repr__(self) -> str:
        state = "running" if self.status is None else f"ended {self.status}"
        return f"<Child {self.pid} {state}>"

    def send(self, signum: int) -> None:
        """Send it a signal, and only it: a server signals its own workers."""
        if self.status is None:
            try:
                os.kill(self.pid, signum)
            except OSError as exc:  # it has become another user
                self._say(f"can't send signal {signum} to the server ({exc.strerror})")

    def resume(self) -> None:
        """Continue it and its group, in the foreground if this process is there."""
        self.terminal.give(self.pid)
        if self.status is None:
            with contextlib.suppress(OSError):  # as above; or its group is another one by now
                os.killpg(self.pid, signal.SIGCONT)

    def reap(self) -> int | None:
        """Wait for whatever has ended; return the exit status if the server is among it.

        Processes whose own parent has died become PID 1's, and nobody else waits for them.
        """
        while (found := _changed()) is not None:
            pid, wait_status = found
            if pid == self.pid and os.WIFSTOPPED(wait_status):
                self._stopped(os.WSTOPSIG(wait_status))
            elif pid == self.pid:
                self._ended(os.waitstatus_to_exitcode(wait_status))
        return self.status

    def _ended(self, code: int) -> None:
        self.status = code if code >= 0 else 128 - code
        self.terminal.take(self.pid)

    def _stopped(self, signum: int) -> None:
        wants_terminal = signum in {signal.SIGTTIN, signal.SIGTTOU}
        if wants_terminal and self.terminal.give(self.pid):
            self.resume()  # it has it now
        elif self.terminal.take(self.pid) or signum != signal.SIGSTOP:
            _stop()
            self.resume()


def _changed() -> tuple[int, int] | None:
    """Return the id and the wait status of a child that has ended or stopped; None if none has."""
    try:
        found = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
    except ChildProcessError:
        return None
    return found if found[0] else None


def _stop() -> None:
    """Stop this process group as the terminal does; return when it is continued.

    SIGCONT discards a stop signal that still waits (signal(7)), so that it is not passed on later.
    The SIGCONT itself is taken here: taken later, it would undo the next stop.
    """
    handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(0, signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    signal.signal(signal.SIGTSTP, handler)
    signal.sigtimedwait({signal.SIGCONT}, 0)
