"""What breaks a promise is said, and what keeps it is not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.cluster import promises
from tests.cluster.promises import PROBES, PROMISED, Seen, Span, Tally
from tests.cluster.settings import ROOT

#: What the README calls the columns of its table, by our words.
COLUMNS = {"a required check failing, or paused": ("failing", "paused")}


def _seen(status: int, text: str = "ok") -> Seen:
    retry = {"retry-after": "5"} if status == 503 else {}
    return Seen(status, {**promises.HEADERS, **retry}, text)


def _answers(phase: str) -> dict[str, Seen]:
    word = "ok" if phase == "serving" else f"{phase}: catalogue"
    return {probe: _seen(status, word) for probe, status in zip(PROBES, PROMISED[phase])}  # noqa: B905  # strict in `broken`


@pytest.mark.parametrize("phase", PROMISED)
def test_what_is_promised_is_kept(phase: str) -> None:
    """No complaint about answers as they must be."""
    assert promises.broken(phase, _answers(phase)) == []


@pytest.mark.parametrize("phase", PROMISED)
@pytest.mark.parametrize("probe", PROBES)
def test_another_status_is_told(phase: str, probe: str) -> None:
    """Each probe's status is looked at, in each phase."""
    answers = _answers(phase)
    other = 503 if answers[probe].status == 200 else 200
    answers[probe] = _seen(other, answers[probe].text)
    (complaint,) = promises.broken(phase, answers)
    assert complaint.startswith(f"{probe}: found {other}")


def test_headers_and_words_are_told() -> None:
    """A header that is missing or wrong, a long body, another phase's word."""
    good = _answers("serving")
    cached = replace(_seen(200), headers={**promises.HEADERS, "cache-control": "public"})
    assert len(promises.broken("serving", {**good, "/livez": cached})) == 1
    late = replace(_seen(200), headers={**promises.HEADERS, "retry-after": "5"})
    assert len(promises.broken("serving", {**good, "/livez": late})) == 1
    long = _seen(200, "ok" * promises.KUBELET_READS)
    assert len(promises.broken("serving", {**good, "/livez": long})) == 1
    wrong = {**_answers("paused"), "/readyz": _seen(503, "failing: disk")}
    assert promises.broken("paused", wrong) == [
        "/readyz: found 'failing: disk', expected it to begin with 'paused'"
    ]


def test_the_table_is_the_readmes() -> None:
    """One table, here and there. "As it was" is what a pod that served had."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("| | starting"))
    head, _, *rows = [line.strip("| ").split(" | ") for line in lines[begin : begin + 6]]
    table = {row[0].strip("`"): row[1:] for row in rows}
    assert list(table) == list(PROBES)
    was = {"/startupz": 200}
    for index, column in enumerate(head):
        for phase in COLUMNS.get(column, (column,)):
            for probe, promised in zip(PROBES, PROMISED[phase], strict=True):
                found = re.sub(r"\D", "", table[probe][index]) or was[probe]
                assert int(found) == promised, (phase, probe)


DRAIN = [
    Span(200, "ok", 0.0, 1.0),
    Span(503, "draining", 1.05, 6.0),
    Span(0, "ConnectionRefusedError", 6.05, 7.0),
]


def test_a_drain_that_holds() -> None:
    """It says so, for long enough; a new container may be ready after the silence."""
    assert promises.held(DRAIN, 4.0) == []
    assert promises.held([*DRAIN, Span(200, "ok", 8.0, 9.0)], 4.0) == []
    assert promises.ordered(DRAIN, ["ok", "draining"]) == []


def test_a_drain_that_does_not_hold() -> None:
    """None, one that is too short, and one that is taken back."""
    assert promises.held(DRAIN[:1], 4.0) == ["no answer said draining: 200 'ok'"]
    assert promises.held([], 4.0) == ["no answer said draining: nothing was seen"]
    assert promises.held(DRAIN, 5.5) == ["the drain held for 5.0 s, expected 5.5 s at least"]
    back = [*DRAIN[:2], Span(200, "ok", 6.05, 6.1), DRAIN[2]]
    assert promises.held(back, 4.0)[0].startswith("ready again while it drained")


def test_an_order_that_is_not_kept() -> None:
    """What is missing next is named."""
    assert promises.ordered(DRAIN, ["draining", "ok"])[0].startswith("expected 'ok' next")


TALLY = Tally(
    sent=200, answered=200, lost=0, stale=0, told_to_close=0, versions={"1": 200}, reasons=()
)


def test_a_load_that_lost_nothing() -> None:
    """Enough requests, and every version that was meant to answer."""
    assert promises.lost(TALLY, ["1"]) == []


def test_a_load_that_proves_nothing() -> None:
    """Losses are told with their reasons; so are too few requests, and an absent version."""
    one = replace(TALLY, lost=1, reasons=("3.2 s, fresh: refused",))
    assert promises.lost(one, ["1"]) == ["lost 1 of 200: 3.2 s, fresh: refused"]
    assert promises.lost(replace(TALLY, answered=99), ["1"]) == [
        "only 99 requests were answered, expected 100"
    ]
    assert promises.lost(TALLY, ["1", "2"]) == ["nobody was answered by version 2"]
