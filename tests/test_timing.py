"""The arithmetic of probes and of a pod's end: against a slow model of the kubelet's worker."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import timing
from healthkit.manifests import HttpGet, Probe, ProbeKind
from healthkit.timing import End, Span, Timing
from tests.testing import model
from tests.testing.model import Answered, Box, Setting

#: How far the model may be from a bound: it takes a moment over each answer.
SLACK = 0.02

#: When the container starts; the ticker has begun at 0, at the pod's admission.
STARTS = st.integers(0, 3_000).map(lambda ms: ms + 300)

TIMES = st.builds(
    Timing,
    st.sampled_from([0, 0, 1, 4]),
    st.integers(1, 6),
    st.integers(1, 8),
    st.integers(1, 3),
    st.integers(1, 4),
)

MILLISECONDS = st.integers(0, 7_200_000).map(lambda ms: ms / 1000)

PHASES = st.integers(0, 5_999)


def worker(  # noqa: PLR0913  # a probe, a container and what it answers; all by keyword
    times: Timing,
    *,
    kind: ProbeKind,
    phase: int,
    starts: int,
    listens: int = 0,
    answers: tuple[tuple[int, model.Outcome], ...] = ((0, ("pass", 0)),),
    end: int = 60_000,
) -> list[tuple[float, bool]]:
    """Return what the model's worker finds out, each in seconds after the container's start."""
    whole = starts // 1000 * 1000  # as the API shows it
    setting = Setting(
        kind=kind,
        delay=times.initial_delay,
        period=times.period,
        timeout=times.timeout,
        successes=times.success_threshold,
        failures=times.failure_threshold,
        boxes=(Box(starts, whole, starts + listens),),
        phase=phase,
        started=((0, kind != "startup"),),
        answers=answers,
        end=end,
    )
    found = model.play(setting)
    return [((moment - starts) / 1000, passes) for moment, passes, _ in found.results]


def only(times: Timing) -> Timing:
    """Return the numbers of a probe that needs but one success, as all but readiness must."""
    return Timing(times.initial_delay, times.period, times.timeout, 1, times.failure_threshold)


# -- a start ---------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(times=TIMES, phase=PHASES, starts=STARTS)
def test_a_boot_within_the_guarantee_is_never_killed(
    times: Timing, phase: int, starts: int
) -> None:
    """Whatever the ticker's phase is when the container starts."""
    times = only(times)
    listens = math.floor(timing.guaranteed_boot(times) * 1000)
    found = worker(times, kind="startup", phase=phase, starts=starts, listens=listens)
    assert [passes for _, passes in found] == [True]
    assert found[0][0] <= timing.started(times, listens / 1000) + SLACK


@settings(max_examples=50, deadline=None)
@given(times=TIMES, starts=STARTS)
def test_a_boot_beyond_the_guarantee_may_be_killed(times: Timing, starts: int) -> None:
    """There is a phase at which it is: the bound can't be any better."""
    times = only(times)
    if times.initial_delay:  # the worst case is a container that starts at a second's end
        starts = starts // 1000 * 1000 + 999
    first = starts + math.ceil(timing.first_probe(times).earliest * 1000) + 1
    listens = math.ceil(timing.guaranteed_boot(times) * 1000) + 100
    phase = first % (times.period * 1000)
    found = worker(times, kind="startup", phase=phase, starts=starts, listens=listens)
    assert [passes for _, passes in found] == [False]


@settings(max_examples=80, deadline=None)
@given(times=TIMES, phase=PHASES, starts=STARTS, takes=st.integers(0, 8_000))
def test_a_container_that_never_starts_is_killed_in_time(
    times: Timing, phase: int, starts: int, takes: int
) -> None:
    """Not before the guarantee for what a failing probe takes, and not after the latest kill."""
    times = only(times)
    failing: model.Outcome = ("fail", takes)
    found = worker(times, kind="startup", phase=phase, starts=starts, answers=((0, failing),))
    ((at, passes),) = found
    took = min(takes / 1000, times.timeout)
    assert not passes
    assert timing.guaranteed_boot(times, took) - SLACK <= at
    assert at <= timing.latest_kill(times, took) + SLACK <= timing.latest_kill(times) + SLACK


@given(times=TIMES)
def test_the_guarantee_is_a_period_less_than_what_the_documentation_says(times: Timing) -> None:
    """Without a delay, F * P is what one more failure would give."""
    times = Timing(0, times.period, times.timeout, 1, times.failure_threshold)
    assert timing.guaranteed_boot(times) == (times.failure_threshold - 1) * times.period


def test_the_example_that_was_measured() -> None:
    """Period 10, 30 failures, fast ones: 290 s are guaranteed, and 300 s are the latest."""
    times = Timing(period=10, failure_threshold=30)
    assert timing.first_probe(times) == Span(0, 10)
    assert timing.guaranteed_boot(times) == 290
    assert timing.latest_kill(times, 0) == 300
    assert timing.latest_kill(times) == 301


def test_a_delay_may_be_cut_by_a_second() -> None:
    """A start is shown in whole seconds, so that the first probe may come early."""
    times = Timing(initial_delay=15, period=10, failure_threshold=3)
    assert timing.first_probe(times) == Span(14, 25)
    assert timing.guaranteed_boot(times) == 34


@given(boot=MILLISECONDS, period=st.integers(1, 60), timeout=st.integers(1, 10))
def test_a_startup_probe_is_made_for_a_boot(boot: float, period: int, timeout: int) -> None:
    """It guarantees the boot, and one failure less would not."""
    times = timing.startup_for(boot, period, timeout)
    assert timing.guaranteed_boot(times) >= boot
    fewer = Timing(0, period, timeout, 1, times.failure_threshold - 1)
    assert fewer.failure_threshold == 0 or timing.guaranteed_boot(fewer) < boot


# -- while it runs ---------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    times=TIMES,
    phase=PHASES,
    goes_wrong=st.integers(12_000, 19_000),
    how=st.sampled_from(["hangs", "fails", "fails slowly"]),
)
def test_an_app_that_goes_wrong_is_noticed_in_time(
    times: Timing, phase: int, goes_wrong: int, how: str
) -> None:
    """By liveness and by readiness, after as many failures as their thresholds say."""
    times = only(times)
    takes = {"hangs": 600.0, "fails": 0.0, "fails slowly": 0.9}[how]
    answer: Answered = "pass" if how == "hangs" else "fail"
    wrong: model.Outcome = (answer, round(takes * 1000))
    answers: tuple[tuple[int, model.Outcome], ...] = ((0, ("pass", 0)), (300 + goes_wrong, wrong))
    span = timing.failed(times, min(takes, times.timeout))
    for kind in ("liveness", "readiness"):
        found = worker(times, kind=kind, phase=phase, starts=300, answers=answers, end=80_000)
        at = next(moment for moment, passes in found if not passes) - goes_wrong / 1000
        assert span.earliest - SLACK <= at <= span.latest + SLACK


@settings(max_examples=50, deadline=None)
@given(times=TIMES, phase=PHASES, gets_well=st.integers(12_000, 19_000))
def test_an_app_that_gets_well_is_readmitted_in_time(
    times: Timing, phase: int, gets_well: int
) -> None:
    """Also without the kubelet's additional probes of an unready container."""
    answers: tuple[tuple[int, model.Outcome], ...]
    answers = ((0, ("fail", 0)), (300 + gets_well, ("pass", 0)))
    found = worker(times, kind="readiness", phase=phase, starts=300, answers=answers)
    at = next(moment for moment, passes in found if passes) - gets_well / 1000
    assert at <= timing.readmitted(times) - timing.SLICE_LAG - timing.PROXY_LAG + SLACK


def test_a_hung_app_by_the_measured_example() -> None:
    """Period 10, 3 failures, timeout 1: killed after 21 to 31 s."""
    assert timing.failed(Timing()) == Span(21, 31)
    assert timing.failed(Timing(), 0) == Span(20, 30)
    assert timing.withdrawn(Timing(), 0) == Span(20, 30 + timing.SLICE_LAG + timing.PROXY_LAG)


def test_a_probe_of_a_manifest_has_the_numbers() -> None:
    """It is taken as it is."""
    probe = Probe(HttpGet(), period=2, timeout=5, failure_threshold=3)
    assert timing.spacing(probe, takes=5) == 5
    assert timing.spacing(probe, takes=1) == 2
    assert timing.failed(probe) == Span(15, 17)


# -- an end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "over"), [(9.9, False), (9.9995, True), (10.0, True), (10.9, True)]
)
def test_a_delay_is_counted_in_whole_seconds(now: float, over: bool) -> None:
    """Of the time since the start that is shown; half a millisecond is none."""
    assert timing.delay_is_over(5.0, now, 5) is over
    assert timing.delay_is_over(5.0, now, 0)


@pytest.mark.parametrize(
    ("grace", "took", "left"),
    [(30, 0, 30), (30, 5.0, 25), (30, 5.9, 25), (30, 4.9999, 25), (6, 5, 2), (6, 60, 2), (0, 0, 2)],
)
def test_the_hook_counts_against_the_grace_period(grace: int, took: float, left: int) -> None:
    """In whole seconds, and two are left whatever happens."""
    assert timing.left_for_sigterm(grace, took) == left


@pytest.mark.parametrize(
    ("grace", "hook", "expected"),
    [
        (30, 0, End(0, 30)),
        (30, 10, End(10, 30)),
        (30, 10.5, End(10.5, 30.5)),
        (30, 29, End(29, 31)),
        (30, 30, End(30, 32)),
        (30, 45, End(30, 32, hook_is_cut=True)),
        (0, 0, End(0, 2)),
        (0, 5, End(1, 3, hook_is_cut=True)),
    ],
)
def test_the_signals_of_an_end(grace: int, hook: float, expected: End) -> None:
    """SIGTERM follows the hook, or the grace period; SIGKILL comes 2 s later at least."""
    found = timing.end(grace, hook)
    assert found == expected
    assert found.left == found.sigkill - found.sigterm >= timing.LEAST_GRACE


def test_the_sums_of_a_manifest() -> None:
    """The grace period holds the delay, the work and the exit; the deadline holds a pod's start."""
    assert timing.grace_needed(10, 20) == 35
    assert timing.grace_needed(10, 20, reserve=10) == 40
    needed = timing.progress_needed(300, Timing(period=5), min_ready=10, pull=60)
    assert needed == 300 + 5 + timing.SLICE_LAG + 10 + 60


@pytest.mark.parametrize(
    ("times", "usual", "guaranteed"),
    [
        (Timing(failure_threshold=30), 300, 290),
        (Timing(initial_delay=5, period=2, failure_threshold=4), 13, 10),
    ],
)
def test_the_usual_formula_promises_a_period_too_much(
    times: Timing, usual: float, guaranteed: float
) -> None:
    """And with a delay one second more than that."""
    assert timing.documented_boot(times) == usual
    assert timing.guaranteed_boot(times) == guaranteed


def test_a_pod_without_a_readiness_probe_is_available_sooner() -> None:
    """It is ready when it has started."""
    lag = timing.SLICE_LAG
    assert timing.progress_needed(290, Timing(period=5), 3, 20) == 318 + lag
    assert timing.progress_needed(290, None, 3, 20) == 313 + lag


def test_an_app_is_ready_when_its_longest_work_is_done() -> None:
    """Start-up work and warm-ups begin when the port is open."""
    assert timing.start_needed(30) == 30
    assert timing.start_needed(30, 20, 120) == 150
    assert timing.start_needed(30, 20, 10) == 50


@pytest.mark.parametrize(("delay", "grace"), [(5, 30), (10, 30), (10.1, 31), (11, 31)])
def test_a_grace_period_is_whole_and_not_below_the_default(delay: float, grace: int) -> None:
    """Delay, 15 s in flight, 5 s for the exit."""
    assert timing.grace_for(delay, 15) == grace
    assert timing.grace_for(delay, 15, least=1) == min(grace, math.ceil(delay) + 20)
    assert timing.grace_for(delay, 15, 65) == math.ceil(delay) + 80


def test_a_progress_deadline_is_more_than_what_is_needed() -> None:
    """By up to a second."""
    readiness = Timing(0, 2, 2, 1, 2)
    needed = timing.progress_needed(500, readiness, 10, 120)
    assert needed == pytest.approx(632.1)
    assert timing.progress_for(500, readiness, 10, 120) == 633
    assert timing.progress_for(500 - timing.SLICE_LAG, readiness, 10, 120) == 633


@pytest.mark.parametrize(
    ("limit", "counted", "reserve"), [(0, 0, 5), (3, 0, 5), (5, 0, 7), (30, 20, 12), (30, 30, 5)]
)
def test_a_server_with_a_limit_needs_two_seconds_more(
    limit: float, counted: float, reserve: float
) -> None:
    """And five at least; what the drain has used up counts."""
    assert timing.exit_needed(limit, counted) == reserve


@pytest.mark.parametrize(
    ("hook", "delay", "serves"), [(0, 5.0, 5.0), (5.0, 0, 5.0), (5.0, 1.0, 6.0)]
)
def test_a_hook_and_a_delay_come_one_after_the_other(
    hook: float, delay: float, serves: float
) -> None:
    """SIGTERM, which begins the delay, waits for the hook; and is sent when that is over."""
    assert timing.serving_on(hook, delay) == serves
    assert timing.end(30, hook).sigterm + delay == serves


@pytest.mark.parametrize(
    ("liveness", "readiness", "first"),
    [
        (Timing(), Timing(), True),  # 21 and 31 s
        (Timing(), Timing(failure_threshold=2), False),  # 21 and 21 s
        (Timing(timeout=2), Timing(failure_threshold=3, period=7, timeout=2), True),  # 22 and 23 s
        (Timing(period=60, failure_threshold=1), Timing(), True),  # 1 and 31 s
    ],
)
def test_liveness_may_be_the_first_to_notice(
    liveness: Timing, readiness: Timing, first: bool
) -> None:
    """If its earliest kill comes before readiness has failed at the latest."""
    assert timing.may_kill_first(liveness, readiness) is first
