"""The numbers of a manifest that fits an app: which probes, which grace, which deadlines.

Pure values. How they are computed is `healthkit.timing`'s; which of them are chosen, and why, is
here, once for all that write manifests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.render._wanted import settled
from healthkit.timing import Timing

if TYPE_CHECKING:
    from healthkit.render._wanted import Settled, Wanted

#: How often the startup probe asks, by the longest start for which that is often enough: a short
#: period finds the end of the start sooner, a long one asks less in vain. Seconds: the start, the
#: period, and a timeout that fits in it.
_STARTUP: Final = ((120.0, 2, 2), (600.0, 5, 3), (math.inf, 10, 3))

#: It kills, so it has time: a pause of the process, or a node without CPU for it, is no hang.
LIVENESS: Final = Timing(0, 10, 3, 1, 3)

#: It only takes out of the Service, and must be faster than liveness. One failure is not enough: a
#: pause that all pods have at once would take all of them out.
READINESS: Final = Timing(0, 2, 2, 1, 2)

#: Seconds that a pod must have been ready for an old one to go.
MIN_READY: Final = 10

#: Seconds for the scheduling and the image, of which no manifest knows.
PULL: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The numbers of one manifest. All times are seconds."""

    #: From the container's start until the startup endpoint says 200, at the latest.
    boot: float
    #: What the startup probe waits for: that, and the warm-ups.
    start: float
    startup: Timing
    liveness: Timing = LIVENESS
    readiness: Timing = READINESS
    #: What the kubelet sleeps before SIGTERM; None: it doesn't.
    sleep: int | None
    #: What the app itself serves on, HEALTHKIT_DRAIN_DELAY.
    app_delay: float
    #: Both together.
    drain_delay: float
    #: HEALTHKIT_DRAIN_TIMEOUT.
    in_flight: float
    #: For the server's own end and the exit.
    reserve: float
    grace: int
    min_ready: int = MIN_READY
    #: For the scheduling and the image.
    pull: float = PULL
    #: None: Kubernetes' default is enough.
    progress_deadline: int | None


def plan(wanted: Wanted) -> Plan:
    """Return the numbers for what is wanted.

    Raises:
        ConfigError: it can't be.
    """
    return planned(settled(wanted))


def planned(found: Settled) -> Plan:
    """Return the numbers for what was checked."""
    wanted = found.wanted
    start = timing.start_needed(wanted.boot, wanted.startup, wanted.warm_up)
    startup = _startup(start)
    sleep = math.ceil(wanted.drain_delay) if wanted.pre_stop == "sleep" else None
    app_delay = wanted.app_delay
    drain_delay = app_delay + (sleep or 0)
    return Plan(
        boot=timing.start_needed(wanted.boot, wanted.startup),
        start=start,
        startup=startup,
        sleep=sleep,
        app_delay=app_delay,
        drain_delay=drain_delay,
        in_flight=wanted.longest_request,
        reserve=found.reserve,
        grace=timing.grace_for(drain_delay, wanted.longest_request, found.reserve),
        progress_deadline=_progress(startup),
    )


def _startup(start: float) -> Timing:
    found = (one for one in _STARTUP if start <= one[0])
    _, period, timeout = next(found)
    return timing.startup_for(start, period, timeout)


def _progress(startup: Timing) -> int | None:
    needed = timing.progress_for(timing.latest_kill(startup), READINESS, MIN_READY, PULL)
    return needed if needed > timing.DEFAULT_PROGRESS else None
