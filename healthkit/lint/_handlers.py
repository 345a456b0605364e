"""HK107 to HK120: what a probe does, and whether the kubelet can do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, probe_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._workload import Probe


@probe_rule(
    About(
        id="HK107",
        severity=Severity.ERROR,
        title="successThreshold of a liveness or startup probe is not 1",
        why="the API server refuses it: one success is what these probes ask for",
        fix="leave successThreshold out",
        source="kubernetes pkg/apis/core/validation/validation.go, validateLivenessProbe",
    )
)
def success_threshold(probe: Probe) -> Iterator[Found]:
    """Yield liveness and startup probes that want several successes."""
    found = probe.times.success_threshold
    if probe.kind != "readiness" and found != 1:
        what = f"successThreshold is {found}, and must be 1"
        yield Found(
            at=probe.at / "successThreshold", what=what, numbers={"successThreshold": found}
        )
