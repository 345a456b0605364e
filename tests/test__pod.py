"""The rules of a pod: which worker decides, and what is everybody's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit._answers import could_serve, verdict
from healthkit._facts import Details, Facts
from healthkit._model import CheckState, Component, Kind, Pause, Phase, Probe, Report, WorkState
from healthkit._pod import Pod, judge, unseen
from healthkit._state_dir import View
from tests.pods import ENDING, FAILING, READY, STARTING, WARMING, a_peer

if TYPE_CHECKING:
    from collections.abc import Sequence

CATALOGUE = Component("catalogue", Kind.WARMUP, WorkState.PENDING, note="41 %")
BROKEN = Component("database", Kind.CHECK, CheckState.FAILING)


def _report(facts: Facts) -> Report:
    """Return what a worker of these facts would say of itself."""
    components = () if facts.warmed else (CATALOGUE,)
    if facts.warmed and not facts.ready:
        components = (BROKEN,)
    return Report(facts.phase, facts.started, facts.warmed, components=components)


def _judged(
    own: Facts,
    *others: Facts,
    expected: int | None = None,
    stale: Sequence[int] = (),
    told: float | None = None,
    settled: bool = False,
) -> Pod:
    """Judge as the first of some workers, who joined in this order."""
    workers = [
        replace(facts, pid=number, joined=facts.joined or number, expected=expected)
        for number, facts in enumerate((own, *others), 1)
    ]
    peers = [
        a_peer(facts, Details(_report(facts).components), fresh=facts.pid not in stale)
        for facts in workers[1:]
    ]
    return judge(workers[0], _report(workers[0]), View(tuple(peers), told, settled))


def _line(pod: Pod, probe: Probe = Probe.READY) -> str:
    return verdict(probe, pod.report, ready_while_draining=False).line


def _passes(pod: Pod, probe: Probe = Probe.READY) -> bool:
    return verdict(probe, pod.report, ready_while_draining=False).passes


# -- at first -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "startup", "ready"),
    [
        pytest.param([READY] * 4, "ok", "ok", id="all ready"),
        pytest.param([READY] * 5, "ok", "ok", id="more than expected"),
        pytest.param([READY] * 4 + [STARTING], "ok", "ok", id="enough of more"),
        pytest.param([READY] * 3, "starting: workers 3 of 4", "starting: workers 3 of 4", id="few"),
        pytest.param([READY], "starting: workers 1 of 4", "starting: workers 1 of 4", id="alone"),
        pytest.param([READY] * 3 + [WARMING], "ok", "warming: catalogue 41 %", id="one is cold"),
        pytest.param([WARMING] + [READY] * 3, "ok", "warming: catalogue 41 %", id="I am cold"),
        pytest.param([READY] * 3 + [STARTING], "starting", "starting", id="one has not started"),
        pytest.param([STARTING, WARMING, READY], "starting: workers 3 of 4", None, id="mixed"),
    ],
)
def test_at_first_it_takes_as_many_as_expected(
    workers: list[Facts], startup: str, ready: str | None
) -> None:
    """Started and ready when four are; the last of the four that are furthest decides."""
    pod = _judged(*workers, expected=4)
    assert _line(pod, Probe.STARTUP) == startup
    assert _line(pod) == (ready or startup)
    assert pod.started_once is (startup == "ok")
    assert pod.ready_once is (ready == "ok")
    assert pod.needed == 4


def test_without_a_number_all_that_have_joined_count() -> None:
    """A cold sibling that is there keeps the pod out; one that is not there yet can't."""
    assert _passes(_judged(READY))
    assert _passes(_judged(READY, READY))
    assert not _passes(_judged(READY, WARMING))
    assert _line(_judged(READY, STARTING), Probe.STARTUP) == "starting"


def test_a_failing_check_keeps_an_unready_pod_out() -> None:
    """Ready at first means: live and ready, checks included."""
    pod = _judged(READY, FAILING, expected=2)
    assert not pod.ready_once
    assert (pod.ready, pod.needed) == (1, 2)


def test_the_greatest_number_that_anybody_was_told_counts() -> None:
    """One worker without the variable must not make a pod of four ready by itself."""
    others = [a_peer(replace(READY, pid=2, joined=2, expected=3))]
    pod = judge(replace(READY, joined=1), _report(READY), View(tuple(others)))
    assert _line(pod) == "starting: workers 2 of 3"


def test_a_worker_that_is_alone_waits_for_nobody() -> None:
    """Its directory can't be used, or is another app's: it speaks for itself, as without one."""
    pod = judge(replace(READY, expected=4), _report(READY), View(alone=True))
    assert (_line(pod), _line(pod, Probe.STARTUP)) == ("ok", "ok")
    assert pod.needed == 1
    told = judge(replace(READY, expected=4), _report(READY), View(alone=True, told=7.0))
    assert _line(told) == "draining"


def test_an_ending_worker_is_not_expected() -> None:
    """Without a number, those that are there to serve are counted, and no others."""
    assert _passes(_judged(READY, ENDING))


def test_what_a_started_pod_waits_for_is_no_start() -> None:
    """One of four died after all had started: the startup probe stays as it was."""
    three = [replace(READY, pod_started=True)] * 3
    pod = _judged(*three, expected=4)
    assert (_line(pod), _line(pod, Probe.STARTUP)) == ("warming: workers 3 of 4", "ok")
    assert pod.report.phase is Phase.WARMING


def test_of_two_that_are_as_far_the_elder_decides() -> None:
    """Whatever their process ids are: they begin anew when there are too many."""
    elder = replace(WARMING, pid=9, joined=1)
    younger = a_peer(replace(WARMING, pid=2, joined=2), Details((BROKEN,)))
    pod = judge(elder, _report(elder), View((younger,), settled=True))
    assert _line(pod) == "warming: catalogue 41 %"


def test_a_pod_that_was_not_seen_yet_has_not_started() -> None:
    """Whatever the worker that asks knows of itself; it counts itself as unready too."""
    pod = unseen(_judged(READY))
    assert _line(pod) == "starting: workers"
    assert [one.name for one in pod.report.components] == ["workers"]
    assert pod.ready == 0
    assert _line(unseen(_judged(replace(ENDING, told=7.0)))) == "draining"


def test_a_stopped_worker_is_stopped() -> None:
    """The end of a life is the end, also of one that was told to drain."""
    stopped = replace(ENDING, phase=Phase.STOPPED, told=7.0)
    assert _judged(stopped).report.phase is Phase.STOPPED


# -- afterwards -----------------------------------------------------------------------------------


def _once(facts: Facts) -> Facts:
    """Have a worker know that the pod was ready before."""
    return replace(facts, pod_started=True, pod_ready=True)


@pytest.mark.parametrize("knows", ["own", "another", "marker"])
@pytest.mark.parametrize("others", [[STARTING], [WARMING], [FAILING], [ENDING], []])
def test_once_ready_one_is_enough(knows: str, others: list[Facts]) -> None:
    """A worker that is replaced, recycled or cold does not take the pod out."""
    latched = replace(READY, pod_started=True, pod_ready=True)
    if knows == "own":
        pod = _judged(latched, *others, expected=4)
    elif knows == "another":
        pod = _judged(READY, *[_once(one) for one in others or [READY]], expected=4)
    else:
        pod = _judged(READY, *others, expected=4, settled=True)
    assert (_line(pod), _line(pod, Probe.STARTUP), _line(pod, Probe.HEALTH)) == ("ok", "ok", "ok")
    assert pod.needed == 1
    assert pod.ready_once


def test_it_does_not_matter_which_one_is_asked() -> None:
    """The cold one says ready too, for a sibling serves."""
    assert _passes(_judged(WARMING, _once(READY), expected=4))
    assert _passes(_judged(ENDING, _once(READY), expected=4))


def test_a_pod_in_which_nobody_can_serve_says_what_the_best_one_lacks() -> None:
    """Not the first thing that any of them lacks."""
    pod = _judged(_once(STARTING), WARMING, expected=4)
    assert _line(pod) == "warming: catalogue 41 %"
    assert pod.report.phase is Phase.WARMING


def test_a_pod_all_of_whose_workers_are_new_starts_again() -> None:
    """Nobody has started: that is what the startup probe is told, though it is not asked."""
    pod = _judged(_once(STARTING), expected=4)
    assert _line(pod, Probe.STARTUP) == "starting"
    assert _line(pod) == "starting"
    assert pod.needed == 1


# -- hung workers ---------------------------------------------------------------------------------


def test_what_a_hung_worker_said_is_not_believed() -> None:
    """It said that it was ready, a long time ago."""
    pod = _judged(WARMING, _once(READY), stale=[2])
    assert _line(pod) == "warming: catalogue 41 %"
    assert pod.ready == 0


def test_a_hung_worker_is_missing_at_first() -> None:
    """It is there, but nobody knows how it stands."""
    pod = _judged(READY, READY, expected=2, stale=[2])
    assert _line(pod) == "starting: workers 1 of 2"


def test_an_ending_worker_whose_last_sibling_hangs() -> None:
    """Not every living worker is ending, and none can serve."""
    pod = _judged(ENDING, _once(READY), stale=[2])
    assert _line(pod) == "starting: workers 0 of 1"
    assert pod.report.phase is Phase.STARTING


# -- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["own", "another", "request"])
def test_a_pod_that_was_told_drains(by: str) -> None:
    """Whoever has heard of it: the pod is unready, alive, and started as it was."""
    own, other = _once(READY), READY
    if by == "own":
        own = replace(own, told=7.0, phase=Phase.DRAINING, ready=False)
    elif by == "another":
        other = replace(ENDING, told=7.0)
    pod = _judged(own, other, told=7.0 if by == "request" else None)
    assert _line(pod) == "draining"
    assert _line(pod, Probe.HEALTH) == "draining"
    assert _passes(pod, Probe.STARTUP)
    assert _passes(pod, Probe.LIVE)
    assert pod.told == 7.0


def test_the_first_word_of_a_drain_counts() -> None:
    """Time that has been drained is not waited for again."""
    pod = _judged(replace(READY, told=9.0), replace(READY, told=7.0), told=8.0)
    assert pod.told == 7.0


def test_while_all_are_ending_the_pod_is() -> None:
    """For that moment: nothing is remembered of it."""
    pod = _judged(ENDING, ENDING, expected=2)
    assert _line(pod) == "draining"
    assert pod.told is None
    back = _judged(ENDING, replace(READY, pod_started=True, pod_ready=True), expected=2)
    assert _line(back) == "ok"


def test_a_worker_that_joins_a_drain_is_as_started_as_the_pod() -> None:
    """The startup probe stays as it was, whoever answers."""
    pod = _judged(_once(replace(STARTING, phase=Phase.DRAINING, told=7.0)))
    assert _passes(pod, Probe.STARTUP)
    assert _line(pod) == "draining"


def test_a_drain_makes_no_pod_ready() -> None:
    """What ends while it drains is not remembered as readiness."""
    assert not _judged(READY, told=7.0).ready_once


# -- conditions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False])
def test_failed_liveness_is_everybodys(*, own: bool) -> None:
    """Else a broken worker hides behind its siblings."""
    broken = replace(READY, liveness_failed=True, ready=False)
    pod = _judged(broken, READY) if own else _judged(READY, broken)
    assert _line(pod, Probe.LIVE) == "liveness failed"
    assert not _passes(pod)


@pytest.mark.parametrize("own", [True, False])
def test_the_last_word_on_a_pause_holds(*, own: bool) -> None:
    """Paused here and resumed there, whichever came later."""
    early, late = Pause(5, paused=True), Pause(6, paused=False)
    first, second = (early, late) if own else (late, early)
    pod = _judged(replace(READY, pause=first), replace(READY, pause=second))
    assert _passes(pod)
    assert pod.pause == late
    paused = replace(READY, pause=Pause(7, paused=True))
    assert _line(_judged(paused, READY)) == "paused"
    assert _line(_judged(READY, paused)) == "paused"
    assert _passes(_judged(READY, paused), Probe.HEALTH)


def test_the_answer_lists_the_components_of_the_one_that_decides() -> None:
    """And whether there are as many workers as it takes."""
    pod = _judged(READY, WARMING, expected=2)
    names = [(one.name, one.state) for one in pod.report.components]
    assert names == [("workers", WorkState.DONE), ("catalogue", WorkState.PENDING)]
    assert _judged(READY, expected=2).report.components[0].note == "1 of 2"


# -- against the words of the design --------------------------------------------------------------


def _worker(base: Facts, pause: Pause, told: float | None, *, broken: bool, once: bool) -> Facts:
    """Make a worker that does not contradict itself."""
    phase = Phase.DRAINING if told else base.phase
    return replace(
        base,
        phase=phase,
        ready=base.ready and not broken and phase is Phase.SERVING,
        liveness_failed=broken,
        pause=pause,
        pod_ready=once,
        pod_started=once,
        told=told,
    )


_FACTS = st.builds(
    _worker,
    st.sampled_from([READY, FAILING, WARMING, STARTING, ENDING]),
    st.builds(Pause, st.integers(0, 3)) | st.just(Pause(4, paused=True)),
    st.sampled_from([None, None, None, 7.0]),
    broken=st.sampled_from([False, False, False, True]),
    once=st.booleans(),
)


@given(
    st.lists(_FACTS, min_size=1, max_size=6),
    st.none() | st.integers(1, 6),
    st.booleans(),
)
def test_the_rules_are_those_of_the_design(
    workers: list[Facts], expected: int | None, settled: bool
) -> None:
    """Sentence by sentence, and from whichever worker's side."""
    here = [one for one in workers if not one.ending]
    needed = 1 if settled or any(one.pod_ready for one in workers) else expected or len(here)
    draining = any(one.told for one in workers) or not here
    paused = max(workers, key=lambda one: one.pause.said).pause.paused
    broken = any(one.liveness_failed for one in workers)
    enough = sum(one.ready for one in here) >= needed
    for number in range(len(workers)):
        turned = [*workers[number:], *workers[:number]]
        joined = [replace(one, joined=1 + workers.index(one)) for one in turned]
        pod = _judged(*joined, expected=expected, settled=settled)
        assert _passes(pod) is (enough and not draining and not paused and not broken)
        assert _passes(pod, Probe.LIVE) is not broken
        if enough and not draining:
            assert could_serve(replace(pod.report, liveness_failed=False))
