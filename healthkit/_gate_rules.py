"""The rules of the readiness gate: what a Pod's condition says, and when it is said.

Pure functions and values. Who sends it, and who may, is `_gate_publisher`'s business.

A condition is the verdict of ``/readyz`` in other words: its status, the obstacle as a reason, and
the line as a message. The line has names and states only, and here not even progress: a condition
is an object in etcd, and each of its changes is told to every watcher of the pod.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from healthkit._model import Report

#: The content type of a patch that merges lists by their keys: conditions by `type` (Kubernetes API
#: reference, PodStatus: "patch strategy: merge, merge key: type"), so that nobody else's condition
#: is touched. A JSON merge patch would replace all of them.
CONTENT_TYPE: Final = "application/strategic-merge-patch+json"

#: Seconds between two patches that change the status: what flaps is published as it is then.
SPACING: Final = 1.0
#: The same if only the words have changed: nothing but a reader depends on them.
SPACING_OF_WORDS: Final = 10.0

_WORD: Final = re.compile(r"[A-Za-z]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the condition should say."""

    status: bool
    #: What `/readyz` says.
    line: str
    #: Whether the app is on its way out: then every moment counts.
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """What is published, or was."""

    status: bool
    line: str
    #: Since when the status has been so, in Unix time, whole seconds as the API server keeps it.
    since: int

    def says(self, wanted: Wanted) -> bool:
        """Whether it is what it should be, word for word."""
        return (self.status, self.line) == (wanted.status, wanted.line)


def without_notes(report: Report) -> Report:
    """Return a report of the same names and states, without how far each has come."""
    return replace(report, components=tuple(replace(one, note="") for one in report.components))


def condition_of(wanted: Wanted, before: Condition | None, now: float) -> Condition:
    """Return the condition to publish: its time changes only with its status.

    Args:
        wanted: what it should say.
        before: what it said, or should have said, before; None if nobody knows.
        now: Unix time.
    """
    same = before is not None and before.status is wanted.status
    return Condition(wanted.status, wanted.line, before.since if before and same else int(now))


def due(wanted: Wanted, told: Condition | None, sent: float, *, is_second: bool = False) -> float:
    """Return from when on a change may be sent.

    Args:
        wanted: what it should say.
        told: what is published; None if that is uncertain.
        sent: when that was sent. The result is on the same clock.
        is_second: whether that was the life's first: what a short warm-up brings is no flapping.
    """
    if told is None or (wanted.ending and not wanted.status and told.status):
        return sent
    if told.status is wanted.status:
        return sent + SPACING_OF_WORDS
    return sent if is_second else sent + SPACING


def reason(condition: Condition) -> str:
    """Return the obstacle as one word in CamelCase, as the API conventions have it."""
    if condition.status:
        return "Ready"
    words = _WORD.findall(condition.line.partition(":")[0])
    return "".join(word.capitalize() for word in words) or "NotReady"


def body_of(kind: str, condition: Condition) -> bytes:
    """Return the body of the patch that publishes a condition of this type."""
    said = {
        "type": kind,
        "status": "True" if condition.status else "False",
        "reason": reason(condition),
        "message": condition.line,
        "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(condition.since)),
    }
    return json.dumps({"status": {"conditions": [said]}}).encode()
