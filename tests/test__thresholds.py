"""Which state follows from which outcomes: the tables, and any history against an obvious model."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit._model import CheckState, Outcome
from healthkit._thresholds import Tally

#: The letters of the tables: outcomes in capitals, states in small letters.
OUTCOMES = {"S": Outcome.SUCCESS, "F": Outcome.FAILURE, "U": Outcome.UNKNOWN}
STATES = {
    ".": CheckState.PENDING,
    "p": CheckState.PASSING,
    "f": CheckState.FAILING,
    "x": CheckState.STALE,
}

MAX_AGE = 100.0


def a_tally(failures: int = 1, successes: int = 1, max_age: float = MAX_AGE) -> Tally:
    """Make a tally that has counted nothing."""
    return Tally(failure_threshold=failures, success_threshold=successes, max_age=max_age)


def _counted(outcomes: str, failures: int, successes: int) -> str:
    """Return the state after each outcome, a second apart."""
    tally = a_tally(failures, successes)
    letters = {state: letter for letter, state in STATES.items()}
    said = ""
    for now, letter in enumerate(outcomes):
        tally.count(OUTCOMES[letter], now)
        said += letters[tally.state_at(now)]
    return said


@pytest.mark.parametrize(
    ("failures", "successes", "outcomes", "states"),
    [
        pytest.param(1, 1, "SFSFF", "pfpff", id="one is enough"),
        pytest.param(3, 1, "SFFSFFFFS", "ppppppffp", id="three failures in a row"),
        pytest.param(1, 2, "SSFSFSSS", ".pffffpp", id="two successes in a row"),
        pytest.param(2, 3, "FSFSSFFSSS", "......fffp", id="the first state has to be earned too"),
        pytest.param(3, 3, "SSFFSSFF", "........", id="a row that is broken begins anew"),
        pytest.param(2, 2, "UUUU", "....", id="unknown counts as neither"),
        pytest.param(2, 2, "SSFUF", ".pppf", id="unknown breaks no row"),
        pytest.param(2, 2, "SUUSFUUUF", "...pppppf", id="however often"),
        pytest.param(1, 1, "SUFU", "ppff", id="the last state stands through unknown"),
        pytest.param(1000, 1, "S" + "F" * 1000, "p" * 1000 + "f", id="the largest threshold"),
    ],
)
def test_a_state_changes_with_as_many_in_a_row_as_its_threshold(
    failures: int, successes: int, outcomes: str, states: str
) -> None:
    """Until then the last state stands; the first is pending."""
    assert _counted(outcomes, failures, successes) == states


def test_before_the_first_result_nothing_expires() -> None:
    """It is pending, however late it is, and also after results that say nothing."""
    tally = a_tally()
    tally.count(Outcome.UNKNOWN, 5)
    assert (tally.last_at, tally.fresh_until) == (None, math.inf)
    assert tally.state_at(10**9) is CheckState.PENDING


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [("S", CheckState.PASSING), ("FF", CheckState.FAILING), ("SF", CheckState.PASSING)],
)
def test_a_state_expires_at_the_very_moment(outcomes: str, state: CheckState) -> None:
    """`max_age` after the last success or failure, and not a moment earlier."""
    tally = a_tally(failures=2)
    for letter in outcomes:
        tally.count(OUTCOMES[letter], 50)
    assert tally.fresh_until == 50 + MAX_AGE
    assert tally.state_at(math.nextafter(50 + MAX_AGE, 0)) is state
    assert tally.state_at(50 + MAX_AGE) is CheckState.STALE
    assert tally.state_at(10**9) is CheckState.STALE


def test_a_pending_check_grows_stale_too() -> None:
    """One success of the two that it takes, and then nothing for too long."""
    tally = a_tally(successes=2)
    tally.count(Outcome.SUCCESS, 0)
    assert tally.state_at(MAX_AGE) is CheckState.STALE


def test_an_unknown_outcome_keeps_nothing_fresh() -> None:
    """However often it is looked at: who can't diagnose, knows nothing in the end."""
    tally = a_tally()
    tally.count(Outcome.SUCCESS, 0)
    for now in range(1, 100):
        tally.count(Outcome.UNKNOWN, now)
    assert tally.fresh_until == MAX_AGE
    assert tally.state_at(MAX_AGE) is CheckState.STALE


@pytest.mark.parametrize(
    ("failures", "successes", "before", "then", "state"),
    [
        pytest.param(1, 1, "S", "S", "p", id="confirmed"),
        pytest.param(1, 1, "S", "F", "f", id="refuted"),
        pytest.param(3, 1, "S", "F", ".", id="neither confirmed nor refuted"),
        pytest.param(1, 2, "F", "S", ".", id="failing, not refuted yet"),
        pytest.param(1, 3, "S", "S", ".", id="pending still"),
        pytest.param(2, 1, "SF", "F", ".", id="a row does not go on"),
        pytest.param(1, 1, "S", "U", "x", id="unknown changes nothing"),
    ],
)
def test_the_next_result_ends_staleness(
    failures: int, successes: int, before: str, then: str, state: str
) -> None:
    """It begins anew: one failure of three does not make a stale check pass."""
    tally = a_tally(failures, successes)
    for letter in before:
        tally.count(OUTCOMES[letter], 0)
    assert tally.state_at(1000) is CheckState.STALE
    tally.count(OUTCOMES[then], 1000)
    assert tally.state_at(1000) is STATES[state]


@pytest.mark.parametrize(
    ("outcomes", "shown"),
    [
        ("", "<Tally pending>"),
        ("U", "<Tally pending>"),
        ("SS", "<Tally passing success x2>"),
        ("SF", "<Tally passing failure x1>"),
        ("SFF", "<Tally failing failure x2>"),
    ],
)
def test_a_tally_shows_its_row(outcomes: str, shown: str) -> None:
    """The state that was reached, and what speaks for another."""
    tally = a_tally(failures=2)
    for letter in outcomes:
        tally.count(OUTCOMES[letter], 0)
    assert repr(tally) == shown


# -- any history ----------------------------------------------------------------------------------


def obvious_state(
    history: list[tuple[Outcome, int]], needed: dict[Outcome, int], max_age: int, now: int
) -> CheckState:
    """Find the state in the whole history: the latest row that was long enough, since a gap."""
    results = [(outcome, at) for outcome, at in history if outcome is not Outcome.UNKNOWN]
    if results and now - results[-1][1] >= max_age:
        return CheckState.STALE
    gaps = [i for i in range(1, len(results)) if results[i][1] - results[i - 1][1] >= max_age]
    outcomes = [outcome for outcome, _ in results[max(gaps, default=0) :]]
    for end in range(len(outcomes), 0, -1):
        last = outcomes[end - 1]
        if end >= needed[last] and set(outcomes[end - needed[last] : end]) == {last}:
            return CheckState.PASSING if last is Outcome.SUCCESS else CheckState.FAILING
    return CheckState.PENDING


@settings(deadline=None, database=None, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(Outcome), st.integers(0, 12)), max_size=40),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 20),
    st.integers(0, 25),
)
def test_any_history_comes_to_the_obvious_state(
    steps: list[tuple[Outcome, int]], failures: int, successes: int, max_age: int, later: int
) -> None:
    """After each outcome and any time after it, recomputed from everything that has happened."""
    needed = {Outcome.FAILURE: failures, Outcome.SUCCESS: successes}
    tally = a_tally(failures, successes, max_age)
    history: list[tuple[Outcome, int]] = []
    now = 0
    for outcome, gap in steps:
        now += gap
        assert tally.state_at(now) is obvious_state(history, needed, max_age, now)
        tally.count(outcome, now)
        history.append((outcome, now))
        for moment in (now, now + later):
            expected = obvious_state(history, needed, max_age, moment)
            assert tally.state_at(moment) is expected
            assert (tally.fresh_until <= moment) == (expected is CheckState.STALE)
    seen = [outcome for outcome, _ in history]
    assert tally.runs == {outcome: seen.count(outcome) for outcome in Outcome}
