"""The exec probe as the kubelet runs it: a new process, real workers' records, a real server."""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import healthkit
from tests.benchmarks.measure import VALGRIND, total
from tests.test__probe_url import answers, closes, drips, serving, with_length

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ROOT: Final = Path(healthkit.__file__).parents[1]
SCRIPT: Final = str(Path(healthkit.__file__).with_name("probe.py"))

#: Seconds that anything may take; under valgrind a probe takes one or two.
PATIENCE: Final = 60.0
#: The options for an answer that comes in time, however busy the machine is.
IN_TIME: Final = ("--timeout", "30")

#: DESIGN.md, "Numbers to reach": instructions over those of ``python -I -S -c pass``.
GOAL: Final = 1.2

#: A worker: it takes a place, says so, keeps its word fresh, and ends when its stdin does.
WORKER: Final = """
import os, select, sys, time
from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._seat import Seat
from healthkit._state_dir import StateDir
directory, line, age, pid = sys.argv[1:]
says = dict.fromkeys(Probe, (line == "ok", line)) | {Probe.LIVE: (True, "ok")}
def body():
    written = time.monotonic_ns() - int(float(age) * 1e9)
    return body_of(Facts(int(pid) or os.getpid(), "app", 0, started=True), Details(), says, written)
seat = Seat(StateDir(directory), _records.WORKER, body())
print("in place", flush=True)
while not select.select([0], [], [], 0.5)[0]:
    seat.write(body())
seat.leave()
"""


@contextlib.contextmanager
def worker(
    directory: Path, line: str = "ok", *, age: float = 0.0, pid: int = 0
) -> Generator[subprocess.Popen[str]]:
    """Have a worker in the directory that always says this, written so many seconds ago.

    Args:
        directory: where its record is.
        line: what it says; anything but ``ok`` is a failure, of all but liveness.
        age: what its clock is behind.
        pid: what it says its process id is, if not the truth.
    """
    command = [sys.executable, "-c", WORKER, str(directory), line, str(age), str(pid)]
    with subprocess.Popen(  # noqa: S603  # our own code
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "in place\n"
            yield process
        finally:
            process.kill()


def probe(*arguments: str, script: str = SCRIPT) -> tuple[int, str, str]:
    """Run the probe as a manifest should; return its status and what it wrote."""
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-I", "-S", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout, done.stderr


def by_name(name: str, directory: Path) -> tuple[int, str, str]:
    """Ask the workers of a directory."""
    return probe(name, "--state-dir", str(directory))


def no_process() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen(["true"])  # noqa: S607  # any true will do
    process.wait()
    return process.pid


# -- workers --------------------------------------------------------------------------------------


def test_workers_are_asked(tmp_path: Path) -> None:
    """Exit status and line are what a worker would answer for the pod."""
    with worker(tmp_path, "warming: catalogue 41 %"):
        assert by_name("live", tmp_path) == (0, "ok\n", "")
        for name in ("ready", "startup", "health"):
            assert by_name(name, tmp_path) == (1, "warming: catalogue 41 %\n", "")


def test_the_environment_of_the_container_names_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does to the workers: the probe needs no option."""
    monkeypatch.setenv("HEALTHKIT_STATE_DIR", str(tmp_path))
    with worker(tmp_path):
        assert probe("ready") == (0, "ok\n", "")


def test_a_worker_that_was_killed_has_no_say(tmp_path: Path) -> None:
    """Kill -9 leaves the record behind; the kernel has freed its lock."""
    with worker(tmp_path) as killed:
        assert by_name("ready", tmp_path)[0] == 0
        killed.kill()
        killed.wait()
        assert [one.name for one in tmp_path.iterdir()]
        for name in ("live", "ready"):
            assert by_name(name, tmp_path) == (1, f"no worker lives in {tmp_path}\n", "")
        with worker(tmp_path, "draining"):
            assert by_name("ready", tmp_path) == (1, "draining\n", "")
            assert by_name("live", tmp_path) == (0, "ok\n", "")


def test_a_hung_worker_fails_liveness_for_all(tmp_path: Path) -> None:
    """Its siblings are well, and ready."""
    with worker(tmp_path), worker(tmp_path, age=31) as hung:
        status, line, _ = by_name("live", tmp_path)
        beginning = f"the event loop of worker {hung.pid} has not moved for 3"
        assert (status, line[: len(beginning)]) == (1, beginning)
        assert by_name("ready", tmp_path) == (0, "ok\n", "")


def test_workers_that_are_all_hung_are_not_ready(tmp_path: Path) -> None:
    """Whatever they said last."""
    with worker(tmp_path, age=31), worker(tmp_path, age=41):
        status, line, _ = by_name("ready", tmp_path)
        assert status == 1
        assert re.fullmatch(r"no worker has written for 3\d s\n", line), line


def test_a_lock_that_outlived_its_worker_is_no_worker(tmp_path: Path) -> None:
    """A child that was forked behind Python's back holds it; the worker's process is gone."""
    with worker(tmp_path, age=31, pid=no_process()):
        assert by_name("live", tmp_path) == (1, f"no worker lives in {tmp_path}\n", "")
        with worker(tmp_path):
            assert by_name("live", tmp_path) == (0, "ok\n", "")


def test_a_directory_that_is_not_there_yet_is_a_failure(tmp_path: Path) -> None:
    """The app may not have made it: no wrong usage, and the line names it."""
    missing = tmp_path / "state"
    found = (1, f"can't read the state directory {missing}: no such file or directory\n", "")
    assert by_name("live", missing) == found


#: In a directory that nobody may write in any more, a worker asks for itself. Root may always
#: write, so it becomes somebody else, after everything is imported.
UNWRITABLE: Final = """
import os, sys, tempfile, time
from healthkit import _probing, _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._seat import Seat
from healthkit._state_dir import StateDir
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
with tempfile.TemporaryDirectory() as directory:
    says = dict.fromkeys(Probe, (True, "ok"))
    facts = Facts(os.getpid(), "app", 0, started=True)
    old = body_of(facts, Details(), says, time.monotonic_ns() - 31 * 10**9)
    seat = Seat(StateDir(directory), _records.WORKER, old)
    print(*_probing.ask_workers("live", directory))
    os.chmod(directory, 0o500)
    print(*_probing.ask_workers("live", directory))
    print(*_probing.ask_workers("ready", directory))
    os.chmod(directory, 0o700)
    seat.leave()
"""


def test_nobody_is_restarted_for_a_directory_that_cannot_be_written() -> None:
    """No worker can have a heartbeat then: the last word holds."""
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", UNWRITABLE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    first, *rest = done.stdout.splitlines()
    assert re.fullmatch(r"False the event loop of worker \d+ has not moved for 3\d s", first)
    assert rest == ["True ok", "True ok"]


# -- a URL ----------------------------------------------------------------------------------------


def test_a_server_is_asked() -> None:
    """For images without curl, and for servers without records."""
    with serving(answers(with_length(b"200 OK", b"ok\n"))) as server:
        assert probe(server.url(), *IN_TIME) == (0, "ok\n", "")
        assert probe(server.url(), *IN_TIME, "--header", "Host: shop.example")[0] == 0
        assert b"Host: shop.example\r\n" in server.requests[1]
    assert probe(server.url(), *IN_TIME) == (1, f"connection refused: {server.url()}\n", "")


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (with_length(b"503 No", b"warming: catalogue 41 %\n"), "503: warming: catalogue 41 %"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "not HTTP: SSH-2.0-OpenSSH_9.9: URL"),
        (b"HTTP/1.1 200 OK\r\nX-", "closed before the end of the headers: URL"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "headers of more than 10 KiB: URL"),
    ],
)
def test_a_bad_answer_is_a_failure_with_a_line(answer: bytes, line: str) -> None:
    """The kubelet shows the line in the pod's events."""
    with serving(answers(answer)) as server:
        assert probe(server.url(), *IN_TIME) == (1, line.replace("URL", server.url()) + "\n", "")


def test_a_server_that_closes_at_once_is_a_failure() -> None:
    """And said to have been there."""
    with serving(closes) as server:
        assert probe(server.url(), *IN_TIME) == (1, f"closed unanswered: {server.url()}\n", "")


@pytest.mark.parametrize("timeout", [None, "0.2"])
def test_a_server_that_drips_has_until_the_deadline(timeout: str | None) -> None:
    """By default that is less than the second that the kubelet gives."""
    options = () if timeout is None else ("--timeout", timeout)
    with serving(drips) as server:
        found = probe(server.url(), *options)
        assert found == (1, f"timed out after {timeout or 0.8} s: {server.url()}\n", "")


def test_an_interrupt_is_no_traceback() -> None:
    """Ctrl-C at a person's terminal, while a server says nothing."""
    with serving(answers(b"", hangs=True)) as server:
        with subprocess.Popen(  # noqa: S603  # our own code
            [sys.executable, "-I", "-S", SCRIPT, server.url(), "--timeout", "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert server.asked.wait(PATIENCE)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=PATIENCE) == ("interrupted\n", "")
        assert process.returncode == 1


# -- the process ----------------------------------------------------------------------------------


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "2>&-", "<&- >&- 2>&-"])
def test_the_exit_status_needs_no_stdout(redirection: str, tmp_path: Path) -> None:
    """Closed, or on a full disk: no traceback, and the status is the answer."""
    shell = ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-I", "-S", SCRIPT]
    with worker(tmp_path, "draining"):
        for name, status in (("live", 0), ("ready", 1), ("livez", 2)):
            done = subprocess.run(  # noqa: S603  # our own code
                [*shell, name, "--state-dir", str(tmp_path)],
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
            )
            assert done.returncode == status
            assert "Traceback" not in done.stderr
            assert done.stderr.count("\n") == (status == 2 and "2>" not in redirection)


def test_the_command_for_a_manifest_runs(tmp_path: Path) -> None:
    """What is printed is what works, from anywhere, with options as they were given."""
    status, line, _ = probe("--command", "live", f"--state-dir={tmp_path}")
    assert status == 0
    command: list[str] = json.loads(line)
    with worker(tmp_path):
        done = subprocess.run(  # noqa: S603  # our own code
            command, cwd="/", env={}, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("script", ["healthkit/probe.py", "./healthkit/../healthkit/./probe.py"])
def test_the_script_is_found_by_any_path(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And finds its package from there."""
    monkeypatch.chdir(ROOT)
    assert probe("-h", script=script)[0] == 0


# -- what it costs --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Install the package as an image has it, compiled; return the path of the script."""
    site = tmp_path_factory.mktemp("site")
    here, there = Path(healthkit.__file__).parent, site / "healthkit"
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(there, quiet=1)
    yield str(there / "probe.py")
    shutil.rmtree(site)


def instructions(log: Path, *command: str) -> int:
    """Return how many instructions a Python without `site` takes for it, which must succeed."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed: it counts the instructions")
    under = [*VALGRIND, f"--log-file={log}", sys.executable, "-I", "-S"]
    done = subprocess.run(  # noqa: S603  # our own code
        [*under, *command],
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout, done.stderr) in {(0, "", ""), (0, "ok\n", "")}
    return total(log)


@pytest.mark.matrix
def test_a_probe_costs_no_more_than_the_interpreter(installed: str, tmp_path: Path) -> None:
    """With four workers, or a server: at most 1.2 times what starting Python costs."""
    state, log = tmp_path / "state", tmp_path / "log"
    bare = instructions(log, "-c", "pass")
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(worker(state))
        server = stack.enter_context(serving(answers(with_length(b"200 OK", b"ok\n"))))
        name = instructions(log, installed, "ready", "--state-dir", str(state))
        url = instructions(log, installed, server.url(), "--timeout", "60")
    assert name <= GOAL * bare
    assert url <= GOAL * bare


def test_a_probe_is_done_long_before_the_kubelets_second(installed: str, tmp_path: Path) -> None:
    """Within the 0.2 s that the default timeout leaves; the best of a few, on a busy machine."""
    with worker(tmp_path):
        assert any(_is_quick(installed, tmp_path) for _ in range(50))


def _is_quick(script: str, directory: Path) -> bool:
    """Whether a probe is; on a machine that has little time for anybody, beside a bare Python."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)  # as above
    middle = time.monotonic()
    assert probe("ready", "--state-dir", str(directory), script=script)[0] == 0
    return time.monotonic() - middle < max(0.2, 3 * (middle - began))
