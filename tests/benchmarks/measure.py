"""Runs workers and reads what they say. Owns every process but the servers.

Instructions are counted by valgrind's callgrind: unlike time they are the same on a busy machine.
A worker forks, and callgrind writes each child's total to a log of its own; the child says its id.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]

#: Seconds that a worker may take in all. Under callgrind FastAPI alone needs 12 s to be imported.
WITHIN: Final = 900

_TOTAL: Final = re.compile(r"Collected *: (\d+)")

VALGRIND: Final = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


class BenchmarkError(Exception):
    """The benchmarks cannot be run; one line says why."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one contestant: a figure, or why there is none."""

    figure: float = 0.0
    error: str = ""


def environment() -> dict[str, str]:
    """Return an environment in which two runs do the same, whatever is set outside."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "OTEL_SDK_DISABLED": "false"}


def need_valgrind() -> str:
    """Return valgrind's version.

    Raises:
        BenchmarkError: it is not installed.
    """
    if shutil.which("valgrind") is None:
        message = "valgrind is not installed: it counts the instructions; apt-get install valgrind"
        raise BenchmarkError(message)
    command = [shutil.which("valgrind") or "valgrind", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # as found
    return done.stdout.strip()


def work(
    kind: str, requests: int, keys: Iterable[str], under: Sequence[str] = ()
) -> list[dict[str, object]]:
    """Run a worker and return what its children said, in their order."""
    worker = [sys.executable, "-m", "tests.benchmarks.worker", kind, str(requests), *keys]
    try:
        done = subprocess.run(  # noqa: S603  # our own worker
            [*under, *worker],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
        )
    except subprocess.TimeoutExpired:
        return [{"key": key, "error": f"> {WITHIN} s"} for key in keys]
    lines = [cast("dict[str, object]", json.loads(line)) for line in done.stdout.splitlines()]
    said = {line["key"] for line in lines}
    last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    silent = [key for key in keys if key not in said]
    return lines + [{"key": key, "error": f"the worker said: {last}"} for key in silent]


def instructions(requests: int, keys: Sequence[str]) -> dict[str, Measured]:
    """Count the instructions per request of some contestants, in one worker."""
    with tempfile.TemporaryDirectory() as directory:
        logs = Path(directory)
        said = work("count", requests, keys, [*VALGRIND, f"--log-file={logs}/%p"])
        return {key: _difference(_of(said, key), requests, logs) for key in keys}


def _difference(said: Sequence[Mapping[str, object]], requests: int, logs: Path) -> Measured:
    """Say what one request costs: the longer run's count less the shorter's."""
    errors = _errors(said)
    if errors:
        return Measured(error=errors[0])
    short, long = (total(logs / str(line["pid"])) for line in said)
    return Measured((long - short) / requests)


def total(log: Path) -> int:
    """Read the number of instructions from callgrind's log.

    Raises:
        BenchmarkError: it is not there.
    """
    text = log.read_text()
    found = _TOTAL.search(text)
    if found is None:
        last = (text.strip().splitlines() or ["nothing"])[-1]
        raise BenchmarkError(f"callgrind counted nothing, it said: {last}")
    return int(found[1])


def seconds(requests: int, keys: Sequence[str]) -> dict[str, Measured]:
    """Take the best time per request of some contestants, in one worker."""
    said = work("time", requests, keys)
    return {key: _best(_of(said, key)) for key in keys}


def _best(said: Sequence[Mapping[str, object]]) -> Measured:
    errors = _errors(said)
    if errors:
        return Measured(error=errors[0])
    return Measured(min(cast("float", line["result"]) for line in said))


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the first answers took, in seconds; or why there are none."""

    times: Sequence[float] = ()
    error: str = ""


def waits(requests: int, key: str) -> Waits:
    """Ask a contestant from its first moment on."""
    said = work("wait", requests, [key])
    errors = _errors(said)
    return Waits(error=errors[0]) if errors else Waits(cast("list[float]", said[0]["result"]))


def _of(said: Iterable[Mapping[str, object]], key: str) -> list[Mapping[str, object]]:
    return [line for line in said if line["key"] == key]


def _errors(said: Iterable[Mapping[str, object]]) -> list[str]:
    return [str(line["error"]) for line in said if "error" in line]
