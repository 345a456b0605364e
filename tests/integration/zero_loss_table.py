"""Print the table of a run: ``python tests/integration/zero_loss_table.py results.jsonl``.

Each line of the file is one termination, as `endings_promises` writes it down. Each cell of the
table says how many requests were lost of how many, over how many terminations.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TRIGGERS: Final = {
    "sigterm": "SIGTERM",
    "run": "`healthkit run`",
    "drain": "`healthkit drain`",
    "prestop": "preStop httpGet",
    "sleep": "preStop sleep",
    "none": "without healthkit",
}


class Sum:
    """What became of all requests of one cell of the table."""

    def __init__(self) -> None:
        self.requests = self.lost = self.terminations = 0
        self.remarks: set[str] = set()

    def add(self, line: dict[str, Any]) -> None:
        """Count a termination."""
        self.requests += int(line["requests"])
        self.lost += int(line["lost"])
        self.terminations += 1
        self.remarks |= {str(line["remark"])} - {""}

    def text(self, notes: list[str]) -> str:
        """Return what stands in the cell; a remark becomes a note below the table."""
        marks = ""
        for remark in sorted(self.remarks):
            if remark not in notes:
                notes.append(remark)
            marks += f" [{notes.index(remark) + 1}]"
        return f"{self.lost:,} of {self.requests:,}{marks}"


def table(lines: Iterable[str]) -> Iterator[str]:
    """Return the lines of the table, in markdown."""
    sums: defaultdict[str, defaultdict[str, Sum]] = defaultdict(lambda: defaultdict(Sum))
    terminations, why = 0, Counter[str]()
    for text in lines:
        line: dict[str, Any] = json.loads(text)
        sums[str(line["server"])][str(line["trigger"])].add(line)
        terminations += 1
        why.update(
            {f"{line['server']}, {line['trigger']}: {promise}" for promise in line["broken"]}
        )
    columns = [trigger for trigger in TRIGGERS if any(trigger in row for row in sums.values())]
    notes: list[str] = []
    yield "| " + " | ".join(["server", *(TRIGGERS[trigger] for trigger in columns)]) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for server, row in sums.items():
        found = [row[trigger].text(notes) if trigger in row else "-" for trigger in columns]
        yield "| " + " | ".join([server, *found]) + " |"
    yield ""
    yield f"Requests lost of requests sent, in {terminations:,} terminations."
    yield from (f"[{number}] {note}" for number, note in enumerate(notes, 1))
    yield from (f"Broken, {count} times: {line}" for line, count in sorted(why.items()))


def main() -> None:
    """Print the table of the file that is named."""
    with Path(sys.argv[1]).open(encoding="utf-8") as file:
        print("\n".join(table(file)))  # noqa: T201  # it is what this prints


if __name__ == "__main__":
    main()
