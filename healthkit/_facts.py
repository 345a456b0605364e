"""What a worker tells its siblings, as values, and as the body of its record.

Facts are what the rules of the pod need; each reader decodes them. Details are what a person or a
scrape may want to see: they change all the time, and are decoded only where somebody looks.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from healthkit import _records
from healthkit._model import CheckState, Component, Kind, Outcome, Pause, Phase, Probe, WorkState
from healthkit._validate import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
T = TypeVar("T")

#: How many holds a record names. More are counted.
HOLDS_NAMED: Final = 20

#: In characters. The rest of a hold's name, or of an answer's line, is left out.
_LONGEST_TEXT: Final = 1_000

#: In bytes. When there is more to tell, components are left out.
_LONGEST_DETAILS: Final = 256 * 1024

#: How many components are left then. A name has 63 characters at most: some 40 KiB.
_COMPONENTS_LEFT: Final = 100

#: What a number in a record may not reach. Nanoseconds since boot do in the year 2262.
_TOO_MUCH: Final = 2**63


@dataclass(frozen=True, slots=True)
class Facts:
    """How one worker stands. Everything here is in its record."""

    #: Its process id, for people: nothing depends on it.
    pid: int
    #: Which server it belongs to. Two apps in one directory do not have the same.
    app: str
    #: When it joined, CLOCK_MONOTONIC in nanoseconds: who came first decides what is disputed.
    joined: int
    #: A small number that no other living worker has: its name in metrics.
    slot: int = 0
    #: With how many workers the pod begins, as far as this one was told.
    expected: int | None = None
    phase: Phase = Phase.STARTING
    started: bool = False
    warmed: bool = False
    #: Whether it could serve by itself: warm, its required checks passing, not ending.
    ready: bool = False
    liveness_failed: bool = False
    pause: Pause = field(default_factory=Pause)
    #: When the whole pod was told to drain, CLOCK_MONOTONIC in seconds; None if it was not.
    told: float | None = None
    #: Whether the pod has been started, and ready, as far as this worker knows.
    pod_started: bool = False
    pod_ready: bool = False
    #: When the first of the pod's workers began, in Unix time, as far as this worker knows: those
    #: that live hand it on, so that it ends with the last of them, and so with the container.
    pod_start_time: float | None = None
    #: Requests and streams in the app, and other work that a drain waits for. They change all the
    #: time: whoever asks looks, and it is no news.
    requests: int = field(default=0, compare=False)
    streams: int = field(default=0, compare=False)
    holds: tuple[str, ...] = field(default=(), compare=False)
    drain_delay: float = 0.0
    drain_timeout: float = 0.0
    #: Another number after each change that an answer could show.
    version: int = 0

    @property
    def ending(self) -> bool:
        """Whether it takes no part in serving any more."""
        return self.phase in {Phase.DRAINING, Phase.STOPPED}

    def matters_to_others(self) -> tuple[object, ...]:
        """Return what the siblings should hear of at once."""
        return (
            self.phase,
            self.started,
            self.warmed,
            self.ready,
            self.liveness_failed,
            self.pause,
            self.told,
            self.pod_started,
            self.pod_ready,
        )


@dataclass(frozen=True, slots=True)
class Details:
    """What else there is to see of a worker."""

    components: tuple[Component, ...] = ()
    #: Answers given, by probe and status code.
    answers: Mapping[Probe, Mapping[int, int]] = field(
        default_factory=dict["Probe", "Mapping[int, int]"]
    )
    #: When its drain began, in Unix time, and how long it has been under way, in seconds.
    drain_time: float | None = None
    drain_duration: float | None = None


# -- to the record --------------------------------------------------------------------------------


def body_of(
    facts: Facts, details: Details, says: Mapping[Probe, tuple[bool, str]], written: int
) -> bytes:
    """Return the body of a worker's record.

    Args:
        facts: how the worker stands.
        details: what else there is to see.
        says: what it would answer for the pod, to each probe; nothing if it can't say yet.
        written: CLOCK_MONOTONIC in nanoseconds.
    """
    starting = b"" if facts.started else _records.STARTING
    lines = [f"{written} {facts.pid}".encode() + starting]
    lines += [_answer(probe, *says[probe]) if says else b"" for probe in Probe]
    holds = tuple(hold[:_LONGEST_TEXT] for hold in facts.holds)
    lines += [_json(replace(facts, holds=holds)), _details(details)]
    return b"".join(line + b"\n" for line in lines)


def _answer(probe: Probe, passes: bool, text: str) -> bytes:  # noqa: FBT001  # as it is said
    line = f"{probe} {passes:d} {one_line(text)[:_LONGEST_TEXT]}"
    return line.encode(errors="replace")


def _details(details: Details) -> bytes:
    text = _json(details)
    if len(text) <= _LONGEST_DETAILS:
        return text
    kept = [one for one in details.components if not one.passes][:_COMPONENTS_LEFT]
    return _json(replace(details, components=tuple(kept)))


def _json(value: object) -> bytes:
    """Return JSON in one line. What UTF-8 can't say (lone surrogates) is a question mark."""
    text = json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace")


def _plain(value: object) -> object:
    """Return what JSON can say of a dataclass, or of a mapping that is no dict."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    return {one.name: getattr(value, one.name) for one in fields(cast("Any", value))}


# -- from the record ------------------------------------------------------------------------------


def facts_of(body: bytes) -> Facts | None:
    """Return the facts in a body; None if they are not what this version writes."""
    return _facts(_line(body, 5))


@functools.lru_cache(maxsize=128)  # they stay the same from one heartbeat to the next
def _facts(line: bytes) -> Facts | None:
    try:
        return _made(Facts, _FACTS, json.loads(line.decode()))
    except _WRONG:
        return None


@functools.lru_cache(maxsize=128)
def details_of(body: bytes) -> Details:
    """Return the details in a body; none if they are not what this version writes."""
    try:
        return _made(Details, _DETAILS, json.loads(_line(body, 6).decode()))
    except _WRONG:
        return Details()


def written_of(body: bytes) -> int:
    """Return when a record was written, by CLOCK_MONOTONIC in nanoseconds; 0 if it does not say."""
    try:
        return _records.head(body)[0]
    except ValueError:
        return 0


def _line(body: bytes, number: int) -> bytes:
    """Return one line, counted from 0; empty if there is none."""
    lines = body.split(b"\n", number + 1)
    return lines[number] if len(lines) > number + 1 else b""


#: What reading JSON of whatever kind may raise: RecursionError is of brackets without end.
_WRONG: Final = (KeyError, RecursionError, TypeError, ValueError)


def _made(kind: Callable[..., T], table: Mapping[str, Callable[[Any], Any]], found: object) -> T:
    """Return the value of which `found` has each field, and no other.

    Raises:
        ValueError: it has not, or one is not of its type; also KeyError and TypeError.
    """
    if not isinstance(found, dict) or found.keys() != table.keys():
        raise ValueError("other fields")
    return kind(**{name: read(found[name]) for name, read in table.items()})


def _whole(found: object) -> int:
    if type(found) is not int or not 0 <= found < _TOO_MUCH:  # True is an int
        raise ValueError("no whole number")
    return found


def _pid(found: object) -> int:
    if not 0 < _whole(found) < 2**31:
        raise ValueError("no process id")
    return _whole(found)


def _number(found: object) -> float:
    if type(found) not in {int, float} or not -_TOO_MUCH < cast("float", found) < _TOO_MUCH:
        raise ValueError("no number")
    return float(cast("float", found))


def _flag(found: object) -> bool:
    if not isinstance(found, bool):
        raise TypeError("neither true nor false")
    return found


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("no text")
    found.encode()  # a lone surrogate would break whoever passes it on
    return found


def _maybe(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda found: None if found is None else read(found)


def _each(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    def read_all(found: object) -> tuple[T, ...]:
        if not isinstance(found, list):
            raise TypeError("no list")
        return tuple(read(one) for one in cast("list[object]", found))

    return read_all


def _by(key: Callable[[str], K], read: Callable[[Any], T]) -> Callable[[Any], dict[K, T]]:
    def read_all(found: object) -> dict[K, T]:
        if not isinstance(found, dict):
            raise TypeError("no mapping")
        items = cast("dict[str, object]", found).items()
        return {key(name): read(one) for name, one in items}

    return read_all


def _pause(found: object) -> Pause:
    return _made(Pause, {"said": _whole, "paused": _flag}, found)


def _code(found: str) -> int:
    return _whole(int(found))


def _state(found: str) -> WorkState | CheckState:
    """Return a state of either kind: the one that both have is the same word."""
    return WorkState(found) if found in set(WorkState) else CheckState(found)


def _component(found: object) -> Component:
    made = _made(Component, _COMPONENT, found)
    kind = CheckState if made.kind is Kind.CHECK else WorkState
    return replace(made, state=kind(made.state))


#: How each field is read.
_FACTS: Final[Mapping[str, Callable[[Any], object]]] = {
    "pid": _pid,
    "app": _text,
    "joined": _whole,
    "slot": _whole,
    "expected": _maybe(_whole),
    "phase": Phase,
    "started": _flag,
    "warmed": _flag,
    "ready": _flag,
    "liveness_failed": _flag,
    "pause": _pause,
    "told": _maybe(_number),
    "pod_started": _flag,
    "pod_ready": _flag,
    "pod_start_time": _maybe(_number),
    "requests": _whole,
    "streams": _whole,
    "holds": _each(_text),
    "drain_delay": _number,
    "drain_timeout": _number,
    "version": _whole,
}

_COMPONENT: Final[Mapping[str, Callable[[Any], object]]] = {
    "name": _text,
    "kind": Kind,
    "state": _state,
    "required": _flag,
    "note": _text,
    "overdue": _flag,
    "attempts": _whole,
    "progress": _maybe(_number),
    "age": _maybe(_number),
    "time": _maybe(_number),
    "duration": _maybe(_number),
    "runs": _by(Outcome, _whole),
}

_DETAILS: Final[Mapping[str, Callable[[Any], object]]] = {
    "components": _each(_component),
    "answers": _by(Probe, _by(_code, _whole)),
    "drain_time": _maybe(_number),
    "drain_duration": _maybe(_number),
}
