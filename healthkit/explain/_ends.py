"""The words for a container's end: a small table of moments, and what it comes to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.explain._numbers import number, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.explain._values import Ending, Moment, Told, Why

TITLES: Final[dict[Why, str]] = {
    "deletion": "When the pod is deleted",
    "liveness": "When liveness kills it",
    "startup": "When the startup probe kills it",
}


def title(ending: Ending) -> str:
    """Say which end it is."""
    return f"{TITLES[ending.why]}, with a grace period of {ending.grace} s"


def rows(told: Told, ending: Ending) -> Iterator[tuple[str, str]]:
    """Say what happens when."""
    for moment in ending.moments:
        by = "by " if moment.is_latest else ""
        yield f"{by}t+{number(moment.at)}", _happens(told, ending, moment)


def _happens(told: Told, ending: Ending, moment: Moment) -> str:
    match moment.what:
        case "begin":
            return _begins(told, ending)
        case "prestop":
            return f"preStop begins: {ending.hook.does}" if ending.hook else "preStop begins"
        case "last_connection":
            return "the last new connection that kube-proxy sends, on one node"
        case "sigterm":
            least = " at least" if moment.is_latest else ""
            return f"SIGTERM; {seconds(ending.left)} are left{least}"
        case _:  # SIGKILL
            again = "; then it is started again" if told.restarts else ""
            return f"SIGKILL, if it still runs{'' if ending.why == 'deletion' else again}"


def _begins(told: Told, ending: Ending) -> str:
    match ending.why:
        case "deletion":
            return f"deleted: its endpoint is terminating{_probes(told)}"
        case "startup":
            return "the startup probe has failed; it is in no endpoints yet"
        case "liveness" if told.is_never_ready:
            return "liveness has failed; it is in no endpoints"
        case _:  # liveness
            passes = told.running.leaves is not None
            while_ = "while readiness passes" if passes else "until it has ended"
            return f"liveness has failed; it stays in the endpoints {while_}"


def _probes(told: Told) -> str:
    """Say which probes stop, and which goes on."""
    found = [one.kind for one in told.probes]
    stopped = [kind for kind in ("startup", "liveness") if kind in found]
    verb = "stop" if len(stopped) > 1 else "stops"
    said = [f"{' and '.join(stopped)} {verb}"] if stopped else []
    said += ["readiness is still asked"] if "readiness" in found else []
    return "".join(f", {one}" for one in said)


def verdict(ending: Ending) -> str:
    """Say what it comes to: whether the hook fits, and what SIGTERM gets."""
    waits = "A sidecar gets SIGTERM when the containers beside it have ended. "
    return f"{waits if ending.waits else ''}{_verdict(ending)}"


def _verdict(ending: Ending) -> str:
    hook, left = ending.hook, seconds(ending.left)
    if hook is None:
        return _hookless(ending)
    if hook.takes is None and ending.fits is None:
        return "Nobody can tell how long the hook takes: SIGTERM comes when it ends."
    if math.isinf(hook.least):
        return f"The hook does not fit: it never ends, and SIGTERM gets {left}, no more."
    takes = f"{seconds(hook.least)} of {ending.grace} s"
    if not ending.fits:
        least = "at least " if hook.takes is None else ""
        return f"The hook does not fit: it takes {least}{takes}, and SIGTERM gets {left}, no more."
    short = ending.why == "deletion" and hook.least < timing.PROXY_LAG
    also = " It is over before kube-proxy has stopped sending." if short else ""
    return f"The hook fits: it takes {takes}.{also}"


def _hookless(ending: Ending) -> str:
    if ending.why != "deletion" or ending.waits:
        return "There is no preStop hook."
    lag = seconds(timing.PROXY_LAG)
    return f"No preStop hook: the app has to take new connections for {lag} after SIGTERM."
