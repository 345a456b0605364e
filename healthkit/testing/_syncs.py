"""When the kubelet renews a pod's status: at once, or after it has looked at the containers.

A sync that follows another waits until the kubelet has asked the runtime again, which it does every
second (pkg/kubelet/pod_workers.go, the cache must be newer than the last sync).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._rules import Pace


class Syncs:
    """The syncs of one pod: by the rule, or at the moments that a recording gives."""

    def __init__(self, clock: Clock, pace: Pace, sync: Callable[[], object]) -> None:
        """Make one that syncs nothing until it is asked to.

        Args:
            clock: the time.
            pace: when the kubelet looks.
            sync: what a sync does.
        """
        self._clock = clock
        self._pace = pace
        self._sync = sync
        self._last = -math.inf
        self._due: Timer | None = None
        self._ruled = pace.syncs is None

    def __repr__(self) -> str:
        return f"<Syncs last {self._last:g}{', one due' if self._due else ''}>"

    def request(self) -> None:
        """Have one as soon as can be. One that is due already is enough."""
        if not self._ruled or self._due is not None:
            return
        now = self._clock.now()
        waits = self._last > -math.inf and not self._pace.relisted_since(self._last, now)
        if waits:
            self._due = self._clock.call_at(self._pace.relist(now), self._run)
        else:
            self._run()

    def after_relist(self) -> None:
        """Have one when the kubelet has next looked: it will see that something has changed."""
        if self._ruled and self._due is None:
            when = self._pace.relist(self._clock.now())
            self._due = self._clock.call_at(when, self._run)

    def stop(self) -> None:
        """Have none any more."""
        self._ruled = False
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _run(self) -> None:
        self._due = None
        self._last = self._clock.now()
        self._sync()
