"""`healthkit run` in this process: the order of things, with small real commands."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from healthkit import _run
from healthkit._run import CAUGHT, Signals, main

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A signal that is blocked in the main thread would strike another one.
pytestmark = pytest.mark.alone

#: What the command finds in its environment, beside what the test says.
ENVIRON = {"PATH": os.environ["PATH"]}


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Put back what `main` leaves as it is: it is the last thing that its process does."""
    faulthandler.cancel_dump_traceback_later()  # pytest's thread: until it blocks signals itself
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    handlers = {signum: signal.getsignal(signum) for signum in CAUGHT}
    yield
    while signal.sigtimedwait(CAUGHT, 0.0) is not None:
        pass
    for signum, handler in handlers.items():
        signal.signal(signum, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.fixture
def tmpdir(tmp_path: Path) -> Path:
    """Return a place for private directories."""
    place = tmp_path / "place"
    place.mkdir()
    return place


@pytest.fixture
def environ(tmpdir: Path) -> dict[str, str]:
    """Return an environment that names it."""
    return {**ENVIRON, "TMPDIR": str(tmpdir)}


def sh(script: str, *options: str) -> list[str]:
    """Return the arguments to run a script."""
    return [*options, "--", "/bin/sh", "-c", script]


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill $$", 143)])
def test_the_exit_status_is_the_commands(
    environ: dict[str, str], tmpdir: Path, script: str, status: int
) -> None:
    """And nothing is left behind, neither a directory nor a process."""
    assert main(sh(script), environ) == status
    assert list(tmpdir.iterdir()) == []
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_workers_meet_in_a_private_directory(
    environ: dict[str, str], tmpdir: Path, tmp_path: Path
) -> None:
    """Nobody else can enter it; whatever the workers leave there goes with it."""
    seen = tmp_path / "seen"
    script = f'stat -c "%a %n" {tmpdir}/* "$HEALTHKIT_STATE_DIR" >{seen}; >$HEALTHKIT_STATE_DIR/x'
    assert main(sh(script), environ) == 0
    outer, inner = (line.split() for line in seen.read_text().splitlines())
    assert outer[0] == inner[0] == "700"
    assert inner[1] == f"{outer[1]}/state"
    assert list(tmpdir.iterdir()) == []


def test_a_worker_that_outlives_the_server_can_not_make_the_directory_anew(
    environ: dict[str, str], tmpdir: Path, tmp_path: Path
) -> None:
    """It would stay for ever: nobody is left to remove it."""
    named = tmp_path / "named"
    assert main(sh(f'printf %s "$HEALTHKIT_STATE_DIR" >{named}'), environ) == 0
    with pytest.raises(FileNotFoundError):
        os.mkdir(named.read_text())  # noqa: PTH102  # what _seat.Seat does
    assert list(tmpdir.iterdir()) == []


def test_what_can_not_be_removed_stays(environ: dict[str, str], tmpdir: Path) -> None:
    """The exit status is the command's all the same."""
    assert main(sh("mkdir $HEALTHKIT_STATE_DIR/theirs; exit 7"), environ) == 7
    [left] = tmpdir.iterdir()
    assert [path.name for path in left.rglob("*")] == ["state", "theirs"]


def test_the_command_may_remove_the_directory_itself(environ: dict[str, str], tmpdir: Path) -> None:
    """Then there is nothing to do."""
    assert main(sh(f"rm -r {tmpdir}; exit 7"), environ) == 7


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_named_directory_is_left_alone(
    environ: dict[str, str], tmpdir: Path, tmp_path: Path, by: str
) -> None:
    """It is somebody else's."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "theirs").touch()
    environ |= {"HEALTHKIT_STATE_DIR": str(state)} if by == "environment" else {}
    options = ["--state-dir", str(state)] if by == "option" else []
    script = f'test "$HEALTHKIT_STATE_DIR" = {state} && test -z "$(ls {tmpdir})"'
    assert main(sh(script, *options), environ) == 0
    assert [path.name for path in state.iterdir()] == ["theirs"]


def test_the_drain_delay_is_told_to_the_workers(environ: dict[str, str]) -> None:
    """In the variable that they read anyway."""
    assert main(sh('test "$HEALTHKIT_DRAIN_DELAY" = 2.5', "--drain-delay", "2.5"), environ) == 0
    assert main(sh('test -z "$HEALTHKIT_DRAIN_DELAY"'), environ) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["uvicorn"], "found no '--', expected -- and the command after it"),
        (["--drain-delay", "nan", "--", "x"], "--drain-delay=nan: expected seconds"),
        (["--", "/nonesuch"], "can't start '/nonesuch' (No such file or directory): expected"),
        (["--", "/etc/passwd"], "can't start '/etc/passwd' (Permission denied): expected"),
    ],
)
def test_a_wrong_call_is_one_line(
    capfd: pytest.CaptureFixture[str],
    environ: dict[str, str],
    tmpdir: Path,
    arguments: list[str],
    line: str,
) -> None:
    """Exit code 2, and nothing is left behind."""
    assert main(arguments, environ) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"healthkit run: {line}")
    assert err.count("\n") == 1
    assert list(tmpdir.iterdir()) == []


def test_help_goes_to_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """For a pager."""
    assert main(["--help"], {}) == 0
    out, err = capfd.readouterr()
    assert out.startswith("usage: healthkit run ")
    assert err == ""


def test_the_first_place_that_is_writable_is_taken(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], tmpdir: Path, tmp_path: Path
) -> None:
    """A read-only root file system leaves some other."""
    monkeypatch.setattr(_run, "_PLACES", ("/nonesuch", str(tmp_path / "file"), str(tmpdir)))
    (tmp_path / "file").touch()
    for first in ("/nonesuch", "", None):
        environ.pop("TMPDIR", None)
        environ |= {} if first is None else {"TMPDIR": first}
        assert (
            main(sh(f'case "$HEALTHKIT_STATE_DIR" in ({tmpdir}/*) ;; (*) exit 1; esac'), environ)
            == 0
        )


def test_a_relative_tmpdir_is_where_the_command_begins(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], tmp_path: Path
) -> None:
    """Its workers may run elsewhere."""
    monkeypatch.chdir(tmp_path)
    environ["TMPDIR"] = "place"
    script = f'case "$HEALTHKIT_STATE_DIR" in ({tmp_path}/place/*) ;; (*) exit 1; esac'
    assert main(sh(script), environ) == 0


def test_no_writable_place_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    """With what can be done about it."""
    monkeypatch.setattr(_run, "_PLACES", ("/nonesuch",))
    environ["TMPDIR"] = "/dev/null"
    assert main(["--", "true"], environ) == 2
    assert capfd.readouterr().err == (
        "healthkit run: no place for a state directory in /dev/null, /nonesuch: expected one of "
        "them to be writable; name another with --state-dir or TMPDIR\n"
    )


def test_a_place_with_room_for_one_directory_only_is_none(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], tmpdir: Path
) -> None:
    """What was begun there is taken away again."""
    real = os.mkdir

    def full(path: str, mode: int) -> None:
        if path.endswith("/state"):
            raise OSError(28, "No space left on device")
        real(path, mode)

    monkeypatch.setattr(_run, "_PLACES", ())
    monkeypatch.setattr(os, "mkdir", full)
    assert main(["--", "true"], environ) == 2
    assert list(tmpdir.iterdir()) == []


def test_a_signal_that_came_first_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """Everything that comes after the first line of `main` waits until there is a server."""
    early: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda signum, _frame: early.append(signum))
    monkeypatch.setattr(
        _run, "_fill_standard_descriptors", lambda: signal.raise_signal(signal.SIGTERM)
    )
    assert main(["--", "sleep", "60"], environ) == 143
    assert early == []
    signal.signal(signal.SIGTERM, before)


def test_sigterm_without_workers_is_passed_on_and_said(
    capfd: pytest.CaptureFixture[str], environ: dict[str, str]
) -> None:
    """Each step is a line for whoever reads the log."""
    assert main(sh("kill -TERM $PPID; exec sleep 60"), environ) == 143
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "healthkit run: SIGTERM: draining"
    assert lines[-1] == "healthkit run: passing SIGTERM on"


def test_an_inherited_disregard_for_children_is_undone(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """Else the kernel reaps a child that ends at once, and its exit status is nobody's."""

    def late() -> Signals:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        return Signals()

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    monkeypatch.setattr(_run, "Signals", late)
    assert main(sh("exit 7"), environ) == 7


def test_signals_of_ones_own_making_are_not_events() -> None:
    """A closed stderr would end the server: SIGPIPE. Two can't be caught."""
    left = {signal.Signals(signum).name for signum in signal.valid_signals() - CAUGHT}
    made_by_itself = ("SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "PIPE", "XFSZ", "XCPU")
    assert left == {f"SIG{name}" for name in ("KILL", "STOP", *made_by_itself)}


def test_the_wait_ends_with_its_time() -> None:
    """Or with a signal; each is taken once, and waits when there are several."""
    signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    signals = Signals()
    assert signals.wait(0.0) is None
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
    assert {signals.wait(0.0), signals.wait(None)} == {1, 15}
    assert signals.wait(0.0) is None
    assert repr(signals) == "<Signals []>"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= CAUGHT
    signals.close()


def test_after_the_end_no_signal_comes_through(environ: dict[str, str]) -> None:
    """A late one can't change an exit status that is known already."""
    assert main(sh("exit 0"), environ) == 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= CAUGHT
    assert signal.set_wakeup_fd(-1) == -1


CLOSED = """
import os, stat, sys
from healthkit import _run
for descriptor in {closed}:
    os.close(descriptor)
_run._fill_standard_descriptors()
_run.say("nobody hears it")
null = os.stat("/dev/null").st_rdev
found = [os.fstat(n) for n in (0, 1, 2)]
assert [n for n in (0, 1, 2) if found[n].st_rdev == null and not os.get_inheritable(n)] == {closed}
os._exit(7)
"""


@pytest.mark.parametrize("closed", [[], [2], [0, 1, 2], [1]])
def test_a_closed_stderr_is_not_where_the_next_file_opens(closed: list[int]) -> None:
    """Lines for people would be written into it. The command finds it closed still."""
    script = CLOSED.format(closed=closed)
    found = subprocess.run([sys.executable, "-c", script], check=False, stdin=subprocess.PIPE)  # noqa: S603  # as written above
    assert found.returncode == 7


def test_closed_descriptors_are_filled_in_this_process_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As above, played; without a /dev/null they stay closed."""
    opened, closed = iter([0, 2, 3]), list[int]()

    def opens(_path: str, _flags: int) -> int:
        return next(opened)

    monkeypatch.setattr(os, "open", opens)
    monkeypatch.setattr(os, "close", closed.append)
    _run._fill_standard_descriptors()
    assert closed == [3]


def test_a_missing_null_device_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strange place to run in."""

    def missing(_path: str, _flags: int) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "open", missing)
    _run._fill_standard_descriptors()


def test_what_can_not_be_written_is_not_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    """A name may hold anything, and stderr may be a pipe that nobody reads."""
    _run.say("caf\N{LATIN SMALL LETTER E WITH ACUTE} \udcff")
    assert (
        capfd.readouterr().err == "healthkit run: caf\N{LATIN SMALL LETTER E WITH ACUTE} \\udcff\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    _run._write(writing, "nobody hears it")
    os.close(writing)


def test_a_full_pipe_is_not_waited_for() -> None:
    """Its reader may be stopped; the line is dropped, and the next one that finds room is not."""
    reading, writing = os.pipe()
    room = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
    os.write(writing, bytes(room))
    _run._write(writing, "dropped")
    assert os.read(reading, 2 * room) == bytes(room)
    _run._write(writing, "heard")
    assert os.read(reading, 4096) == b"heard"
    os.close(writing)
    _run._write(writing, "nobody hears it")
    os.close(reading)


def test_little_is_imported_before_the_signals_are_blocked() -> None:
    """A SIGTERM that comes earlier is lost to PID 1."""
    script = "import sys, healthkit._run; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", script]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603  # as written above
    assert {"healthkit", "healthkit._run", "signal"} <= set(found)
    assert [name for name in found if name.startswith("healthkit.")] == ["healthkit._run"]
    assert not {"typing", "re", "dataclasses", "subprocess", "pathlib", "logging"} & set(found)


def test_the_places_are_looked_at_in_their_order() -> None:
    """What a read-only root file system leaves comes first; it is memory, as these files want."""
    assert _run._PLACES == ("/dev/shm", "/tmp", "/run")  # noqa: S108  # only their names
    assert stat.S_ISDIR(Path("/dev/shm").stat().st_mode)  # noqa: S108  # as above
