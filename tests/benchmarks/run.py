"""Print what healthkit costs, beside its peers, and how far that is from the design's goals.

Run it by ``make bench``. It takes some minutes and writes one report. ``--own`` leaves out the
peers and the servers, takes half a minute, and ends with status 1 when a goal is exceeded by more
than ``--slack``: a test against growing costs.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

# Run as a file, Python looks for modules beside it; they are those of a package two levels up.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import imports, measure, probes, rows, server
from tests.benchmarks.contestant import find
from tests.benchmarks.measure import BenchmarkError, Measured, Waits
from tests.benchmarks.report import Goal, Row, Table, heading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    #: How many requests for which contestants, in one worker.
    Group = tuple[int, Sequence[str]]

#: The part of a goal that a figure may be above it before `--own` fails: what two runs may differ.
SLACK: Final = 0.05

#: Requests that are counted or timed. More for readiness: a hundred checks end in now more, now
#: fewer turns of the loop, which is to vanish in the number. Fewer for peers: each costs more.
REQUESTS: Final = 1000
READY_REQUESTS: Final = 2000
PEER_REQUESTS: Final = 100
TIMING_ROUNDS: Final = 3

#: Answers of healthkit, 5 ms apart: until after a check's timeout.
WAITED: Final = 400

#: What is measured in one worker, because it imports the same.
OWN: Final = (
    (REQUESTS, ("floors.request", "floors.probe", *rows.ADDED, *rows.LIVE)),
    (READY_REQUESTS, rows.READY),
)
PEERS: Final = (
    ("middlewares.starlette", "middlewares.starlette_exporter"),
    ("middlewares.fastapi", "middlewares.instrumentator"),
    ("middlewares.opentelemetry", "middlewares.opentelemetry_sdk"),
    ("peers.probirka_bare", "peers.probirka"),
    *((key,) for key in rows.PEERS_LIVE[2:]),
)
SERVED: Final = (
    "floors.probe",
    "ours.live",
    "floors.hand",
    "peers.probirka",
    "peers.fastapi_watch",
)
COUNTED: Final[Sequence[str]] = ("floors.probe", "ours.live")
PARSERS: Final = ("httptools", "h11")


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return the exit status."""
    options = _parser().parse_args(arguments)
    slack: float | None = options.slack if options.own else None
    try:
        _need_healthkit()
        _say(heading(measure.need_valgrind()))
        goals = _print_all(_own() if options.own else _all())
    except BenchmarkError as exc:
        sys.stderr.write(f"benchmarks: {exc}\n")
        return 2
    return int(slack is not None and any(goal.exceeded(slack) for goal in goals))


def _need_healthkit() -> None:
    """See that there is something to measure, before minutes are spent on it."""
    try:
        find("ours.live")
    except (ImportError, SyntaxError) as exc:
        raise BenchmarkError(f"healthkit cannot be imported: {exc}") from exc


def _print_all(found: Iterable[Row]) -> list[Goal]:
    """Print each row when it is there; return all goals."""
    goals: list[Goal] = []
    for row in found:
        _say(f"\n{row}")
        goals += row.goals
    return goals


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("--own", action="store_true", help="healthkit and its floors only")
    parser.add_argument(
        "--slack",
        type=float,
        default=SLACK,
        help="the part of a goal that a figure may be above it (%(default)s)",
    )
    return parser


def _own() -> Iterator[Row]:
    figures = _figures(OWN, (), rounds=1)
    yield rows.app_request(figures, rows.ADDED)
    yield rows.liveness(figures, rows.LIVE)
    yield rows.readiness(figures, _waits(()))
    yield rows.importing({what: imports.added(what) for what in imports.OURS[:1]})
    yield rows.probing(probes.probes())


def _all() -> Iterator[Row]:
    figures = _figures(OWN, PEERS, rounds=TIMING_ROUNDS)
    yield rows.app_request(figures, {**rows.ADDED, **rows.PEERS_ADDED})
    yield rows.liveness(figures, (*rows.LIVE, *rows.PEERS_LIVE))
    yield rows.readiness(figures, _waits(rows.PEERS_LIVE))
    yield _servers()
    yield rows.importing({what: imports.added(what) for what in (*imports.OURS, *imports.PEERS)})
    yield rows.probing(probes.probes())


def _figures(own: Iterable[Group], peers: Iterable[Sequence[str]], *, rounds: int) -> rows.Figures:
    """Count and time; counting may use all processors, timing must be alone."""
    groups = [*own, *((PEER_REQUESTS, keys) for keys in peers)]
    counts: dict[str, Measured] = {}
    with _pool() as pool:
        # The longest first: the peers.
        jobs = [pool.submit(measure.instructions, *group) for group in reversed(groups)]
    for job in jobs:
        counts |= job.result()
    times: dict[str, Measured] = {}
    for _ in range(rounds):
        for group in groups:
            for key, measured in measure.seconds(*group).items():
                times[key] = min(times.get(key, measured), measured, key=lambda one: one.figure)
    return rows.Figures(counts, times)


def _waits(peers: Sequence[str]) -> Mapping[str, tuple[Waits, Waits]]:
    """Wait for answers: one after the other, and for hanging peers at the same time."""
    ours = [measure.waits(WAITED, f"ours.wait_{how}") for how in ("healthy", "hanging")]
    healthy = [measure.waits(1, f"{key}_healthy") for key in peers]
    with ThreadPoolExecutor(max(1, len(peers))) as pool:
        hanging = pool.map(measure.waits, [1] * len(peers), [f"{key}_hanging" for key in peers])
    labels = [find(key).label for key in ("ours.live", *peers)]
    return dict(
        zip(labels, zip([ours[0], *healthy], [ours[1], *hanging], strict=True), strict=True)
    )


def _servers() -> Row:
    """Ask real servers: first all by their time, then two by their instructions."""
    tables: list[Table] = []
    goals: list[Goal] = []
    for parser in PARSERS:
        taken = server.processor_seconds(SERVED, parser)
        with _pool() as pool:
            jobs = {key: pool.submit(server.instructions, key, parser) for key in COUNTED}
        counts = {key: job.result() for key, job in jobs.items()}
        table, reached = rows.server(parser, taken, counts)
        tables.append(table)
        goals += reached
    return Row("4. A probe on a new connection to uvicorn", tables, goals)


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
