"""HK201 to HK211, where their examples can't show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import timing
from healthkit.lint import check_text
from healthkit.lint._rules.budgets import LEAST_TO_KILL
from tests.lint.served import APP, findings, manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

_GET = {"httpGet": {"path": "/livez", "port": "http"}}


def probes(**numbers: Mapping[str, object]) -> dict[str, object]:
    """Return probes by their kinds."""
    return {f"{kind}Probe": {**_GET, **said} for kind, said in numbers.items()}


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({}, "timeoutSeconds is not set, and the default is 1"),
        ({"timeoutSeconds": None}, "timeoutSeconds is not set, and the default is 1"),
        ({"timeoutSeconds": 0}, "timeoutSeconds is 0, which means the default: 1"),
        ({"timeoutSeconds": 1.0}, "timeoutSeconds is 1"),
        ({"timeoutSeconds": "5"}, None),
        ({"timeoutSeconds": -1}, None),
        ({"timeoutSeconds": True}, None),
    ],
)
def test_a_second_is_told_as_it_is_written(said: dict[str, object], what: str | None) -> None:
    """Nonsense is not told as if it weren't there: the API server refuses it."""
    found = findings("HK201", manifest(probes(liveness=said)))
    assert [one.what for one in found] == ([what] if what else [])


@given(period=st.integers(1, 30), timeout=st.integers(1, 30), failures=st.integers(1, 10))
def test_a_hang_shorter_than_that_is_never_a_kill(period: int, timeout: int, failures: int) -> None:
    """Of a liveness probe that is not told."""
    said = {"periodSeconds": period, "timeoutSeconds": timeout, "failureThreshold": failures}
    times = timing.Timing(0, period, timeout, 1, failures)
    found = findings("HK203", manifest(probes(liveness=said)))
    fine = failures > 1 and timing.failed(times).earliest >= LEAST_TO_KILL
    assert (found == []) is fine


def test_one_failure_is_told_as_one() -> None:
    """And several as several."""
    for failures, words in ((1, "one failure, from 1 s on"), (2, "2 failures, from 11 s on")):
        (found,) = findings("HK203", manifest(probes(liveness={"failureThreshold": failures})))
        assert found.what == f"a container that hangs is killed after {words}"


@given(boot=st.integers(1, 600), period=st.integers(1, 30), failures=st.integers(1, 60))
def test_a_boot_that_is_not_told_is_guaranteed(boot: int, period: int, failures: int) -> None:
    """And the fix that is told is one."""
    said = {"periodSeconds": period, "failureThreshold": failures}
    found = findings("HK205", manifest(probes(startup=said), boot=f"{boot}s"))
    if not found:
        assert timing.guaranteed_boot(timing.Timing(0, period, 1, 1, failures)) >= boot
        return
    mended = {**said, "failureThreshold": int(found[0].fix.split()[3])}
    assert findings("HK205", manifest(probes(startup=mended), boot=f"{boot}s")) == []


def test_the_app_says_how_long_it_starts() -> None:
    """And its name is told."""
    text = manifest(probes(startup={"failureThreshold": 2}))
    (found,) = findings("HK205", text, replace(APP, startup=15))
    assert found.what == (
        "main:health says that a start takes 15 s, and startupProbe guarantees 10 s "
        "(failureThreshold * periodSeconds says 20 s)"
    )
    assert found.fix == "set failureThreshold to 3 or more"


def test_a_container_beside_the_one_that_serves_is_not_meant() -> None:
    """A declaration is about the app's start."""
    text = manifest(probes(startup={"failureThreshold": 31}), boot="5m")
    beside = '{"name": "proxy", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}}'
    both = text.replace('"containers": [', f'"containers": [{beside}, ')
    assert findings("HK205", both) == []
    alone = both.replace('"kind": "Service"', '"kind": "Other"')
    (found,) = findings("HK205", alone)
    assert found.container == "proxy"
    assert "HK205" not in {one.rule for one in check_text(text).findings}


@pytest.mark.parametrize(
    "nonsense", ["-1", '"5"', "true", "{}", "[1]", "1.5", "null", "9" * 400, "1e300", "9" * 20]
)
def test_no_number_makes_a_rule_raise(nonsense: str) -> None:
    """Wherever it stands."""
    names = ["initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"]
    names += ["successThreshold", "terminationGracePeriodSeconds"]
    said: dict[str, object] = dict.fromkeys(names, "NONSENSE")
    fields = probes(startup=said, liveness=said, readiness=said)
    fields["lifecycle"] = {"preStop": {"sleep": {"seconds": "NONSENSE"}}}
    pod: dict[str, object] = {"terminationGracePeriodSeconds": "NONSENSE"}
    deployment = '"progressDeadlineSeconds": "NONSENSE", "minReadySeconds": "NONSENSE", "template"'
    text = manifest(fields, pod=pod, boot="NONSENSE").replace('"template"', deployment)
    report = check_text(text.replace('"NONSENSE"', nonsense))
    assert report.unusable == ()
    assert report.objects == 2
