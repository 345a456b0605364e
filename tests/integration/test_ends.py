"""A table of situations and servers: each end has a defined outcome, on real processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from tests.integration import ends_situations as on
from tests.integration.ends import SETUPS
from tests.integration.stalls import again_after_a_stall
from tests.virtual import REAL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.ends_situations import Situation

ALL: Final = tuple(SETUPS)
GATED: Final = tuple(name for name, setup in SETUPS.items() if setup.gate)
WITH_LIFESPAN: Final = tuple(name for name in ALL if name not in {"daphne", "gunicorn gthread"})
GUNICORN: Final = tuple(name for name in ALL if name.startswith("gunicorn"))

#: Which servers each situation is played on. Where the signal never reaches the worker, that is
#: hypercorn -w 1, there is nothing to hold back; see `test_zero_loss` for what stands in front.
TABLE: Final[dict[Situation, tuple[str, ...]]] = {
    on.warming: ALL,
    on.starting: WITH_LIFESPAN,
    on.twice: GATED,
    on.twice_later: GATED,
    on.to_the_group: GATED,
    on.group_later: tuple(name for name in GATED if name != "daphne"),
    on.interrupted: ALL,
    on.one_worker: tuple(name for name in ALL if SETUPS[name].workers > 1),
    on.reloaded: GUNICORN,
    on.one_too_many: GUNICORN,
    on.recycled: ("gunicorn asgi", "gunicorn UvicornWorker", "uvicorn x2"),
    on.with_a_child: ("granian x1", "granian x2", "hypercorn -w 0", "gunicorn asgi", "uvicorn x1"),
    on.blocked: tuple(name for name in GATED if name != "gunicorn gthread"),
    on.complains: ALL,
    on.three_in_a_row: ("granian x1", "granian x2"),
    on.three_in_a_hurry: ("granian x1", "granian x2", "hypercorn -w 0"),
}

#: Played at the same time in the quick run: every server, and most situations.
DIAGONAL: Final = (
    (on.warming, "granian x2"),
    (on.twice, "gunicorn asgi"),
    (on.to_the_group, "uvicorn x2"),
    (on.twice_later, "uvicorn x1"),
    (on.blocked, "daphne"),
    (on.complains, "hypercorn -w 1"),
)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


async def test_the_ends_of_some_servers(tmp_path: Path) -> None:
    """A diagonal of the table: each as its own docstring says."""
    async with asyncio.TaskGroup() as group:
        for situation, name in DIAGONAL:
            place = tmp_path / name
            place.mkdir()
            group.create_task(again_after_a_stall(situation)(SETUPS[name], place))


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("situation", "name"),
    [
        pytest.param(situation, name, id=f"{situation.__name__}-{name}")
        for situation, names in TABLE.items()
        for name in names
    ],
)
async def test_an_end(situation: Situation, name: str, tmp_path: Path) -> None:
    """One situation on one server."""
    await situation(SETUPS[name], tmp_path)


def test_what_is_different_is_in_the_table() -> None:
    """A remark about a server that is not there would be read, and mean nothing."""
    cells = {(situation.__name__, name) for situation, names in TABLE.items() for name in names}
    assert cells >= set(on.DIFFERENT)
