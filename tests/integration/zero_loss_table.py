"""Print the table of a run: ``python tests/integration/zero_loss_table.py results.jsonl``.

Each line of the file is one termination, or one cell that can't be run, as `endings_promises`
writes it down. Each cell of the table says how many requests were lost of how many; a number in
brackets is a note below the table.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The columns, in their order.
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
        #: In the order in which they came, once each.
        self._remarks: dict[str, None] = {}

    def add(self, line: dict[str, Any]) -> None:
        """Count a termination."""
        self.requests += int(line["requests"])
        self.lost += int(line["lost"])
        self.terminations += 1
        self._remarks |= dict.fromkeys(str(remark) for remark in line["remarks"])

    @property
    def notes(self) -> list[str]:
        """What is to be said about it below the table."""
        return list(self._remarks)

    def text(self, notes: list[str]) -> str:
        """Return what stands in the cell; its notes are added to those of the table."""
        notes += [note for note in self.notes if note not in notes]
        found = f"{self.lost:,} of {self.requests:,}"
        return " ".join([found, *(f"[{notes.index(note) + 1}]" for note in self.notes)])


def table(lines: Iterable[str]) -> Iterator[str]:
    """Return the lines of the table, in markdown, and of what is below it."""
    rows: defaultdict[str, defaultdict[str, Sum]] = defaultdict(lambda: defaultdict(Sum))
    broken = Counter[str]()
    for text in lines:
        line: dict[str, Any] = json.loads(text)
        rows[str(line["server"])][str(line["trigger"])].add(line)
        broken.update(str(promise) for promise in line.get("broken", ()))
    columns = [trigger for trigger in TRIGGERS if any(trigger in row for row in rows.values())]
    notes: list[str] = []
    yield _row("server", *(TRIGGERS[trigger] for trigger in columns))
    yield "|---" * (len(columns) + 1) + "|"
    for server, row in rows.items():
        yield _row(server, *(row[one].text(notes) if one in row else "" for one in columns))
    terminations = sum(cell.terminations for row in rows.values() for cell in row.values())
    yield from ["", f"Requests lost of requests sent, in {terminations:,} terminations.", ""]
    yield from (f"{number}. {note}" for number, note in enumerate(notes, 1))
    if broken:
        yield ""
    yield from (f"Broken, {count} times: {promise}" for promise, count in broken.items())


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table of the file that is named."""
    with Path(sys.argv[1]).open(encoding="utf-8") as file:
        print("\n".join(table(file)))  # noqa: T201  # it is what this prints


if __name__ == "__main__":
    main()
