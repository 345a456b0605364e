"""``healthkit status``: what it shows of a pod."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _records, _status
from healthkit._facts import Details, Facts
from healthkit._model import CheckState, Component, Kind, Pause, Phase, Probe, WorkState
from healthkit._seat import Seat
from healthkit._state_dir import StateDir, View
from tests.drains import Watch, a_record, asked_by_another

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from healthkit._state_dir import Peer

Lines = pytest.CaptureFixture[str]

NOW = 1000.0

WARMING: Mapping[Probe, tuple[bool, str]] = {
    Probe.LIVE: (True, "ok"),
    Probe.READY: (False, "warming: catalogue 41 %"),
    Probe.STARTUP: (True, "ok"),
    Probe.HEALTH: (False, "warming: catalogue 41 %"),
}


def facts(pid: int, **changes: object) -> Facts:
    """Make the facts of a worker that serves."""
    made = Facts(pid=pid, app="shop", joined=pid, phase=Phase.SERVING, started=True, ready=True)
    return replace(made, **changes)  # type: ignore[arg-type]  # as the caller says


def check(name: str, state: CheckState = CheckState.PASSING) -> Component:
    """Make a check."""
    return Component(name, Kind.CHECK, state)


def warmup(name: str, note: str = "", state: WorkState = WorkState.PENDING) -> Component:
    """Make a warm-up."""
    return Component(name, Kind.WARMUP, state, note=note)


def row(peer: Peer) -> dict[str, str]:
    """Return what a worker's row says, by column."""
    head, line = _status.as_text("/pod", View((peer,)), NOW).splitlines()[2:]
    starts = [head.index(column) for column in _status.COLUMNS]
    ends = [*starts[1:], 999]
    return {
        column: line[start:end].strip()
        for column, start, end in zip(_status.COLUMNS, starts, ends, strict=True)
    }


def cell(column: str, *components: Component, **changes: object) -> str:
    """Return what one column says of a worker."""
    details = Details(components=components)
    return row(a_record(facts(12, **changes), NOW - 0.4, details=details))[column]


# -- the table ------------------------------------------------------------------------------------


def test_a_pod_as_a_table() -> None:
    """Aligned, in the order in which the workers joined, below what the probes answer."""
    warming = a_record(
        facts(4711, joined=3, phase=Phase.WARMING, ready=False),
        NOW - 0.06,
        details=Details((warmup("catalogue", "41 %"), warmup("prices", state=WorkState.DONE))),
        says=WARMING,
    )
    failing = a_record(
        facts(12, joined=2, ready=False, requests=3, holds=("hold 'checkout job'",)),
        NOW - 0.41,
        details=Details((check("a"), check("b"), check("database", CheckState.FAILING))),
    )
    hung = a_record(facts(8, joined=1, requests=1), NOW - 12, fresh=False)
    assert _status.as_text("/pod", View((failing, hung, warming)), NOW) == (
        "passing: live, startup; failing: ready, health (warming: catalogue 41 %)\n"
        "\n"
        "PID   PHASE    READY  WARM-UP         CHECKS                     IN FLIGHT  "
        "HOLDS           HEARTBEAT\n"
        "8     serving  yes    -               -                          1          "
        "-               12 s, hung\n"
        "12    serving  no     -               2 ok, 1 failing: database  3          "
        "'checkout job'  0.4 s\n"
        "4711  warming  no     catalogue 41 %  -                          0          "
        "-               0.1 s\n"
    )


@pytest.mark.parametrize(
    ("says", "line"),
    [
        (dict.fromkeys(Probe, (True, "ok")), "passing: live, ready, startup, health"),
        (dict.fromkeys(Probe, (False, "a")), "failing: live, ready, startup, health (a)"),
        (
            {**WARMING, Probe.LIVE: (False, "liveness failed")},
            (
                "passing: startup; failing: live (liveness failed), "
                "ready, health (warming: catalogue 41 %)"
            ),
        ),
    ],
)
def test_what_the_pod_answers(says: Mapping[Probe, tuple[bool, str]], line: str) -> None:
    """The probes that answer the same are named together."""
    view = View((a_record(facts(12), NOW, says=says),))
    assert _status.as_text("/pod", view, NOW).splitlines()[0] == line


def test_the_record_written_last_is_believed() -> None:
    """Whichever worker's it is; one that says nothing of a probe is not taken for a success."""
    old, new = a_record(facts(12), NOW - 2), a_record(facts(13), NOW - 1, says=WARMING)
    for peers in ((old, new), (new, old)):
        assert _status.as_text("/pod", View(peers), NOW).startswith("passing: live, startup;")
    silent = replace(old, body=b"%d 12\n" % int(NOW * 1e9))
    line = _status.as_text("/pod", View((silent, new)), NOW).splitlines()[0]
    assert line == "failing: live, ready, startup, health (not said)"


def test_who_was_told_to_drain() -> None:
    """And who has not heard of it."""
    told, other = a_record(facts(12, told=NOW - 3), NOW), a_record(facts(13), NOW)

    def line(view: View) -> str:
        return _status.as_text("/pod", view, NOW).splitlines()[1]

    assert line(View((told, other))) == "draining for 3 s; told: 12; not yet: 13"
    assert line(View((told,))) == "draining for 3 s; told: 12"
    assert line(View((other,), NOW - 4)) == "draining for 4 s; not yet: 13"
    assert line(View((), NOW - 4)) == "draining for 4 s; told: nobody"
    many = [a_record(facts(pid, told=NOW - 3), NOW) for pid in range(10, 20)]
    assert line(View(tuple(many))).endswith("told: 10, 11, 12, 13, 14, 15, 16, 17, 2 more")


def test_nobody_lives() -> None:
    """It is said, and there is no table."""
    assert _status.as_text("/pod", View(), NOW) == "no worker lives in /pod\n"
    view = View(other_version="worker-9-ab is of version 2")
    assert _status.as_text("/pod", view, NOW) == (
        "no worker lives in /pod\nworker-9-ab is of version 2: not shown\n"
    )


def test_readiness_in_a_word() -> None:
    """What somebody has said about a worker goes before what it could do."""
    assert cell("READY") == "yes"
    assert cell("READY", ready=False) == "no"
    paused = Pause(said=7, paused=True)
    assert cell("READY", pause=paused) == "paused"
    assert cell("READY", pause=paused, liveness_failed=True) == "not live"


def test_warm_ups_in_some_words() -> None:
    """What is not done, with its progress; start-up work too."""
    integrity = Component("integrity", Kind.STARTUP, WorkState.PENDING, note="40 %")
    done = warmup("a", state=WorkState.DONE)
    assert cell("WARM-UP") == "-"
    assert cell("WARM-UP", done) == "done"
    assert cell("WARM-UP", done, warmup("catalogue", "41 %")) == "catalogue 41 %"
    assert cell("WARM-UP", integrity, warmup("b")) == "integrity 40 %, +1"
    assert cell("WARM-UP", warmup("b", state=WorkState.FAILED)) == "b failed"
    assert cell("WARM-UP", warmup("b")) == "b"
    assert cell("WARM-UP", warmup("catalogue", "no progress at all")) == "cat... no progre..."
    assert cell("WARM-UP", warmup("c" * 63, "41 %"), done) == f"{'c' * 11}... 41 %"


def test_checks_in_some_words() -> None:
    """Counted by state, the worst first, and named if they do not pass."""
    states = [CheckState.STALE, CheckState.FAILING, CheckState.FAILING]
    bad = [check(f"c{number}", state) for number, state in enumerate(states)]
    assert cell("CHECKS") == "-"
    assert cell("CHECKS", check("a"), warmup("w")) == "1 ok"
    assert cell("CHECKS", *bad) == "2 failing: c1, c2, 1 stal..."
    assert cell("CHECKS", *bad[:2]) == "1 failing: c1, 1 stale: c0"
    assert cell("CHECKS", check("p", CheckState.PENDING)) == "1 pending: p"
    assert cell("CHECKS", check("a"), check("x" * 63, CheckState.FAILING)) == (
        f"1 ok, 1 failing: {'x' * 8}..."
    )


def test_holds_in_some_words() -> None:
    """The first is named, the others are counted."""
    assert cell("HOLDS") == "-"
    assert cell("HOLDS", holds=("hold 'a'",)) == "'a'"
    assert cell("HOLDS", holds=("on_drain 'flush'", "hold 'a'")) == "on_drain..., +1"
    assert cell("HOLDS", holds=("hold 'the-nightly-export'", "x")) == "'the-nigh..., +1"


@given(
    name=st.text(min_size=1),
    holds=st.lists(st.text(), max_size=3),
    numbers=st.integers(0, 10**7),
    count=st.integers(0, 30),
)
def test_a_table_fits_into_120_columns(
    name: str, holds: list[str], numbers: int, count: int
) -> None:
    """Whatever things are called, and in one line each."""
    works = [warmup(name, "100 %") for _ in range(count)]
    checks = [check(name, state) for state in CheckState for _ in range(count)]
    made = facts(
        numbers % 2**22,
        phase=Phase.DRAINING,
        requests=numbers % 10_000,
        streams=numbers % 9_999,
        holds=tuple(holds),
    )
    peer = a_record(made, NOW - 9.9, details=Details((*works, *checks)), fresh=False)
    text = _status.as_text("/pod", View((peer,)), NOW)
    assert text.count("\n") == len(text.splitlines()) == 4
    assert max(map(len, text.splitlines()[2:])) <= 120
    assert text.replace("\n", "").isprintable()


# -- JSON -----------------------------------------------------------------------------------------


def test_a_pod_as_json() -> None:
    """One documented shape."""
    details = Details(
        (
            warmup("catalogue", "41 %"),
            replace(check("database"), age=1.23456, duration=0.0123),
        )
    )
    made = facts(12, told=NOW - 3, requests=2, streams=3, holds=("hold 'x'",), expected=4, joined=2)
    first = a_record(facts(13, joined=1), NOW - 7, fresh=False)
    second = a_record(made, NOW - 0.25, details=details, says=WARMING)
    assert json.loads(_status.as_json("/pod", View((second, first), NOW - 2), NOW)) == {
        "state_dir": "/pod",
        "pod": {
            "live": {"passes": True, "line": "ok"},
            "ready": {"passes": False, "line": "warming: catalogue 41 %"},
            "startup": {"passes": True, "line": "ok"},
            "health": {"passes": False, "line": "warming: catalogue 41 %"},
        },
        "draining_since_seconds": 3.0,
        "other_version": None,
        "workers": [
            {
                "pid": 13,
                "phase": "serving",
                "started": True,
                "ready": True,
                "liveness_failed": False,
                "paused": False,
                "told": False,
                "requests": 0,
                "streams": 0,
                "holds": [],
                "heartbeat_age_seconds": 7.0,
                "fresh": False,
                "expected": None,
                "components": [],
            },
            {
                "pid": 12,
                "phase": "serving",
                "started": True,
                "ready": True,
                "liveness_failed": False,
                "paused": False,
                "told": True,
                "requests": 2,
                "streams": 3,
                "holds": ["hold 'x'"],
                "heartbeat_age_seconds": 0.25,
                "fresh": True,
                "expected": 4,
                "components": [
                    {
                        "name": "catalogue",
                        "kind": "warmup",
                        "state": "pending",
                        "required": True,
                        "passes": False,
                        "note": "41 %",
                        "progress": None,
                        "age_seconds": None,
                        "duration_seconds": None,
                    },
                    {
                        "name": "database",
                        "kind": "check",
                        "state": "passing",
                        "required": True,
                        "passes": True,
                        "note": "",
                        "progress": None,
                        "age_seconds": 1.235,
                        "duration_seconds": 0.012,
                    },
                ],
            },
        ],
    }


def test_an_empty_pod_as_json_has_the_same_members() -> None:
    """Nothing is left out."""
    assert json.loads(_status.as_json("/pod", View(other_version="x"), NOW)) == {
        "state_dir": "/pod",
        "pod": dict.fromkeys(("live", "ready", "startup", "health")),
        "draining_since_seconds": None,
        "other_version": "x",
        "workers": [],
    }


def test_the_members_are_documented() -> None:
    """In the module's docstring."""
    peer = a_record(facts(12), NOW, details=Details((check("a"),)))
    shown = json.loads(_status.as_json("/pod", View((peer,)), NOW))
    (worker,) = shown["workers"]
    (component,) = worker["components"]
    for member in (*shown, *worker, *component):
        assert member in str(_status.__doc__), member


# -- the command ----------------------------------------------------------------------------------


def test_it_reads_a_real_directory(tmp_path: Path, capsys: Lines) -> None:
    """Real records, of a worker and of somebody who drains; nothing is changed."""
    directory, watch = StateDir(str(tmp_path)), Watch()
    worker = Seat(directory, _records.WORKER, a_record(facts(12), watch.now()).body)
    with asked_by_another(directory, watch.now() - 2):
        before = sorted(path.name for path in tmp_path.iterdir())
        environ = {"HEALTHKIT_STATE_DIR": str(tmp_path)}
        assert _status.main([], environ, clock=watch.now) == 0
        assert _status.main(["--json"], environ, clock=watch.now) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == before
    worker.leave()
    out, err = capsys.readouterr()
    text, brace, rest = out.partition("{")
    assert text.splitlines()[:2] == [
        "passing: live, ready, startup, health",
        "draining for 2 s; not yet: 12",
    ]
    assert json.loads(brace + rest)["draining_since_seconds"] == 2.0
    assert err == ""


def test_an_empty_directory_is_no_failure(tmp_path: Path, capsys: Lines) -> None:
    """A pod that has not begun, or has ended."""
    assert _status.main(["--state-dir", str(tmp_path)], {}) == 0
    assert capsys.readouterr().out == f"no worker lives in {tmp_path}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "found neither --state-dir nor HEALTHKIT_STATE_DIR, expected one of them"),
        (["--state-dir=/no/where"], "state_dir='/no/where': can't "),
        (["--state-dir=x"], "--state-dir='x': expected an absolute path"),
        (["--state-dir=/", "--", "x"], "found 'x' after '--', expected options only"),
        (["--yaml"], "found '--yaml', expected --state-dir DIR, --json, --help"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: list[str], line: str, capsys: Lines) -> None:
    """So is a directory that is not there."""
    assert _status.main(arguments, {}) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"healthkit status: {line}")


def test_help(capsys: Lines) -> None:
    """On stdout."""
    assert _status.main(["-h"], {}) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: healthkit status [--json] [--state-dir DIR]\n")
    assert (max(map(len, out.splitlines())) <= 100, err) == (True, "")
