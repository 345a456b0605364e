"""Recordings of a real Kubernetes: read as the simulator's input, and compared with what it plays.

The format is the recordings' own; ``tests/testing/traces/README.md`` says what its keys mean. A
case is played as a *replay*: chance (the phases of tickers, the moments of status syncs, how long a
container takes to start) is given, everything else must follow from the rules.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from healthkit.manifests._spec import (
    Container,
    Exec,
    Hook,
    HttpGet,
    PodSpec,
    Port,
    Probe,
    ProbeKind,
    Sleep,
    TcpSocket,
)
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Ran, Reply, Says
from healthkit.testing._pod import PodLife
from healthkit.testing._rules import STARTING, Pace, Sync

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from healthkit.testing._events import Event
    from healthkit.testing._process import App

#: A case, a run of it, an event: as JSON has them.
Json = dict[str, Any]

_PROBES: Final[dict[ProbeKind, str]] = {
    "startup": "startupProbe",
    "liveness": "livenessProbe",
    "readiness": "readinessProbe",
}
#: A sync is said to have come so long before the start of the container that caused it, at most.
_NOISE: Final = 0.15
#: How long each end of a process takes when nothing was recorded: it was not seen.
_UNSEEN: Final = 0.1
#: Played on behind the window's end, in seconds.
_MARGIN: Final = 0.5


def load(path: Path) -> Json:
    """Return a case."""
    return cast("Json", json.loads(path.read_text(encoding="utf-8")))


# What is played.


def play(case: Json, run: Json, *, ruled: bool = False) -> list[Json]:
    """Play a run, and return its events as the recording would have them.

    Args:
        case: the pod, the app and what is done to them.
        run: what was left to chance in this recording.
        ruled: whether the status syncs follow the simulator's own rule instead of the recording.
    """
    clock = Schedule(start=_beginning(case, run))
    events: list[Event] = []
    spec = pod_spec(case["pod"])
    pod = PodLife(spec, _app(case, run), clock, events.append, _pace(spec, run, ruled=ruled))
    pod.admit()
    for action in case["actions"]:
        _schedule(pod, clock, action)
    clock.run_until(run["window"][1] + _MARGIN)
    if "error" in case["app"].get("prestop", {}):  # it has no log of a hook that did not arrive
        events = [one for one in events if one.name not in {"prestop_begin", "prestop_end"}]
    events = [one for one in events if one.name != "sigterm" or _arrives(run, one.at)]
    return [_as_recorded(event) for event in sorted(events, key=lambda event: event.at)]


def _arrives(run: Json, moment: float) -> bool:
    """Whether SIGTERM finds a handler: what is recorded is the handler's own log."""
    started = [one for one in run["processes"] if one["container_started"] - _NOISE <= moment]
    return _handles_at_once(started[-1]) or moment >= started[-1]["listens_at"]


def _handles_at_once(process: Json) -> bool:
    """Whether a process is known to have heeded SIGTERM, though it may have come in its boot."""
    return "exits_after_sigterm_s" in process


def _beginning(case: Json, run: Json) -> float:
    """Return a moment before all: a condition can be set, and a pod deleted, before it runs."""
    first = [run["processes"][0]["container_started"], *(action["t"] for action in case["actions"])]
    return float(min(first)) - 2 * STARTING


def _schedule(pod: PodLife, clock: Schedule, action: Json) -> None:
    if action["do"] == "delete":
        grace = action.get("gracePeriodSeconds")
        clock.call_at(action["t"], lambda: pod.delete(grace))
    else:
        kind, status = action["type"], action["status"]
        clock.call_at(action["t"], lambda: pod.set_condition(kind, status))


def _as_recorded(event: Event) -> Json:
    dropped = {"result", "message"} if event.name == "probe" else set[str]()
    details = {key: value for key, value in event.details.items() if key not in dropped}
    return {"t": event.at, "event": event.name, **details}


def _pace(spec: PodSpec, run: Json, *, ruled: bool) -> Pace:
    phase: Json = run.get("probe_phase", {})
    syncs = [Sync(float(sync[0]), asks=len(sync) <= 2) for sync in phase.get("status_syncs", ())]
    starts = [_start(process, phase) for process in run["processes"]]
    return Pace(
        admitted=starts[0] - STARTING,
        phases=_phases(spec, phase, starts[0]),
        starts=tuple(starts),
        started_at=tuple(
            float(process.get("startedAt", start))
            for process, start in zip(run["processes"], starts, strict=True)
        ),
        syncs=None if ruled else tuple(syncs),
    )


def _phases(spec: PodSpec, phase: Json, start: float) -> dict[ProbeKind, float]:
    """Return one tick of each ticker: of one that isn't given, the moment at which all began.

    That is a tick of each, so the one that is nearest to the usual moment; of the probe with the
    longest period, where there are several.
    """
    container = spec.containers[0]
    probes: dict[ProbeKind, Probe | None] = {
        "startup": container.startup,
        "liveness": container.liveness,
        "readiness": container.readiness,
    }
    given: dict[ProbeKind, float] = {kind: float(phase[kind]) for kind in probes if kind in phase}
    ticks = [(one.period, given[kind]) for kind, one in probes.items() if one and kind in given]
    if not ticks:
        return given
    period, tick = max(ticks)
    began = tick + round((start - STARTING - tick) / period) * period
    return {kind: given.get(kind, began) for kind in probes}


def _start(process: Json, phase: Json) -> float:
    """Return when a container ran: the sync that it caused may have been noted before it."""
    start = float(process["container_started"])
    caused = [
        float(sync[0])
        for sync in phase.get("status_syncs", ())
        if len(sync) == 2 and sync[1] == "container started" and 0 <= start - sync[0] <= _NOISE
    ]
    return min([start, *(sync - 0.001 for sync in caused)])


def pod_spec(pod: Json) -> PodSpec:
    """Return the pod of a case."""
    return PodSpec(
        name="recorded",
        containers=tuple(_container(container) for container in pod["containers"]),
        termination_grace_period=pod.get("terminationGracePeriodSeconds", 30),
        restart_policy=pod.get("restartPolicy", "Always"),
        readiness_gates=tuple(gate["conditionType"] for gate in pod.get("readinessGates", ())),
    )


def _container(container: Json) -> Container:
    return Container(
        container["name"],
        image="recorded",
        ports=tuple(
            Port(port["containerPort"], port.get("name")) for port in container.get("ports", ())
        ),
        startup=_probe(container.get("startupProbe")),
        liveness=_probe(container.get("livenessProbe")),
        readiness=_probe(container.get("readinessProbe")),
        pre_stop=_hook(container.get("lifecycle", {}).get("preStop")),
    )


def _probe(probe: Json | None) -> Probe | None:
    if probe is None:
        return None
    return Probe(
        _http_get(probe["httpGet"]),
        initial_delay=probe.get("initialDelaySeconds", 0),
        period=probe.get("periodSeconds") or 10,
        timeout=probe.get("timeoutSeconds") or 1,
        success_threshold=probe.get("successThreshold") or 1,
        failure_threshold=probe.get("failureThreshold") or 3,
        termination_grace_period=probe.get("terminationGracePeriodSeconds"),
    )


def _http_get(action: Json) -> HttpGet:
    headers = tuple((header["name"], header["value"]) for header in action.get("httpHeaders", ()))
    return HttpGet(
        action.get("path", "/"),
        action["port"],
        action.get("scheme", "HTTP"),
        host=action.get("host"),
        headers=headers,
    )


def _hook(hook: Json | None) -> Hook | None:
    if hook is None:
        return None
    if "sleep" in hook:
        return Sleep(hook["sleep"]["seconds"])
    if "exec" in hook:
        return Exec(tuple(hook["exec"]["command"]))
    if "tcpSocket" in hook:
        return TcpSocket(hook["tcpSocket"]["port"])
    return _http_get(hook["httpGet"])


def _app(case: Json, run: Json) -> App:
    starts = [_start(process, run.get("probe_phase", {})) for process in run["processes"]]
    lives = [
        _life(case, process, start) for process, start in zip(run["processes"], starts, strict=True)
    ]
    return Described(*lives)


def _life(case: Json, process: Json, start: float) -> Life:
    """Return one process's life. The recording's times are its own; a life's count from its start.

    SIGTERM that came during the boot was heeded where an exit after it was measured. Else it was
    lost: process 1 ignores it until there is a handler.
    """
    app: Json = case["app"]
    on_sigterm: Json = app.get("on_sigterm", {})
    ignores = on_sigterm.get("does") == "ignore"
    exits_at = process.get("exits_at")
    measured = process.get("exits_after_sigterm_s", on_sigterm.get("after_s", _UNSEEN))
    return Life(
        listens_at=max(process["listens_at"] - start, 0),
        says=tuple(_says(case, process, start)),
        exits_after_sigterm=None if ignores else measured,
        closes_after_sigterm=on_sigterm.get("stops_listening_after_s", 0),
        handles_sigterm_at=0 if _handles_at_once(process) else None,
        exits_at=None if exits_at is None else exits_at - start,
        runs=_runs(case),
        ports=_ports(case),
        timeout_overhead=app.get("timeout_overhead_s", 0.0),
    )


def _says(case: Json, process: Json, start: float) -> Iterable[Says]:
    """Yield what is answered: by default, by the hook, and as the recording says of this process.

    What begins earlier comes first; an answer may hold from before the start.
    """
    app: Json = case["app"]
    default = app.get("default_status", 200)
    for handler in _handlers(case):
        yield Says(_path(handler), Reply(default), -math.inf)
    scripted: Json = app.get("prestop", {})
    broken: Literal["eof"] | None = "eof" if "error" in scripted else None
    for hook in [_hook_of(case)["httpGet"]] if "httpGet" in _hook_of(case) else []:
        status = cast("int", scripted.get("status", default))
        reply = Reply(status, scripted.get("takes_s", 0), broken)
        yield Says(_path(hook), reply, -math.inf)
    for answer in process.get("answers", ()):
        reply = Reply(
            answer.get("status", default), answer.get("delay_s", 0.0), answer.get("broken")
        )
        yield Says(answer["path"], reply, answer["from"] - start)


def _path(handler: Json) -> str:
    """Return what a handler asks for, as the app sees it."""
    path: str = handler.get("path", "/")
    return path if path.startswith("/") else f"/{path}"


def _handlers(case: Json) -> list[Json]:
    container = case["pod"]["containers"][0]
    return [container[field]["httpGet"] for field in _PROBES.values() if field in container]


def _hook_of(case: Json) -> Json:
    lifecycle: Json = case["pod"]["containers"][0].get("lifecycle", {})
    return cast("Json", lifecycle.get("preStop", {}))


def _runs(case: Json) -> dict[tuple[str, ...], Ran]:
    hook = _hook_of(case)
    if "exec" not in hook:
        return {}
    scripted: Json = case["app"].get("prestop", {})
    ran = Ran(scripted.get("takes_s", 0), scripted.get("exit_code", int("error" in scripted)))
    return {tuple(hook["exec"]["command"]): ran}


def _ports(case: Json) -> frozenset[int] | None:
    """Return what the app listens on: any port, but for that of a hook that does not arrive.

    One that asks the port of a probe arrives, and gets no answer.
    """
    hook: Json = _hook_of(case).get("httpGet", {})
    if "error" not in case["app"].get("prestop", {}) or "port" not in hook:
        return None
    return frozenset(_port(case, handler) for handler in _handlers(case))


def _port(case: Json, handler: Json) -> int:
    """Return a handler's port; 0 if it is a name that the container doesn't declare."""
    named: dict[str, int] = {
        port.get("name"): port["containerPort"]
        for port in case["pod"]["containers"][0].get("ports", ())
    }
    port: int | str = handler["port"]
    return port if isinstance(port, int) else named.get(port, 0)


# What was seen, and whether it is the same.


def differences(case: Json, run: Json, events: Sequence[Json]) -> list[str]:
    """Return what differs inside the run's window, event by event.

    Args:
        case: what is compared, and how far apart two events may be.
        run: what was seen.
        events: what was played.
    """
    begin, end = run["window"]
    names = set(case["compare"])
    left = [event for event in events if event["event"] in names and begin <= event["t"] <= end]
    missing: list[str] = []
    for seen in run["observed"]:
        if seen["event"] not in names:
            continue
        limit = _limit(case, seen)
        near = [one for one in left if _same(one, seen) and abs(one["t"] - seen["t"]) <= limit]
        if near:
            left.remove(min(near, key=lambda one: abs(one["t"] - seen["t"])))
        elif not seen.get("dead"):
            missing.append(f"missing {_shown(seen)}")
    return missing + [
        f"unexpected {_shown(one)}" for one in left if not _excused(run, one, _limit(case, one))
    ]


def _limit(case: Json, event: Json) -> float:
    tolerance: Json = case["tolerance_s"]
    if event.get("dead"):
        return float(tolerance.get("dead", 1.0))
    name = "endpoint gone" if event.get("gone") else event["event"]
    return float(tolerance[name if name in tolerance else "default"])


def _same(one: Json, other: Json) -> bool:
    return _identity(one) == _identity(other)


def _identity(event: Json) -> Json:
    noise = {"t", "dead", "message", "reason", "request", "took"}
    return {key: value for key, value in event.items() if key not in noise}


def _excused(run: Json, event: Json, limit: float) -> bool:
    """Whether an event that was not seen may have been there: at the edge, or of a dead process."""
    begin, end = run["window"]
    if min(event["t"] - begin, end - event["t"]) <= limit:
        return True
    if event["event"] not in {"probe", "ready"}:
        return False
    return any(first <= event["t"] < last for first, last in _gaps(run))


def _gaps(run: Json) -> Iterable[tuple[float, float]]:
    """Yield the times in which there was no process."""
    for event in run["observed"]:
        if event["event"] == "exit":
            starts = [process["container_started"] for process in run["processes"]]
            later = [start for start in starts if start > event["t"]]
            yield event["t"] - _NOISE, min(later, default=float("inf"))


def _shown(event: Json) -> str:
    rest = " ".join(f"{key}={value}" for key, value in event.items() if key not in {"t", "event"})
    return f"{event['event']} {rest} at {event['t']:.3f}"


# The sentences that hold for a case.


def broken_facts(case: Json, run: Json, events: Sequence[Json]) -> list[str]:
    """Return the facts of a case that don't hold for these events."""
    begin, end = run["window"]
    inside = [event for event in events if begin <= event["t"] <= end and not event.get("dead")]
    inside.sort(key=lambda event: event["t"])
    return [
        f"{fact['fact']}: {wrong}"
        for fact in case["facts"]
        for check in fact["check"]
        if (wrong := _broken(inside, check))
    ]


def _broken(events: list[Json], check: Json) -> str:
    """Say why a check fails; nothing if it holds."""
    try:
        for found in _measured(events, check):
            if not _holds(found, check):
                return f"found {found}, expected {check}"
    except LookupError as exc:
        return f"found no {exc}, expected {check}"
    return ""


def _measured(events: list[Json], check: Json) -> Iterable[object]:
    if "count" in check:
        yield len(_places(events, check["count"]))
    elif "time" in check:
        yield events[_place(events, check["time"])]["t"]
    elif "delay" in check:
        first, last = (events[_place(events, one)]["t"] for one in check["delay"])
        yield round(last - first, 3)
    elif "order" in check:
        places = [_place(events, one) for one in check["order"]]
        yield places == sorted(places)
    else:
        times = [events[place]["t"] for place in _places(events, check["spacing"])]
        if len(times) < 2:
            raise LookupError(f"two of {check['spacing']}")
        yield from (round(last - first, 3) for first, last in itertools.pairwise(times))


def _holds(found: Any, check: Json) -> bool:  # noqa: ANN401  # as JSON has it
    if "between" in check:
        least, most = check["between"]
        return bool(least <= found <= most)
    return bool(found == check.get("equals", True))


def _places(events: list[Json], selector: Json) -> list[int]:
    wanted = {k: v for k, v in selector.items() if k not in {"after", "before", "nth"}}
    first = _bound(events, selector.get("after"), -1.0)
    last = _bound(events, selector.get("before"), float(len(events)))
    found = [
        place
        for place, event in enumerate(events)
        if first < place < last and wanted.items() <= event.items()
    ]
    if "nth" not in selector:
        return found
    nth = selector["nth"]
    return [found[nth]] if -len(found) <= nth < len(found) else []


def _bound(events: list[Json], reference: float | Json | None, default: float) -> float:
    """Return the place of a selector's event, or one between those before and after a time."""
    if reference is None:
        return default
    if isinstance(reference, dict):
        return float(_place(events, reference))
    earlier = [event for event in events if event["t"] <= reference]
    return len(earlier) - 0.5


def _place(events: list[Json], selector: Json) -> int:
    found = _places(events, selector)
    if not found:
        raise LookupError(json.dumps(selector))
    return found[0]
