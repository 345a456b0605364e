"""The words for what is told: rows of a name and a sentence or two.

Whoever reads them may know nothing of the kubelet: each number stands with what it means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.explain._numbers import number, seconds, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.explain._values import Asked, Explanation, Rollout, Start, Told
    from healthkit.manifests import ProbeKind

#: A name, and what there is to say.
Row = tuple[str, str]

# -- probes ----------------------------------------------------------------------------------------

_LOST: Final[dict[ProbeKind, str]] = {
    "startup": "it never counts, so that the container is never started, and never ready",
    "liveness": "it never counts, so that it never kills",
    "readiness": "it never counts, so that the container is never ready",
}


def probe(asked: Asked) -> str:
    """Say what a probe asks, how often, and what comes of it."""
    found = asked.probe
    delay = f" after a delay of {found.initial_delay} s" if found.initial_delay else ""
    every = f"{asked.asks}, every {found.period} s{delay}, timeout {found.timeout} s."
    if asked.is_lost:
        return f"{every} The container has no port of that name: {_LOST[asked.kind]}."
    return f"{every} {_outcome(asked)}."


def _outcome(asked: Asked) -> str:
    failures, successes = asked.probe.failure_threshold, asked.probe.success_threshold
    if asked.kind == "readiness":
        out = _counted(failures, "failure", "take", "it out of the endpoints")
        return f"{out}, {_counted(successes, 'success', 'put', 'it back')}"
    kills = _counted(failures, "failure", "kill", "the container")
    until = "; until it passes no other probe is asked" if asked.kind == "startup" else ""
    return f"{kills}{until}"


def _counted(times: int, what: str, does: str, to: str) -> str:
    """Say what so many results do: ``3 failures in a row kill the container``."""
    if times == 1:
        return f"1 {what} {does}s {to}"
    many = "successes" if what == "success" else f"{what}s"
    return f"{times} {many} in a row {does} {to}"


def absent(told: Told, kind: ProbeKind) -> str:
    """Say what it means that there is no such probe: it counts as successful."""
    match kind:
        case "startup" if told.start is not None:
            limit = f"a start may take at most {seconds(told.start.guaranteed)}"
            return f"none: liveness counts from the first moment, so that {limit}."
        case "startup":
            return "none: the container counts as started as soon as it runs."
        case "liveness":
            return "none, which counts as successful: a hang stays until somebody notices."
        case _:  # readiness
            starts = told.start is not None and told.start.kind == "startup"
            when = "as soon as the startup probe has passed" if starts else _FROM_THE_FIRST
            return f"none, which counts as successful: requests come {when}."


_FROM_THE_FIRST: Final = "from the first second after the container runs, whatever it does"


# -- its start, and while it runs ------------------------------------------------------------------


def start(told: Told) -> Iterator[Row]:
    """Say how long a start may take."""
    found = told.start
    if found is None:
        lost = told.probe("startup") is not None
        why = "its startup probe never counts" if lost else "no probe decides of it"
        yield "no limit", f"It may take for ever: {why}."
        return
    yield "first probe", f"{span(found.first)}: {found.kind} may come anywhere in a period."
    yield "guaranteed", _guaranteed(told, found)
    hangs = f"{seconds(found.latest_hanging)} if it takes them and says nothing"
    yield "latest kill", f"{seconds(found.latest)} if it refuses connections for ever, {hangs}."
    if found.kind == "startup":
        yield "then", _killed(told)


def _killed(told: Told) -> str:
    """Say how the kill of a startup probe goes on: it is in no endpoints yet."""
    ending = next(one for one in told.endings if one.why == "startup")
    by = "by " if ending.moments[-1].is_latest else ""
    hook = "preStop at once, " if ending.hook is not None else ""
    signals = f"SIGTERM {by}t+{number(ending.at('sigterm'))}, SIGKILL {by}"
    return f"{hook}{signals}t+{number(ending.at('sigkill'))}, from the kill on."


def _guaranteed(told: Told, found: Start) -> str:
    asked = told.probe(found.kind)
    delayed = asked is not None and asked.probe.initial_delay > 0
    formula = f"{'delay + ' if delayed else ''}failureThreshold x periodSeconds"
    much = "a period and a second" if delayed else "one period"
    why = "the first probe may come at once"
    why = "it may come that much sooner" if delayed else why
    safe = "a start that takes no longer is never killed by it"
    usual = f"{formula} says {seconds(found.nominal)}, {much} too much: {why}"
    return f"{seconds(found.guaranteed)}: {safe}. {usual}."


def running(told: Told) -> Iterator[Row]:
    """Say how soon something comes of an app that hangs, fails, and recovers."""
    found = told.running
    nobody = "is never killed: no liveness probe counts."
    kill = nobody if found.kill is None else f"is killed {span(found.kill)} later."
    yield "a hung app", kill
    if told.is_never_ready:
        yield "endpoints", "It is never in them."
    elif found.leaves is None or found.leaves_hanging is None or found.returns is None:
        yield "503", "changes nothing: no readiness probe takes it out of the endpoints."
    else:
        left = f"{span(found.leaves)} later, kube-proxy included"
        hung = f"if it hangs, at most {seconds(found.leaves_hanging)} later"
        yield "503", f"gets it out of the endpoints {left}; {hung}."
        yield "200 again", f"gets it back into them at most {seconds(found.returns)} later."
    if found.kill_may_be_first:
        yield "order", "liveness may kill a hung app that still gets new connections."


# -- a rollout -------------------------------------------------------------------------------------


def rollout(found: Explanation, how: Rollout) -> str:
    """Say how pods are replaced, and whether the deadline leaves enough."""
    return " ".join([_replaced(found, how), *_deadline(how)])


def _replaced(found: Explanation, how: Rollout) -> str:
    update = how.update
    if update is None and found.kind == "Deployment":
        return "all pods end before new ones start (Recreate)."
    if update is None:
        return "a pod is replaced when somebody deletes it (OnDelete)."
    if found.kind == "DaemonSet":
        first = "the new pod is ready before the old one ends"
        return f"on each node {first if update.max_surge else 'the old pod ends first'}."
    pods = f"{found.replicas} replica{'' if found.replicas == 1 else 's'}"
    out = f"{update.max_unavailable} of them may be unavailable"
    if found.kind == "StatefulSet":
        return f"{pods}; {out} at a time."
    return f"{pods}; up to {update.max_surge} more at a time, and {out}."


def _deadline(how: Rollout) -> Iterator[str]:
    if how.is_never_available:
        yield "No pod ever gets available: one of its probes never counts."
    if how.needed is None:
        return
    need = f"By its probes a pod may need {seconds(how.needed)} beside its image"
    if how.deadline is None:
        yield f"{need}."
        return
    late = "the rollout counts as failed while it goes on"
    verdict = "it fits" if how.in_time else f"too little, {late}"
    yield f"{need}; progressDeadlineSeconds is {number(how.deadline)}: {verdict}."
