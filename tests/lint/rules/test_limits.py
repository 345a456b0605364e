"""HK303: what fits into the grace period."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import timing
from healthkit.lint import Severity
from tests.lint.served import APP, env, findings, manifest

_SECONDS = st.integers(0, 100)


def severity(fields: dict[str, object], grace: int = 30) -> Severity | None:
    """Return how bad the only finding is."""
    found = findings("HK303", manifest(fields, pod={"terminationGracePeriodSeconds": grace}))
    assert len(found) <= 1
    return found[0].severity if found else None


def hook(seconds: int) -> dict[str, object]:
    """Return a hook that sleeps."""
    return {"preStop": {"sleep": {"seconds": seconds}}}


@given(before=_SECONDS, limit=_SECONDS, grace=st.integers(1, 100))
def test_an_error_is_what_cannot_fit(before: int, limit: int, grace: int) -> None:
    """By what is written alone; and the wait really gets less than it was promised."""
    command = ["uvicorn", "a:b", f"--timeout-graceful-shutdown={limit}"]
    found = severity({"command": command, "lifecycle": hook(before)}, grace)
    left = timing.end(grace, before).left
    if found is Severity.ERROR:
        assert left < limit or left == timing.LEAST_GRACE
    elif before < grace:
        assert left >= limit


@pytest.mark.parametrize(
    ("command", "before", "expected"),
    [
        ("gunicorn a:b", 0, None),
        ("gunicorn --graceful-timeout 30 a:b", 0, None),
        ("gunicorn --graceful-timeout 31 a:b", 0, Severity.ERROR),
        ("gunicorn a:b", 1, Severity.WARNING),
        ("gunicorn --graceful-timeout 18 a:b", 10, None),
        ("gunicorn --graceful-timeout 20 a:b", 10, Severity.WARNING),
        ("gunicorn --graceful-timeout 21 a:b", 10, Severity.ERROR),
        ("hypercorn a:b", 25, None),
        ("hypercorn a:b", 26, Severity.WARNING),
        ("daphne a:b", 29, Severity.WARNING),
        ("nginx", 29, None),
        ("gunicorn --graceful-timeout 20 a:b", 30, None),
    ],
)
def test_a_server_behind_a_hook(command: str, before: int, expected: Severity | None) -> None:
    """A hook that takes all is another rule's."""
    lifecycle = hook(before) if before else {}
    assert severity({"command": command.split(), "lifecycle": lifecycle}) is expected


@pytest.mark.parametrize(
    ("delay", "timeout", "expected"),
    [
        ("5", "15", None),
        ("10", "18", None),
        ("10", "19", Severity.WARNING),
        ("10", "21", Severity.ERROR),
        ("40", "", Severity.ERROR),
        ("14", "", Severity.WARNING),
        ("", "26", Severity.WARNING),
    ],
)
def test_healthkit_by_itself(delay: str, timeout: str, expected: Severity | None) -> None:
    """A default that doesn't fit is a warning, for the code may say something else."""
    variables = env(HEALTHKIT_DRAIN_DELAY=delay, HEALTHKIT_DRAIN_TIMEOUT=timeout)
    assert severity({"env": variables}) is expected


def test_healthkit_and_the_server_wait_beside_each_other() -> None:
    """The longer one counts, and not the sum: both begin when SIGTERM comes."""
    variables = env(HEALTHKIT_DRAIN_DELAY="5", HEALTHKIT_DRAIN_TIMEOUT="15")
    assert severity({"env": variables, "command": ["gunicorn", "--graceful-timeout=28"]}) is None
    (found,) = findings(
        "HK303", manifest({"env": variables, "command": ["gunicorn", "--graceful-timeout=50"]})
    )
    assert found.what == "gunicorn's graceful timeout 50 s = 50 s, and the grace period is 30 s"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("uvicorn a:b", None),
        ("uvicorn a:b --timeout-graceful-shutdown 8", None),
        ("uvicorn a:b --timeout-graceful-shutdown 9", Severity.WARNING),
        ("uvicorn a:b --timeout-graceful-shutdown 26", Severity.ERROR),
        ("healthkit run -- gunicorn a:b --graceful-timeout 8", None),
        ("healthkit run -- gunicorn a:b --graceful-timeout 9", Severity.WARNING),
        ("healthkit run -- gunicorn a:b", Severity.WARNING),
        ("gunicorn a:b --graceful-timeout 9", None),
        ("hypercorn a:b --graceful-timeout 9", None),
    ],
)
def test_a_limit_that_begins_when_the_drain_is_over(
    command: str, expected: Severity | None
) -> None:
    """It comes on top of 5 s delay, as somebody says, and 15 s of the drain, which is a default."""
    fields: dict[str, object] = {"env": env(HEALTHKIT_DRAIN_DELAY="5"), "command": command.split()}
    assert severity(fields) is expected
    drained: dict[str, object] = {
        "preStop": {"exec": {"command": ["healthkit", "drain", "--timeout", "20"]}}
    }
    assert severity({**fields, "lifecycle": drained}) is None


def test_the_sentence_has_both_waits() -> None:
    """And the number is their sum: an error counts only what somebody has written."""
    words = ["uvicorn", "a:b", "--timeout-graceful-shutdown", "30"]
    variables = env(HEALTHKIT_DRAIN_DELAY="10")
    (found,) = findings("HK303", manifest({"env": variables, "command": words}))
    assert found.what == (
        "the drain delay 10 s + uvicorn's graceful timeout 30 s = 40 s, "
        "and the grace period is 30 s"
    )
    assert found.numbers["in flight"] == 30
    words[-1] = "10"
    (found,) = findings("HK303", manifest({"env": variables, "command": words}))
    assert found.what == (
        "the drain delay 10 s + the drain timeout 15 s by default + uvicorn's graceful timeout "
        "10 s + 2 s for the exit = 37 s, and the grace period is 30 s"
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["healthkit", "drain"], Severity.WARNING),
        (["healthkit", "drain", "--timeout", "28"], None),
        (["healthkit", "drain", "--timeout", "31"], Severity.ERROR),
    ],
)
def test_the_drain_as_a_hook(command: list[str], expected: Severity | None) -> None:
    """It takes what the drain takes, or what its own option says."""
    lifecycle = {"preStop": {"exec": {"command": command}}}
    variables = env(HEALTHKIT_DRAIN_DELAY="10", HEALTHKIT_DRAIN_TIMEOUT="20")
    assert severity({"lifecycle": lifecycle, "env": variables}) is expected


def annotated(fields: dict[str, object], longest: str) -> str:
    """Return a manifest that says how long requests take."""
    return manifest(fields, boot="0").replace("healthkit/boot", longest.join(_ANNOTATION), 1)


_ANNOTATION = ('healthkit/longest-request": "', '", "healthkit/boot')


@pytest.mark.parametrize(
    ("command", "before", "longest", "expected"),
    [
        (["uvicorn"], 10, "15", None),
        (["uvicorn"], 10, "21", Severity.ERROR),
        (["gunicorn", "--graceful-timeout=15"], 10, "60", None),
        (["gunicorn", "--graceful-timeout=60"], 10, "15", None),
        (["gunicorn"], 10, "15", None),
        ([], 10, "25", Severity.ERROR),
    ],
)
def test_the_longest_request_is_what_somebody_says(
    command: list[str], before: int, longest: str, expected: Severity | None
) -> None:
    """A server waits for no longer than that, nor for longer than its own limit."""
    fields: dict[str, object] = {"command": command, "lifecycle": hook(before)}
    found = findings("HK303", annotated(fields, longest))
    assert [one.severity for one in found] == ([expected] if expected else [])


def test_the_longest_request_of_an_app_with_healthkit() -> None:
    """It comes behind the drain delay."""
    (found,) = findings("HK303", annotated({}, "30s"), replace(APP, drain_delay=5))
    assert found.severity is Severity.ERROR
    assert found.what == (
        "the drain delay 5 s + the annotation healthkit/longest-request 30 s = 35 s, and the grace "
        "period is 30 s"
    )
    assert found.numbers["needed"] == 35


def test_a_warning_counts_the_margin() -> None:
    """And says what was not written."""
    (found,) = findings("HK303", manifest({"command": ["gunicorn"], "lifecycle": hook(5)}))
    assert found.what == (
        "the hook 5 s + gunicorn's graceful timeout 30 s by default + 2 s for the exit = 37 s, and "
        "the grace period is 30 s"
    )
    assert found.container == "web"
