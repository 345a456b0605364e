"""What each endpoint answers: DESIGN.md's table, and what holds for any report at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit._answers import (
    MINDS,
    NAMED,
    SAYS,
    Obstacle,
    Verdict,
    verdict,
)
from healthkit._model import Phase, Probe, Report
from healthkit._render import Answer, Form, Subject, render
from tests.reports import a_report, but

#: More than this the kubelet does not read (kubernetes pkg/probe/http, maxRespBodyLength).
KUBELET_READS = 10 * 1024

STARTING = a_report(Phase.STARTING, starting=("lifespan",), warming=("catalogue",), pending=("db",))
WARMING = but(STARTING, phase=Phase.WARMING, started=True, starting=())
SERVING = Report(Phase.SERVING, started=True, warmed=True)

#: Every obstacle at once.
WORST = a_report(
    Phase.DRAINING,
    liveness_failed=True,
    paused=True,
    failed=("schema",),
    starting=("lifespan",),
    warming=("catalogue 41 %",),
    failing=("database", "queue hanging"),
    stale=("bus",),
    pending=("cache",),
)

#: None, some, or more than one line holds, of any length; what else a name is plays no part.
_names = st.tuples(st.sampled_from([0, 1, 2, NAMED, NAMED + 1, 40]), st.sampled_from([1, 63])).map(
    lambda size: tuple("n" * size[1] for _ in range(size[0]))
)

REPORTS = st.builds(
    a_report,
    st.sampled_from(Phase),
    started=st.booleans(),
    warmed=st.booleans(),
    liveness_failed=st.booleans(),
    paused=st.booleans(),
    failed=_names,
    starting=_names,
    warming=_names,
    failing=_names,
    stale=_names,
    pending=_names,
    passing=_names,
)


def _status(probe: Probe, report: Report, *, ready_while_draining: bool = False) -> int:
    judged = verdict(probe, report, ready_while_draining=ready_while_draining)
    return _plain(judged, 5).status


def _plain(judged: Verdict, retry_after: int) -> Answer:
    subject = Subject("ready", Phase.SERVING, judged)
    return render(Form.PLAIN, subject, retry_after=retry_after, varies=False)


def _line(report: Report) -> str:
    return verdict(Probe.READY, report, ready_while_draining=False).line


# Columns: /startupz, /livez, /readyz, /healthz. "As it was" is a row for each way it can have been.
@pytest.mark.parametrize(
    ("report", "startupz", "livez", "readyz", "healthz"),
    [
        pytest.param(STARTING, 503, 200, 503, 503, id="starting"),
        pytest.param(WARMING, 200, 200, 503, 503, id="warming"),
        pytest.param(SERVING, 200, 200, 200, 200, id="serving"),
        pytest.param(but(SERVING, failing=("db",)), 200, 200, 503, 200, id="check failing"),
        pytest.param(but(SERVING, stale=("db",)), 200, 200, 503, 200, id="check stale"),
        pytest.param(but(SERVING, pending=("db",)), 200, 200, 503, 200, id="check pending"),
        pytest.param(but(SERVING, paused=True), 200, 200, 503, 200, id="paused"),
        pytest.param(
            but(SERVING, phase=Phase.DRAINING), 200, 200, 503, 503, id="draining, was serving"
        ),
        pytest.param(
            but(WARMING, phase=Phase.DRAINING), 200, 200, 503, 503, id="draining, was warming"
        ),
        pytest.param(
            but(STARTING, phase=Phase.DRAINING), 503, 200, 503, 503, id="draining, was starting"
        ),
        pytest.param(
            but(SERVING, liveness_failed=True), 200, 503, 503, 503, id="not live, was serving"
        ),
        pytest.param(
            but(STARTING, liveness_failed=True), 503, 503, 503, 503, id="not live, was starting"
        ),
        pytest.param(
            but(SERVING, phase=Phase.STOPPED), 200, 200, 503, 503, id="stopped, was serving"
        ),
        pytest.param(
            but(STARTING, starting=(), failed=("schema",)), 503, 200, 503, 503, id="failed"
        ),
    ],
)
def test_the_endpoints_answer_as_designed(
    report: Report, startupz: int, livez: int, readyz: int, healthz: int
) -> None:
    """DESIGN.md, "What the endpoints answer", row by row."""
    found = [_status(p, report) for p in (Probe.STARTUP, Probe.LIVE, Probe.READY, Probe.HEALTH)]
    assert found == [startupz, livez, readyz, healthz]


def test_obstacles_are_said_in_the_designed_order() -> None:
    """As each obstacle goes, the next one is said: the first is what to look at."""
    said: list[str] = []
    report = WORST
    for gone in (
        {"phase": Phase.SERVING},
        {"liveness_failed": False},
        {"failed": ()},
        {"started": True},
        {"warmed": True},
        {"paused": False},
        {"failing": ()},
        {"stale": ()},
        {"pending": ()},
    ):
        said.append(_line(report))
        report = but(report, **gone)
    assert [*said, _line(report)] == [
        "draining",
        "liveness failed",
        "failed: schema",
        "starting: lifespan",
        "warming: catalogue 41 %",
        "paused",
        "failing: database, queue hanging",
        "stale: bus",
        "pending: cache",
        "ok",
    ]


def test_every_obstacle_has_a_rule_and_readiness_minds_it() -> None:
    """An obstacle without a rule, or that no probe minds, would never be seen."""
    assert list(SAYS) == list(Obstacle)
    assert MINDS[Probe.READY] == set(Obstacle)
    assert set(MINDS) == set(Probe)


@pytest.mark.parametrize(
    ("phase", "line"), [(Phase.STARTING, "starting"), (Phase.WARMING, "warming")]
)
def test_a_phase_is_said_also_when_nothing_is_under_way(phase: Phase, line: str) -> None:
    """Between two pieces of work there is no name to say, and it is not ready either."""
    assert _line(Report(phase, started=phase is Phase.WARMING)) == line


@pytest.mark.parametrize(
    ("report", "status"),
    [
        pytest.param(but(SERVING, phase=Phase.DRAINING), 200, id="was serving"),
        pytest.param(but(WARMING, phase=Phase.DRAINING), 503, id="was warming"),
        pytest.param(but(STARTING, phase=Phase.DRAINING), 503, id="was starting"),
        pytest.param(but(SERVING, phase=Phase.DRAINING, failing=("db",)), 503, id="check failing"),
        pytest.param(but(SERVING, phase=Phase.DRAINING, paused=True), 503, id="paused"),
        pytest.param(but(SERVING, phase=Phase.DRAINING, liveness_failed=True), 503, id="not live"),
        pytest.param(but(SERVING, phase=Phase.STOPPED), 503, id="stopped"),
    ],
)
def test_ready_while_draining_lifts_the_drain_and_nothing_else(report: Report, status: int) -> None:
    """The last endpoint stays in use while it can serve; whatever else is wrong still counts."""
    assert _status(Probe.READY, report, ready_while_draining=True) == status


def test_ready_while_draining_is_for_readiness_only() -> None:
    """A balancer that asks /healthz has no terminating endpoints to fall back to."""
    report = but(SERVING, phase=Phase.DRAINING)
    assert _status(Probe.HEALTH, report, ready_while_draining=True) == 503


@pytest.mark.parametrize(
    ("field", "report"),
    [
        ("failed", Report(Phase.STARTING)),
        ("starting", Report(Phase.STARTING)),
        ("warming", WARMING),
        ("failing", SERVING),
        ("stale", SERVING),
        ("pending", SERVING),
    ],
)
def test_a_body_stays_below_what_the_kubelet_reads(field: str, report: Report) -> None:
    """500 names of 63 characters are cut to the first 20, and the rest is counted."""
    names = tuple(f"{number:063d} 100 %" for number in range(500))
    judged = verdict(Probe.READY, but(report, **{field: names}), ready_while_draining=False)
    assert len(_plain(judged, 5).body) < KUBELET_READS
    assert judged.line.endswith(" and 480 more")
    assert judged.line.count(" 100 %") == NAMED


@pytest.mark.parametrize("count", [1, NAMED, NAMED + 1])
def test_names_are_only_left_out_beyond_the_cap(count: int) -> None:
    """Twenty are said in full; the twenty-first is the first that is only counted."""
    names = tuple(f"check{number}" for number in range(count))
    more = " and 1 more" if count > NAMED else ""
    expected = f"failing: {', '.join(names[:NAMED])}{more}"
    assert _line(but(SERVING, failing=names)) == expected


@settings(deadline=None, database=None)
@given(
    st.sampled_from(Probe),
    REPORTS,
    st.booleans(),
    st.integers(min_value=0, max_value=86_400),
)
def test_any_answer_is_one_the_kubelet_understands(
    probe: Probe, report: Report, ready_while_draining: bool, retry_after: int
) -> None:
    """200 or 503, one line, complete, small, and Retry-After only on 503: for any report."""
    judged = verdict(probe, report, ready_while_draining=ready_while_draining)
    answer = _plain(judged, retry_after)
    headers = dict(answer.headers)
    assert answer.status == (200 if judged.passes else 503)
    assert answer.body.endswith(b"\n")
    assert answer.body.count(b"\n") == 1
    assert len(answer.body) < KUBELET_READS
    assert headers[b"content-length"] == b"%d" % len(answer.body)
    assert (b"retry-after" in headers) == (answer.status == 503)
    assert judged.passes == (judged.line == "ok")


@settings(deadline=None, database=None)
@given(REPORTS, st.booleans())
def test_liveness_depends_on_failed_liveness_only(report: Report, lenient: bool) -> None:
    """No phase, check, pause or warm-up changes /livez by as much as a byte."""
    expected = ("liveness failed", False) if report.liveness_failed else ("ok", True)
    judged = verdict(Probe.LIVE, report, ready_while_draining=lenient)
    assert (judged.line, judged.passes) == expected


@settings(deadline=None, database=None)
@given(REPORTS)
def test_the_balancers_probe_ignores_checks_and_pauses(report: Report) -> None:
    """/healthz is the same whatever a dependency does, or one database takes every task."""
    calm = but(report, paused=False, failing=(), stale=(), pending=())
    judged = verdict(Probe.HEALTH, report, ready_while_draining=False)
    assert judged == verdict(Probe.HEALTH, calm, ready_while_draining=False)
    assert judged == verdict(Probe.READY, calm, ready_while_draining=False)


@settings(deadline=None, database=None)
@given(REPORTS, st.booleans())
def test_start_up_depends_on_start_up_only(report: Report, lenient: bool) -> None:
    """Once started, /startupz passes through whatever follows; before that it never does."""
    assert verdict(Probe.STARTUP, report, ready_while_draining=lenient).passes == report.started
