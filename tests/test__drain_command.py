"""``healthkit drain``, in virtual time."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from healthkit import _drain_command
from tests.drains import Directory, Watch, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Lines = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    """Whatever the command has installed, it has taken away again."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


class Shell:
    """Calls the command in a directory whose workers are scripts."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.watch = Watch()
        self.workers: list[Worker] = []
        self.directory = Directory(path, self.watch)
        monkeypatch.setattr(_drain_command, "StateDir", self._directory)

    def _directory(self, path: str) -> Directory:
        assert path == str(self.path)
        return self.directory

    def call(self, *arguments: str, **environ: str) -> int:
        """Return the exit code."""
        self.directory.workers = self.workers
        return _drain_command.main(
            arguments or [f"--state-dir={self.path}"],
            environ,
            clock=self.watch.now,
            sleep=self.watch.sleep,
        )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a shell in a pod that has no worker yet."""
    return Shell(tmp_path, monkeypatch)


def test_a_pod_is_drained(shell: Shell, capsys: Lines) -> None:
    """It serves on for the delay, waits for the work in flight, and exits 0."""
    shell.workers = [Worker(12, requests=((0, 7),)), Worker(13)]
    assert shell.call() == 0
    assert shell.watch.passed == 7
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "healthkit drain: draining 2 workers, serving on for 5 s",
        "healthkit drain: waiting for 1 request",
        "healthkit drain: drained in 7 s",
    ]
    assert shell.directory.requests() == []


def test_a_worker_that_is_replaced_in_the_delay_is_no_end(shell: Shell, capsys: Lines) -> None:
    """The one that comes after it is told, and waited for."""
    shell.workers = [Worker(12, ends=2), Worker(13, joins=3, requests=((3, 6),))]
    assert shell.call() == 0
    assert shell.watch.passed == 6
    assert capsys.readouterr().err.splitlines() == [
        "healthkit drain: draining 1 worker, serving on for 5 s",
        "healthkit drain: worker 13 joined: told as well",
        "healthkit drain: waiting for 1 request",
        "healthkit drain: drained in 6 s",
    ]


def test_the_environment_may_name_the_directory(shell: Shell, capsys: Lines) -> None:
    """As it does for the workers."""
    assert shell.call("--timeout=1", HEALTHKIT_STATE_DIR=str(shell.path)) == 0
    assert "no worker lives in" in capsys.readouterr().err


def test_time_that_runs_out_is_no_failure(shell: Shell, capsys: Lines) -> None:
    """A hook that fails helps nobody."""
    shell.workers = [Worker(12, requests=((0, 99),))]
    assert shell.call(f"--state-dir={shell.path}", "--timeout", "6.5") == 0
    assert shell.watch.passed == 6.5
    assert "gave up after 6.5 s with 1 request still in flight" in capsys.readouterr().err


def test_a_missing_directory_is_no_failure(tmp_path: Path, capsys: Lines) -> None:
    """It is said, in one line."""
    assert _drain_command.main([f"--state-dir={tmp_path}/none"], {}) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("healthkit drain: there is no /")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "found neither --state-dir nor HEALTHKIT_STATE_DIR, expected one of them"),
        (["--state-dir=x"], "--state-dir='x': expected an absolute path"),
        (
            ["--state-dir=/x", "--timeout=soon"],
            "--timeout='soon': expected seconds as a number above 0 to 86400",
        ),
        (["--now"], "found '--now', expected --timeout S, --state-dir DIR, --help"),
        (["--state-dir=/x", "--", "now"], "found 'now' after '--', expected options only"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: list[str], line: str, capsys: Lines) -> None:
    """And the only thing that is no success."""
    assert _drain_command.main(arguments, {}) == 2
    assert capsys.readouterr() == ("", f"healthkit drain: {line}\n")


def test_help(capsys: Lines) -> None:
    """On stdout, whatever else there is."""
    assert _drain_command.main(["--help"], {}) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: healthkit drain [--timeout S] [--state-dir DIR]\n")
    assert (max(map(len, out.splitlines())) <= 100, err) == (True, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_takes_the_request_away(
    number: signal.Signals, shell: Shell, capsys: Lines
) -> None:
    """The exit code is a shell's for that signal, and nothing else is waited for."""
    shell.workers = [Worker(12)]
    requests: list[int] = []

    def interrupt() -> None:
        requests.append(len(shell.directory.requests()))
        os.kill(os.getpid(), number)

    shell.watch.events[2.0] = interrupt
    assert shell.call() == 128 + number
    assert (requests, shell.directory.requests()) == ([1], [])
    assert shell.watch.passed == 2
    assert capsys.readouterr().err.endswith(f"healthkit drain: {number.name}: waits no longer\n")


def test_the_request_is_taken_away_whatever_happens(shell: Shell) -> None:
    """A disk may do what it likes."""

    def fail() -> None:
        raise MemoryError

    shell.workers = [Worker(12)]
    shell.watch.events[2.0] = fail
    with pytest.raises(MemoryError):
        shell.call()
    assert shell.directory.requests() == []


def test_a_closed_stderr_ends_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook may be called without one."""
    monkeypatch.setattr("sys.stderr", None)
    shell.workers = [Worker(12)]
    assert shell.call() == 0
    assert shell.watch.passed == 5.05


def test_it_looks_as_often_as_workers_write(shell: Shell) -> None:
    """Every 50 ms, and each time it rings for the one who does not answer."""
    naps: list[float] = []
    passed: Callable[[float], None] = shell.watch.sleep

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        passed(seconds)

    shell.directory.workers = [Worker(12, answers_in=float("inf"))]
    arguments = [f"--state-dir={shell.path}", "--timeout=1"]
    _drain_command.main(arguments, {}, clock=shell.watch.now, sleep=sleep)
    assert naps == [0.05] * 20
    assert len(shell.directory.rung) == 22
