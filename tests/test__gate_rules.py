"""What the condition says, and when it is said."""

from __future__ import annotations

import json

import pytest

from healthkit._gate_rules import Condition, Wanted, body_of, condition_of, due, reason

KIND = "healthkit.dev/cache-warm"


@pytest.mark.parametrize(
    ("status", "line", "expected"),
    [
        (True, "ok", "Ready"),
        (False, "warming: catalogue, prices", "Warming"),
        (False, "starting: lifespan", "Starting"),
        (False, "liveness failed", "LivenessFailed"),
        (False, "draining", "Draining"),
        (False, "failing: db", "Failing"),
        (False, ": 12", "NotReady"),
    ],
)
def test_the_reason_is_the_obstacle_in_camel_case(status: bool, line: str, expected: str) -> None:
    """One word, as the API conventions have it."""
    assert reason(Condition(status, line, 0)) == expected


def test_the_body_is_a_merge_of_one_condition() -> None:
    """Nothing else of the Pod is in it, and the time is UTC."""
    body = json.loads(body_of(KIND, Condition(status=False, line="warming: a", since=86_400)))
    assert body == {
        "status": {
            "conditions": [
                {
                    "type": KIND,
                    "status": "False",
                    "reason": "Warming",
                    "message": "warming: a",
                    "lastTransitionTime": "1970-01-02T00:00:00Z",
                }
            ]
        }
    }


def test_the_time_changes_only_with_the_status() -> None:
    """Other words, or another publisher, leave it."""
    first = condition_of(Wanted(status=False, line="a"), None, 10.9)
    second = condition_of(Wanted(status=False, line="b"), first, 20)
    third = condition_of(Wanted(status=True, line="ok"), second, 30)
    assert [one.since for one in (first, second, third)] == [10, 10, 30]


@pytest.mark.parametrize(
    ("wanted", "told", "expected"),
    [
        pytest.param(Wanted(status=True, line="ok"), None, 100, id="nothing is known"),
        pytest.param(Wanted(status=True, line="ok"), False, 101, id="another status"),
        pytest.param(Wanted(status=False, line="b"), False, 110, id="other words"),
        pytest.param(Wanted(status=False, line="b", ending=True), True, 100, id="the end"),
        pytest.param(Wanted(status=False, line="b", ending=True), False, 110, id="told already"),
        pytest.param(
            Wanted(status=True, line="ok", ending=True), False, 101, id="ready to the end"
        ),
    ],
)
def test_a_flap_is_spaced_and_the_end_is_not(
    wanted: Wanted, told: bool | None, expected: float
) -> None:
    """A second between two states, ten between two wordings; the end at once."""
    before = None if told is None else Condition(told, "a", 0)
    assert due(wanted, before, 100) == expected
