"""Which requests are long-lived streams: WebSockets, and what a client listens to for ever.

They would hold every exit until its limit, so a drain ends them when its delay is over (`_endings`
says how). Pure rules on the ASGI scope.

The surprising fact: nothing in a response tells a stream that never ends from a long download, and
a download that was ended in the middle would look complete to its client. So the rule goes by the
request, and knows what connects again by itself. An app that knows better has the setting
`long_lived`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._log import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

#: From this version on `send` raises when the client is gone, and apps rely on it
#: (asgi.readthedocs.io, "HTTP & WebSocket ASGI Message Format", 2.4).
SEND_RAISES: Final = (2, 4)

_EVENT_STREAM: Final = b"text/event-stream"


def reconnects(scope: Scope) -> bool:
    """Whether a request is for a stream whose client connects again by itself.

    WebSockets, and EventSource: it sends GET and ``Accept: text/event-stream``
    (html.spec.whatwg.org, "Server-sent events"). A POST that is answered by events is a request
    like any other: nobody repeats it.
    """
    if scope["type"] == "websocket":
        return True
    if scope.get("method") != "GET":
        return False
    return any(
        name.lower() == b"accept" and _EVENT_STREAM in value.lower()
        for name, value in scope.get("headers", ())
    )


def rule_of(long_lived: Callable[[Scope], object] | None) -> Callable[[Scope], bool]:
    """Return what says whether the drain ends a stream: the app's word first, then the rule."""
    if long_lived is None:
        return reconnects

    def judge(scope: Scope) -> bool:
        try:
            said = long_lived(scope)
        except Exception:  # noqa: BLE001  # the app's own, and no reason to lose a drain
            logger.warning("long_lived failed: the rule for streams decides", exc_info=True)
            said = None
        return reconnects(scope) if said is None else bool(said)

    return judge


def send_raises(scope: Scope) -> bool:
    """Whether `send` tells an app that nobody listens, in the version that the server speaks."""
    version = str(scope.get("asgi", {}).get("spec_version", ""))
    major, _, minor = version.partition(".")
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) >= SEND_RAISES
