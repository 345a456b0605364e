"""The life of a pod as text, as one line for assertions, and as data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.errors import ConfigError
from healthkit.manifests._spec import Container, HttpGet, PodSpec, Probe
from healthkit.testing._folding import folded
from healthkit.testing._timeline import Timeline
from tests.testing.stories import BARE, SPEC, WHOLE, endpoint, event, every_second, probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.testing._events import Event


def told(*events: Event, spec: PodSpec | None = None) -> list[str]:
    """Return what is said of each moment, without the seconds."""
    return [line[9:] for line in str(Timeline(events, spec=spec)).splitlines()]


def last(*events: Event, spec: PodSpec | None = None) -> str:
    """Return what is said of the last line."""
    return told(*events, spec=spec)[-1]


# -- text -----------------------------------------------------------------------------------------


def test_a_whole_life() -> None:
    """Seconds, and what happened; what repeats is one line; the decisions are explained."""
    assert str(Timeline(WHOLE, "web", SPEC)).splitlines() == [
        "seconds  web",
        "    0.0  phase Pending",
        "    0.5  the container started",
        "    0.5  phase Running",
        "    0.5  not in the Service: no requests",
        "    1.0  startup refused, failed (1 of 60)",
        "    2.0  startup 200",
        "    2.0  started: startup passed",
        "    2.0  readiness 200 x 2, every 1 s, until 3.0 s",
        "    3.0  Ready: readiness passed 2 times in a row",
        "    3.1  endpoint: in the Service, new requests come",
        "    4.0  readiness 200 x 17, every 1 s, until 20.0 s",
        "   20.5  deletion: the container has to end",
        "   20.5  endpoint: terminating, still serving what comes",
        "   20.5  preStop begins",
        "   25.5  preStop is over, 5 s after it began",
        "   25.5  SIGTERM",
        "   26.1  the container ended, exit code 0, 0.6 s after SIGTERM",
        "   26.4  not Ready: the container has ended",
        "   26.5  endpoint: gone from the Service",
        "   27.0  the Pod object is gone",
    ]


def test_a_liveness_kill_is_explained() -> None:
    """By the failures that led to it; the next container begins to count anew."""
    events = [
        event(0.2, "container_started", n=1),
        *(probe(at, "liveness", 500) for at in (10, 20, 30)),
        event(30.1, "killing", why="liveness"),
        event(30.1, "sigterm"),
        event(42.1, "exit", code=137),
        event(42.2, "backoff", seconds=10),
        event(53.2, "container_started", n=2),
        probe(60, "liveness", "timeout"),
    ]
    assert told(*events, spec=SPEC) == [
        "the container started",
        "liveness 500, failed x 3, every 10 s, until 30.0 s",
        "liveness failed 3 times in a row: killing the container",
        "SIGTERM",
        "SIGKILL ended the container, exit code 137, 12 s after SIGTERM",
        "CrashLoopBackOff: at least 10 s to the next start",
        "the container started again (restart 1)",
        "liveness timeout, failed (1 of 3)",
    ]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([probe(1, "readiness", 200)], "readiness 200"),
        ([probe(1, "readiness", 302, result="warning")], "readiness 302, passed, with a warning"),
        ([probe(1, "readiness", "slow body")], "readiness slow body, thrown away"),
        ([probe(1, "liveness", 200, result="discarded")], "liveness 200, thrown away"),
        ([event(1, "probe", type="liveness", result="success")], "liveness passed"),
        ([event(1, "probe", type="liveness", result="failure")], "liveness failed"),
        ([event(1, "started", value=True)], "started"),
        (
            [event(1, "started", value=False)],
            "not started: a new container, its startup probe has not passed",
        ),
        ([event(1, "ready", value=True)], "Ready"),
        ([event(1, "ready", value=False)], "not Ready"),
        ([probe(1, "readiness", 200), event(1, "ready", value=False)], "not Ready"),
        (
            [probe(1, "readiness", 500), event(1, "ready", value=False)],
            "not Ready: readiness failed",
        ),
        ([event(1, "ready", value=False, reason="Gates")], "not Ready: Gates"),
        ([event(1, "exit"), event(2, "ready", value=False, reason="Gone")], "not Ready: Gone"),
        ([event(1, "exit"), event(2, "ready", value=False)], "not Ready: the container has ended"),
        ([event(1, "containers_ready", value=True)], "all containers are ready"),
        ([event(1, "containers_ready", value=False)], "a container is unready"),
        ([event(1, "condition", type="warm", status="True")], "condition warm is set to True"),
        (
            [endpoint(1, ready=False, serving=False, terminating=True)],
            "endpoint: terminating, not serving",
        ),
        (
            [endpoint(1, ready=True, serving=True), endpoint(2, ready=False, serving=False)],
            "endpoint: out of the Service",
        ),
        ([event(1, "killing", why="startup")], "startup failed: killing the container"),
        ([event(1, "prestop_end")], "preStop is over"),
        ([event(1, "exit")], "the container ended, its exit code is unknown"),
        ([event(1, "exit", code=3)], "the container ended, exit code 3"),
        (
            [event(1, "container_started", n=1), event(3.25, "exit", code=3)],
            "the container ended, exit code 3, 2.25 s after its start",
        ),
        ([event(1, "container_started")], "the container started"),
        ([event(1, "backoff")], "CrashLoopBackOff: at least None s to the next start"),
        ([event(1, "event", reason="Failed")], "event Failed"),
        ([event(1, "event", reason="Failed", message=" two\n lines ")], "event Failed: two lines"),
        ([event(1, "request", why="reset")], "LOST a request: reset"),
        ([event(1, "unheard_of", what=1)], "unheard_of what=1"),
    ],
)
def test_every_event_has_words(events: Sequence[Event], words: str) -> None:
    """Without the pod's spec, nothing is guessed."""
    assert last(*events) == words


def test_the_spec_says_which_probes_there_are_not() -> None:
    """Then nobody had to pass."""
    started, ready = event(1, "started", value=True), event(1, "ready", value=True)
    assert told(started, ready, spec=BARE) == [
        "started: no startup probe",
        "Ready: no readiness probe",
    ]
    assert told(started, ready, spec=SPEC) == ["started", "Ready"]
    assert last(event(1, "ready", value=False), spec=BARE) == "not Ready"


def test_results_are_counted_up_to_their_threshold() -> None:
    """Whatever is thrown away doesn't count, and an unknown probe has no threshold."""
    one = Probe(HttpGet(), failure_threshold=2)
    spec = PodSpec("web", (Container("app", readiness=one),))
    events = [
        probe(1, "readiness", 500),
        event(1, "condition", type="a", status="True"),
        probe(2, "readiness", "short body"),
        probe(3, "readiness", 503),
        probe(4, "readiness", 502),
        probe(5, "other", 500),
    ]
    assert told(*events, spec=spec) == [
        "readiness 500, failed (1 of 2)",
        "condition a is set to True",
        "readiness short body, thrown away",
        "readiness 503, failed (2 of 2)",
        "readiness 502, failed",
        "other 500, failed",
    ]


def test_a_line_is_no_wider_than_a_terminal() -> None:
    """What is longer goes on in the next one, below the words."""
    text = str(Timeline([event(12, "event", reason="Unhealthy", message="no " * 60)], "n" * 90))
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[2].startswith("   12.0  event Unhealthy: no no")
    assert text.splitlines()[3].startswith(" " * 11 + "no no")


def test_seconds_are_as_fine_as_people_need() -> None:
    """A tenth, unless two moments would look the same; the column grows with the seconds."""
    assert str(Timeline([event(1.04, "sigterm"), event(1.01, "deleted")])) == (
        "   1.01  the Pod object is gone\n   1.04  SIGTERM"
    )
    assert str(Timeline([event(1.04, "sigterm"), event(1.04, "deleted")])).startswith(
        "    1.0  SIG"
    )
    assert str(Timeline([event(123456.5, "sigterm")])) == "123456.5  SIGTERM"


def test_nothing_is_said_to_be_nothing() -> None:
    """With the name, if there is one."""
    assert str(Timeline()) == "pod: nothing was seen of it"
    assert str(Timeline([], "web")) == "web: nothing was seen of it"
    assert repr(Timeline()) == "<Timeline empty>"


# -- folding --------------------------------------------------------------------------------------


def test_probes_that_answer_the_same_are_one_line_each() -> None:
    """Also when two of them take turns."""
    events = [*every_second(1, 9, "readiness", 200), probe(3.5, "liveness", 200)]
    events.append(probe(8.5, "liveness", 200))
    assert told(*sorted(events, key=lambda one: one.at)) == [
        "readiness 200 x 9, every 1 s, until 9.0 s",
        "liveness 200 x 2, every 5 s, until 8.5 s",
    ]


def test_whatever_happens_between_is_told_between() -> None:
    """A probe that fails ends the lines of all others."""
    events = [*every_second(1, 9, "readiness", 200), probe(3.5, "liveness", 500)]
    assert told(*sorted(events, key=lambda one: one.at)) == [
        "readiness 200 x 3, every 1 s, until 3.0 s",
        "liveness 500, failed",
        "readiness 200 x 6, every 1 s, until 9.0 s",
    ]


def test_a_change_that_an_event_has_hidden_is_a_change() -> None:
    """After the event too, the line that goes on ends where another probe turned."""
    events = [
        probe(1, "readiness", 503),
        event(2, "sigterm"),
        probe(3, "liveness", 200),
        probe(4, "readiness", 200),
        probe(5, "liveness", 200),
    ]
    assert told(*events)[2:] == ["liveness 200", "readiness 200", "liveness 200"]


def test_lost_requests_are_together_if_they_were() -> None:
    """Those of one second are one line, with how far apart they were."""
    events = [
        *(event(at, "request", why="refused") for at in (10.0, 10.4, 10.5)),
        event(10.5, "request", why="reset"),
        event(30, "request", why="reset"),
        probe(30.1, "readiness", 200),
        event(30.2, "request", why="reset"),
        *(event(40, "request", why="eof") for _ in range(3)),
    ]
    assert told(*events) == [
        "LOST 3 requests: refused, 0.1 to 0.4 s apart, until 10.5 s",
        "LOST a request: reset",
        "LOST 2 requests: reset, every 0.2 s, until 30.2 s",
        "readiness 200",
        "LOST 3 requests: eof",
    ]


def seen(at: float, name: str, kind: str, status: int) -> Event:
    """Make an event of any name."""
    return event(at, name, type=kind, status=status, why=kind)


ANY_EVENT = st.builds(
    seen,
    st.floats(0, 100),
    st.sampled_from(["probe", "probe", "probe", "request", "ready", "exit"]),
    st.sampled_from(["startup", "liveness", "readiness"]),
    st.sampled_from([200, 503]),
)


@given(st.lists(ANY_EVENT, max_size=40))
def test_a_line_hides_nothing(events: list[Event]) -> None:
    """Each event is in one line; between a line's first and last, all others say what they said."""
    ordered = sorted(events, key=lambda one: one.at)
    lines = folded(ordered)
    assert sorted(position for line in lines for position in line) == list(range(len(ordered)))
    for line in lines:
        said: dict[object, object] = {}
        for one in ordered[line[0] : line[-1] + 1]:
            assert one.name in {"probe", "request"} or len(line) == 1
            key = (one.name, one.details["type"] if one.name == "probe" else "")
            meant = one.details["status"] if one.name == "probe" else one.details["why"]
            assert said.setdefault(key, meant) == meant


@given(st.lists(ANY_EVENT, max_size=20))
def test_every_life_can_be_told(events: list[Event]) -> None:
    """In lines that fit, one of them for each that `repr` has."""
    timeline = Timeline(events, spec=SPEC)
    assert all(len(line) <= 80 for line in str(timeline).splitlines())
    assert repr(timeline).count(";") == max(len(folded(list(timeline))) - 1, 0)


# -- one line -------------------------------------------------------------------------------------


def test_the_repr_is_for_assertions() -> None:
    """Exact moments, few words, what repeats folded."""
    assert repr(Timeline(WHOLE, "web", SPEC)) == (
        "<Timeline web: 0.0 Pending; 0.5 container 1; 0.5 Running; 0.5 endpoint not ready; "
        "1.0 startup refused; 2.0 startup 200; 2.0 started; 2.0 readiness 200 x2 until 3.0; "
        "3.0 ready; 3.1 endpoint ready; 4.0 readiness 200 x17 until 20.0; 20.5 deletion; "
        "20.5 endpoint terminating serving; 20.5 preStop; 25.5 preStop done; 25.5 SIGTERM; "
        "26.1 exit 0; 26.4 not ready; 26.5 endpoint gone; 27.0 deleted>"
    )


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (event(-0.0001, "exit"), "0.0 exit ?"),
        (event(1.23456, "exit", code=137), "1.235 exit 137"),
        (event(10, "killing", why="liveness"), "10.0 liveness kill"),
        (event(1, "started", value=False), "1.0 not started"),
        (event(1, "containers_ready", value=True), "1.0 containers ready"),
        (event(1, "condition", type="warm", status="True"), "1.0 condition warm=True"),
        (event(1, "backoff", seconds=20), "1.0 backoff 20 s"),
        (event(1, "event", reason="Unhealthy", message="x"), "1.0 event Unhealthy"),
        (event(1, "request", why="reset"), "1.0 lost reset"),
        (endpoint(1, ready=False, serving=False, terminating=True), "1.0 endpoint terminating"),
        (probe(1, "liveness", 302, result="warning"), "1.0 liveness 302 warning"),
        (probe(1, "liveness", "slow body"), "1.0 liveness slow body discarded"),
        (event(1, "probe", type="liveness", result="success"), "1.0 liveness passed"),
        (event(1, "probe", type="liveness", result="failure"), "1.0 liveness failed"),
        (event(1, "unheard_of"), "1.0 unheard_of"),
    ],
)
def test_every_event_has_few_words(one: Event, words: str) -> None:
    """They depend on nothing else."""
    assert repr(Timeline([one])) == f"<Timeline {words}>"


# -- a sequence -----------------------------------------------------------------------------------


def test_it_is_a_sequence_of_events() -> None:
    """In the order of their moments: a probe is told of when it is answered."""
    timeline = Timeline([event(2, "sigterm"), probe(1, "liveness", 200)], "web", SPEC)
    assert len(timeline) == 2
    assert timeline[0] == probe(1, "liveness", 200)
    assert [one.name for one in timeline] == ["probe", "sigterm"]
    assert event(2, "sigterm") in timeline


def test_parts_are_timelines_of_the_same_pod() -> None:
    """A slice, a stretch of time, and the events of some names."""
    timeline = Timeline(WHOLE, "web", SPEC)
    for part in (timeline[-3:], timeline.between(26.4, 27), timeline.named()[-3:]):
        assert repr(part) == "<Timeline web: 26.4 not ready; 26.5 endpoint gone; 27.0 deleted>"
        assert part.spec is SPEC


def test_events_are_found_by_name_and_details() -> None:
    """All that is named has to fit."""
    timeline = Timeline(WHOLE)
    assert [one.at for one in timeline.named("ready", "sigterm")] == [3, 25.5, 26.4]
    assert [one.at for one in timeline.named("ready", value=True)] == [3]
    assert [one.at for one in timeline.named("probe", type="startup", error="refused")] == [1]
    assert not timeline.named("probe", type="startup", error="timeout")


def test_a_name_that_no_event_has_is_a_slip() -> None:
    """An empty answer would make the test pass that asks for it."""
    with pytest.raises(ConfigError, match=r"^found 'redy', expected one of backoff, condition, .*"):
        Timeline(WHOLE).named("redy")


def test_two_are_equal_if_their_events_are() -> None:
    """Whatever they are called; and like other lists they have no hash."""
    assert Timeline(WHOLE, "a") == Timeline(WHOLE, "b", SPEC)
    assert Timeline(WHOLE) != Timeline(WHOLE[:-1])
    assert Timeline() != ()
    with pytest.raises(TypeError, match="unhashable"):
        hash(Timeline())


# -- data -----------------------------------------------------------------------------------------


def test_it_can_be_kept_as_json() -> None:
    """One event a line, in the shape of the recordings; what JSON lacks is text."""
    timeline = Timeline([event(0.1 + 0.2, "ready", value=True), event(1, "x", what={1})])
    assert timeline.to_dicts() == [
        {"t": 0.3, "event": "ready", "value": True},
        {"t": 1, "event": "x", "what": {1}},
    ]
    assert json.loads(timeline.to_json()) == [
        {"t": 0.3, "event": "ready", "value": True},
        {"t": 1, "event": "x", "what": "{1}"},
    ]
    assert len(timeline.to_json().splitlines()) == 4
    assert json.loads(Timeline().to_json()) == []
