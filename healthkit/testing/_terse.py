"""What happened to a pod, in as few words as say it exactly: for `repr`, which tests assert.

Each word depends on its event alone, so that a part of a timeline reads as it does in the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.testing._outcomes import answer_of, passes, result_of
from healthkit.testing._words import endpoint_of, lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from healthkit.testing._events import Event


def terse(event: Event) -> str:
    """Say what happened: ``ready``, ``SIGTERM``, ``exit 137``."""
    say = _SAYS.get(event.name)
    return event.name if say is None else say(event)


def _detail(key: str, before: str = "") -> Callable[[Event], str]:
    return lambda event: f"{before}{event.details.get(key)}"


def _switch(on: str) -> Callable[[Event], str]:
    return lambda event: on if event.details.get("value") else f"not {on}"


def _word(word: str) -> Callable[[Event], str]:
    return lambda _event: word


def _probe(event: Event) -> str:
    """``readiness 200``; what isn't in the answer is said: ``discarded``, ``warning``."""
    result = result_of(event)
    answer = answer_of(event) or ("passed" if passes(result) else "failed")
    more = f" {result}" if result in {"discarded", "warning"} else ""
    return f"{event.details.get('type')} {answer}{more}"


def _killing(event: Event) -> str:
    why = event.details.get("why")
    return "deletion" if why == "deletion" else f"{why} kill"


def _exit(event: Event) -> str:
    return f"exit {event.details.get('code', '?')}"


def _backoff(event: Event) -> str:
    return f"backoff {lasting(event.details.get('seconds'))}"


def _condition(event: Event) -> str:
    return f"condition {event.details.get('type')}={event.details.get('status')}"


def _endpoint(event: Event) -> str:
    return f"endpoint {endpoint_of(event)}"


_SAYS: Final[Mapping[str, Callable[[Event], str]]] = {
    "probe": _probe,
    "container_started": _detail("n", "container "),
    "started": _switch("started"),
    "ready": _switch("ready"),
    "containers_ready": _switch("containers ready"),
    "condition": _condition,
    "endpoint": _endpoint,
    "killing": _killing,
    "prestop_begin": _word("preStop"),
    "prestop_end": _word("preStop done"),
    "sigterm": _word("SIGTERM"),
    "exit": _exit,
    "backoff": _backoff,
    "event": _detail("reason", "event "),
    "phase": _detail("value"),
    "deleted": _word("deleted"),
    "request": _detail("why", "lost "),
}

#: The names of all events, as `_events` lists them.
NAMES: Final = frozenset(_SAYS)
