"""What is seen of a pod: one flat record of events, each with its moment.

Everything that can be looked at (the timeline, the picture, the tests against recordings of a real
cluster) is made of these events. Their names:

====================  ============================================================================
``probe``             ``type``; ``status`` or ``error`` (refused, timeout, eof, slow body, ...);
                      ``result`` (success, failure, warning, discarded); ``request`` (the n-th of
                      a discarded probe); `at` is when it was sent
``container_started``  ``n``: 1 for the first
``started``           ``value``, ``container``: containerStatuses[].started
``ready``             ``value``; ``reason`` where there are readiness gates
``containers_ready``  ``value``; only where there are gates
``condition``         ``type``, ``status``: one that was set from outside
``endpoint``          ``ready``, ``serving``, ``terminating``; or ``gone``: the EndpointSlice
``killing``           ``why``: deletion, liveness, startup
``prestop_begin``     and ``prestop_end``: a hook inside the container; none for ``sleep``
``sigterm``           the container's process has got it
``exit``              ``code``: 137 after SIGKILL; left out when nobody can tell any more
``backoff``           ``seconds``: CrashLoopBackOff
``event``             ``reason``, ``message``: what ``kubectl describe`` shows
``phase``             ``value``: Pending, Running, Succeeded, Failed, Unknown
``deleted``           the Pod object is gone
``request``           a request of the Service that was lost: ``why`` (refused, reset)
====================  ============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Event(NamedTuple):
    """One thing that was seen."""

    #: Seconds from the simulation's beginning.
    at: float
    #: One of the names above.
    name: str
    details: Mapping[str, object]


#: Who is told of each event, in order. With many pods each has its own.
Observer: TypeAlias = "Callable[[Event], object]"
