"""A second chance is one, and no more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.chances import AGAIN, second_chance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("fails", "plays"), [((), 1), ((0,), 1 + AGAIN), ((0, 1), 2), ((0, AGAIN), 1 + AGAIN)]
)
async def test_what_fails_once_must_succeed_after_that(
    fails: tuple[int, ...], plays: int, tmp_path: Path
) -> None:
    """Each time in a new directory; a second failure is one."""
    places: list[Path] = []

    @second_chance
    async def play(place: Path) -> None:
        places.append(place)
        assert not os.listdir(place)  # noqa: PTH208  # whatever is in it
        assert len(places) - 1 not in fails, "late"

    if len(fails) > 1:
        with pytest.raises(AssertionError, match="late"):
            await play(tmp_path)
    else:
        await play(place=tmp_path)
    assert len(set(places)) == len(places) == plays
