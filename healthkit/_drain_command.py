"""``healthkit drain``: the drain of the pod as a preStop exec hook.

It exits when nothing is in flight any more, or when the time is up: the kubelet sends SIGTERM then
(kubernetes.io, "Container hooks"). That is success in any case. A hook that fails is an event that
nobody can act on, and the container ends all the same; so only a wrong call exits with another
code, which shows when the hook is tried.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from healthkit import _arguments
from healthkit._arguments import USAGE, Options
from healthkit._pod_drain import PodDrain
from healthkit._state_dir import StateDir
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from types import FrameType

#: Seconds between two looks: workers write as often while they drain.
TICK: Final = 0.05

HELP: Final = """\
usage: healthkit drain [--timeout S] [--state-dir DIR]

Drain all workers of this pod, and wait until nothing is in flight: a preStop exec hook. Says on
stderr what it waits for. Exits 0, also when the time is up; 2 when it is called in a wrong way.

  --timeout S      seconds for everything; the default is the workers' own drain_delay and
                   drain_timeout
  --state-dir DIR  where the workers are; the default is HEALTHKIT_STATE_DIR
"""

_OPTIONS: Final = Options({"--timeout": "S", "--state-dir": "DIR"})

#: A shell's exit code for a process that a signal has ended is this and the signal's number.
_SIGNALLED: Final = 128


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Drain the pod, and return the exit code. For the main thread.

    Args:
        arguments: what follows ``healthkit drain``.
        environ: where the state directory may be named.
        clock: CLOCK_MONOTONIC in seconds.
        sleep: waits for some seconds, or until a signal comes.
    """
    try:
        found = _arguments.without_rest(_arguments.parse(arguments, _OPTIONS))
        if found.help:
            _arguments.write(sys.stdout, HELP)
            return 0
        path = _arguments.state_dir(found, environ)
        timeout = found.values.get("--timeout")
        limit = None if timeout is None else _arguments.seconds("--timeout", timeout)
    except ConfigError as exc:
        _say(str(exc))
        return USAGE
    return wait(PodDrain(StateDir(path), _say, limit=limit, clock=clock), sleep)


def wait(drain: PodDrain, sleep: Callable[[float], None]) -> int:
    """Drain until there is nothing to wait for, or a signal comes; return the exit code."""
    with _signals_noted() as signals:
        try:
            drain.begin()
            while not signals and not drain.step():
                sleep(TICK)
        finally:
            drain.end()
    if not signals:
        return 0
    _say(f"{signal.Signals(signals[0]).name}: waits no longer")
    return _SIGNALLED + signals[0]


@contextlib.contextmanager
def _signals_noted() -> Generator[list[int]]:
    """Note SIGTERM and SIGINT instead of dying from them, so that the request is taken away."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    _arguments.write(sys.stderr, f"healthkit drain: {line}\n")
