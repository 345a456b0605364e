"""HK302 and HK307: how bad an end is."""

from __future__ import annotations

import pytest

from healthkit.lint import Severity
from tests.lint.told import of_container


@pytest.mark.parametrize(("grace", "told"), [(29, True), (30, True), (31, False)])
def test_a_hook_as_long_as_the_grace_period_is_an_error(grace: int, told: bool) -> None:
    """SIGTERM gets 2 s then, whether or not the hook is cut."""
    hook = "lifecycle: {preStop: {exec: {command: [sleep, '30']}}}"
    found = of_container("HK302", hook, pod=f"terminationGracePeriodSeconds: {grace}")
    assert [one.severity for one in found] == [Severity.ERROR] * told
    assert all("SIGTERM gets 2 s" in one.what for one in found)


@pytest.mark.parametrize(
    ("container", "severity"),
    [
        ("", Severity.INFO),
        ("ports: [{containerPort: 80}]", Severity.WARNING),
        ("lifecycle: {preStop: {sleep: {seconds: 0}}}", Severity.WARNING),
    ],
)
def test_who_is_asked_nothing_may_have_no_grace(container: str, severity: Severity) -> None:
    """As a pause container, which holds a place."""
    (found,) = of_container("HK307", container, pod="terminationGracePeriodSeconds: 0")
    assert found.severity is severity
