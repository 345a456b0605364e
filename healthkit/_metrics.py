"""The state as Prometheus metrics, made at scrape time: nothing is counted for it in between.

Owns names, help texts and labels, and the endpoint that `metrics_path` switches on. Labels are the
registered names and the states; no reason, no path and no client is ever in a metric.

Imported only where metrics are asked for: `prometheus_client` takes 20 ms to import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from healthkit._desk import Desk
from healthkit._log import logger
from healthkit._model import CheckState, Kind, Phase, Probe, WorkState
from healthkit._question import accept_of
from healthkit._registry import WORKERS
from healthkit._render import OK, complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from enum import StrEnum

    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector
    from starlette.types import Scope

    from healthkit._answering import Answering
    from healthkit._life import Life
    from healthkit._model import Component
    from healthkit._pod import Pod
    from healthkit._render import Answer

SERVER_ERROR: Final = 500

#: What a Content-Type may look like here.
CLEAN: Final = re.compile(r"[A-Za-z0-9/+.;=_ -]{1,150}")


class Metrics:
    """A Prometheus collector of the present life. Safe in any thread; keeps nothing."""

    def __init__(self, life: Callable[[], Life], answering: Answering) -> None:
        self._life = life
        self._answering = answering

    def describe(self) -> Iterable[Metric]:
        """Return the families, for a registry that wants to know their names beforehand."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Yield every family, from the state of this moment."""
        life = self._life()
        pod = life.pod()
        report = life.report() if pod is None else pod.report
        yield _states("phase", "Phase of the pod: 1 for the present one.", report.phase)
        yield _gauge("paused", "Whether readiness was taken off by hand.", report.paused)
        failed = report.liveness_failed
        yield _gauge("liveness_failed", "Whether the app has asked for a restart.", failed)
        success = _family("probe_success", "Whether a probe would succeed now.", "probe")
        for probe in Probe:
            success.add_metric([probe], self._answering.verdict(probe, report).passes)
        yield success
        known = [one for one in report.components if one.name != WORKERS]
        yield from _checks([one for one in known if one.kind is Kind.CHECK])
        yield from _work([one for one in known if one.kind is not Kind.CHECK])
        own = _Share([], life.report().components, self._answering.counts())
        if pod is None:
            yield from _counts([own])
            traffic = life.traffic
            yield from _in_flight(traffic.in_flight, traffic.streams, len(traffic.holds))
            yield from _drain(life.drain_time, life.drain_duration)
            yield from _limits(life.start_time, *life.drain_limits)
        else:
            yield from _of_pod(pod, own, life)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one worker has counted. A sum would fall when one is replaced, as no counter may."""

    #: The value of the label `worker`; nothing where there are no others.
    worker: list[str]
    components: tuple[Component, ...]
    answers: Mapping[Probe, Mapping[int, int]]


def _of_pod(pod: Pod, own: _Share, life: Life) -> Iterator[Metric]:
    """Make what is counted in each worker, summed where a sum is what is asked for."""
    first, *others = pod.members
    # A worker that has just joined may not know yet that its number is taken.
    slots = [other.facts.slot for other in pod.members]
    others = [one for place, one in enumerate(others, 1) if one.facts.slot not in slots[:place]]
    details = [other.details() for other in others]
    shares = [replace(own, worker=[str(first.facts.slot)])]
    shares += [
        _Share([str(other.facts.slot)], said.components, said.answers)
        for other, said in zip(others, details, strict=True)
    ]
    yield from _counts(shares)
    traffic = life.traffic
    yield from _in_flight(
        traffic.in_flight + sum(other.facts.requests for other in others),
        traffic.streams + sum(other.facts.streams for other in others),
        len(traffic.holds) + sum(len(other.facts.holds) for other in others),
    )
    drains = [(said.drain_time, said.drain_duration) for said in details]
    begun = [
        (time, took) for time, took in [(life.drain_time, life.drain_duration), *drains] if time
    ]
    ending = pod.report.phase in {Phase.DRAINING, Phase.STOPPED}
    yield from _drain(*min(begun, default=(None, None)) if ending else (None, None))
    limits = [(one.facts.drain_delay, one.facts.drain_timeout) for one in pod.members]
    yield from _limits(pod.start_time, *(max(column) for column in zip(*limits, strict=True)))
    yield _gauge("workers", "Workers of the pod that are there.", len(pod.members))
    yield _gauge("workers_ready", "Workers that could serve.", pod.ready)
    yield _gauge("workers_needed", "How many it takes for the pod to be ready.", pod.needed)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"healthkit_{name}", text, value=value)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"healthkit_{name}", text, labels=labels)


def _states(name: str, text: str, present: StrEnum) -> GaugeMetricFamily:
    """Make an enumeration: a series for each member, 1 for the present one."""
    family = _family(name, text, name)
    for member in type(present):
        family.add_metric([member], member is present)
    return family


def _checks(checks: list[Component]) -> Iterator[Metric]:
    state = _family("check_state", "State of a check: 1 for the present one.", "check", "state")
    required = _family("check_required", "Whether readiness depends on a check.", "check")
    hanging = _family("check_hanging", "Whether a run of a check does not end.", "check")
    age = _family("check_age_seconds", "Seconds since a check's last success or failure.", "check")
    duration = _family("check_duration_seconds", "How long a check's last run took.", "check")
    for one in checks:
        for member in CheckState:
            state.add_metric([one.name, member], member is one.state)
        required.add_metric([one.name], one.required)
        hanging.add_metric([one.name], one.overdue)
        if one.age is not None:
            age.add_metric([one.name], one.age)
        if one.duration is not None:
            duration.add_metric([one.name], one.duration)
    return iter((state, required, hanging, age, duration))


def _work(work: list[Component]) -> Iterator[Metric]:
    labels = ("kind", "work")
    state = _family("work_state", "State of start-up work or a warm-up.", *labels, "state")
    required = _family("work_required", "Whether a probe waits for the work.", *labels)
    progress = _family("work_progress_ratio", "How much of the work is done, 0 to 1.", *labels)
    overdue = _family("work_overdue", "Whether the work has missed its deadline.", *labels)
    for one in work:
        for member in WorkState:
            state.add_metric([one.kind, one.name, member], member is one.state)
        required.add_metric([one.kind, one.name], one.required)
        overdue.add_metric([one.kind, one.name], one.overdue)
        if one.progress is not None:
            progress.add_metric([one.kind, one.name], one.progress)
    return iter((state, required, progress, overdue))


def _counts(shares: list[_Share]) -> Iterator[Metric]:
    """Make the counters, with a series for each worker if there are several."""
    more = ("worker",) if shares[0].worker else ()
    answers = _counter("probe_answers", "Answers given to probes.", "probe", "code", *more)
    runs = _counter("check_runs", "Runs of a check, by outcome.", "check", "outcome", *more)
    attempts = _counter("work_attempts", "How often the work was begun.", "kind", "work", *more)
    for share in shares:
        for probe, counts in share.answers.items():
            for code, count in sorted(counts.items()):
                answers.add_metric([probe, str(code), *share.worker], count)
        for one in share.components:
            for outcome, count in one.runs.items():
                runs.add_metric([one.name, outcome, *share.worker], count)
            if one.kind is not Kind.CHECK:
                attempts.add_metric([one.kind, one.name, *share.worker], one.attempts)
    return iter((answers, runs, attempts))


def _counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"healthkit_{name}", text, labels=labels)


def _in_flight(requests: int, streams: int, holds: int) -> Iterator[Metric]:
    yield _gauge("requests_in_flight", "Requests that are in the app.", requests)
    yield _gauge("streams_in_flight", "WebSockets and other long-lived streams.", streams)
    yield _gauge("holds_in_flight", "Work other than requests that a drain waits for.", holds)


def _drain(time: float | None, took: float | None) -> Iterator[Metric]:
    start = _family("drain_start_time_seconds", "When the drain began, in Unix time.")
    duration = _family("drain_duration_seconds", "How long the drain has been under way.")
    if time is not None and took is not None:
        start.add_metric([], time)
        duration.add_metric([], took)
    return iter((start, duration))


def _limits(start: float | None, delay: float, timeout: float) -> Iterator[Metric]:
    """Make what an alert holds the rest against: nobody has to write the settings down twice."""
    began = _family("start_time_seconds", "When the server began, in Unix time.")
    if start is not None:
        began.add_metric([], start)
    yield began
    yield _gauge("drain_delay_seconds", "How long a drain serves on.", delay)
    text = "How long a drain then waits for what is in flight."
    yield _gauge("drain_timeout_seconds", text, timeout)


class _Joined:
    """A registry's metrics, and healthkit's where the registry has none of them."""

    def __init__(self, registry: Collector, metrics: Metrics) -> None:
        self._registry = registry
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        names: set[str] = set()
        for family in self._registry.collect():
            names.add(family.name)
            yield family
        yield from (family for family in self._metrics.collect() if family.name not in names)


class MetricsDesk(Desk):
    """Answers `metrics_path`."""

    __slots__ = ("_collector",)

    def __init__(self, metrics: Metrics, registry: Collector | None) -> None:
        super().__init__()
        self._collector = metrics if registry is None else _Joined(registry, metrics)

    def _look(self, scope: Scope) -> Answer:
        """Return what a scrape is to be told: text, or OpenMetrics for whom asks for it."""
        encode, content_type = _encoder(accept_of(scope))
        try:
            body = encode(self._collector).decode()
        except Exception:  # noqa: BLE001  # a registry's collectors are the user's code
            logger.exception("a collector of metrics failed")
            return complete(SERVER_ERROR, "a collector failed, see the log\n")
        return complete(OK, body, content_type=content_type.encode("latin-1"))


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Choose as prometheus_client does; what it can't read gets the text format.

    It repeats the client's version in the Content-Type, with whatever stands in it.
    """
    try:
        encode, content_type = choose_encoder(accept)
        return (encode, content_type) if CLEAN.fullmatch(content_type) else choose_encoder("")
    except Exception:  # noqa: BLE001  # a client's header must not become a 500
        return choose_encoder("")
