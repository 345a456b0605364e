"""The rows of the design's numbers that are printed: from what was measured to what is said.

A ratio is always to a floor that was measured in the same way; a peer's middleware is compared with
the same app without it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.benchmarks import probes
from tests.benchmarks.contestant import find
from tests.benchmarks.report import Goal, Row, Table
from tests.benchmarks.server import median_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.benchmarks.imports import Added, Import
    from tests.benchmarks.measure import Measured, Waits
    from tests.benchmarks.server import Taken

#: DESIGN.md, "Numbers to reach".
ADDED_GOAL: Final = 2.0
LIVE_GOAL: Final = 1.3
READY_GOAL: Final = 2.0
SERVER_GOAL: Final = 1.1
MODULES_GOAL: Final = 5
MEMORY_GOAL: Final = 0.1
PROBE_GOAL: Final = 1.2
PROBE_MODULE_GOAL: Final = 1.6
#: CPython 3.11 needs 1.6 for `-m` itself, whatever the module does; 3.12 and later need 1.2.
ON_3_11: Final = 0.1
#: "Flat in the number of checks": the dearest over the cheapest. 3 % is what two counts may differ.
FLAT_GOAL: Final = 1.03

FLOOR: Final = "floors.probe"
READY: Final = tuple(f"ours.ready_{name}" for name in ("0", "1", "10", "100", "hanging"))
#: What is compared, and with what its app costs without it.
ADDED: Final = {
    "floors.no_op": "floors.request",
    "ours.request": "floors.request",
    "floors.gate": "floors.request",
}
PEERS_ADDED: Final = {
    "middlewares.starlette_exporter": "middlewares.starlette",
    "middlewares.instrumentator": "middlewares.fastapi",
    "middlewares.opentelemetry": "floors.request",
    "middlewares.opentelemetry_sdk": "floors.request",
}
LIVE: Final = ("ours.live", "floors.hand")
PEERS_LIVE: Final = tuple(
    f"peers.{name}"
    for name in (
        "probirka_bare",
        "probirka",
        "fastapi_watch",
        "fast_healthchecks",
        "django",
        "py_healthcheck",
    )
)

NO_OP: Final = "floors.no_op"
MICRO: Final = 1e6


@dataclass(frozen=True, slots=True)
class Figures:
    """What a request costs each contestant: instructions, and seconds."""

    counts: Mapping[str, Measured]
    times: Mapping[str, Measured]

    def error(self, *keys: str) -> str:
        """Say why one of these has no figures; nothing if all have."""
        measured = (*map(self.counts.get, keys), *map(self.times.get, keys))
        return next(
            (one.error if one else "nothing" for one in measured if not one or one.error), ""
        )

    def added(self, key: str, floor: str) -> tuple[float, float]:
        """Return how much more a request costs than at its floor."""
        counted = self.counts[key].figure - self.counts[floor].figure
        return counted, self.times[key].figure - self.times[floor].figure

    def ratio(self, key: str) -> float | None:
        """Return a probe's instructions over those of the bare app, if both are known."""
        if self.error(key, FLOOR):
            return None
        return self.counts[key].figure / self.counts[FLOOR].figure

    def line(self, table: Table, key: str) -> None:
        """Add a probe's costs to a table."""
        label = find(key).label
        if error := self.error(key, FLOOR):
            table.add_error(label, error)
            return
        count, seconds = self.counts[key].figure, self.times[key].figure
        time_ratio = seconds / self.times[FLOOR].figure
        table.add(
            label,
            f"{count:,.0f}",
            f"{count / self.counts[FLOOR].figure:.2f}x",
            f"{seconds * MICRO:.2f}",
            f"{time_ratio:.2f}x",
        )


def app_request(figures: Figures, pairs: Mapping[str, str]) -> Row:
    """Say what an ordinary request pays."""
    table = Table(("instructions", "of no-op", "us", "of no-op"))
    ratios: dict[str, float] = {}
    for key, floor in pairs.items():
        if error := figures.error(key, floor, NO_OP, "floors.request"):
            table.add_error(find(key).label, error)
            continue
        count, seconds = figures.added(key, floor)
        count_no_op, seconds_no_op = figures.added(NO_OP, "floors.request")
        ratios[key] = count / count_no_op
        cells = (f"{count:,.0f}", f"{ratios[key]:.2f}x")
        table.add(
            find(key).label, *cells, f"{seconds * MICRO:.2f}", f"{seconds / seconds_no_op:.2f}x"
        )
    goal = Goal("instructions", ADDED_GOAL, ratios.get("ours.request"))
    return Row("1. Added to an ordinary request of the app", [table], [goal])


def liveness(figures: Figures, keys: Iterable[str]) -> Row:
    """Say what an answer to a liveness probe costs in process."""
    table = Table(("instructions", "of bare", "us", "of bare"))
    for key in (FLOOR, *keys):
        figures.line(table, key)
    goal = Goal("instructions", LIVE_GOAL, figures.ratio("ours.live"))
    return Row("2. /livez, or what comes next to it, in process", [table], [goal])


def readiness(figures: Figures, waits: Mapping[str, tuple[Waits, Waits]]) -> Row:
    """Say what readiness costs with more and more checks, and how long it takes to answer."""
    costs = Table(("instructions", "of bare", "us", "of bare"))
    for key in (FLOOR, *READY):
        figures.line(costs, key)
    known = [ratio for ratio in map(figures.ratio, READY) if ratio is not None]
    every = known if len(known) == len(READY) else []
    some = every[1:]  # without a check nothing can expire, and no clock is read
    goals = [
        Goal("instructions", READY_GOAL, max(every, default=None)),
        Goal(
            "1 check or more, most over least", FLAT_GOAL, max(some) / min(some) if some else None
        ),
    ]
    note = (
        "healthkit: the slowest of the first 400 answers, 5 ms apart. The peers: the first answer,"
    )
    note += " in which they run the checks, with the limits that they have by default."
    return Row(
        "3. /readyz with checks of 100 ms each, one of which may hang for ever",
        [costs, _waits(waits)],
        goals,
        note,
    )


def _waits(waits: Mapping[str, tuple[Waits, Waits]]) -> Table:
    table = Table(("10 healthy", "one hanging"))
    for label, both in waits.items():
        table.add(label, *(_slowest(one) for one in both))
    return table


def _slowest(one: Waits) -> str:
    return one.error[:20] or f"{max(one.times) * 1000:,.1f} ms"


def server(
    parser: str, taken: Mapping[str, Taken], counts: Mapping[str, Measured]
) -> tuple[Table, list[Goal]]:
    """Say what a probe on a new connection costs a server with one HTTP parser."""
    table = Table(("CPU us", "of bare", "instructions", "of bare"))
    ratios: dict[str, float] = {}
    for key, one in taken.items():
        label = f"{find(key).label}, {parser}"
        if error := one.error or taken[FLOOR].error:
            table.add_error(label, error)
            continue
        ratios[key] = median_ratio(one, taken[FLOOR])
        median = statistics.median(one.rounds) * MICRO
        more = _counted(counts[key], counts[FLOOR]) if key in counts else ()
        table.add(label, f"{median:.1f}", f"{ratios[key]:.2f}x", *more)
    ours, bare = counts["ours.live"], counts[FLOOR]
    counted = None if ours.error or bare.error else ours.figure / bare.figure
    return table, [
        Goal(f"CPU, {parser}", SERVER_GOAL, ratios.get("ours.live")),
        Goal(f"instructions, {parser}", SERVER_GOAL, counted),
    ]


def _counted(one: Measured, floor: Measured) -> tuple[str, ...]:
    """Return the cells of a server's instructions."""
    if one.error or floor.error:
        return (one.error or floor.error,)
    return (f"{one.figure:,.0f}", f"{one.figure / floor.figure:.2f}x")


def importing(added: Mapping[Import, Added]) -> Row:
    """Say what an import adds."""
    table = Table(("modules", "MiB RSS", "MiB USS"))
    for what, one in added.items():
        if one.error:
            table.add_error(what.label, one.error)
        else:
            table.add(what.label, str(one.modules), f"{one.rss:.2f}", f"{one.uss:.2f}")
    ours = next(iter(added.values()))
    goals = [
        Goal("modules", MODULES_GOAL, None if ours.error else ours.modules, unit="", digits=0),
        Goal("RSS", MEMORY_GOAL, None if ours.error else ours.rss, unit=" MiB"),
    ]
    return Row("5. `import`, after that of the peer's framework", [table], goals)


def probing(counts: Mapping[str, Measured]) -> Row:
    """Say what an exec probe costs."""
    table = Table(("instructions", "of bare"))
    floor = counts[probes.FLOOR]
    for label, one in counts.items():
        if error := one.error or floor.error:
            table.add_error(label, error)
        else:
            table.add(label, f"{one.figure:,.0f}", f"{one.figure / floor.figure:.2f}x")

    def ratio(label: str) -> float | None:
        one = counts[label]
        return None if one.error or floor.error else one.figure / floor.figure

    goals = [
        Goal("probe.py by name", PROBE_GOAL, ratio(probes.NAME)),
        Goal("probe.py by URL", PROBE_GOAL, ratio(probes.URL)),
        Goal("python -m", PROBE_MODULE_GOAL, ratio(probes.MODULE), tolerated=ON_3_11),
    ]
    return Row("6. `healthkit probe`, a new process each time", [table], goals)
