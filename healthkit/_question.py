"""What a probe request asks for, beside the probe: its form, and what to leave out.

Pure functions of the ASGI scope. Liveness asks no questions: it is never looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from healthkit._render import Form

if TYPE_CHECKING:
    from starlette.types import Scope

#: The names by which a client may ask for JSON. ``*/*`` is none: the kubelet sends it.
JSON_NAMES: Final = frozenset({"application/health+json", "application/json"})

#: The kubelet's Accept header, and curl's. Whoever sends it gets the plain answer, whatever other
#: lines there are: to find this one in the list is one step, which is done for each probe.
ANYTHING: Final = (b"accept", b"*/*")

#: Bytes of a query or an Accept header. A longer one is not read: 64 KiB take 18 ms, and anybody
#: may ask.
LONGEST: Final = 4_096

#: By these it asks for text; what it likes better, it gets.
TEXT_NAMES: Final = frozenset({"text/plain", "text/*"})


@dataclass(frozen=True, slots=True)
class Question:
    """How to answer a probe."""

    form: Form = Form.PLAIN
    #: The checks that the client wants left out, each once, in its order.
    exclude: tuple[str, ...] = ()


#: What the kubelet asks.
ORDINARY: Final = Question()


def question_of(scope: Scope) -> Question:
    """Read a request's question.

    The query is read as the API server reads it: ``verbose`` counts whatever its value, ``exclude``
    may come often, and whatever else there is is not looked at.
    """
    json = ANYTHING not in scope["headers"] and _prefers_json(accept_of(scope))
    asked: bytes = scope.get("query_string", b"")
    if not json and not asked:
        return ORDINARY
    readable = asked.decode("latin-1") if len(asked) <= LONGEST else ""
    query = parse_qsl(readable, keep_blank_values=True)
    exclude = tuple(dict.fromkeys(value for key, value in query if key == "exclude"))
    if json:
        return Question(Form.JSON, exclude)
    verbose = any(key == "verbose" for key, _ in query)
    return Question(Form.VERBOSE if verbose else Form.PLAIN, exclude)


def accept_of(scope: Scope) -> str:
    """Return the request's Accept header, joined; empty if there is none, or far too much."""
    accept = b",".join([value for name, value in scope["headers"] if name == b"accept"])
    return accept.decode("latin-1") if len(accept) <= LONGEST else ""


def _prefers_json(accept: str) -> bool:
    """Whether JSON is asked for by name, and text is not liked better (RFC 9110, 12.5.1)."""
    json = text = 0.0
    for media_range in accept.lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        quality = _quality(parameters)
        if name in JSON_NAMES:
            json = max(json, quality)
        elif name in TEXT_NAMES:
            text = max(text, quality)
    return json > 0 and json >= text


def _quality(parameters: list[str]) -> float:
    """Return the weight of a media range: 1 without one, 0 if it can't be read."""
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
