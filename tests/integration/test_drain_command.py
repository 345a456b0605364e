"""``healthkit drain`` and ``status`` as processes, in a pod whose workers are processes.

A worker here is a small program that takes a place in the directory, latches the drain as a worker
does, and finishes its one request when it is told to on stdin. Nothing waits for time to pass:
each step is awaited by what a process says, or by what stands in the directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pytest

from healthkit._state_dir import StateDir

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that anything may take before a test is given up.
PATIENCE: Final = 20.0

#: The workers' own settings.
DELAY: Final = 0.2
TIMEOUT: Final = 60.0

#: What is said of a worker that is too late for a second: a busy machine may make one so.
LATE: Final = "does not answer"

ROOT: Final = Path(__file__).parents[2]

WORKER: Final = f"""
import os, select, sys, time
from dataclasses import replace
from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Phase, Probe
from healthkit._seat import Seat
from healthkit._state_dir import StateDir

directory = StateDir(sys.argv[1])
latches = "deaf" not in sys.argv
facts = Facts(pid=os.getpid(), app="shop", joined=time.monotonic_ns(), phase=Phase.SERVING,
              started=True, ready=True, requests=sys.argv.count("busy"),
              holds=("hold 'checkout job'",) * sys.argv.count("holding"),
              drain_delay={PATIENCE} if "patient" in sys.argv else {DELAY},
              drain_timeout={TIMEOUT})

def body():
    return body_of(facts, Details(), dict.fromkeys(Probe, (True, "ok")), time.monotonic_ns())

seat = Seat(directory, _records.WORKER, body())
print("joined", flush=True)
while True:
    ready, _, _ = select.select([0, seat.bell], [], [], 0.05)
    if seat.bell in ready:
        os.read(seat.bell, 4096)
    if 0 in ready:
        line = sys.stdin.readline()
        if not line:
            break
        facts = replace(facts, requests=0, holds=())
        if line == "long ago\\n":
            facts = replace(facts, told=facts.told - 60, drain_delay={2 * PATIENCE})
    view = directory.look(seat.name)
    told = [one for one in (view.told, *(peer.facts.told for peer in view.peers)) if one]
    if latches and told and facts.told is None:
        facts = replace(facts, told=min(told), ready=False)
        print("told", flush=True)
    seat.write(body())
seat.leave()
"""

#: Becomes nobody, whom mode bits stop, and is the command line then.
AS_NOBODY: Final = """
import os, sys
from healthkit import _drain_command
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(_drain_command.main(sys.argv[1:], {}))
"""


class Process:
    """A process whose lines are read as they come."""

    def __init__(
        self, command: list[str], *, reads_stderr: bool = False, skips: str = "nothing"
    ) -> None:
        self._skips = skips
        pipe = subprocess.PIPE
        self._popen = subprocess.Popen(  # noqa: S603  # our own words
            command,
            text=True,
            cwd=ROOT,
            stdin=pipe,
            stdout=None if reads_stderr else pipe,
            stderr=pipe if reads_stderr else None,
        )
        lines = self._popen.stderr if reads_stderr else self._popen.stdout
        assert lines is not None
        assert self._popen.stdin is not None
        self._lines = lines
        self._stdin = self._popen.stdin

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.wait()
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        self._lines.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def line(self) -> str:
        """Return the next line."""
        while self._skips in (line := self._lines.readline().rstrip("\n")):
            pass
        return line

    def tell(self, line: str) -> None:
        """Write a line to it."""
        self._stdin.write(f"{line}\n")
        self._stdin.flush()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def ends(self) -> tuple[int, list[str]]:
        """Wait for the end; return the exit code and the lines that are left."""
        lines = [line for line in self._lines.read().splitlines() if self._skips not in line]
        return self._popen.wait(PATIENCE), lines


class Pod:
    """A directory, and the workers in it."""

    def __init__(self, path: Path, stack: contextlib.ExitStack) -> None:
        self.path = path
        self._stack = stack

    def worker(self, *manners: str) -> Process:
        """Start a worker, and wait until it has joined."""
        command = [sys.executable, "-c", WORKER, str(self.path), *manners]
        worker = self._stack.enter_context(Process(command))
        assert worker.line() == "joined"
        return worker

    def drain(self, *options: str, skips: str = LATE) -> Process:
        """Start the command; its lines with this in them are not read."""
        command = [sys.executable, "-m", "healthkit", "drain", f"--state-dir={self.path}", *options]
        return self._stack.enter_context(Process(command, reads_stderr=True, skips=skips))

    def requests(self) -> int:
        """Return how many drains are asked for, by files."""
        return len(list(self.path.glob("drain-*")))

    def status(self) -> dict[str, list[dict[str, object]]]:
        """Return what `healthkit status` says."""
        run = [sys.executable, "-m", "healthkit", "status", "--json", f"--state-dir={self.path}"]
        said = subprocess.run(run, capture_output=True, check=True, timeout=PATIENCE, cwd=ROOT)  # noqa: S603  # our own words
        shown: dict[str, list[dict[str, object]]] = json.loads(said.stdout)
        return shown


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """Return a pod without workers; afterwards all its processes are ended."""
    with contextlib.ExitStack() as stack:
        yield Pod(tmp_path, stack)


def number(text: str, line: str) -> float:
    """Return the number that stands for N in a line."""
    found = re.fullmatch(re.escape(f"healthkit drain: {text}").replace("N", r"([\d.]+)"), line)
    assert found is not None, line
    return float(found[1])


def serves_on(workers: str, line: str) -> float:
    """Return how long a drain serves on, by its first line: what is left when it has looked."""
    begins = re.escape(f"healthkit drain: draining {workers}")
    found = re.fullmatch(rf"{begins}(?:, serving on for ([\d.]+) s)?", line)
    assert found is not None, line
    return float(found[1] or 0)


def test_a_drain_serves_on_and_waits_for_the_work_in_flight(pod: Pod) -> None:
    """Every worker is told at once; the request goes away when it has ended."""
    first, second = pod.worker("busy", "holding"), pod.worker()
    drain = pod.drain()
    assert 0 <= serves_on("2 workers", drain.line()) <= DELAY
    assert [first.line(), second.line()] == ["told", "told"]
    waiting = f"waiting for 1 request, hold 'checkout job' (worker {first.pid})"
    assert drain.line() == f"healthkit drain: {waiting}"
    assert pod.requests() == 1
    assert [worker["told"] for worker in pod.status()["workers"]] == [True, True]
    first.tell("done")
    assert number("drained in N s", drain.line()) >= DELAY
    assert drain.ends() == (0, [])
    assert pod.requests() == 0


def test_a_worker_that_joins_later_is_told_and_waited_for(pod: Pod) -> None:
    """Also when it comes after the delay."""
    first = pod.worker("busy")
    drain = pod.drain()
    drain.line()
    assert drain.line() == "healthkit drain: waiting for 1 request"
    late = pod.worker("busy")
    assert late.line() == "told"
    assert drain.line() == f"healthkit drain: worker {late.pid} joined: told as well"
    assert drain.line() == "healthkit drain: waiting for 2 requests"
    first.tell("done")
    late.tell("done")
    code, lines = drain.ends()
    assert (code, number("drained in N s", lines[-1]) > 1) == (0, True)


def test_a_worker_that_is_killed_is_not_waited_for(pod: Pod) -> None:
    """The kernel says that it has gone; the other one is waited for."""
    killed, other = pod.worker("busy"), pod.worker("holding")
    drain = pod.drain()
    drain.line()
    assert drain.line().startswith("healthkit drain: waiting for 1 request, hold")
    killed.send(signal.SIGKILL)
    waiting = f"healthkit drain: waiting for hold 'checkout job' (worker {other.pid})"
    assert drain.line() == waiting
    other.tell("done")
    code, lines = drain.ends()
    assert (code, number("drained in N s", lines[-1]) >= DELAY) == (0, True)


def test_when_all_workers_have_ended_there_is_nothing_to_wait_for(pod: Pod) -> None:
    """The server shuts down, or is killed, in the middle."""
    worker = pod.worker("busy")
    drain = pod.drain()
    drain.line()
    assert drain.line() == "healthkit drain: waiting for 1 request"
    worker.send(signal.SIGKILL)
    assert drain.ends() == (0, ["healthkit drain: all workers have ended"])


def test_a_worker_that_is_replaced_in_the_delay_is_no_end(pod: Pod) -> None:
    """The one that the server starts instead is told; its own delay counts, which is shorter."""
    worker = pod.worker("patient")
    drain = pod.drain()
    assert PATIENCE / 2 < serves_on("1 worker", drain.line()) <= PATIENCE
    worker.send(signal.SIGKILL)
    worker.ends()
    new = pod.worker()
    assert new.line() == "told"
    assert drain.line() == f"healthkit drain: worker {new.pid} joined: told as well"
    assert DELAY <= number("drained in N s", drain.line()) < PATIENCE
    assert drain.ends() == (0, [])


def test_two_drains_at_once_are_one(pod: Pod) -> None:
    """The delay is waited for once; each takes away its own request."""
    worker = pod.worker("busy")
    drains = [pod.drain(), pod.drain()]
    for drain in drains:
        drain.line()
        assert drain.line() == "healthkit drain: waiting for 1 request"
    assert pod.requests() == 2
    drains[0].send(signal.SIGTERM)
    assert drains[0].ends()[0] == 128 + signal.SIGTERM
    assert pod.requests() == 1
    worker.tell("done")
    assert drains[1].ends()[0] == 0
    assert pod.requests() == 0
    worker.tell("long ago")
    third = pod.drain()
    assert serves_on("1 worker", third.line()) == 0
    assert number("drained in N s", third.line()) < PATIENCE
    assert third.ends() == (0, [])


@pytest.mark.parametrize("deadly", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_takes_the_request_away(deadly: signal.Signals, pod: Pod) -> None:
    """Without a traceback."""
    worker = pod.worker("busy")
    drain = pod.drain()
    assert worker.line() == "told"
    drain.line()
    drain.send(deadly)
    code, lines = drain.ends()
    assert code == 128 + deadly
    assert lines[-1] == f"healthkit drain: {deadly.name}: waits no longer"
    assert pod.requests() == 0


def test_a_drain_that_is_killed_drains_no_worker_that_comes_later(pod: Pod) -> None:
    """Its file may stay, but nobody waits for it any more: the lock has gone."""
    worker = pod.worker("deaf")
    drain = pod.drain()
    drain.line()
    drain.send(signal.SIGKILL)
    drain.ends()
    assert pod.requests() == 1
    worker.send(signal.SIGKILL)
    worker.ends()
    pod.worker()
    assert [one["told"] for one in pod.status()["workers"]] == [False]
    assert StateDir(str(pod.path)).look().told is None


def test_a_worker_that_does_not_answer_is_named(pod: Pod) -> None:
    """It is waited for as long as there is time, which is no failure."""
    worker = pod.worker("deaf")
    code, lines = pod.drain("--timeout=2.6", skips="nothing").ends()
    assert (code, serves_on("1 worker", lines[0]) <= DELAY) == (0, True)
    assert lines[1:-1] == [f"healthkit drain: worker {worker.pid} does not answer"]
    gave_up = f"gave up after N s with worker {worker.pid} not answering"
    assert number(gave_up, lines[-1]) >= 2.6


@pytest.mark.parametrize("what", ["closed", "nobody reads"])
def test_a_stderr_that_takes_nothing_ends_no_drain(pod: Pod, what: str) -> None:
    """The workers are told, and are waited for, and the exit code is 0."""
    worker = pod.worker("busy")
    command = [sys.executable, "-m", "healthkit", "drain", f"--state-dir={pod.path}"]
    reading, writing = os.pipe()
    os.close(reading)
    if what == "closed":
        command = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    with subprocess.Popen(command, stderr=writing, cwd=ROOT) as drain:  # noqa: S603  # our own words
        os.close(writing)
        assert worker.line() == "told"
        assert pod.requests() == 1
        worker.tell("done")
        assert drain.wait(PATIENCE) == 0
    assert pod.requests() == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody, whom mode bits stop")
def test_a_directory_that_may_not_be_written_is_said() -> None:
    """As another user than the workers': one line, and no failure."""
    # Not below pytest's own directory, which is closed to others by whoever runs pytest next.
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        run = [sys.executable, "-c", AS_NOBODY, f"--state-dir={path}"]
        said = subprocess.run(run, capture_output=True, text=True, check=True, timeout=PATIENCE)  # noqa: S603  # our own words
        assert said.stdout == ""
        assert said.stderr == (
            f"healthkit drain: state_dir='{path}': can't write in it (Permission denied): "
            "expected a directory that this user may write in, such as an emptyDir\n"
        )


def test_a_reader_of_the_status_may_go_away(pod: Pod) -> None:
    """``healthkit status | head -1``: no traceback, and no failure."""
    pod.worker()
    command = '"$1" -m healthkit status --state-dir="$2"; echo "exit code $?" >&2'
    piped = ["/bin/sh", "-c", f"({command}) | true", "sh", sys.executable, str(pod.path)]
    said = subprocess.run(piped, capture_output=True, text=True, check=True, timeout=PATIENCE)  # noqa: S603  # our own words
    assert (said.stdout, said.stderr) == ("", "exit code 0\n")
