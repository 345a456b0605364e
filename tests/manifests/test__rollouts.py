"""How the pods of a workload are replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.manifests import RollingUpdate, parse
from tests.manifests.snippets import deployment, refusal


def update(text: str, *, kind: str = "Deployment") -> RollingUpdate | None:
    """Return the rolling update of a workload that is admitted."""
    (workload,) = parse(deployment(kind=kind, spec=text))
    return workload.rolling_update


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable"), [(0, 0, 0), (1, 1, 0), (3, 1, 0), (4, 1, 1), (10, 3, 2)]
)
def test_a_quarter_is_the_default(replicas: int, surge: int, unavailable: int) -> None:
    """The surge is rounded up, and what may be unavailable down."""
    for text in ("", "strategy: {}", "strategy: {type: RollingUpdate, rollingUpdate: {}}"):
        found = update(f"replicas: {replicas}\n{text}")
        assert found == RollingUpdate(surge, unavailable)


@pytest.mark.parametrize(
    ("replicas", "text", "surge", "unavailable"),
    [
        (3, "maxSurge: 0", 0, 1),
        (3, "maxSurge: 0, maxUnavailable: 1%", 0, 1),
        (3, "maxSurge: 0%, maxUnavailable: 100%", 0, 3),
        (3, "maxSurge: 200%, maxUnavailable: 0", 6, 0),
        (3, "maxSurge: 1, maxUnavailable: 9", 1, 3),
        (0, "maxSurge: 5, maxUnavailable: 5", 5, 0),
        (1, "maxSurge: null, maxUnavailable: null", 1, 0),
        (3, "maxSurge: 2.0", 2, 0),
    ],
)
def test_amounts_are_resolved(replicas: int, text: str, surge: int, unavailable: int) -> None:
    """If nothing could happen, one pod may be unavailable; no more than there are ever may."""
    found = update(f"replicas: {replicas}\nstrategy: {{rollingUpdate: {{{text}}}}}")
    assert found == RollingUpdate(surge, unavailable)


def test_recreate_is_no_rolling_update() -> None:
    """Nor is OnDelete."""
    assert update("strategy: {type: Recreate}") is None
    assert update("strategy: {type: Recreate, rollingUpdate: null}") is None
    assert update("updateStrategy: {type: OnDelete}", kind="StatefulSet") is None
    assert update("updateStrategy: {type: OnDelete}", kind="DaemonSet") is None


PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%', or '93%', regex used for validation is '[0-9]+%')"
)
BOTH = "may not be 0 when `maxSurge` is 0"

REFUSED = [
    ("maxSurge: 0, maxUnavailable: 0", f"maxUnavailable: Invalid value: 0: {BOTH}"),
    ("maxSurge: 0%, maxUnavailable: 00%", f'maxUnavailable: Invalid value: "00%": {BOTH}'),
    ("maxSurge: -1", "maxSurge: Invalid value: -1: must be greater than or equal to 0"),
    ("maxUnavailable: -1", "maxUnavailable: Invalid value: -1: must be greater than or equal to 0"),
    ("maxSurge: '1'", f'maxSurge: Invalid value: "1": {PERCENT}'),
    ("maxSurge: 2.5%", f'maxSurge: Invalid value: "2.5%": {PERCENT}'),
    ("maxUnavailable: -5%", f'maxUnavailable: Invalid value: "-5%": {PERCENT}'),
    ("maxUnavailable: 101%",
     'maxUnavailable: Invalid value: "101%": must not be greater than 100%'),
    (f"maxUnavailable: {'9' * 60}%",
     f'maxUnavailable: Invalid value: "{"9" * 60}%": must not be greater than 100%'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_amounts_are_refused(text: str, reason: str) -> None:
    """With the API server's reason, the file and the line."""
    line = refusal(deployment(spec=f"strategy: {{rollingUpdate: {{{text}}}}}"))
    assert line == f"manifest:12: spec.strategy.rollingUpdate.{reason}"


def test_a_percentage_of_many_digits_is_no_crash() -> None:
    """Python refuses to read more than 4300 of them."""
    text = f"strategy: {{rollingUpdate: {{maxSurge: '{'0' * 5000}%', maxUnavailable: 0}}}}"
    assert refusal(deployment(spec=text)).endswith(BOTH)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("type: Rolling",
         '.type: Unsupported value: "Rolling": supported values: "Recreate", "RollingUpdate"'),
        ("type: Recreate, rollingUpdate: {}",
         ".rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"),
    ],
)  # fmt: skip
def test_a_strategy_is_one_of_two(text: str, reason: str) -> None:
    """And Recreate has no amounts."""
    line = refusal(deployment(spec=f"strategy: {{{text}}}"))
    assert line == f"manifest:12: spec.strategy{reason}"


@pytest.mark.parametrize(
    ("text", "surge", "unavailable"),
    [
        ("", 0, 1),
        ("updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 5}}", 0, 5),
        ("updateStrategy: {rollingUpdate: {maxUnavailable: 1%}}", 0, 1),
        ("updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1%}}", 1, 0),
    ],
)
def test_a_daemon_set_is_updated_on_one_node(text: str, surge: int, unavailable: int) -> None:
    """By default the old pod goes before the new one comes."""
    assert update(text, kind="DaemonSet") == RollingUpdate(surge, unavailable)


@pytest.mark.parametrize(
    ("replicas", "text", "unavailable"),
    [
        (3, "", 1),
        (3, "updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}", 1),
        (3, "updateStrategy: {rollingUpdate: {maxUnavailable: 2}}", 2),
        (3, "updateStrategy: {rollingUpdate: {maxUnavailable: 99%}}", 2),
        (3, "updateStrategy: {rollingUpdate: {maxUnavailable: 1%}}", 1),
        (3, "updateStrategy: {rollingUpdate: {maxUnavailable: 0}}", 1),
        (3, "updateStrategy: {rollingUpdate: {maxUnavailable: '1'}}", 1),
    ],
)
def test_a_stateful_set_is_updated_pod_by_pod(replicas: int, text: str, unavailable: int) -> None:
    """Unless it says that more may be unavailable; up to 1.34 nobody looks whether that can be."""
    found = update(f"replicas: {replicas}\n{text}", kind="StatefulSet")
    assert found == RollingUpdate(0, unavailable)


OTHERS = [
    ("DaemonSet", "type: Recreate",
     '.type: Unsupported value: "Recreate": supported values: "RollingUpdate", "OnDelete"'),
    ("DaemonSet", "rollingUpdate: {maxSurge: 1}",
     ".rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"),
    ("DaemonSet", "rollingUpdate: {maxUnavailable: 0}",
     ".rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"),
    ("DaemonSet", "rollingUpdate: {maxSurge: 101%}",
     '.rollingUpdate.maxSurge: Invalid value: "101%": must not be greater than 100%'),
    ("StatefulSet", "type: Recreate",
     ".type: Invalid value: \"Recreate\": must be 'RollingUpdate' or 'OnDelete'"),
    ("StatefulSet", "type: OnDelete, rollingUpdate: {}",
     ".rollingUpdate: Invalid value: \"\": only allowed for updateStrategy 'RollingUpdate'"),
    ("StatefulSet", "rollingUpdate: {partition: -1}",
     ".rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "reason"), OTHERS)
def test_other_kinds_have_rules_of_their_own(kind: str, text: str, reason: str) -> None:
    """With the API server's reason, the file and the line."""
    line = refusal(deployment(kind=kind, spec=f"updateStrategy: {{{text}}}"))
    assert line == f"manifest:12: spec.updateStrategy{reason}"


PERCENTS = st.integers(0, 100)


@given(st.integers(0, 1000), PERCENTS, PERCENTS)
def test_a_rollout_can_go_on(replicas: int, surge: int, unavailable: int) -> None:
    """Whatever the percentages are, unless there is nothing to roll out."""
    amounts = f"{{maxSurge: {surge}%, maxUnavailable: {unavailable or int(not surge)}%}}"
    found = update(f"replicas: {replicas}\nstrategy: {{rollingUpdate: {amounts}}}")
    assert found is not None
    assert found.max_surge + found.max_unavailable >= min(replicas, 1)
    assert found.max_surge >= replicas * surge / 100 > found.max_surge - 1
    assert 0 <= found.max_unavailable <= replicas
