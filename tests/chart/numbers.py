"""What the chart must compute from its values: by `healthkit.render` and `healthkit.timing`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final, cast

import yaml
from hypothesis import strategies as st

from healthkit import timing
from healthkit.lint import version
from healthkit.render import Plan, PreStop, Wanted, plan
from tests.chart.render import CHART, VERSIONS, Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.timing import Timing

#: Values without which nothing can be rendered.
IMAGE: Final[Fields] = {"image": {"repository": "shop", "tag": "1.0.0"}}

#: The Kubernetes from which there is a sleep action.
_SLEEPS: Final = (1, 30)


@dataclass(frozen=True, slots=True)
class Case:
    """Values of the chart, and the Kubernetes that it is rendered for."""

    values: Fields
    kube_version: str

    @property
    def pre_stop(self) -> PreStop:
        """What runs before SIGTERM; the values may leave it to the chart."""
        values = self.values
        if values["preStop"] != "auto":
            return cast("PreStop", values["preStop"])
        sleeps = version("kube_version", self.kube_version) >= _SLEEPS
        return "sleep" if sleeps and values["workers"] == 1 else "exec"

    @property
    def wanted(self) -> Wanted:
        """The same, as the renderer is told it."""
        values = self.values
        return Wanted(
            name="app",
            workers=values["workers"],
            kube_version=version("kube_version", self.kube_version),
            pre_stop=self.pre_stop,
            boot=values["bootSeconds"],
            startup=values["startupSeconds"],
            warm_up=values["warmUpSeconds"],
            drain_delay=values["drainDelaySeconds"],
            longest_request=values["longestRequestSeconds"],
        )

    @property
    def plan(self) -> Plan:
        """The renderer's numbers, with what the renderer takes as given and the chart doesn't."""
        found = plan(self.wanted)
        values = self.values
        found = replace(
            found,
            reserve=values["exitSeconds"],
            pull=values["pullSeconds"],
            min_ready=values["minReadySeconds"],
        )
        grace = values["terminationGracePeriodSeconds"]
        deadline = values["progressDeadlineSeconds"]
        computed = timing.grace_for(found.drain_delay, found.in_flight, found.reserve)
        return replace(
            found,
            grace=computed if grace is None else grace,
            progress_deadline=_deadline(found) if deadline is None else deadline,
        )


def _deadline(found: Plan) -> int | None:
    needed = progress_needed(found)
    return needed if needed > timing.DEFAULT_PROGRESS else None


def progress_needed(found: Plan) -> int:
    """Return the least progressDeadlineSeconds."""
    latest = timing.latest_kill(found.startup)
    return timing.progress_for(latest, found.readiness, found.min_ready, found.pull)


def expected(case: Case) -> Fields:
    """Return what the template ``healthkit-app.numbers`` must say."""
    found = case.plan
    needed = timing.grace_needed(found.drain_delay, found.in_flight, found.reserve)
    hung = timing.failed(found.liveness)
    return {
        "boot": found.boot,
        "start": found.start,
        "startup": {
            **_probe(found.startup),
            "guaranteed": timing.guaranteed_boot(found.startup),
            "latestKill": timing.latest_kill(found.startup),
        },
        "liveness": {
            **_probe(found.liveness),
            "earliestKill": hung.earliest,
            "latestKill": hung.latest,
        },
        "readiness": {
            **_probe(found.readiness),
            "latestUnready": timing.failed(found.readiness, 0).latest,
        },
        "preStop": case.pre_stop,
        "sleep": found.sleep or 0,
        "appDelay": found.app_delay,
        "drainDelay": found.drain_delay,
        "inFlight": found.in_flight,
        "reserve": found.reserve,
        "graceNeeded": needed,
        "grace": found.grace,
        "minReady": found.min_ready,
        "pull": found.pull,
        "progressNeeded": progress_needed(found),
        "progressDeadline": found.progress_deadline or 0,
    }


def _probe(times: Timing) -> Fields:
    return {
        "periodSeconds": times.period,
        "timeoutSeconds": times.timeout,
        "failureThreshold": times.failure_threshold,
    }


# -- random values ---------------------------------------------------------------------------------


@cache
def defaults() -> Fields:
    """Return the chart's own values, and an image."""
    found = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return cast("Fields", found | IMAGE)


def _seconds(least: int, usual: int) -> st.SearchStrategy[int]:
    """Return whole seconds: often such as people write, at times any that the chart allows."""
    return st.one_of(st.integers(least, usual), st.integers(least, 3600))


_TIMES: Final[Mapping[str, st.SearchStrategy[object]]] = {
    "bootSeconds": st.one_of(_seconds(1, 130), st.integers(595, 605)),
    "startupSeconds": _seconds(0, 60),
    "warmUpSeconds": _seconds(0, 60),
    "drainDelaySeconds": _seconds(1, 30),
    "longestRequestSeconds": _seconds(0, 60),
    "exitSeconds": st.integers(5, 60),
    "pullSeconds": _seconds(0, 300),
    "minReadySeconds": _seconds(0, 60),
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw values that fit."""
    drawn = {name: draw(strategy) for name, strategy in _TIMES.items()}
    kube_version = draw(st.sampled_from(VERSIONS))
    workers = draw(st.sampled_from([1, 1, 2, 8]))
    sleeps = version("kube_version", kube_version) >= _SLEEPS
    pre_stops = ["auto", "exec", "none", *(["sleep"] if sleeps else [])]
    values = {
        **defaults(),
        **drawn,
        "workers": workers,
        "preStop": draw(st.sampled_from(pre_stops)),
    }
    return _with_given(draw, Case(values, kube_version))


def _with_given(draw: st.DrawFn, case: Case) -> Case:
    """Draw what overrides a computed number, no less than it."""
    values = dict(case.values)
    found = case.plan
    if draw(st.booleans()):
        values["terminationGracePeriodSeconds"] = found.grace + draw(st.integers(0, 100))
    if draw(st.booleans()):
        values["progressDeadlineSeconds"] = progress_needed(found) + draw(st.integers(0, 100))
    return Case(values, case.kube_version)
