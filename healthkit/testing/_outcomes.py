"""What an answer to a probe amounted to: for the text and for the picture.

The simulator says it itself (``result``). A recording of a real cluster doesn't, and there it
follows from the answer, as in kubelet 1.36 pkg/probe/http/http.go and pkg/kubelet/prober/prober.go:
200 to 399 is a success, a body that came too late or too short is thrown away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

if TYPE_CHECKING:
    from healthkit.testing._events import Event

Result: TypeAlias = Literal["success", "failure", "warning", "discarded"]

_RESULTS: Final = frozenset(get_args(Result))
_THROWN_AWAY: Final = frozenset({"slow body", "short body"})


def result_of(probe: Event) -> Result:
    """Return what the kubelet made of it."""
    said = probe.details.get("result")
    if said in _RESULTS:
        return cast("Result", said)
    if "error" in probe.details:
        return "discarded" if probe.details["error"] in _THROWN_AWAY else "failure"
    status = probe.details.get("status")
    passes = status is None or (isinstance(status, int) and 200 <= status < 400)  # noqa: PLR2004  # of HTTP
    return "success" if passes else "failure"


def passes(result: Result) -> bool:
    """Say whether it counts as a success: a warning does."""
    return result in {"success", "warning"}


def answer_of(probe: Event) -> str:
    """Return what came back, in a word: ``200``, ``refused``; nothing of a command's success."""
    details = probe.details
    return str(details.get("error", details.get("status", "")))


#: What is said behind the answer. Nothing behind a success that names its status.
_MEANT: Final[dict[Result, str]] = {
    "success": "",
    "failure": "failed",
    "warning": "passed, with a warning",
    "discarded": "thrown away",
}


def said_of(probe: Event) -> str:
    """Say it in words: ``readiness 200``; ``liveness 500, failed``."""
    result, answer = result_of(probe), answer_of(probe)
    asked = f"{probe.details.get('type', '?')} {answer}".rstrip()
    meant = _MEANT[result] if answer else _MEANT[result] or "passed"
    return asked if not meant else f"{asked}, {meant}" if answer else f"{asked} {meant}"
