"""A play is repeated for the machine's sake, and for nothing else."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.integration.stalls import LOOK, PLAYS, STALL, Stalls, again_after_a_stall, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path


def stalling(*seconds: float) -> Callable[[], AbstractContextManager[Stalls]]:
    """Return a watch that sees a stall of so many seconds in each play."""
    left = list(seconds)

    @contextmanager
    def watch() -> Generator[Stalls]:
        stalls = Stalls(float, float)
        stalls.longest = left.pop(0)
        yield stalls

    return watch


@pytest.mark.parametrize(
    ("stalls", "fails", "plays"),
    [
        ((0,), (), 1),
        ((9,), (), 1),
        ((0,), (1,), "late"),
        ((STALL, 0), (1,), 2),
        ((STALL, 0), (1, 2), "late"),
        ((9,) * PLAYS, (1, 2, 3), 4),
        ((9,) * PLAYS, (1, 2, 3, 4), "late"),
    ],
)
async def test_only_what_the_machine_has_spoilt_is_played_again(
    stalls: tuple[float, ...], fails: tuple[int, ...], plays: int | str, tmp_path: Path
) -> None:
    """Each time in a new directory; and not for ever."""
    places: list[Path] = []

    async def play(place: Path) -> None:
        places.append(place)
        assert not os.listdir(place)  # noqa: PTH208  # whatever is in it
        assert len(places) not in fails, "late"

    played = again_after_a_stall(play, stalling(*stalls))
    if isinstance(plays, str):
        with pytest.raises(AssertionError, match=plays):
            await played(tmp_path)
        plays = len(fails)
    else:
        await played(place=tmp_path)
    assert len(set(places)) == len(places) == plays


def test_a_stall_is_what_a_look_comes_too_late() -> None:
    """The longest counts, the last look's too."""
    moments = iter([0, LOOK, 1, 1 + LOOK + 0.5, 2, 2 + LOOK + 0.1])
    overs = iter([False, False, True])
    stalls = Stalls(lambda: next(moments), lambda _seconds: next(overs))
    stalls.look()
    assert stalls.longest == pytest.approx(0.5)


def test_a_watch_ends_with_its_block() -> None:
    """Until then there is a thread that looks."""
    with watched():
        assert "stalls" in {thread.name for thread in threading.enumerate()}
    assert "stalls" not in {thread.name for thread in threading.enumerate()}
