"""A rollout's arithmetic, against what the controller does and what kubectl says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.manifests._spec import RollingUpdate
from healthkit.testing import _rollout
from healthkit.testing._rollout import Condition, Counts, Plan, Size


def plan(replicas: int = 3, surge: int = 1, unavailable: int = 0) -> Plan:
    """Return a rolling plan."""
    return Plan(replicas, RollingUpdate(surge, unavailable))


RECREATE = Plan(3, None)
WAITS = 'Waiting for deployment "shop" rollout to finish: '
FRESH = Condition("True", _rollout.NEW_REPLICA_SET, "", 10.0)


@pytest.mark.parametrize(
    ("where", "new", "total", "expected"),
    [
        (plan(), 0, 0, 3),  # the first version, all at once
        (plan(), 0, 3, 1),  # the surge
        (plan(), 1, 4, 1),  # no room
        (plan(), 1, 3, 2),
        (plan(10, 3), 0, 10, 3),
        (plan(10, 3), 9, 9, 10),  # never more than the replicas
        (plan(2), 5, 5, 2),  # fewer replicas
        (plan(3), 1, 9, 1),  # more than there may be: no more
        (RECREATE, 0, 3, 3),
    ],
)
def test_the_new_version_grows_into_the_room_there_is(
    where: Plan, new: int, total: int, expected: int
) -> None:
    """As NewRSNewReplicas has it."""
    assert _rollout.new_size(where, new, total) == expected


@pytest.mark.parametrize(
    ("where", "old", "new", "expected"),
    [
        (plan(), [Size(3, 3)], Size(1, 0), [3]),  # nothing to spare yet
        (plan(), [Size(3, 3)], Size(1, 1), [2]),
        (plan(3, 0, 1), [Size(3, 3)], Size(0, 0), [2]),
        (plan(3, 1, 1), [Size(3, 3)], Size(1, 0), [2]),
        (plan(), [Size(3, 0)], Size(1, 1), [2]),  # a broken version: as many as are made up for
        (plan(3, 3), [Size(3, 0)], Size(3, 0), [3]),
        (plan(3, 3), [Size(3, 1)], Size(3, 3), [0]),
        (plan(4, 2, 2), [Size(1, 0), Size(3, 3)], Size(2, 2), [0, 0]),
        (plan(4, 2, 0), [Size(1, 0), Size(3, 3)], Size(2, 1), [0, 3]),  # the broken one goes first
        (plan(4, 2, 0), [Size(2, 2), Size(2, 2)], Size(2, 1), [1, 2]),  # then the oldest
        (plan(), [], Size(3, 3), []),
    ],
)
def test_old_versions_go_as_far_as_availability_allows(
    where: Plan, old: list[Size], new: Size, expected: list[int]
) -> None:
    """As reconcileOldReplicaSets has it, cleanupUnhealthyReplicas first."""
    assert _rollout.old_sizes(where, old, new) == expected


SIZES = st.integers(0, 8).flatmap(
    lambda desired: st.builds(Size, st.just(desired), st.integers(0, desired))
)


@given(st.integers(0, 12), st.integers(0, 5), st.integers(0, 5), st.lists(SIZES, max_size=3), SIZES)
def test_no_step_takes_too_much(
    replicas: int, surge: int, unavailable: int, old: list[Size], new: Size
) -> None:
    """What is left is as available as it was, or as it has to be; unavailable pods go first."""
    where = plan(replicas, surge, unavailable)
    left = _rollout.old_sizes(where, old, new)
    assert all(0 <= size <= one.desired for size, one in zip(left, old, strict=True))
    before = new.available + sum(one.available for one in old)
    after = new.available + sum(
        min(size, one.available) for size, one in zip(left, old, strict=True)
    )
    assert after >= min(before, where.least)


@pytest.mark.parametrize(
    ("where", "before", "sizes", "expected"),
    [
        (plan(10, 3), 6, [4, 2], [9, 4]),  # of 13: 8.67 and 4.33
        (plan(15, 5), 13, [8, 5], [12, 8]),  # of 20: 12.3 and 7.7
        (plan(2, 1), 11, [7, 4], [2, 1]),
        (plan(0, 1), 4, [3, 1], [0, 0]),
        (plan(3, 1), 4, [3, 1], [3, 1]),  # nothing to do
        (plan(5, 1), 5, [2, 2], [2, 4]),  # of two of one size, the newer one gets the odd one
        (plan(2, 0), 4, [2, 2], [1, 1]),
    ],
)
def test_scaling_amid_a_rollout_keeps_the_shares(
    where: Plan, before: int, sizes: list[int], expected: list[int]
) -> None:
    """As GetReplicaSetProportion has it; what rounding leaves over goes to the greatest."""
    assert _rollout.spread_sizes(where, before, sizes) == expected


@given(
    st.integers(0, 20),
    st.integers(0, 5),
    st.integers(1, 30),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_scaling_comes_out_at_what_there_may_be(
    replicas: int, surge: int, before: int, sizes: list[int]
) -> None:
    """Nobody has less than no pod; growing, the sum is what there may be, to the pod."""
    where = plan(replicas, surge)
    spread = _rollout.spread_sizes(where, before, sizes)
    most = where.most if replicas else 0
    assert min(spread) >= 0
    if most >= sum(sizes):
        assert sum(spread) == most


@pytest.mark.parametrize(
    ("counts", "complete"),
    [
        (Counts(3, 3, 3, 3), True),
        (Counts(4, 3, 4, 4), False),
        (Counts(3, 2, 3, 3), False),
        (Counts(3, 3, 3, 2), False),
        (Counts(2, 2, 2, 2), False),
    ],
)
def test_a_rollout_is_complete_when_all_pods_are_new_and_available(
    counts: Counts, complete: bool
) -> None:
    """And there are as many as there are to be."""
    assert _rollout.is_complete(plan(), counts) is complete


@pytest.mark.parametrize(
    ("before", "after", "progressed"),
    [
        (Counts(3, 0, 3, 3), Counts(4, 1, 3, 3), True),  # a new pod
        (Counts(4, 1, 3, 3), Counts(3, 1, 3, 3), True),  # an old one less
        (Counts(4, 1, 3, 3), Counts(4, 1, 4, 3), True),  # one more ready
        (Counts(4, 1, 4, 3), Counts(4, 1, 4, 4), True),  # one more available
        (Counts(4, 1, 4, 4), Counts(4, 1, 3, 3), False),
        (Counts(4, 1, 3, 3), Counts(4, 1, 3, 3), False),
    ],
)
def test_what_counts_as_progress(before: Counts, after: Counts, progressed: bool) -> None:
    """Each of four numbers that got better."""
    assert _rollout.has_progressed(before, after) is progressed


STUCK = Counts(4, 1, 3, 3)


@pytest.mark.parametrize(
    ("condition", "after", "now", "reason"),
    [
        (FRESH, Counts(3, 3, 3, 3), 20.0, _rollout.AVAILABLE),
        (FRESH, Counts(4, 1, 4, 4), 20.0, _rollout.UPDATED),
        (FRESH, STUCK, 609.0, _rollout.NEW_REPLICA_SET),
        (FRESH, STUCK, 610.0, _rollout.NEW_REPLICA_SET),
        (FRESH, STUCK, 610.1, _rollout.EXCEEDED),
        (Condition("False", _rollout.EXCEEDED), STUCK, 9e9, _rollout.EXCEEDED),
        (Condition("False", _rollout.EXCEEDED), Counts(4, 1, 4, 4), 9e9, _rollout.UPDATED),
        (Condition("True", _rollout.AVAILABLE), Counts(3, 3, 0, 0), 9e9, _rollout.AVAILABLE),
        (Condition("True", _rollout.AVAILABLE), STUCK, 9e9, _rollout.AVAILABLE),
    ],
)
def test_the_condition_progressing(
    condition: Condition, after: Counts, now: float, reason: str
) -> None:
    """Complete, better, late, or as it was: what is complete is not late, whatever comes."""
    got = _rollout.progressing(condition, plan(), STUCK, after, deadline=600, now=now)
    assert got is not None
    assert got.reason == reason
    assert got.status == ("False" if reason == _rollout.EXCEEDED else "True")


def test_without_a_deadline_there_is_no_condition() -> None:
    """The greatest int32 stands for none."""
    deadline = _rollout.NO_DEADLINE
    assert _rollout.progressing(FRESH, plan(), STUCK, STUCK, deadline=deadline, now=9e9) is None
    assert _rollout.progressing(None, plan(), STUCK, STUCK, deadline=600, now=9e9) is None


@pytest.mark.parametrize(
    ("where", "available", "status"),
    [
        (plan(), 3, "True"),
        (plan(), 2, "False"),
        (plan(3, 1, 1), 2, "True"),
        (plan(1, 1, 5), 0, "True"),
        (RECREATE, 2, "False"),
    ],
)
def test_the_condition_available(where: Plan, available: int, status: str) -> None:
    """It is True while as many pods are available as have to be."""
    got = _rollout.available(where, Counts(available=available), None, 5.0)
    assert (got.status, got.updated) == (status, 5.0)
    assert _rollout.available(where, Counts(available=available), got, 9.0) is got


@pytest.mark.parametrize(
    ("counts", "reason", "text"),
    [
        (Counts(3, 3, 3, 3), _rollout.AVAILABLE, 'deployment "shop" successfully rolled out'),
        (
            STUCK,
            _rollout.EXCEEDED,
            'error: deployment "shop" exceeded its progress deadline',
        ),
        (
            STUCK,
            _rollout.UPDATED,
            WAITS + "1 out of 3 new replicas have been updated...",
        ),
        (
            Counts(4, 3, 3, 3),
            _rollout.UPDATED,
            WAITS + "1 old replicas are pending termination...",
        ),
        (
            Counts(3, 3, 3, 2),
            _rollout.UPDATED,
            WAITS + "2 of 3 updated replicas are available...",
        ),
    ],
)
def test_what_kubectl_says(counts: Counts, reason: str, text: str) -> None:
    """The words of ``kubectl rollout status``."""
    assert _rollout.told("shop", plan(), counts, Condition("True", reason)) == text


def test_kubectl_says_it_without_a_deadline_too() -> None:
    """There is no condition then."""
    assert "1 out of 3" in _rollout.told("shop", plan(), STUCK, None)
