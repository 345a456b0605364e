"""What the endpoints promise, phase by phase, and who breaks it. Pure functions of answers.

The table is the README's. Each function returns complaints: none is good.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PROBES: Final = ("/startupz", "/livez", "/readyz", "/healthz")

#: The status of each probe, by phase or condition.
PROMISED: Final[Mapping[str, tuple[int, int, int, int]]] = {
    "starting": (503, 200, 503, 503),
    "warming": (200, 200, 503, 503),
    "serving": (200, 200, 200, 200),
    "failing": (200, 200, 503, 200),
    "paused": (200, 200, 503, 200),
    "draining": (200, 200, 503, 503),
    "liveness failed": (200, 503, 503, 503),
}

#: What every answer of a probe says.
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}

#: Bytes of a body that a kubelet reads: a longer one is cut.
KUBELET_READS: Final = 10 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer. Status 0 is none, and then the text says why."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """One answer that was given for a while. Times are seconds on the watcher's clock."""

    status: int
    text: str
    first: float
    last: float

    @property
    def is_draining(self) -> bool:
        """Whether a drain was under way."""
        return self.text.startswith("draining")


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a load."""

    sent: int
    answered: int
    lost: int
    stale: int
    #: Answers that told a kept connection to close.
    told_to_close: int
    versions: Mapping[str, int]
    reasons: tuple[str, ...]


def broken(phase: str, answers: Mapping[str, Seen]) -> list[str]:
    """Return what is wrong with the answers of the probes in a phase."""
    complaints: list[str] = []
    for probe, status in zip(PROBES, PROMISED[phase], strict=True):
        seen = answers[probe]
        if seen.status != status:
            complaints.append(f"{probe}: found {seen.status} {seen.text!r}, expected {status}")
        complaints += [f"{probe}: {one}" for one in _headers(seen)]
    return complaints + _words(phase, answers["/readyz"])


def _headers(seen: Seen) -> list[str]:
    complaints = [
        f"found {name}: {seen.headers.get(name)}, expected {value}"
        for name, value in HEADERS.items()
        if seen.headers.get(name) != value
    ]
    if ("retry-after" in seen.headers) is not (seen.status == 503):
        complaints.append(f"Retry-After belongs to 503 alone, found {seen.status}")
    if len(seen.text) >= KUBELET_READS:
        complaints.append(f"{len(seen.text)} characters, expected fewer than {KUBELET_READS}")
    return complaints


def _words(phase: str, seen: Seen) -> list[str]:
    """`/readyz` says what is in the way, and nothing if nothing is."""
    expected = "ok" if phase == "serving" else phase
    if seen.text.startswith(expected):
        return []
    return [f"/readyz: found {seen.text!r}, expected it to begin with {expected!r}"]


def held(spans: Sequence[Span], least: float) -> list[str]:
    """Return what is wrong with a drain that was watched to its end.

    It must say so, answer for `least` seconds after that, and not pass again before it is silent.
    """
    began = next((index for index, span in enumerate(spans) if span.is_draining), None)
    if began is None:
        return [f"no answer said draining: {told(spans)}"]
    complaints: list[str] = []
    drained = list(takewhile(lambda span: span.status, spans[began:]))
    lasted = drained[-1].last - drained[0].first
    if lasted < least:
        complaints.append(f"the drain held for {lasted:.1f} s, expected {least:g} s at least")
    if any(span.status == 200 for span in drained):
        complaints.append(f"ready again while it drained: {told(spans)}")
    return complaints


def ordered(spans: Sequence[Span], words: Iterable[str]) -> list[str]:
    """Return what is missing of words that answers must have begun with, one after the other."""
    rest = iter(spans)
    for word in words:
        if not any(span.text.startswith(word) for span in rest):
            return [f"expected {word!r} next: {told(spans)}"]
    return []


def told(spans: Sequence[Span]) -> str:
    """Write what was seen in one line."""
    return ", ".join(f"{span.status} {span.text!r}" for span in spans) or "nothing was seen"


def lost(tally: Tally, versions: Iterable[str], *, least: int = 100) -> list[str]:
    """Return what is wrong with a load: losses, too few requests, a version that never answered."""
    complaints = [f"lost {tally.lost} of {tally.sent}: {'; '.join(tally.reasons)}"]
    if not tally.lost:
        complaints.clear()
    if tally.answered < least:
        complaints.append(f"only {tally.answered} requests were answered, expected {least}")
    absent = sorted(set(versions) - set(tally.versions))
    if absent:
        complaints.append(f"nobody was answered by version {', '.join(absent)}")
    return complaints
