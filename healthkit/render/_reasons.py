"""The comments: why each number is what it is, with its arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit import timing
from healthkit.render import _server
from healthkit.render._yaml import shown

if TYPE_CHECKING:
    from healthkit.render._plan import Plan
    from healthkit.render._wanted import Settled, Wanted


def startup(found: Settled, plan: Plan) -> str:
    """Say what the startup probe guarantees, and for what."""
    wanted, times = found.wanted, plan.startup
    sum_ = f"({times.failure_threshold} - 1) * {times.period} s"
    text = f"{sum_} = {shown(timing.guaranteed_boot(times))} s: the boot of {shown(wanted.boot)} s"
    text += f"{_work(wanted)}, guaranteed."
    text += f" What never starts is killed after {_latest(plan)} s at the latest."
    if wanted.warm_up > wanted.startup:
        text += f" {found.startup_path} does not wait for warm-ups: this costs no start anything."
    return text


def _work(wanted: Wanted) -> str:
    """Say what is added to the boot: the longer of what begins then, and what runs beside it."""
    if wanted.warm_up > wanted.startup:
        beside = f" (beside start-up work of {shown(wanted.startup)} s)" if wanted.startup else ""
        return f" + a warm-up of {shown(wanted.warm_up)} s{beside}"
    return f" + start-up work of {shown(wanted.startup)} s" if wanted.startup else ""


def _latest(plan: Plan) -> str:
    return shown(timing.latest_kill(plan.startup))


def liveness(plan: Plan) -> str:
    """Say when liveness kills."""
    span, times = timing.failed(plan.liveness), plan.liveness
    sum_ = f"({times.failure_threshold} - 1) * {times.period} s + {times.timeout} s"
    return (
        f"{sum_} = {shown(span.earliest)} s: a hang is killed {shown(span.earliest)} to "
        f"{shown(span.latest)} s after it began, and readiness has failed by then."
    )


def readiness(plan: Plan) -> str:
    """Say when a pod that says 503 is out of its Service, and which pods that is about."""
    times = plan.readiness
    failing = shown(timing.failed(times, 0).latest)
    lag = shown(timing.SLICE_LAG + timing.PROXY_LAG)
    latest = shown(timing.withdrawn(times, 0).latest)
    return (
        f"{times.failure_threshold} * {times.period} s = {failing} s, and {lag} s of kube-proxy: "
        f"{latest} s at most until a pod that says 503 gets no new connection. One that is deleted "
        "leaves at once."
    )


def grace(found: Settled, plan: Plan) -> str:
    """Say what the grace period is the sum of."""
    parts = [] if plan.sleep is None else [f"{plan.sleep} s asleep"]
    parts += [
        f"{shown(plan.app_delay)} s of drain delay",
        f"{shown(plan.in_flight)} s for the longest request",
        f"{shown(plan.reserve)} s for the exit{_limit(found, plan)}",
    ]
    needed = timing.grace_needed(plan.drain_delay, plan.in_flight, plan.reserve)
    least = "" if needed > timing.DEFAULT_GRACE - 1 else f"; {plan.grace} s is the default"
    return f"{' + '.join(parts)} = {shown(needed)} s{least}."


def _limit(found: Settled, plan: Plan) -> str:
    """Say why the exit may take longer than it does by itself."""
    limit = _server.limit(found.server)
    if limit is None or plan.reserve <= timing.EXIT_RESERVE:
        return ""
    return f" ({found.server.name} may wait for {shown(limit)} s)"


def progress(plan: Plan) -> str:
    """Say why a rollout may stand still for longer than by default."""
    return (
        f"{_latest(plan)} s for the latest start, {shown(plan.pull)} s for the image, "
        f"{plan.readiness.period} s until readiness is asked, {plan.min_ready} s of it: "
        f"Kubernetes' default of {timing.DEFAULT_PROGRESS} s would call such a rollout failed."
    )


def pre_stop(found: Settled, plan: Plan) -> str:
    """Say what happens before SIGTERM."""
    if found.wanted.pre_stop == "exec":
        return (
            f"All workers turn unready and serve on for {shown(plan.app_delay)} s, then until "
            f"nothing is in flight, for {shown(plan.in_flight)} s at most. Then SIGTERM comes."
        )
    if plan.sleep is not None and plan.sleep < timing.PROXY_LAG:
        lag = shown(timing.PROXY_LAG)
        return f"SIGTERM comes after {plan.sleep} s; new connections come for {lag} s."
    return f"The pod is out of its Service when SIGTERM comes, after {plan.sleep} s."


def delay(plan: Plan, pre_stop: str) -> str:
    """Say what the app's own drain delay is for."""
    if plan.sleep is not None:
        return "The kubelet has slept already; this is for kept connections to be told to close."
    begins = "the preStop hook" if pre_stop == "exec" else "SIGTERM"
    return f"{begins[0].upper()}{begins[1:]} begins the drain: the app serves on for so long."
