"""Every cell of the table, and what no order of events can bring about."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit._answers import verdict
from healthkit._lifecycle import TRANSITIONS, Event, Lifecycle
from healthkit._model import Phase, Probe, Report
from healthkit.errors import LifecycleError

#: Where each event leads from each phase; "-" is an error. Written out once more, by hand.
GRID = """
            started     warmed      drain_requested stopped
starting    warming     -           draining        stopped
warming     -           serving     draining        stopped
serving     -           -           draining        stopped
draining    draining    draining    draining        stopped
stopped     -           -           stopped         stopped
"""

#: The shortest way into each phase.
WAYS = {
    Phase.STARTING: (),
    Phase.WARMING: (Event.STARTED,),
    Phase.SERVING: (Event.STARTED, Event.WARMED),
    Phase.DRAINING: (Event.DRAIN_REQUESTED,),
    Phase.STOPPED: (Event.STOPPED,),
}


def _cells() -> dict[tuple[Phase, Event], Phase | None]:
    head, *rows = (line.split() for line in GRID.strip().splitlines())
    return {
        (Phase(row[0]), Event(event)): None if cell == "-" else Phase(cell)
        for row in rows
        for event, cell in zip(head, row[1:], strict=True)
    }


CELLS = _cells()


def _lifecycle(phase: Phase) -> Lifecycle:
    lifecycle = Lifecycle(0.0)
    for event in WAYS[phase]:
        lifecycle.advance(event, 1.0)
    return lifecycle


def test_the_grid_has_every_cell_and_the_table_no_other() -> None:
    """Nothing is left to chance, and nothing is allowed that is not listed here."""
    assert set(CELLS) == set(product(Phase, Event))
    assert {cell: to for cell, to in CELLS.items() if to is not None} == TRANSITIONS


@pytest.mark.parametrize(("phase", "event"), [cell for cell, to in CELLS.items() if to is not None])
def test_an_event_leads_where_the_grid_says(phase: Phase, event: Event) -> None:
    """The phase is the table's, and the answer is whether that is another one."""
    lifecycle = _lifecycle(phase)
    before = dict(lifecycle.entered)
    changed = lifecycle.advance(event, 2.0)
    after = CELLS[phase, event]
    assert lifecycle.phase is after
    assert changed == (after is not phase)
    assert lifecycle.entered == (before | {after: 2.0} if changed else before)


@pytest.mark.parametrize(("phase", "event"), [cell for cell, to in CELLS.items() if to is None])
def test_an_event_without_a_transition_changes_nothing(phase: Phase, event: Event) -> None:
    """The error names both, and the life is as it was."""
    lifecycle = _lifecycle(phase)
    before = dict(lifecycle.entered)
    with pytest.raises(LifecycleError, match=f"^{event} while {phase}: no such transition; .*$"):
        lifecycle.advance(event, 2.0)
    assert (lifecycle.phase, lifecycle.entered) == (phase, before)


def test_what_was_completed_is_remembered_through_the_drain() -> None:
    """/startupz stays as it was because of what was entered, not of where the life is."""
    lifecycle = Lifecycle(0.0)
    history: list[tuple[bool, bool]] = []
    for event in (Event.STARTED, Event.WARMED, Event.DRAIN_REQUESTED, Event.STOPPED):
        history.append((lifecycle.started, lifecycle.warmed))
        lifecycle.advance(event, 1.0)
    assert history == [(False, False), (True, False), (True, True), (True, True)]
    assert (lifecycle.started, lifecycle.warmed) == (True, True)


def test_what_is_completed_too_late_does_not_count() -> None:
    """Work that ends in the drain must not look like readiness."""
    lifecycle = _lifecycle(Phase.DRAINING)
    assert not lifecycle.advance(Event.STARTED, 2.0)
    assert not lifecycle.advance(Event.WARMED, 3.0)
    assert (lifecycle.started, lifecycle.warmed) == (False, False)


def test_the_drain_is_timed_from_its_first_request() -> None:
    """What a preStop hook has waited counts: a later request does not start the clock anew."""
    lifecycle = _lifecycle(Phase.SERVING)
    lifecycle.advance(Event.DRAIN_REQUESTED, 10.0)
    lifecycle.advance(Event.DRAIN_REQUESTED, 20.0)
    assert lifecycle.entered[Phase.DRAINING] == 10.0


def test_the_phase_is_in_the_repr() -> None:
    """A debugger shows where a life stands."""
    assert repr(_lifecycle(Phase.WARMING)) == "<Lifecycle warming>"


def _passes(probe: Probe, lifecycle: Lifecycle, *, lenient: bool) -> bool:
    report = Report(lifecycle.phase, started=lifecycle.started, warmed=lifecycle.warmed)
    return verdict(probe, report, ready_while_draining=lenient).passes


def _apply(lifecycle: Lifecycle, event: Event, now: float) -> None:
    try:
        lifecycle.advance(event, now)
    except LifecycleError:
        assert (lifecycle.phase, event) not in TRANSITIONS


@settings(deadline=None, database=None, max_examples=300)
@given(st.lists(st.sampled_from(Event), max_size=12), st.booleans())
def test_no_order_of_events_misleads_a_probe(events: list[Event], lenient: bool) -> None:
    """Whatever happens in whatever order, the four probes keep their promises at each step."""
    lifecycle = Lifecycle(0.0)
    accepted: list[Event] = []
    started_up = False
    for now, event in enumerate(events, start=1):
        before = lifecycle.phase
        if (before, event) in TRANSITIONS:
            accepted.append(event)
        _apply(lifecycle, event, float(now))
        ended = accepted.index(Event.DRAIN_REQUESTED) if Event.DRAIN_REQUESTED in accepted else None
        in_time = accepted[:ended]
        if _passes(Probe.READY, lifecycle, lenient=lenient):
            assert Event.WARMED in in_time  # never before the warm-up, nor by one that came late
            assert lifecycle.phase is Phase.SERVING or lenient
        if lifecycle.phase is Phase.DRAINING and not lenient:
            assert not _passes(Probe.READY, lifecycle, lenient=lenient)
        assert _passes(Probe.LIVE, lifecycle, lenient=lenient)
        passes_start_up = _passes(Probe.STARTUP, lifecycle, lenient=lenient)
        assert passes_start_up or not started_up
        started_up = passes_start_up
        if before is Phase.DRAINING:
            assert lifecycle.phase in {Phase.DRAINING, Phase.STOPPED}
        if before is Phase.STOPPED:
            assert lifecycle.phase is Phase.STOPPED


@settings(deadline=None, database=None)
@given(st.lists(st.sampled_from(Event), max_size=12))
def test_phases_are_entered_once_and_in_order(events: list[Event]) -> None:
    """A life moves in one direction: no phase is entered twice, none after a later one."""
    lifecycle = Lifecycle(0.0)
    for now, event in enumerate(events, start=1):
        _apply(lifecycle, event, float(now))
    order = list(Phase)
    entered = [order.index(phase) for phase in lifecycle.entered]
    moments = list(lifecycle.entered.values())
    assert entered == sorted(entered)
    assert moments == sorted(set(moments))
    assert list(lifecycle.entered)[-1] is lifecycle.phase
