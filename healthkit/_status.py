"""``healthkit status``: how the workers of this pod stand, for a person or as JSON.

It reads the state directory once, as any worker does, and changes nothing. What the pod answers is
not computed here: each worker has written it into its record, and the record written last is
believed.

The JSON is one object, whose members are always there::

    state_dir               the directory
    pod                     by probe (live, ready, startup, health): {"passes": bool, "line": text},
                            or null if no worker lives
    draining_since_seconds  how long ago the pod was told to drain, or null
    other_version           the record of a worker that another version of healthkit writes, or null
    workers                 in the order in which they joined:
        pid, phase, started, ready, liveness_failed, paused
        told                whether the worker knows of the drain
        requests, streams   how many are in flight
        holds               what else a drain waits for, as in the log
        heartbeat_age_seconds, fresh
        expected            with how many workers the pod begins, or null
        components          name, kind, state, required, passes, note, and, where there is one,
                            progress (0 to 1), age_seconds and duration_seconds, else null
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Final

from healthkit import _arguments, _records
from healthkit._arguments import USAGE, Options
from healthkit._facts import details_of, written_of
from healthkit._model import CheckState, Kind, Probe, WorkState
from healthkit._pod_drain_log import printable, seconds
from healthkit._pod_drain_rules import told_at
from healthkit._state_dir import StateDir
from healthkit.errors import ConfigError, StateDirError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from healthkit._model import Component
    from healthkit._state_dir import Peer, View

HELP: Final = """\
usage: healthkit status [--json] [--state-dir DIR]

Show the workers of this pod, and what its probes would answer. Exits 0, also when no worker lives;
2 when there is no such directory.

  --json           one JSON object
  --state-dir DIR  where the workers are; the default is HEALTHKIT_STATE_DIR
"""

_OPTIONS: Final = Options({"--state-dir": "DIR"}, frozenset({"--json"}))

#: How wide a column may be, in characters. With 7 for the process id, 8 for the phase, 8 for
#: readiness, 9 for what is in flight (``3+2`` is three requests and two streams), 11 for the
#: heartbeat and 14 for what is between, that is 120.
_WARM_UP: Final = 19
_CHECKS: Final = 28
_HOLDS: Final = 16
#: How much of a name is left at least, in characters, whatever else is in its column.
_SHORTEST: Final = 6
#: How long a line about the pod may be, and how many process ids it names.
_LINE: Final = 300
_PIDS: Final = 8


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Show the pod's workers on stdout, and return the exit code.

    Args:
        arguments: what follows ``healthkit status``.
        environ: where the state directory may be named.
        clock: CLOCK_MONOTONIC in seconds.
    """
    try:
        found = _arguments.without_rest(_arguments.parse(arguments, _OPTIONS))
        if found.help:
            _arguments.write(sys.stdout, HELP)
            return 0
        path = _arguments.state_dir(found, environ)
        view = StateDir(path).look()
    except (ConfigError, StateDirError) as exc:
        _arguments.write(sys.stderr, f"healthkit status: {exc}\n")
        return USAGE
    show = as_json if "--json" in found.flags else as_text
    _arguments.write(sys.stdout, show(path, view, clock()))
    return 0


def _pod(view: View) -> dict[Probe, tuple[bool, str] | None]:
    """Return what the pod's probes would answer, by the record written last."""
    last = max((peer.body for peer in view.peers), key=written_of, default=b"")
    return {probe: _records.said(last, probe) for probe in Probe}


def _ordered(view: View) -> list[Peer]:
    return sorted(view.peers, key=lambda peer: peer.facts.joined)


def _age(peer: Peer, now: float) -> float:
    return max(0.0, now - written_of(peer.body) / 1e9)


# -- JSON -----------------------------------------------------------------------------------------


def as_json(path: str, view: View, now: float) -> str:
    """Write everything, in the shape that this module's docstring describes."""
    told = told_at(view)
    shown = {
        "state_dir": path,
        "pod": {
            probe: None if said is None else {"passes": said[0], "line": said[1]}
            for probe, said in _pod(view).items()
        },
        "draining_since_seconds": None if told is None else _rounded(now - told),
        "other_version": view.other_version,
        "workers": [_worker(peer, now) for peer in _ordered(view)],
    }
    return f"{json.dumps(shown, indent=2)}\n"


def _worker(peer: Peer, now: float) -> dict[str, object]:
    facts = peer.facts
    return {
        "pid": facts.pid,
        "phase": facts.phase,
        "started": facts.started,
        "ready": facts.ready,
        "liveness_failed": facts.liveness_failed,
        "paused": facts.pause.paused,
        "told": facts.told is not None,
        "requests": facts.requests,
        "streams": facts.streams,
        "holds": facts.holds,
        "heartbeat_age_seconds": _rounded(_age(peer, now)),
        "fresh": peer.fresh,
        "expected": facts.expected,
        "components": [_component(one) for one in details_of(peer.body).components],
    }


def _component(one: Component) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "state": one.state,
        "required": one.required,
        "passes": one.passes,
        "note": one.note,
        "progress": one.progress,
        "age_seconds": _rounded(one.age),
        "duration_seconds": _rounded(one.duration),
    }


def _rounded(duration: float | None) -> float | None:
    return None if duration is None else round(duration, 3)


# -- a table --------------------------------------------------------------------------------------


def as_text(path: str, view: View, now: float) -> str:
    """Write what the pod answers, who is draining, and one row for each worker."""
    lines = [_answers(view)] if view.peers else [f"no worker lives in {printable(path, _LINE)}"]
    lines += _drain(view, now)
    if view.other_version is not None:
        lines.append(f"{printable(view.other_version, _LINE)}: not shown")
    if view.peers:
        lines += ["", *_table(view, now)]
    return "".join(f"{line}\n" for line in lines)


def _answers(view: View) -> str:
    """Say it of all probes: ``passing: live, startup; failing: ready, health (draining)``."""
    passing: list[str] = []
    failing: dict[str, list[str]] = {}
    for probe, answer in _pod(view).items():
        passes, line = answer or (False, "not said")
        (passing if passes else failing.setdefault(line, [])).append(probe)
    said = [f"passing: {', '.join(passing)}"] if passing else []
    lines = [f"{', '.join(probes)} ({line})" for line, probes in failing.items()]
    said += [f"failing: {', '.join(lines)}"] if lines else []
    return printable("; ".join(said), _LINE)


def _drain(view: View, now: float) -> list[str]:
    """Say who was told to drain, if anybody was."""
    told = told_at(view)
    if told is None:
        return []
    latched = [peer.facts.pid for peer in _ordered(view) if peer.facts.told is not None]
    others = [peer.facts.pid for peer in _ordered(view) if peer.facts.told is None]
    said = [f"told: {_pids(latched)}"] if latched else []
    said += [f"not yet: {_pids(others)}"] if others else []
    return [f"draining for {seconds(now - told)}; {'; '.join(said) or 'told: nobody'}"]


def _pids(pids: Sequence[int]) -> str:
    more = [f"{len(pids) - _PIDS} more"] if len(pids) > _PIDS else []
    return ", ".join([*(str(pid) for pid in pids[:_PIDS]), *more])


def _table(view: View, now: float) -> list[str]:
    """Write the rows below their heads, aligned. No column is wider than what is in it."""
    cells = [list(COLUMNS), *(_row(peer, now) for peer in _ordered(view))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


COLUMNS: Final = (
    "PID",
    "PHASE",
    "READY",
    "WARM-UP",
    "CHECKS",
    "IN FLIGHT",
    "HOLDS",
    "HEARTBEAT",
)


def _row(peer: Peer, now: float) -> list[str]:
    facts, components = peer.facts, details_of(peer.body).components
    return [
        str(facts.pid),
        str(facts.phase),
        _ready(peer),
        _work([one for one in components if one.kind is not Kind.CHECK]),
        _checks([one for one in components if one.kind is Kind.CHECK]),
        f"{facts.requests}+{facts.streams}" if facts.streams else str(facts.requests),
        _list([hold.removeprefix("hold ") for hold in facts.holds], _HOLDS),
        f"{seconds(_age(peer, now))}{'' if peer.fresh else ', hung'}",
    ]


def _ready(peer: Peer) -> str:
    """Say whether the worker could serve by itself, or what somebody has said about it."""
    if peer.facts.liveness_failed:
        return "not live"
    if peer.facts.pause.paused:
        return "paused"
    return "yes" if peer.facts.ready else "no"


def _work(works: Sequence[Component]) -> str:
    """Say what is not done: ``catalogue 41 %``; ``done``; ``-`` if there is nothing to do."""
    undone = [
        (one.name, str(one.state) if one.state is WorkState.FAILED else one.note)
        for one in works
        if not one.passes
    ]
    if not undone:
        return "done" if works else "-"
    (name, note), more = undone[0], f", +{len(undone) - 1}" if len(undone) > 1 else ""
    note = f" {note}" if note else ""
    name = printable(name, max(_SHORTEST, _WARM_UP - len(note + more)))
    return printable(f"{name}{note}{more}", _WARM_UP)


def _checks(checks: Sequence[Component]) -> str:
    """Count the checks by their state, and name those that do not pass, the worst first."""
    passing = sum(one.passes for one in checks)
    said = [f"{passing} ok"] if passing else []
    for state in (CheckState.FAILING, CheckState.STALE, CheckState.PENDING):
        names = [one.name for one in checks if one.state is state]
        if names:
            said.append(f"{len(names)} {state}: {', '.join(names)}")
    return printable(", ".join(said) or "-", _CHECKS)


def _list(names: Sequence[str], room: int) -> str:
    """Name the first one, and count the others."""
    if not names:
        return "-"
    more = f", +{len(names) - 1}" if len(names) > 1 else ""
    return f"{printable(names[0], room - len(more))}{more}"
