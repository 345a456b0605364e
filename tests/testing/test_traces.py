"""What a real Kubernetes did, played by the simulator: the same events at the same moments.

The recordings are in ``tests/testing/traces``. Others of the same format, every ``*.json`` in DIR,
are played with ``HEALTHKIT_TRACES=DIR pytest tests/testing/test_traces.py``, one test each.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.testing import recordings, tables

if TYPE_CHECKING:
    from tests.testing.recordings import Json

FOLDER: Final = Path(os.environ.get("HEALTHKIT_TRACES") or Path(__file__).with_name("traces"))
CASES: Final = sorted(FOLDER.glob("*.json"))

#: What needs no status sync: played by the simulator's own rule for these it fits as well.
UNSYNCED: Final = {"started", "killing", "prestop_begin", "prestop_end", "sigterm", "exit", "event"}

each_case = pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])


def test_there_are_recordings() -> None:
    """A folder without any would be no test at all."""
    assert CASES, f"no *.json in {FOLDER}"


@each_case
def test_a_recording_is_reproduced(path: Path) -> None:
    """Every event comes within its tolerance, none is missing or too many, every fact holds."""
    case = recordings.load(path)
    if case["kind"] == "table":
        assert tables.wrong_rows(case) == []
        return
    for run in case["runs"]:
        events = recordings.play(case, run)
        assert recordings.differences(case, run, events) == []
        assert recordings.broken_facts(case, run, events) == []


@each_case
def test_its_own_rule_for_status_syncs_changes_only_when_readiness_is_asked(path: Path) -> None:
    """The syncs of a recording are chance; all that does not follow from them comes as recorded."""
    case = recordings.load(path)
    for run in case.get("runs", ()):
        events = recordings.play(case, run, ruled=True)
        assert recordings.differences(_unsynced(case), run, _without_readiness(events)) == []


def _unsynced(case: Json) -> Json:
    names = [name for name in case["compare"] if name in UNSYNCED]
    return {**case, "compare": names}


def _without_readiness(events: list[Json]) -> list[Json]:
    return [event for event in events if event.get("type") != "readiness"]


def test_the_comparison_sees_what_is_wrong() -> None:
    """One event too early, one missing, one too many and one fact broken: each is said."""
    case = recordings.load(Path(__file__).with_name("traces") / "delete-exec-hook-5.json")
    run = case["runs"][0]
    events = recordings.play(case, run)
    late = [{**one, "t": one["t"] + (one["event"] == "sigterm") * 0.5} for one in events]
    assert len(recordings.differences(case, run, late)) == 2
    less = [one for one in events if one["event"] != "prestop_end"]
    assert len(recordings.differences(case, run, less)) == 1
    more = [*events, {"t": 1.0, "event": "sigterm"}]
    assert len(recordings.differences(case, run, more)) == 1
    assert any("SIGTERM at about 5 s" in said for said in recordings.broken_facts(case, run, late))
