"""Every server, ended under load in every way: nothing is lost.

The cells are in `endings_cells`, what is promised in `endings_promises`. The quick part ends each
server in one way; `make zero-loss` runs all cells and prints the table.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration.endings import Queue, terminate
from tests.integration.endings_cells import Cell, Trigger, cells, diagonal
from tests.integration.endings_promises import broken, write_down
from tests.integration.endings_servers import SERVERS, UVICORN
from tests.integration.stalls import again_after_a_stall
from tests.integration.zero_loss_table import table
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping

    from tests.integration.endings import Ending
    from tests.integration.endings_servers import Server

    Waiting = Awaitable[list[Ending]]

#: Terminations of each cell.
TIMES: Final = int(os.environ.get("ZERO_LOSS_TIMES", "5"))


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


@pytest.fixture(scope="module")
async def endings(request: pytest.FixtureRequest) -> AsyncGenerator[Mapping[Cell, Waiting]]:
    """Begin to terminate all cells that are to be tested, in their order.

    A termination is mostly waiting: while one test looks at its own, those of the next go on.
    """
    wanted = [found for item in request.session.items if (found := cell_of(item)) is not None]
    async with Queue() as queue:
        yield {cell: queue.add(cell, TIMES) for cell in wanted}


def cell_of(item: pytest.Item) -> Cell | None:
    """Return the cell that a test is about, if it is about one and is to be run."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return None
    cell: object = item.callspec.params.get("cell")
    return cell if isinstance(cell, Cell) else None


def everything_kept(endings: Iterable[Ending]) -> None:
    """Hold terminations against every promise; show what the servers said if one is broken."""
    complaints: list[str] = []
    for ending in endings:
        write_down(ending)
        if lines := broken(ending):
            complaints += [*lines, *(f"    {line}" for line in ending.log)]
    assert not complaints, "\n".join(complaints)


async def test_every_server_ends_without_a_loss() -> None:
    """Two terminations of each server; between them they have every trigger."""
    async with Queue() as queue, asyncio.TaskGroup() as group:
        for cell in diagonal():
            group.create_task(keeps_everything(queue, cell))


@again_after_a_stall
async def keeps_everything(queue: Queue, cell: Cell) -> None:
    """Two terminations of one cell."""
    everything_kept(await queue.add(cell, times=2))


@pytest.mark.matrix
@pytest.mark.parametrize("cell", [*cells()], ids=str)
async def test_nothing_is_lost(cell: Cell, endings: Mapping[Cell, Waiting]) -> None:
    """Some terminations of one cell."""
    everything_kept(await endings[cell])


@pytest.mark.matrix
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
async def test_without_healthkit_requests_are_lost(server: Server) -> None:
    """The same load on the same app: this is what the tests above would catch."""
    cell = next(cell for cell in cells() if cell.server is server)
    plain = Cell(cell.server, cell.workers, cell.loop, Trigger.SIGTERM, plain=True)
    (ending,) = await terminate(plain, times=1)
    write_down(ending)
    assert ending.tally is not None
    assert ending.tally.lost > 2, ending.tally


def test_the_table_counts_what_was_lost() -> None:
    """A line for each termination; what is to be said about them stands below."""
    name = {"server": "daphne", "loop": "asyncio", "trigger": "run"}
    ran = {**name, "requests": 700, "lost": 1, "remarks": ["no uploads"], "broken": ["1 lost"]}
    other = {**ran, "trigger": "sigterm", "requests": 5, "lost": 0, "remarks": ["no uploads"]}
    other["broken"] = list[str]()
    assert list(table(json.dumps(line) for line in (ran, ran, other))) == [
        "| server | SIGTERM | `healthkit run` |",
        "|---|---|---|",
        "| daphne | 0 of 5 [1] | 2 of 1,400 [1] |",
        "",
        "Requests lost of requests sent, in 3 terminations.",
        "",
        "1. no uploads",
        "",
        "Broken, 2 times: 1 lost",
    ]


def test_every_server_and_every_trigger_has_its_turn() -> None:
    """The quick part leaves out nothing."""
    chosen = list(diagonal())
    possible = list(cells())
    assert [cell.server for cell in chosen] == list(dict.fromkeys(c.server for c in possible))
    assert {cell.trigger for cell in chosen} == {cell.trigger for cell in possible}
    assert {cell.loop for cell in chosen} >= {"asyncio", "uvloop"}
    assert chosen[0].server is UVICORN
