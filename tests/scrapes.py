"""What a scrape says, as a table: a series as it is written there, and its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import parser

from healthkit.prometheus import HealthCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.metrics_core import Metric

    from healthkit import Health

#: All families and their types. Names are a promise: dashboards and alerts are made of them.
FAMILIES: Final = {
    "healthkit_phase": "gauge",
    "healthkit_paused": "gauge",
    "healthkit_liveness_failed": "gauge",
    "healthkit_probe_success": "gauge",
    "healthkit_check_state": "gauge",
    "healthkit_check_required": "gauge",
    "healthkit_check_hanging": "gauge",
    "healthkit_check_age_seconds": "gauge",
    "healthkit_check_duration_seconds": "gauge",
    "healthkit_work_state": "gauge",
    "healthkit_work_required": "gauge",
    "healthkit_work_progress_ratio": "gauge",
    "healthkit_work_overdue": "gauge",
    "healthkit_probe_answers": "counter",
    "healthkit_check_runs": "counter",
    "healthkit_work_attempts": "counter",
    "healthkit_requests_in_flight": "gauge",
    "healthkit_streams_in_flight": "gauge",
    "healthkit_holds_in_flight": "gauge",
    "healthkit_drain_start_time_seconds": "gauge",
    "healthkit_drain_duration_seconds": "gauge",
    "healthkit_start_time_seconds": "gauge",
    "healthkit_drain_delay_seconds": "gauge",
    "healthkit_drain_timeout_seconds": "gauge",
}

#: Those that there are with a state directory only.
OF_PODS: Final = {
    "healthkit_workers": "gauge",
    "healthkit_workers_ready": "gauge",
    "healthkit_workers_needed": "gauge",
}


def samples(exposition: str) -> dict[str, float]:
    """Read ``healthkit_phase{phase="serving"} 1.0`` and the like; no series comes twice."""
    lines = [line for line in exposition.splitlines() if not line.startswith("#")]
    parted = [line.rpartition(" ") for line in lines]
    found = {series: float(value) for series, _, value in parted}
    assert len(found) == len(lines), exposition
    return found


def parsed_openmetrics(exposition: str) -> Iterable[Metric]:
    """Read OpenMetrics with the reference parser, which has no types."""
    parse = cast(
        "Callable[[str], Iterable[Metric]]",
        parser.text_string_to_metric_families,  # pyright: ignore[reportUnknownMemberType]
    )
    return parse(exposition)


def scraped(health: Health) -> dict[str, float]:
    """Return all series of a health at this moment, as a registry of one's own would see them."""
    return samples(generate_latest(HealthCollector(health)).decode())


def counters(found: dict[str, float]) -> dict[str, float]:
    """Return the series that may only grow."""
    return {series: value for series, value in found.items() if "_total{" in series}


def present(found: dict[str, float], family: str, **labels: str) -> str:
    """Return the one state of an enumeration that is 1; all others must be 0.

    Args:
        found: all series.
        family: its name, without ``healthkit_``; the label of the state is its last word.
        labels: those that say whose state it is.
    """
    label = family.rpartition("_")[2]
    wanted = {f'{key}="{value}"' for key, value in labels.items()}
    values: dict[str, float] = {}
    for series, value in found.items():
        name, _, inside = series.rstrip("}").partition("{")
        pairs = set(inside.split(","))
        if name == f"healthkit_{family}" and wanted <= pairs:
            (own,) = pairs - wanted
            key, _, state = own.partition("=")
            assert key == label
            values[state.strip('"')] = value
    assert sorted(values.values()) == [*[0.0] * (len(values) - 1), 1.0]
    return max(values, key=values.__getitem__)
