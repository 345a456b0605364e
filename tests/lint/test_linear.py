"""The linter's work grows as what it looks at does: nothing is gone through for each other thing.

Calls are counted, as a clock would tell of the machine. Before there were indexes, four times as
many applications took ten times as many calls.
"""

from __future__ import annotations

import gc
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from healthkit import lint
from tests.lint.wide import crowded, twice, wide

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

FEW: Final = 10
TIMES: Final = 4

#: What sorting may add; what is done once for all takes away from it.
SLACK: Final = 1.1


def calls(text: str) -> int:
    """Return how many functions are called while a text is looked at."""
    count = 0

    def called(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    gc.collect()  # what others have left ends here, and not among what is counted
    gc.disable()
    sys.setprofile(called)
    try:
        lint.check_text(text)
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


@pytest.mark.parametrize(
    "made",
    [wide, partial(wide, spaces=True), crowded, twice],
    ids=["applications", "namespaces", "containers", "twice"],
)
def test_four_times_as_much_takes_four_times_the_calls(made: Callable[[int], str]) -> None:
    """All rules together."""
    lint.check_text(made(1))  # what is computed once for ever
    assert calls(made(TIMES * FEW)) < SLACK * TIMES * calls(made(FEW))


def test_what_is_wide_has_findings_of_what_links_it() -> None:
    """Else the rules that look for links would not have been asked to."""
    found = {one.rule for one in lint.check_text(wide(2, spaces=True)).findings}
    assert found >= {"HK113", "HK402", "HK408", "HK505", "HK506", "HK602", "HK604"}
