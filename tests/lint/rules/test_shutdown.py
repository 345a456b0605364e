"""HK302 and HK307: how bad an end is."""

from __future__ import annotations

import pytest

from healthkit.lint import Severity
from tests.lint.told import of_container


@pytest.mark.parametrize(
    ("grace", "severity"), [(29, Severity.ERROR), (30, Severity.WARNING), (31, None)]
)
def test_a_hook_that_is_cut_is_an_error(grace: int, severity: Severity | None) -> None:
    """One that ends with the grace period leaves 2 s, and somebody may have counted on them."""
    hook = "lifecycle: {preStop: {exec: {command: [sleep, '30']}}}"
    found = of_container("HK302", hook, pod=f"terminationGracePeriodSeconds: {grace}")
    assert [one.severity for one in found] == [severity] * (severity is not None)


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
