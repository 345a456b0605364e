"""What is promised for every ending, and the line that is written down for the table.

Loss is judged strictly. Times are judged by what the server needs for itself, and by how late this
very machine was meanwhile: a sleep of 10 ms that took 200 was nobody's promise.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.integration.endings import LAST_ANSWER, SLOW
from tests.integration.endings_cells import DRAIN_DELAY, GOODBYE, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.pod.load import Tally
    from tests.integration.endings import Ending
    from tests.integration.endings_cells import Cell

#: By when the last worker must have heard of the drain, in seconds.
HEARD_WITHIN: Final = 0.3
#: What everybody gets for the end itself.
END: Final = 1.0
#: How many things happen one after the other in an ending, each late by as much as this machine is.
STEPS: Final = 4
#: Small requests that a load on a busy machine has at least; on an idle one there are 60 and 90.
FEW: Final = 4
#: Where lines for the table are appended, if anywhere.
RESULTS: Final = "ZERO_LOSS_RESULTS"


def broken(ending: Ending) -> list[str]:
    """Return the promises that an ending has not kept, each in a line."""
    assert ending.tally is not None
    return [
        f"{ending.cell}: {line}"
        for check in (_losses, _load, _end, _readiness, _liveness)
        for line in check(ending, ending.tally)
    ]


def _losses(_ending: Ending, tally: Tally) -> Iterator[str]:
    if tally.lost:
        yield f"{tally.lost} of {tally.requests} requests lost: {dict(tally.reasons)}"


def _load(ending: Ending, tally: Tally) -> Iterator[str]:
    """See to it that there was something to be lost."""
    server = ending.cell.server
    least = {"new connection": FEW, "slow": 1}
    if server.keeps_alive:
        least |= {"keep-alive": FEW}
    if server.concurrent:
        least |= {"stream": 1}
    if ending.cell.sends_uploads:
        least |= {"upload": 2}
    if ending.cell.sends_websocket:
        least |= {"websocket": 1}
    for kind, number in least.items():
        if tally.kinds.get(kind, 0) < number:
            yield f"{tally.kinds.get(kind, 0)} of kind {kind}, expected {number}"
    if server.keeps_alive and tally.told_to_close < 3:
        yield f"{tally.told_to_close} of 3 kept connections were told to close"
    if tally.stale:
        yield f"{tally.stale} kept connections were closed without a word"


def _end(ending: Ending, _tally: Tally) -> Iterator[str]:
    cell = ending.cell
    code = cell.server.exit_code(cell.workers, run=cell.runs)
    if ending.exit_code != code:
        yield f"exit code {ending.exit_code}, expected {code}"
    own = cell.server.ends.seconds + cell.server.hears.seconds * (cell.workers > 1)
    limit = DRAIN_DELAY + SLOW + END + own + STEPS * ending.lag
    if ending.took > limit:
        yield f"took {ending.took:.2f} s, expected at most {limit:.2f}"
    if ending.took < LAST_ANSWER:
        yield f"took {ending.took:.2f} s: it was gone before the last answer"


def _readiness(ending: Ending, _tally: Tally) -> Iterator[str]:
    """Nobody says ready when it has been heard that the pod is to end."""
    cell = ending.cell
    began = ending.signalled if cell.trigger is Trigger.SLEEP else ending.told
    direct = cell.trigger in {Trigger.SIGTERM, Trigger.SLEEP} and not cell.runs
    own = cell.server.hears.seconds if direct and cell.workers > 1 else 0.0
    last = max((at for at, status in ending.readiness if status == 200), default=-1.0)
    limit = began + HEARD_WITHIN + own + ending.lag
    if last > limit:
        yield f"ready at {last:.2f} s, expected not to be after {limit:.2f}"
    seen = [status for at, status in ending.readiness if limit < at < _closes(ending)]
    if seen and 503 not in seen:
        yield f"never seen to be unready: {seen}"


def _liveness(ending: Ending, _tally: Tally) -> Iterator[str]:
    """It lives while its port is open, and that is until it may end."""
    failed = [look for look in ending.liveness if look[1] != 200 and look[0] < _closes(ending)]
    if failed and ending.cell.server.concurrent:
        yield f"not live at (second, status) {failed[:5]}"
    ill = {status for _, status in ending.liveness} - {0, 200}
    if ill:
        yield f"liveness answered {ill}"


def _closes(ending: Ending) -> float:
    """Return the moment from which the server may have closed its port.

    That is after the last answer. But where each worker ends by itself, one with nothing in flight
    does so when the delay is over. An answer that was asked for just before may come too late.
    """
    cell = ending.cell
    late = 0.1 + ending.lag
    if cell.trigger is Trigger.SLEEP:
        return ending.signalled + GOODBYE - late
    if cell.trigger in {Trigger.DRAIN, Trigger.PRESTOP}:
        return ending.signalled - late
    alone = cell.trigger is Trigger.SIGTERM and not cell.runs and cell.workers > 1
    return (DRAIN_DELAY if alone else LAST_ANSWER) - late


def write_down(ending: Ending) -> None:
    """Append a line for the table to the file that the environment names, if it does."""
    cell, tally = ending.cell, ending.tally
    assert tally is not None
    line = {
        **_name(cell),
        "remarks": [] if cell.plain else cell.remarks,
        "requests": tally.requests,
        "lost": tally.lost,
        "reasons": dict(tally.reasons),
        "told_to_close": tally.told_to_close,
        "stale": tally.stale,
        "exit_code": ending.exit_code,
        "took": round(ending.took, 2),
        "close_code": ending.close_code,
        "lag": round(ending.lag, 3),
        "broken": [] if cell.plain else broken(ending),
    }
    _append(line)


def _name(cell: Cell) -> dict[str, object]:
    trigger = "none" if cell.plain else cell.trigger.value
    return {"server": cell.row, "loop": cell.loop, "trigger": trigger}


def _append(line: dict[str, object]) -> None:
    if name := os.environ.get(RESULTS):
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
