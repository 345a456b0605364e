"""How an answer looks on the wire: one plain line, a list, or ``application/health+json``.

Pure. A stranger reads names, states and progress only: the reasons come in by an argument of their
own, which is empty unless `show_reasons` has admitted the client.

Every body is complete and below 10 KiB: the kubelet reads no more
(kubernetes 1.36 pkg/probe/http/http.go, maxRespBodyLength). What does not fit is left out, the
passing components first, and that is said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from healthkit._model import CheckState, Component, Kind, WorkState
from healthkit._validate import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from healthkit._answers import Verdict
    from healthkit._model import Phase

OK: Final = 200
NOT_FOUND: Final = 404
METHOD_NOT_ALLOWED: Final = 405
UNAVAILABLE: Final = 503

PLAIN: Final = b"text/plain; charset=utf-8"
HEALTH_JSON: Final = b"application/health+json"

#: What an answer may take, in bytes: a little less than the kubelet reads.
ROOM: Final = 10 * 1024 - 100

#: How many excluded names a note repeats.
NOTED: Final = 20

#: How many unknown names a warning repeats.
WARNED: Final = 5


class Form(StrEnum):
    """The three forms of an answer."""

    PLAIN = "plain"
    VERBOSE = "verbose"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on the wire, immutable: whoever sends it makes fresh objects from it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def complete(
    status: int, body: str, *extra: tuple[bytes, bytes], content_type: bytes = PLAIN
) -> Answer:
    """Make an answer that no cache keeps and no browser takes for something else."""
    encoded = body.encode(errors="replace")  # a reason can hold what UTF-8 can't
    headers = (
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(encoded)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *extra,
    )
    return Answer(status, headers, encoded)


#: To anything but GET and HEAD (RFC 9110, 15.5.6: Allow is required).
WRONG_METHOD: Final = complete(METHOD_NOT_ALLOWED, "method not allowed\n", (b"allow", b"GET, HEAD"))

#: To ``/readyz/<name>`` when nothing is called so.
UNKNOWN_NAME: Final = complete(NOT_FOUND, "not found: nothing is registered by this name\n")


@dataclass(frozen=True, slots=True)
class Subject:
    """What there is to say in answer to one question."""

    #: Who answers: a probe, or a component.
    name: str
    phase: Phase
    verdict: Verdict
    #: What to list, in order.
    components: tuple[Component, ...] = ()
    #: The names among them that the client wants left out of the verdict.
    excluded: frozenset[str] = frozenset()
    #: What else it wanted left out, and no check is called so.
    unknown: tuple[str, ...] = ()
    #: Why components do not pass, by name. Empty for a stranger.
    reasons: Mapping[str, str] = field(default_factory=dict["str", "str"])


def render(form: Form, subject: Subject, *, retry_after: int, varies: bool) -> Answer:
    """Make the answer: 200, or 503 with ``Retry-After``.

    Args:
        form: how it looks.
        subject: what it says.
        retry_after: whole seconds.
        varies: whether another form would have been possible.
    """
    extra = [(b"vary", b"accept")] if varies else []
    status = OK if subject.verdict.passes else UNAVAILABLE
    if status == UNAVAILABLE:
        extra.append((b"retry-after", b"%d" % retry_after))
    content_type = HEALTH_JSON if form is Form.JSON else PLAIN
    return complete(status, FORMS[form](subject), *extra, content_type=content_type)


# -- one line -------------------------------------------------------------------------------------


def _plain(subject: Subject) -> str:
    return _lines([subject.verdict.line, *_warnings(subject, "warn: ")])


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _warnings(subject: Subject, prefix: str = "") -> list[str]:
    """Say what of the question was in vain. What is no name is not repeated."""
    if not subject.unknown:
        return []
    names = [name if NAME.fullmatch(name) else "?" for name in subject.unknown[:WARNED]]
    if len(subject.unknown) > WARNED:
        names.append(f"and {len(subject.unknown) - WARNED} more")
    return [f"{prefix}not excluded, no check is called so: {', '.join(names)}"]


# -- a list ---------------------------------------------------------------------------------------


def _verbose(subject: Subject) -> str:
    """List everything in the API server's notation; ``!`` is what is not required."""
    conditions = [f"[-]{line}" for line in subject.verdict.conditions]
    verdict = f"{subject.name} check {'passed' if subject.verdict.passes else 'failed'}"
    end = [*_warnings(subject, "warn: "), verdict]
    entries = [(one, _line_of(one, subject)) for one in subject.components]
    listed, left_out = _fitting(entries, _lines([*conditions, *end]))
    return _lines([*conditions, *listed, *left_out, *end])


def _line_of(one: Component, subject: Subject) -> str:
    if one.name in subject.excluded:
        return f"[+]{one.name} excluded: ok"
    if one.passes:
        return f"[+]{one.name} ok{f' ({one.note})' if one.note else ''}"
    return f"[{'-' if one.required else '!'}]{one.name} failed: {_why(one, subject)}"


def _why(one: Component, subject: Subject) -> str:
    """Say how a component stands that does not pass, and the reason if it may be told."""
    plainly = one.state in {CheckState.FAILING, WorkState.FAILED}
    state = ", ".join(filter(None, ["" if plainly else str(one.state), one.note]))
    return ": ".join(filter(None, [state, subject.reasons.get(one.name)])) or "reason withheld"


def _fitting(entries: Sequence[tuple[Component, str]], rest: str) -> tuple[list[str], list[str]]:
    """Return the texts that fit beside the rest, in their order, and a line about the others."""
    room = ROOM - len(rest.encode(errors="replace"))
    kept: set[int] = set()
    for index, (_, text) in sorted(enumerate(entries), key=lambda entry: entry[1][0].passes):
        room -= len(text.encode(errors="replace")) + 2  # what joins it to the next
        if room < 0:
            break
        kept.add(index)
    texts = [text for index, (_, text) in enumerate(entries) if index in kept]
    left_out = len(entries) - len(kept)
    return texts, [f"and {left_out} more that do not fit here"] if left_out else []


# -- application/health+json ----------------------------------------------------------------------


def _json(subject: Subject) -> str:
    """Write draft-inadarei-api-health-check-06.

    A component's key is ``name:responseTime`` for a check, ``name:progress`` for work. Its own
    members, which the draft allows, are `required` and `state`.
    """
    counted = [one for one in subject.components if one.name not in subject.excluded]
    status = "fail" if not subject.verdict.passes else _worst(counted)
    head: dict[str, object] = {"status": status, "description": subject.name}
    if status == "fail":
        head["output"] = subject.verdict.line
    notes = [f"phase: {subject.phase}", *subject.verdict.conditions, *_excluded(subject)]
    notes += _warnings(subject)
    entries = [(one, json.dumps(_member(one, subject))[1:-1]) for one in counted]
    members, left_out = _fitting(entries, json.dumps({**head, "notes": notes}))
    start = json.dumps({**head, "notes": [*notes, *left_out]})[:-1]
    return f'{start}, "checks": {{{", ".join(members)}}}}}\n'


def _excluded(subject: Subject) -> list[str]:
    """Say what the client wanted left out, and was."""
    names = [one.name for one in subject.components if one.name in subject.excluded]
    more = [f"and {len(names) - NOTED} more"] if len(names) > NOTED else []
    return [f"excluded: {', '.join([*names[:NOTED], *more])}"] if names else []


def _worst(components: Iterable[Component]) -> str:
    return "pass" if all(one.passes for one in components) else "warn"


def _member(one: Component, subject: Subject) -> dict[str, list[dict[str, object]]]:
    is_check = one.kind is Kind.CHECK
    percent = None if one.progress is None else round(100 * one.progress)
    observed, unit = (one.duration, "s") if is_check else (percent, "percent")
    member: dict[str, object] = {
        "componentType": "component",
        "status": "pass" if one.passes else "fail" if one.required else "warn",
        "state": str(one.state),
        "required": one.required,
    }
    if one.time is not None:
        member["time"] = _rfc_3339(one.time)
    if observed is not None:
        member |= {"observedValue": round(observed, 6), "observedUnit": unit}
    if not one.passes:
        member["output"] = _why(one, subject)
    return {f"{one.name}:{'responseTime' if is_check else 'progress'}": [member]}


def _rfc_3339(moment: float) -> str:
    """Write a Unix time to the millisecond, in UTC."""
    return (
        datetime.fromtimestamp(moment, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


FORMS: Final[Mapping[Form, Callable[[Subject], str]]] = {
    Form.PLAIN: _plain,
    Form.VERBOSE: _verbose,
    Form.JSON: _json,
}
