"""A second chance is what it is said to be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.chances import FAILURES, second_chance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("fails", "plays"),
    [((), 1), ((0,), 3), ((0, 1), 4), ((0, 2), 4), ((0, 1, 2), 3), ((0, 1, 3), 4)],
)
async def test_what_fails_must_succeed_twice_before_it_has_failed_thrice(
    fails: tuple[int, ...], plays: int, tmp_path: Path
) -> None:
    """Each time in a new directory."""
    places: list[Path] = []

    @second_chance
    async def play(place: Path) -> None:
        places.append(place)
        assert not os.listdir(place)  # noqa: PTH208  # whatever is in it
        assert len(places) - 1 not in fails, "late"

    if len(fails) == FAILURES:
        with pytest.raises(AssertionError, match="late"):
            await play(tmp_path)
    else:
        await play(place=tmp_path)
    assert len(set(places)) == len(places) == plays
