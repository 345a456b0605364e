"""Which requests are long-lived streams: WebSockets, and what a client listens to for ever.

They would hold every exit until its limit, so a drain ends them when its delay is over (`_endings`
says how). Pure rules on the ASGI scope.

The surprising fact: nothing in a response tells a stream that never ends from a long download, and
a download that was ended in the middle would look complete to its client. So the rule goes by the
request, and knows what connects again by itself. An app that knows better has the setting
`long_lived`.
"""

from __future__ import annotations

import inspect
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

    WebSockets, and EventSource: it sends GET and ``Accept: text/event-stream``, and takes nothing
    else (html.spec.whatwg.org, "Server-sent events"). A POST that is answered by events is a
    request like any other: nobody repeats it.
    """
    if scope["type"] == "websocket":
        return True
    if scope.get("method") != "GET":
        return False
    accepted: list[bytes] = [
        value for name, value in scope.get("headers", ()) if name.lower() == b"accept"
    ]
    if len(accepted) != 1 or b"," in accepted[0]:
        return False  # it takes an answer of another kind, which may well be a download
    return accepted[0].partition(b";")[0].strip().lower() == _EVENT_STREAM


def rule_of(long_lived: Callable[[Scope], object] | None) -> Callable[[Scope], bool]:
    """Return what says whether the drain ends a stream: the app's word first, then the rule."""
    return reconnects if long_lived is None else _Judge(long_lived)


class _Judge:
    """The app's `long_lived`. Whatever it returns or raises, there is an answer."""

    def __init__(self, long_lived: Callable[[Scope], object]) -> None:
        self._long_lived = long_lived
        #: Each count asks again for each request: to complain once is enough.
        self._complained = False

    def __call__(self, scope: Scope) -> bool:
        problem: BaseException | None = None
        said: object = None
        try:
            said = self._long_lived(scope)
        except (Exception, SystemExit) as exc:  # noqa: BLE001  # the app's code may raise anything
            problem = exc
        if isinstance(said, bool):
            return said
        if inspect.iscoroutine(said):
            said.close()
        if (said is not None or problem is not None) and not self._complained:
            self._complained = True
            did = "returned neither True, False nor None" if problem is None else "failed"
            logger.warning("long_lived %s: the rule for streams decides", did, exc_info=problem)
        return reconnects(scope)


def send_raises(scope: Scope) -> bool:
    """Whether `send` tells an app that nobody listens, in the version that the server speaks."""
    version = str(scope.get("asgi", {}).get("spec_version", ""))
    major, _, minor = version.partition(".")
    return major.isdecimal() and minor.isdecimal() and (int(major), int(minor)) >= SEND_RAISES
