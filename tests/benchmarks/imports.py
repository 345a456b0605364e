"""What an import adds to a process: modules, and memory.

A peer's framework is imported before it: the app has that anyway. healthkit is measured twice: the
package alone, as a process that only wants to know a name of it pays, and all that an app uses.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.measure import ROOT, environment

RUNS: Final = 5
WITHIN: Final = 240

#: Runs in a fresh interpreter: what is there already, then what is measured.
_CODE: Final = """
import sys
def kibibytes():
    with open("/proc/self/smaps_rollup") as rollup:
        lines = [line.split() for line in rollup if line.endswith("kB\\n")]
    found = {name: int(size) for name, size, _ in lines}
    return found["Rss:"], found["Private_Clean:"] + found["Private_Dirty:"]
exec(sys.argv[1])
kibibytes()
modules, (rss, uss) = len(sys.modules), kibibytes()
exec(sys.argv[2])
after = kibibytes()
print(len(sys.modules) - modules, after[0] - rss, after[1] - uss)
"""


@dataclass(frozen=True, slots=True)
class Import:
    """A statement, and what the app has imported before it."""

    label: str
    statement: str
    before: str = "pass"


@dataclass(frozen=True, slots=True)
class Added:
    """What an import has added; or why that is not known. Memory in MiB."""

    modules: int = 0
    rss: float = 0.0
    uss: float = 0.0
    error: str = ""


OURS: Final = (
    Import("healthkit", "import healthkit"),
    Import(
        "healthkit, all that an app uses",
        "from healthkit import Health, HealthMiddleware",
        "import fastapi",
    ),
)
PEERS: Final = (
    Import("fastapi-watch", "import fastapi_watch", "import fastapi"),
    Import(
        "probirka",
        "from probirka import Probirka, make_fastapi_endpoint",
        "import fastapi",
    ),
    Import(
        "fast-healthchecks",
        "import fast_healthchecks.integrations.fastapi, fast_healthchecks.checks.function",
        "import fastapi",
    ),
    Import(
        "django-health-check",
        "import health_check.views",
        "import django.core.asgi, django.conf; django.conf.settings.configure();"
        " import django.views.generic, django.http",
    ),
    Import("py-healthcheck", "import healthcheck", "import flask"),
)


def added(what: Import) -> Added:
    """Return the median of `RUNS` fresh interpreters."""
    runs: list[tuple[int, ...]] = []
    for _ in range(RUNS):
        command = [sys.executable, "-c", _CODE, what.before, what.statement]
        done = subprocess.run(  # noqa: S603  # our own code
            command,
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
        )
        if done.returncode:
            return Added(error=(done.stderr.strip().splitlines() or ["no reason"])[-1])
        runs.append(tuple(int(number) for number in done.stdout.split()))
    modules, rss, uss = (statistics.median(column) for column in zip(*runs, strict=True))
    return Added(int(modules), rss / 1024, uss / 1024)
