"""The tables among the recordings, row by row: what is recorded, and what the simulator says.

A row that is not understood is wrong: it would be no test.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final

from healthkit import manifests
from healthkit.errors import ConfigError
from healthkit.manifests._spec import Container, HttpGet, PodSpec, Probe
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Reply, Says
from healthkit.testing._pod import PodLife
from healthkit.testing._rules import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.testing._events import Event
    from tests.testing.recordings import Json

_PATH: Final = "/probed"
_THERE: Final = "/there"

#: The answers that are not just a status: what the probed path says, and the one it leads to.
_REPLIES: Final[dict[str, tuple[Reply, Reply]]] = {
    "302-same-host-200": (Reply(302, headers=(("location", _THERE),)), Reply(200)),
    "302-same-host-500": (Reply(302, headers=(("location", _THERE),)), Reply(500)),
    "302-same-host-other-port-200": (
        Reply(302, headers=(("location", f"http://10.0.1.7:9999{_THERE}"),)),
        Reply(200),
    ),
    "302-loop": (Reply(302, headers=(("location", _PATH),)), Reply(200)),
    "302-other-host": (Reply(302, headers=(("location", "http://example.org/"),)), Reply(200)),
    "304": (Reply(304, body=b""), Reply(200)),
    "200-big-body": (Reply(200, body=b"x" * 2_000_000), Reply(200)),
    "headers-late": (Reply(200, delay=3), Reply(200)),
    "body-late": (Reply(200, broken="slow body"), Reply(200)),
    "closed-without-answer": (Reply(200, broken="eof"), Reply(200)),
    "103-then-200": (Reply(200), Reply(200)),  # the server sends the 103; an app's answer has none
    "body-short": (Reply(200, broken="short body"), Reply(200)),
    "refused": (Reply(200), Reply(200)),
}

#: How much later than allowed a restart may be: the machine was busy, the ends are whole seconds.
_BUSY: Final = 2.5


def wrong_rows(table: Json) -> list[str]:
    """Return what is wrong with the rows of a table; nothing if all is well."""
    columns = table["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in table["rows"]]
    if "readiness" in columns:
        return [wrong for row in rows for wrong in _outcome(row)]
    if "announced_s" in columns:
        return [wrong for row in _backoffs(rows) for wrong in row]
    if "admitted" in columns:
        return [wrong for row in rows for wrong in _admission(row)]
    return [f"no rule for a table of {', '.join(columns)}"]


# What the kubelet makes of an answer.


def _outcome(row: Json) -> Iterator[str]:
    name = str(row["id"])
    if name in _REPLIES:
        replies = _REPLIES[name]
    elif name.isdecimal():
        replies = Reply(int(name)), Reply(200)
    else:
        yield f"{name}: an answer that this test does not know"
        return
    refused = name == "refused"
    for kind in ("readiness", "liveness"):
        found = _judged(kind, *replies, refused=refused)
        if found != row[kind]:
            yield f"{name}: {kind} is {found}, expected {row[kind]}"
    yield from _message(row, _probed("readiness", *replies, refused=refused))


def _message(row: Json, events: list[Event]) -> Iterator[str]:
    said = [str(event.details.get("message", "")) for event in events if event.name == "probe"][-1]
    result = [event.details["result"] for event in events if event.name == "probe"][-1]
    reason = {"warning": "ProbeWarning", "success": None}.get(str(result), "Unhealthy")
    if reason != row["event"]:
        yield f"{row['id']}: the event is {reason}, expected {row['event']}"
    expected = (row["message"] or "").replace("POD_IP:PORT", "10.0.1.7:8080")
    if not any(part.strip() in said for part in expected.split(" | ")):
        yield f"{row['id']}: the event says {said!r}, expected {expected!r}"


def _judged(kind: str, reply: Reply, target: Reply, *, refused: bool) -> str:
    """Return what a kind of probe makes of it, seen from what happens to the pod."""
    events = _probed(kind, reply, target, refused=refused)
    if kind == "readiness":
        if any(event.name == "ready" for event in events if event.at > _BEGINS):
            return "failure"
        results = {event.details["result"] for event in events if event.name == "probe"}
        return "discarded" if results == {"discarded"} else "success"
    if any(event.name == "killing" for event in events):
        return "failure"
    results = {event.details["result"] for event in events if event.name == "probe"}
    return "discarded" if results == {"discarded"} else "success"


#: When the answers begin to be the row's, in seconds.
_BEGINS: Final = 10.0


def _probed(kind: str, reply: Reply, target: Reply, *, refused: bool) -> list[Event]:
    """Play a ready pod whose answer becomes a row's, and return what is seen from then on."""
    threshold = 1 if kind == "readiness" else 2
    probe = Probe(HttpGet(_PATH, 8080), period=3, timeout=1, failure_threshold=threshold)
    container = Container("app", **{kind: probe})  # type: ignore[arg-type]  # one of the two
    says = (Says(_PATH, reply, _BEGINS), Says(_THERE, target, _BEGINS))
    life = Life(
        listens_at=0,
        says=says,
        closes_after_sigterm=0,
        exits_after_sigterm=1e6,  # one that only closes its port
    )
    clock = Schedule()
    events: list[Event] = []
    pod = PodLife(PodSpec("probed", (container,)), Described(life), clock, events.append)
    pod.admit()
    clock.run_until(_BEGINS)
    if refused and pod.process is not None:
        pod.process.sigterm()  # it closes its port, and stays
    clock.run_until(_BEGINS + 20)
    return [event for event in events if event.at > _BEGINS]


# How long a restart waits.


def _backoffs(rows: list[Json]) -> Iterator[Iterator[str]]:
    for _, kills in itertools.groupby(rows, key=lambda row: row["pod"]):
        yield _of_pod(sorted(kills, key=lambda row: row["kill"]))


def _of_pod(kills: list[Json]) -> Iterator[str]:
    """Play the rule over the recorded ends: a kill is decided with the end before it."""
    backoff = Backoff()
    before: float | None = None
    for kill in kills:
        ended = kill["finished_at"]
        waits = backoff.holds(before, max(ended, kill["killed_at"]))
        announced = int(backoff.duration) if waits else 0
        name = f"{kill['pod']} {kill['kill']}"
        if announced != kill["announced_s"]:
            yield f"{name}: announced {announced} s, expected {kill['announced_s']} s"
        if not announced <= kill["waited_s"] + 1 <= announced * 1.5 + 1 + _BUSY:
            yield f"{name}: waited {kill['waited_s']} s, announced {announced} s"
        backoff = backoff.after_start(ended if waits else before, kill["restarted_at"])
        before = ended


# What the API server admits.


def _admission(row: Json) -> Iterator[str]:
    sleep, grace = row["sleep_s"], row["terminationGracePeriodSeconds"]
    refusal = _refusal(sleep, grace)
    if bool(refusal) is row["admitted"]:
        yield f"sleep {sleep}, grace {grace}: {refusal or 'admitted'}"
    said = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
    if refusal and said not in refusal:
        yield f"sleep {sleep}, grace {grace}: refused with {refusal!r}"


def _refusal(sleep: int, grace: int) -> str:
    container: dict[str, Any] = {
        "name": "app",
        "image": "app",
        "lifecycle": {"preStop": {"sleep": {"seconds": sleep}}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app"},
        "spec": {"terminationGracePeriodSeconds": grace, "containers": [container]},
    }
    try:
        manifests.parse(json.dumps(pod), "pod.yaml")
    except ConfigError as exc:
        return str(exc)
    return ""
