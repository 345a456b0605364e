"""The app's times against the manifest's, beyond the examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import lint, timing
from healthkit.lint import AppSettings, Options, Severity
from tests.lint.objects import pod, told

HOOKED = """\
terminationGracePeriodSeconds: %d
containers:
  - name: web
    lifecycle: {preStop: {%s}}
"""
STARTED = """\
containers:
  - name: web
    startupProbe: {httpGet: {path: /readyz, port: 1}, periodSeconds: %d, failureThreshold: %d}
"""


def options(**fields: float) -> Options:
    """Return options with an app."""
    return Options(app=AppSettings(name="main:health", **fields))  # type: ignore[arg-type]  # times only


@pytest.mark.parametrize(
    ("hook", "delay", "severity"),
    [
        ("sleep: {seconds: 5}", 0.0, Severity.WARNING),
        ("sleep: {seconds: 5}", 0.5, None),
        ("sleep: {seconds: 5}", 1.0, None),
        ("sleep: {seconds: 5}", 1.5, Severity.INFO),
        ("sleep: {seconds: 5}", 5.0, Severity.INFO),
        ("sleep: {seconds: 5}", 5.5, Severity.WARNING),
        ("sleep: {seconds: 0}", 5.0, None),
        ("exec: {command: [healthkit, drain]}", 5.0, None),
        ("exec: {command: [sh, -c, sleep 5; kill 1]}", 0.0, Severity.WARNING),
        ("exec: {command: [sh, -c, sleep 5; ./other]}", 0.0, None),
        ("exec: {command: [sleep, infinity]}", 0.0, None),
    ],
)
def test_a_hook_that_sleeps_wants_a_short_delay(
    hook: str, delay: float, severity: Severity | None
) -> None:
    """None cuts kept connections, a long one is waited for once more; a longer one contradicts."""
    report = lint.check_text(pod(HOOKED % (90, hook)), options=options(drain_delay=delay))
    found = [one.severity for one in report.findings if one.rule == "HK703"]
    assert found == ([] if severity is None else [severity])


def test_a_hook_shorter_than_the_delay_is_told_so() -> None:
    """With both numbers, and what they make together."""
    line = "the hook sleeps 5 s, less than drain_delay; after it main:health serves on for "
    line += "drain_delay 10 s: 15 s in all"
    text = pod(HOOKED % (90, "sleep: {seconds: 5}"))
    assert told(text, "HK703", options(drain_delay=10.0)) == [line]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(1, 90))
def test_a_drain_fits_if_it_is_over_before_sigkill(
    hook: int, delay: int, timeout: int, grace: int
) -> None:
    """With what the exit takes. SIGKILL comes 2 s after SIGTERM at the least, which is not used."""
    end = timing.end(grace, hook)
    fits = end.sigterm + delay + timeout + timing.EXIT_RESERVE <= grace
    app = options(drain_delay=float(delay), drain_timeout=float(timeout), grace_period=float(grace))
    text = pod(HOOKED % (grace, f"sleep: {{seconds: {hook}}}"))
    if hook < grace:
        assert (told(text, "HK704", app) == []) is fits


def test_a_drain_may_take_all_of_the_grace_period() -> None:
    """With the 5 s of the exit in it."""
    app = options(drain_delay=10.0, drain_timeout=20.0, grace_period=35.0)
    text = pod(HOOKED % (35, "exec: {command: [healthkit, drain]}"))
    assert told(text, "HK704", app) == []
    app = options(drain_delay=10.0, drain_timeout=20.5, grace_period=35.0)
    line = "main:health may take 35.5 s to end ({}drain_delay 10 + drain_timeout 20.5 + 5 for the "
    line += "exit), and the grace period is 35 s"
    assert told(text, "HK704", app) == [line.format("")]
    text = pod(HOOKED % (35, "sleep: {seconds: 3}"))
    line = line.replace("35.5", "38.5").format("hook 3 + ")
    assert told(text, "HK704", app) == [line]


@given(st.integers(1, 200), st.integers(1, 20), st.integers(1, 30))
def test_a_warm_up_fits_if_no_probe_before_its_end_is_the_last(
    warm_up: int, period: int, failures: int
) -> None:
    """The worst ticker begins with the container: it asks at 0, P, 2 P and so on."""
    asked = [period * i for i in range(failures)]
    killed = asked[-1] < warm_up
    found = told(pod(STARTED % (period, failures)), "HK705", options(warm_up=float(warm_up)))
    assert bool(found) is killed


def test_the_advised_threshold_is_enough() -> None:
    """With it nothing is told."""
    app = options(warm_up=95.0)
    report = lint.check_text(pod(STARTED % (7, 3)), options=app)
    (found,) = [one for one in report.findings if one.rule == "HK705"]
    assert found.fix.startswith("set failureThreshold to 15, ")
    assert told(pod(STARTED % (7, 15)), "HK705", app) == []
    assert told(pod(STARTED % (7, 14)), "HK705", app) != []


def test_of_start_up_work_alone_another_rule_speaks() -> None:
    """HK205 holds it against the same budget."""
    assert told(pod(STARTED % (10, 2)), "HK705", options(startup=100.0)) == []
    assert told(pod(STARTED % (10, 2)), "HK705", options(startup=100.0, warm_up=50.0)) == []


def test_minimum_ready_seconds_count_for_a_rollout() -> None:
    """And so does a period of the readiness probe."""
    text = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  progressDeadlineSeconds: 100
  minReadySeconds: %d
  template:
    spec:
      containers: [{name: web, readinessProbe: {httpGet: {path: /readyz}, periodSeconds: %d}}]
"""
    app = options(startup=50.0)
    assert told(text % (10, 10), "HK705", app) == []
    assert told(text % (40, 10), "HK705", app) != []
    assert told(text % (10, 45), "HK705", app) != []
