"""What an exec probe costs: a new process each time, counted from its first instruction.

The floor is an interpreter that does nothing, ``python -I -S -c pass``. healthkit is installed as
in an image: compiled, in an environment of its own without anything else, because a ``.pth`` file
of somebody else's would be read by ``python -m`` too. Beside it: what people write instead.
"""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from tests.benchmarks.measure import (
    ROOT,
    VALGRIND,
    BenchmarkError,
    Measured,
    environment,
    total,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

#: Workers of one pod.
WORKERS: Final = 4

#: Seconds that one probe may take under valgrind.
WITHIN: Final = 240

#: Ahead of time, so that a record is fresh for as long as the measurements take; in nanoseconds.
AN_HOUR: Final = 3_600 * 10**9

FLOOR: Final = "python -I -S -c pass"
NAME: Final = "probe.py ready, 4 workers"
URL: Final = "probe.py http://127.0.0.1/"
EMPTY_MODULE: Final = "python -m of an empty module"
MODULE: Final = "python -m healthkit probe ready"
CONSOLE: Final = "healthkit probe ready"
URLLIB: Final = "urllib one-liner"
CURL: Final = "curl"

_ONE_LINER: Final = "import urllib.request as r; r.urlopen('{}', timeout=30).read()"

#: What pip makes of a console script.
_CONSOLE: Final = """\
import sys
from healthkit.cli import main
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(main())
"""


class _Handler(BaseHTTPRequestHandler):
    """Answers as healthkit does."""

    def do_GET(self) -> None:  # as the base class wants it
        """Say that all is well."""
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Say nothing."""


def probes() -> Mapping[str, Measured]:
    """Count the instructions of each way to ask."""
    with (
        tempfile.TemporaryDirectory() as directory,
        _state_dir(Path(directory, "state")) as state,
        _server() as url,
    ):
        python, package = _install(Path(directory, "venv"))
        commands = _commands(python, package, state, url)
        logs = [Path(directory, f"log-{number}") for number in range(len(commands))]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            counted = pool.map(_count, commands.values(), logs)
            return dict(zip(commands, counted, strict=True))


def _commands(python: str, package: Path, state: str, url: str) -> dict[str, list[str]]:
    script = [python, "-I", "-S", str(package / "probe.py")]
    ready = ["ready", "--state-dir", state]
    curl = shutil.which("curl")
    empty = package.parent / "empty.py"
    empty.touch()
    console = package.parent / "healthkit-console.py"
    console.write_text(_CONSOLE)
    return {
        FLOOR: [python, "-I", "-S", "-c", "pass"],
        NAME: [*script, *ready],
        URL: [*script, url, "--timeout", "30"],
        EMPTY_MODULE: [python, "-m", empty.stem],
        MODULE: [python, "-m", "healthkit", "probe", *ready],
        CONSOLE: [python, str(console), "probe", *ready],
        URLLIB: [python, "-c", _ONE_LINER.format(url)],
        **({CURL: [curl, "--silent", "--fail", url]} if curl else {}),
    }


def _install(venv: Path) -> tuple[str, Path]:
    """Make an environment with healthkit alone; return its Python and the package's directory."""
    made = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
    subprocess.run(made, check=True, capture_output=True)  # noqa: S603  # our own environment
    package = next(venv.glob("lib/python*/site-packages")) / "healthkit"
    shutil.copytree(ROOT / "healthkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(package, quiet=1)
    return str(venv / "bin" / "python"), package


def _count(command: list[str], log: Path) -> Measured:
    """Run a probe once to see that it succeeds and to warm the disk's cache, then count."""
    for under in ([], [*VALGRIND, f"--log-file={log}"]):
        done = subprocess.run(  # noqa: S603  # our own commands
            [*under, *command],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return Measured(error=(said or [f"exit status {done.returncode}"])[-1])
    try:
        return Measured(total(log))
    except BenchmarkError as exc:
        return Measured(error=str(exc))


@contextmanager
def _state_dir(path: Path) -> Generator[str]:
    """Have the records of some workers that live, all of them this process."""
    path.mkdir()
    says = dict.fromkeys(Probe, (True, "ok"))
    with contextlib.ExitStack() as stack:
        for number in range(WORKERS):
            facts = Facts(os.getpid(), "benchmark", 0, slot=number)
            body = body_of(facts, Details(), says, time.monotonic_ns() + AN_HOUR)
            record = stack.enter_context((path / f"{_records.WORKER}{number}").open("wb"))
            fcntl.flock(record, fcntl.LOCK_EX)
            record.write(_records.encode(body))
            record.flush()
        yield str(path)


@contextmanager
def _server() -> Generator[str]:
    """Answer on a free port of this machine."""
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/readyz"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
