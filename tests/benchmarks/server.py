"""What a probe on a new connection costs a real server: processor time, and instructions.

All servers are up at the same time, and asked in rounds: whatever else the machine does then meets
all of them. A round's figure is its ratio to the bare app's; the median of the rounds counts. It
still varies by some hundredths from run to run, and on a busy machine by more. The instructions
vary by 1 or 2 %: uvicorn's own clock ticks in them, and a request may come in one turn or two.
"""

from __future__ import annotations

import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.contestant import KUBELET, find
from tests.benchmarks.measure import ROOT, VALGRIND, BenchmarkError, Measured, environment, total

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

#: How often all are started anew: where a process finds its memory makes it faster or slower for
#: all of its life.
LIVES: Final = 4
ROUNDS: Final = 40
PROBES: Final = 20
#: Probes before those that count, and those that callgrind counts.
WARM_UP: Final = 50
COUNTED: Final = 200
#: Seconds: for the port to open, for an answer, for the end.
OPEN_WITHIN: Final = 90.0
ANSWER_WITHIN: Final = 10.0
END_WITHIN: Final = 20.0

#: clock_getcpuclockid(3) of a process on Linux: its id inverted, and the kind of clock.
_SCHED_CLOCK: Final = 2


@dataclass(slots=True)
class Taken:
    """The processor time per probe in each round, in seconds; or why that is not known."""

    rounds: list[float] = field(default_factory=list[float])
    error: str = ""


class Server:
    """A contestant that serves."""

    def __init__(self, key: str, process: subprocess.Popen[str], port: int) -> None:
        self._contestant = find(key)
        self._process = process
        self._port = port
        lines = [b"%s: %s\r\n" % header for header in KUBELET]
        path = self._contestant.path.encode()
        query = b"?" + self._contestant.query if self._contestant.query else b""
        self._request = b"GET %s%s HTTP/1.1\r\n%s\r\n" % (path, query, b"".join(lines))
        self._expected = b"HTTP/1.1 %d " % self._contestant.status

    def probe(self, times: int) -> None:
        """Ask so many times, each on a connection of its own, as the kubelet does.

        Raises:
            BenchmarkError: an answer is missing, or not the expected one.
        """
        for _ in range(times):
            try:
                answer = self._answer()
            except OSError as exc:
                raise BenchmarkError(f"no answer: {exc}") from exc
            if not answer.startswith(self._expected):
                raise BenchmarkError(f"answered {answer[:40]!r}")

    def _answer(self) -> bytes:
        """Ask once, and read until the server closes."""
        with socket.create_connection(("127.0.0.1", self._port), ANSWER_WITHIN) as client:
            client.sendall(self._request)
            answer = b""
            while part := client.recv(65536):
                answer += part
        return answer

    def processor_time(self) -> float:
        """Return the seconds, user and system, that the process has had so far."""
        return time.clock_gettime((~self._process.pid << 3) | _SCHED_CLOCK)


@contextmanager
def served(key: str, parser: str, under: Sequence[str] = ()) -> Generator[Server]:
    """Serve a contestant inside the block."""
    process = subprocess.Popen(  # noqa: S603  # our own server
        [*under, sys.executable, "-m", "tests.benchmarks.serve", key, parser],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Server(key, process, _port(process))
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_WITHIN)
        process.kill()
        process.communicate()


def _port(process: subprocess.Popen[str]) -> int:
    """Wait until the server has said its port."""
    if process.stdout is None or not select.select([process.stdout], [], [], OPEN_WITHIN)[0]:
        raise BenchmarkError(f"the server did not open its port within {OPEN_WITHIN:g} s")
    line = process.stdout.readline()
    if not line.strip().isdecimal():
        raise BenchmarkError("the server ended before it opened its port")
    return int(line)


def processor_seconds(keys: Sequence[str], parser: str) -> dict[str, Taken]:
    """Return the processor time per probe of each contestant, round by round."""
    taken = {key: Taken() for key in keys}
    for _ in range(LIVES):
        with ExitStack() as stack:
            servers: dict[str, Server] = {}
            for key in keys:
                with _noting_errors(taken[key]):
                    servers[key] = stack.enter_context(served(key, parser))
                    servers[key].probe(WARM_UP)
            _ask_in_rounds(servers, taken)
    return taken


def _ask_in_rounds(servers: Mapping[str, Server], taken: Mapping[str, Taken]) -> None:
    """Ask all in turn, each time in another order: who comes next finds the caches of the last."""
    order = deque(servers.items())
    for _ in range(ROUNDS):
        order.rotate()
        for key, server in order:
            with _noting_errors(taken[key]):
                taken[key].rounds.append(_round(server))


def _round(server: Server) -> float:
    before = server.processor_time()
    server.probe(PROBES)
    return (server.processor_time() - before) / PROBES


@contextmanager
def _noting_errors(taken: Taken) -> Generator[None]:
    """Let one contestant's failure cost its own line only."""
    try:
        yield
    except BenchmarkError as exc:
        taken.error = str(exc)


def median_ratio(taken: Taken, floor: Taken) -> float:
    """Return the median of the rounds' ratios."""
    pairs = zip(taken.rounds, floor.rounds, strict=True)
    return statistics.median(mine / bare for mine, bare in pairs)


def instructions(key: str, parser: str) -> Measured:
    """Count the instructions per probe: those of a long life less those of a short one."""
    try:
        short, long = (_life(key, parser, probes) for probes in (WARM_UP, WARM_UP + COUNTED))
    except BenchmarkError as exc:
        return Measured(error=str(exc))
    return Measured((long - short) / COUNTED)


def _life(key: str, parser: str, probes: int) -> int:
    """Count the instructions of a server that answers so many probes."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "log")
        with served(key, parser, [*VALGRIND, f"--log-file={log}"]) as server:
            server.probe(probes)
        return total(log)
