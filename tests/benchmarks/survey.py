"""Count what the rules find in a directory of rendered charts, one chart a file.

    python tests/benchmarks/survey.py DIR [--write]

Prints a line per rule: its findings by severity, and in how many charts. With ``--write`` the
counts go into healthkit/lint/_formats/survey.py, of which RULES.md takes them: nobody writes them
by hand.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# Run as a file, Python looks for modules beside it; they are those of a package two levels up.
sys.path.insert(0, str(Path(__file__).parents[2]))

from healthkit.lint import Finding, check
from healthkit.lint._manifests import Manifests
from healthkit.lint._reading import read

USAGE: Final = "usage: python tests/benchmarks/survey.py DIR [--write]\n"

MODULE: Final = Path(__file__).parents[2] / "healthkit" / "lint" / "_formats" / "survey.py"


@dataclass(slots=True)
class Survey:
    """What was counted."""

    charts: int = 0
    workloads: int = 0
    containers: int = 0
    findings: dict[str, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    unusable: list[str] = field(default_factory=list[str])

    def take(self, chart: Path) -> None:
        """Count one chart: each by itself, since they don't know of each other."""
        report = check([chart])
        manifests = Manifests(read([str(chart)]).documents)
        self.charts += 1
        self.workloads += len(manifests.workloads)
        self.containers += len(manifests.containers)
        self.unusable += report.unusable
        for one in report.findings:
            self.findings[one.rule].append(one)

    def rows(self) -> list[tuple[str, int, int]]:
        """Return each rule that found something, how much, and in how many charts."""
        found = sorted(self.findings.items())
        return [(rule, len(all_), len({one.file for one in all_})) for rule, all_ in found]


def survey(directory: Path) -> Survey:
    """Count all charts of a directory."""
    counted = Survey()
    for chart in sorted(directory.rglob("*.yaml")):
        counted.take(chart)
    return counted


def as_text(counted: Survey) -> str:
    """Return a table."""
    lines = [
        f"{counted.charts} charts, {counted.workloads} workloads, {counted.containers} containers"
    ]
    for rule, found, charts in counted.rows():
        kinds = Counter(str(one.severity) for one in counted.findings[rule])
        named = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        lines.append(f"{rule}  {found:>5} in {charts:>4} charts: {named}")
    return "\n".join([*lines, *counted.unusable, ""])


def as_module(counted: Survey) -> str:
    """Return the source of healthkit/lint/_formats/survey.py."""
    rows = "".join(
        f'    ("{rule}", {found}, {charts}),\n' for rule, found, charts in counted.rows()
    )
    return (
        '"""What the rules found in public charts; tests/benchmarks/survey.py writes this."""\n\n'
        "from __future__ import annotations\n\n"
        "from typing import Final\n\n"
        f"CHARTS: Final = {counted.charts}\n"
        f"WORKLOADS: Final = {counted.workloads}\n"
        f"CONTAINERS: Final = {counted.containers}\n\n"
        "#: Each rule that found something: how much, and in how many charts.\n"
        f"FOUND: Final[tuple[tuple[str, int, int], ...]] = (\n{rows})\n"
    )


def main(arguments: list[str]) -> int:
    """Count, and print or write."""
    paths = [one for one in arguments if one != "--write"]
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        sys.stderr.write(USAGE)
        return 2
    counted = survey(Path(paths[0]))
    sys.stdout.write(as_text(counted))
    if "--write" in arguments:
        MODULE.write_text(as_module(counted))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
