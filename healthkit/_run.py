"""`healthkit run`: the order of things, from the first line to the exit status.

A small parent, good as PID 1, for platforms that only send SIGTERM (ECS, Cloud Run, Nomad, docker
stop). It gets the signal before the server does; see `_parent` for what happens then, `_child` for
the server's process and the terminal, `_run_options` for the arguments.

The surprising fact: the very first thing is to block the signals. One that is blocked waits, also
for PID 1, for which the kernel drops every signal that it would otherwise have died of (Linux
kernel/signal.c, sig_ignored: blocked signals are never ignored; pid_namespaces(7)). So this module
imports only what that takes, and the rest after it. They are let through while the parent waits,
and at no other time. In the end they stay blocked: a late SIGTERM can't change an exit status that
is known already.

What it does not do:

1. It is no init for several services: it has one child, and ends with it.
2. A parent that is itself killed with SIGKILL leaves the server running, and its private directory.
3. The private directory belongs to the user that the parent runs as. Workers that become another
   user can't write there: name one of theirs with --state-dir.
"""

from __future__ import annotations

import os
import select
import signal

TYPE_CHECKING = False  # typing's own costs more than all the rest of this module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from healthkit._run_options import Options

#: What a wrong command line ends with, and a command that can't be started.
USAGE: Final = 2

#: In seconds. The parent is for platforms where nobody else waits for the load balancer.
LEAST_DELAY: Final = 5.0

#: Signals that are not waited for: two can't be caught; the rest come from what a process does
#: itself. SIGPIPE and SIGXFSZ, which Python ignores, would come from a closed stderr.
_OWN: Final = frozenset(
    {
        signal.SIGKILL,
        signal.SIGSTOP,
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGSYS,
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGXCPU,
    }
)

#: Every other signal, the real-time ones included, is an event.
CAUGHT: Final = frozenset(signal.valid_signals()) - _OWN

#: Where a private directory is looked for, after TMPDIR. A read-only root file system usually
#: leaves /dev/shm writable.
_PLACES: Final = ("/dev/shm", "/tmp", "/run")  # noqa: S108  # a name of its own, mode 0700, below

#: What the directory of the workers is called inside the private one.
_STATE: Final = "state"


class Signals:
    """The process's own signals. They come through only while somebody waits for them.

    Not sigtimedwait(2): what instruments a whole container, by a sitecustomize of its own, may have
    started threads before `main`. Those block nothing, the kernel prefers them, and a SIGCHLD that
    nobody handles is gone. A handler is run for all threads, and its byte waits in a pipe.
    """

    def __init__(self) -> None:
        self._came: list[int] = []
        self._reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._pipe = (self._reading, writing)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for signum in CAUGHT:
            signal.signal(signum, _came)

    def __repr__(self) -> str:
        return f"<Signals {self._came}>"

    def wait(self, timeout: float | None) -> int | None:
        """Return the next signal; None after `timeout` seconds, which may be None: for ever."""
        if not self._came:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)
            select.select([self._reading], (), (), timeout)
            signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
            try:
                self._came += os.read(self._reading, 4096)
            except BlockingIOError:
                return None
        return self._came.pop(0)

    def close(self) -> None:
        """Listen no more. The handlers stay, and do nothing."""
        signal.set_wakeup_fd(-1)
        for descriptor in self._pipe:
            os.close(descriptor)


def _came(_signum: int, _frame: object) -> None:
    """Do nothing: that it came is in the pipe already."""


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run a command as `healthkit run` does; return the exit status.

    It is the last thing that its process does: the signals stay blocked.

    Args:
        arguments: what stands behind ``healthkit run``.
        environ: the environment, which is also the command's.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    # Where it was inherited as ignored, the kernel would reap the child itself (wait(2), "Notes").
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _fill_standard_descriptors()

    from healthkit import _run_options  # noqa: PLC0415  # after the signals are blocked
    from healthkit.errors import ConfigError  # noqa: PLC0415  # as above

    try:
        options = _run_options.read(arguments, environ)
        if options is None:
            _write(1, _run_options.HELP)
            return 0
        if options.state_dir is not None:
            return _run(options, options.state_dir)
        root = _make_private(environ)
        try:
            return _run(options, f"{root}/{_STATE}")
        finally:
            _remove_private(root)
    except ConfigError as exc:
        say(str(exc))
        return USAGE


def _run(options: Options, path: str) -> int:
    """Start the command and stay with it to its end.

    Raises:
        ConfigError: it can't be started.
    """
    from healthkit import _child, _parent  # noqa: PLC0415  # as above
    from healthkit._pod_drain import PodDrain  # noqa: PLC0415  # as above
    from healthkit._state_dir import StateDir  # noqa: PLC0415  # as above

    drain = PodDrain(StateDir(path), say, delay=options.drain_delay, least_delay=LEAST_DELAY)
    environ = {**options.environ, "HEALTHKIT_STATE_DIR": path}
    child = _child.spawn(options.command, environ, say)
    signals = Signals()  # not before: what is ignored is inherited, what is handled is not
    try:
        return _parent.Parent(child, drain, signals, say).run()
    finally:
        signals.close()


def say(line: str) -> None:
    """Write a line to stderr, whatever has become of it."""
    _write(2, f"healthkit run: {line}\n")


def _write(descriptor: int, text: str) -> None:
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLOUT)
        if not waiting.poll(0):
            return  # a pipe that is full: its reader may come back, SIGTERM does not wait for it
        os.write(descriptor, text.encode(errors="backslashreplace"))
    except OSError:
        pass  # closed, full, or a pipe that nobody reads: not what the server should die of


def _fill_standard_descriptors() -> None:
    """Put /dev/null where stdin, stdout or stderr were closed; the command finds them closed still.

    Else a file that is opened later takes the place, a record of the drain for one, and lines that
    are meant for stderr are written into it.
    """
    try:
        while (descriptor := os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)) <= 2:  # noqa: PLR2004  # stderr
            pass
        os.close(descriptor)
    except OSError:
        pass  # no /dev/null: a strange place, but none in which the server must not run


# -- the private directory ------------------------------------------------------------------------


def _make_private(environ: Mapping[str, str]) -> str:
    """Make a directory that nobody else can enter, and one for the workers in it; return the first.

    A worker that finds its directory gone makes it anew. In a directory that is gone as well it
    can't, so that nothing is left behind by one that outlives the server.

    Raises:
        ConfigError: there is no place for it.
    """
    from healthkit.errors import ConfigError  # noqa: PLC0415  # as above

    tmpdir = environ.get("TMPDIR")
    places = (os.path.abspath(tmpdir), *_PLACES) if tmpdir else _PLACES  # noqa: PTH100  # pathlib is an import
    for place in places:
        root = f"{place}/healthkit-run-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            os.mkdir(root, 0o700)  # noqa: PTH102  # as above
            os.mkdir(f"{root}/{_STATE}", 0o700)  # noqa: PTH102  # as above
        except OSError:
            _remove_private(root)
        else:
            return root
    message = f"no place for a state directory in {', '.join(places)}: expected one of them to be "
    raise ConfigError(message + "writable; name another with --state-dir or TMPDIR")


def _remove_private(root: str) -> None:
    """Remove the directory and what is in it. What can't be removed stays."""
    gone = f"{root}.gone"
    try:
        os.rename(root, gone)  # noqa: PTH104  # as above
    except OSError:
        return
    inner = f"{gone}/{_STATE}"
    try:
        for name in os.listdir(inner):  # noqa: PTH208  # as above
            os.unlink(f"{inner}/{name}")  # noqa: PTH108  # as above
        os.rmdir(inner)  # noqa: PTH106  # as above
    except OSError:
        pass
    try:  # noqa: SIM105  # as above
        os.rmdir(gone)  # noqa: PTH106  # as above
    except OSError:
        pass
