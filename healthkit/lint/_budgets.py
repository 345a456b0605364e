"""HK201 to HK211: the numbers of probes, and what they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, probe_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._workload import Probe


@probe_rule(
    About(
        id="HK202",
        severity=Severity.WARNING,
        title="timeoutSeconds is longer than periodSeconds",
        why="probes of one kind never overlap: a hanging one stretches the period, and every "
        "budget with it",
        fix="set timeoutSeconds to periodSeconds at most",
        source="kubernetes pkg/kubelet/prober/worker.go, run: one probe at a time, one tick kept",
        arithmetic="distance of failing probes = max(periodSeconds, timeoutSeconds)",
    )
)
def stretched(probe: Probe) -> Iterator[Found]:
    """Yield probes that may take longer than their period."""
    times = probe.times
    if times.timeout > times.period:
        yield Found(
            at=probe.at / "timeoutSeconds",
            what=f"timeoutSeconds {times.timeout} is longer than periodSeconds {times.period}",
            numbers={"timeoutSeconds": times.timeout, "periodSeconds": times.period},
        )
