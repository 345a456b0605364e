"""The facts and the details: as values, as JSON, and refused when they are anything else."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, fields, replace
from types import MappingProxyType
from typing import Any, Final, cast, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _facts, _records
from healthkit._facts import Details, Facts, body_of, details_of, facts_of, written_of
from healthkit._model import CheckState, Component, Kind, Outcome, Pause, Phase, Probe, WorkState

FACTS: Final = Facts(pid=42, app="shop", joined=7)
SAYS: Final = dict.fromkeys(Probe, (True, "ok"))
DATABASE: Final = Component(
    "database",
    Kind.CHECK,
    CheckState.FAILING,
    required=False,
    note="hanging",
    overdue=True,
    attempts=3,
    progress=0.5,
    age=1.5,
    time=1e9,
    duration=0.1,
    runs={Outcome.SUCCESS: 2, Outcome.FAILURE: 1},
)
CATALOGUE: Final = Component("catalogue", Kind.WARMUP, WorkState.DONE)
DETAILS: Final = Details(
    components=(CATALOGUE, DATABASE),
    answers={Probe.READY: {200: 5, 503: 1}},
    drain_time=1e9,
    drain_duration=0.5,
)

counts = st.integers(0, 2**63 - 1)
#: A float as large as 2**63 is one number too many.
numbers = st.floats(-(2.0**62), 2.0**62)
words = st.text(st.characters(codec="utf-8"), max_size=50)

some_facts = st.builds(
    Facts,
    pid=st.integers(1, 2**31 - 1),
    app=words,
    joined=counts,
    slot=counts,
    expected=st.none() | counts,
    phase=st.sampled_from(Phase),
    started=st.booleans(),
    warmed=st.booleans(),
    ready=st.booleans(),
    liveness_failed=st.booleans(),
    pause=st.builds(Pause, counts, st.booleans()),
    told=st.none() | numbers,
    pod_started=st.booleans(),
    pod_ready=st.booleans(),
    pod_start_time=st.none() | numbers,
    requests=counts,
    holds=st.lists(words, max_size=21).map(tuple),
    drain_delay=numbers,
    drain_timeout=numbers,
    version=counts,
)

some_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _body(facts: str = "", details: str = "") -> bytes:
    """Return a body with this text in the place of the facts, and of the details."""
    lines = body_of(FACTS, DETAILS, SAYS, 5).split(b"\n")
    if facts:
        lines[5] = facts.encode(errors="surrogatepass")
    if details:
        lines[6] = details.encode(errors="surrogatepass")
    return b"\n".join(lines)


def _facts_with(**changed: object) -> Facts | None:
    return facts_of(_body(json.dumps(asdict(FACTS) | changed)))


def _details_with(**changed: object) -> Details:
    return details_of(_body(details=json.dumps(asdict(DETAILS) | changed)))


# -- there and back -------------------------------------------------------------------------------


@given(some_facts)
def test_facts_come_back_as_they_were(facts: Facts) -> None:
    """All of them."""
    assert facts_of(body_of(facts, Details(), SAYS, 5)) == facts


def test_details_come_back_as_they_were() -> None:
    """Components of either kind, with everything they have."""
    body = body_of(FACTS, DETAILS, SAYS, 5)
    assert details_of(body) == DETAILS
    assert isinstance(details_of(body).components[0].state, WorkState)
    assert isinstance(details_of(body).components[1].state, CheckState)


def test_a_state_that_two_kinds_have_is_of_the_right_one() -> None:
    """``pending`` is a word of work and of checks."""
    pair = (
        Component("work", Kind.STARTUP, WorkState.PENDING),
        Component("check", Kind.CHECK, CheckState.PENDING),
    )
    back = details_of(body_of(FACTS, Details(pair), SAYS, 5)).components
    assert [type(one.state) for one in back] == [WorkState, CheckState]


def test_any_mapping_can_be_written() -> None:
    """One that can't be copied too, or one that counts what it is made of."""
    runs = Counter({Outcome.SUCCESS: 2})
    details = Details((replace(DATABASE, runs=runs),), MappingProxyType({Probe.LIVE: runs_of(7)}))
    back = details_of(body_of(FACTS, details, SAYS, 5))
    assert back.components[0].runs == {Outcome.SUCCESS: 2}
    assert back.answers == {Probe.LIVE: {200: 7}}


def runs_of(count: int) -> MappingProxyType[int, int]:
    """Return answers of one code."""
    return MappingProxyType({200: count})


def test_the_record_says_when_it_was_written_and_what_it_would_answer() -> None:
    """For readers that decode no JSON."""
    body = body_of(FACTS, DETAILS, SAYS | {Probe.READY: (False, "warming: a  41 %")}, 5)
    assert written_of(body) == 5
    assert _records.head(body) == (5, 42)
    assert _records.said(body, Probe.READY) == (False, "warming: a 41 %")
    assert _records.said(body, Probe.LIVE) == (True, "ok")
    answers = b"live 1 ok\nready 0 warming: a 41 %\nstartup 1 ok\nhealth 1 ok\n"
    assert body.startswith(b"5 42 starting\n" + answers)


def test_the_record_says_whether_the_app_starts_up() -> None:
    """In its first line, where who wrote it, and when, is read all the same."""
    for started in (False, True):
        body = body_of(replace(FACTS, started=started), DETAILS, SAYS, 5)
        assert _records.has_started(body) is started
        assert body.startswith(b"5 42\n") is started
        assert _records.head(body) == (5, 42)
        assert written_of(body) == 5


def test_a_worker_that_can_not_say_yet_answers_nothing() -> None:
    """The rest is where it always is."""
    body = body_of(FACTS, DETAILS, {}, 5)
    assert body.startswith(b"5 42 starting\n\n\n\n\n{")
    assert [_records.said(body, probe) for probe in Probe] == [None] * 4
    assert facts_of(body) == FACTS
    assert details_of(body) == DETAILS


def test_the_order_of_the_answers_is_not_the_caller_s() -> None:
    """The facts are always found in the same line."""
    says = dict(reversed(SAYS.items()))
    assert body_of(FACTS, DETAILS, says, 5) == body_of(FACTS, DETAILS, SAYS, 5)


@given(st.text(st.characters()), st.text(st.characters()))
def test_no_text_breaks_out_of_its_line(line: str, hold: str) -> None:
    """Line breaks of all kinds, lone surrogates: the body has its lines, in UTF-8."""
    facts = replace(FACTS, holds=(hold, "a\nlive 1 ok\n\ud800"))
    says = SAYS | {Probe.LIVE: (False, f"{line}\nlive 1 ok\r\x85\u2028ready 1 ok")}
    body = body_of(facts, DETAILS, says, 5)
    body.decode()
    assert body.count(b"\n") == 7
    answer = _records.said(body, Probe.LIVE)
    assert answer is not None
    assert not answer[0]
    back = facts_of(body)
    assert back is not None
    assert back.holds[1] == "a\nlive 1 ok\n?"


def test_texts_have_an_end() -> None:
    """A hold may have any name; a record may not have any length."""
    facts = replace(FACTS, holds=("x" * 5000,) * 21)
    body = body_of(facts, DETAILS, dict.fromkeys(Probe, (False, "y" * 5000)), 5)
    assert len(body) < 30_000
    back = facts_of(body)
    assert back is not None
    assert back.holds == ("x" * 1000,) * 21
    assert _records.said(body, Probe.LIVE) == (False, "y" * 1000)


def test_what_is_as_it_should_be_is_left_out_when_there_is_too_much() -> None:
    """What is not stays, up to a number, and so does all the rest."""
    good = [replace(CATALOGUE, name=f"good{number}") for number in range(2000)]
    bad = [replace(DATABASE, name=f"bad{number}") for number in range(200)]
    body = body_of(FACTS, replace(DETAILS, components=(*good, *bad)), SAYS, 5)
    assert len(body) < 100_000
    assert details_of(body) == replace(DETAILS, components=tuple(bad[:100]))


# -- hostile --------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from([one.name for one in fields(Facts)]), some_json))
def test_every_fact_has_its_type_or_there_are_none(changed: dict[str, object]) -> None:
    """Whatever stands in the place of some of them."""
    facts = _facts_with(**changed)
    if facts is not None:
        _check(facts)


@given(st.binary(max_size=200) | some_json.map(lambda found: json.dumps(found).encode()))
def test_garbage_is_no_facts_and_no_details(garbage: bytes) -> None:
    """Nothing is raised."""
    line = garbage.replace(b"\n", b"")
    body = b"\n".join([b"5 42", *[b"live 1 ok"] * 4, line, line, b""])
    assert facts_of(body) is None
    assert details_of(body) == Details()
    assert facts_of(garbage) is None
    assert details_of(garbage) == Details()


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": "42"},
        {"pid": 0},
        {"pid": -1},
        {"pid": True},
        {"pid": 2**31},
        {"pid": 42.0},
        {"app": None},
        {"app": "\ud800"},
        {"joined": -1},
        {"joined": 10**400},
        {"slot": None},
        {"expected": "2"},
        {"phase": "ripe"},
        {"phase": []},
        {"started": 1},
        {"pause": None},
        {"pause": {"said": 1}},
        {"pause": {"said": 1, "paused": False, "more": 1}},
        {"pause": {"said": "1", "paused": False}},
        {"told": [1.0]},
        {"told": float("nan")},
        {"told": float("inf")},
        {"told": True},
        {"told": 10**400},
        {"holds": "abc"},
        {"holds": {"a": 1}},
        {"holds": [1]},
        {"drain_delay": None},
        {"drain_delay": float("-inf")},
        {"more": 1},
    ],
    ids=str,
)
def test_one_wrong_fact_is_none_of_them(changed: dict[str, object]) -> None:
    """A worker of this version does not write it."""
    assert _facts_with(**changed) is None


def test_a_missing_fact_is_none_of_them() -> None:
    """Even if there is a default."""
    found = asdict(FACTS)
    del found["version"]
    assert facts_of(_body(json.dumps(found))) is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        '{"a":' * 500_000,
        '{"pid":' + "9" * 5000 + "}",
        '{"told":1e999}',
        "null",
        "[]",
        '"text"',
        "\ufeff{}",
    ],
    ids=lambda text: text[:20],
)
def test_json_that_hurts_is_none(text: str) -> None:
    """Deep, long, or of another kind."""
    assert facts_of(_body(facts=text)) is None
    assert details_of(_body(details=text)) == Details()


def test_infinity_by_another_name_is_no_number() -> None:
    """``1e999`` is infinite, too."""
    text = json.dumps(asdict(FACTS)).replace('"told": null', '"told": 1e999')
    assert "1e999" in text
    assert facts_of(_body(text)) is None


def test_a_whole_number_of_seconds_is_a_number() -> None:
    """A default may have been written so."""
    facts = _facts_with(told=5, drain_delay=3)
    assert facts is not None
    _check(facts)
    assert (facts.told, facts.drain_delay) == (5.0, 3.0)


WRONG_DETAILS: Final[list[dict[str, object]]] = [
    {"components": None},
    {"components": [None]},
    {"components": [{}]},
    {"answers": []},
    {"answers": {"ready": None}},
    {"answers": {"ready": {"x": 1}}},
    {"answers": {"ready": {"-200": 1}}},
    {"answers": {"ready": {"200": -1}}},
    {"answers": {"ready": {"200": 1.5}}},
    {"answers": {"ripe": {"200": 1}}},
    {"drain_time": "now"},
    {"drain_duration": float("nan")},
    {"more": 1},
]


@pytest.mark.parametrize("changed", WRONG_DETAILS, ids=str)
def test_one_wrong_detail_is_none_of_them(changed: dict[str, object]) -> None:
    """As for facts."""
    assert _details_with(**changed) == Details()


@pytest.mark.parametrize(
    "changed",
    [
        {"name": None},
        {"kind": "fruit"},
        {"state": "ripe"},
        {"state": []},
        {"state": "done"},  # a state of work, in a check
        {"required": 1},
        {"note": "\udfff"},
        {"attempts": -1},
        {"progress": "half"},
        {"age": float("nan")},
        {"runs": []},
        {"runs": {"ripe": 1}},
        {"runs": {"success": None}},
        {"more": 1},
    ],
    ids=str,
)
def test_one_wrong_thing_in_a_component_is_no_details(changed: dict[str, object]) -> None:
    """As for facts."""
    good = cast("dict[str, object]", asdict(DATABASE))
    assert _details_with(components=[good]).components == (DATABASE,)
    assert _details_with(components=[good | changed]) == Details()


def test_a_record_that_does_not_say_when_was_written_at_boot() -> None:
    """It is not fresh."""
    assert written_of(b"") == 0
    assert written_of(b"never 5\n") == 0


@pytest.mark.parametrize(
    ("kind", "table"),
    [(Facts, _facts._FACTS), (Details, _facts._DETAILS), (Component, _facts._COMPONENT)],
)
def test_every_field_is_read(kind: type[Any], table: dict[str, object]) -> None:
    """A new one can't be forgotten."""
    assert list(table) == [one.name for one in fields(kind)]


def _check(facts: Facts) -> None:
    """See that each field has the type that it is said to have."""
    hints = get_type_hints(Facts)
    for one in fields(Facts):
        found = getattr(facts, one.name)
        if one.name == "holds":
            assert isinstance(found, tuple)
            assert all(type(hold) is str for hold in cast("tuple[object]", found))
        elif one.name == "pause":
            assert (type(found.said), type(found.paused)) == (int, bool)
        else:
            expected = getattr(hints[one.name], "__args__", (hints[one.name],))
            assert type(found) in expected, one.name


# -- what the rules ask ---------------------------------------------------------------------------


def test_a_worker_is_ending_when_it_drains_or_has_stopped() -> None:
    """In no other phase."""
    ending = {phase for phase in Phase if replace(FACTS, phase=phase).ending}
    assert ending == {Phase.DRAINING, Phase.STOPPED}


def test_siblings_hear_at_once_of_what_changes_their_answers() -> None:
    """Not of a request, nor of another version."""
    matters = FACTS.matters_to_others()
    assert replace(FACTS, requests=1, version=2).matters_to_others() == matters
    assert replace(FACTS, ready=True).matters_to_others() != matters
    assert replace(FACTS, told=1.0).matters_to_others() != matters
