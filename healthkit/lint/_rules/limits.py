"""HK303: whether what a server is told to wait for fits into the grace period, behind the hook.

Who waits is the server, by an option or its default; or healthkit, by its drain delay and timeout.
Both begin when SIGTERM comes, beside each other, so that the longer one counts and not the sum;
but uvicorn's limit begins when the drain is over, and so does each behind ``healthkit run``. After
``healthkit drain`` as a hook the server has nothing left to wait for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.lint._facts.hooks import drain_limit, drains, length
from healthkit.lint._facts.inside import Said, inside
from healthkit.lint._facts.servers import server
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, workload_rule
from healthkit.lint._rules.boots import no_duration
from healthkit.lint._rules.shutdown import takes_all
from healthkit.lint._workload import LONGEST_REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._facts.inside import Inside
    from healthkit.lint._facts.servers import Server
    from healthkit.lint._workload import Container, Workload

_NOTHING: Final = Said(0.0)


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which a container's end goes on, in seconds."""

    hook: float
    delay: Said
    in_flight: Said
    #: Who waits for what is in flight: for the sentence.
    who: str
    #: What a server waits then, if its limit begins when the drain is over; and its name.
    after: Said = _NOTHING
    server: str = ""

    def as_written(self) -> _Way:
        """Return it with nothing but what somebody has written."""
        waits = (
            one if one.is_said else _NOTHING for one in (self.delay, self.in_flight, self.after)
        )
        delay, in_flight, after = waits
        return replace(self, delay=delay, in_flight=in_flight, after=after)

    @property
    def total(self) -> float:
        """What it takes, without any margin."""
        before = self.hook + self.delay.seconds
        return timing.grace_needed(before, self.in_flight.seconds, reserve=self.after.seconds)

    @property
    def needed(self) -> float:
        """What it takes with the least that an exit takes."""
        return timing.grace_needed(self.total, 0.0, timing.LEAST_GRACE)

    @property
    def shown(self) -> str:
        """Its parts, for a sentence."""
        waits = {
            "the hook": Said(self.hook),
            "the drain delay": replace(self.delay, is_said=True),
            self.who: self.in_flight,
            f"{self.server}'s graceful timeout": self.after,
        }
        return " + ".join(
            f"{who} {wait.seconds:g} s{'' if wait.is_said else ' by default'}"
            for who, wait in waits.items()
            if wait.seconds
        )

    def severity(self, grace: int) -> Severity | None:
        """Return how bad it is; None if it fits.

        A default, and the margin, count only where something comes before the server's wait: the
        usual limit is as long as the usual grace period, and that alone is no mistake.
        """
        if self.as_written().total > grace:
            return Severity.ERROR
        is_behind = self.hook > 0 or self.delay.seconds > 0
        return Severity.WARNING if is_behind and self.needed > grace else None


@workload_rule(
    About(
        id="HK303",
        severity=Severity.ERROR,
        title="the hook and the wait for requests don't fit into the grace period",
        why="SIGKILL comes while requests are waited for, as somebody has said they are to be",
        fix="raise terminationGracePeriodSeconds, or lower the limit of that wait",
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer; "
        "benoitc/gunicorn#1236, Kludex/uvicorn#2010",
        arithmetic="needed = H + D + L + 2, with H = hook, D = healthkit's drain delay, L = the "
        f"annotation {LONGEST_REQUEST}, or else how long the server, or healthkit, waits for "
        "requests, and both where one begins when the other is over; an error if H + D + L as they "
        "are written are more than the grace period, else a warning",
    )
)
def cut_short(workload: Workload) -> Iterator[Found]:
    """Yield containers whose end doesn't fit, and a declaration that is no duration."""
    for one in no_duration(workload, LONGEST_REQUEST):
        yield replace(one, severity=Severity.WARNING)
    for container in workload.containers:
        if workload.grace > 0 and not takes_all(container):
            yield from _cut(container)


def _cut(container: Container) -> Iterator[Found]:
    grace = container.workload.grace
    ways = [(severity, way) for way in _ways(container) if (severity := way.severity(grace))]
    if not ways:
        return
    severity, worst = min(ways, key=lambda one: (one[0].rank, -one[1].needed))
    margin = f" + {timing.LEAST_GRACE} s for the exit"
    needed = worst.needed
    if severity is Severity.ERROR:
        worst, margin = worst.as_written(), ""
        needed = worst.total
    yield Found(
        at=container.pre_stop or container.at,
        what=f"{worst.shown}{margin} = {needed:g} s, and the grace period is {grace} s",
        numbers={
            "hook": worst.hook,
            "drain delay": worst.delay.seconds,
            "in flight": worst.in_flight.seconds + worst.after.seconds,
            "needed": needed,
            "grace period": grace,
        },
        severity=severity,
        container=container.name,
    )


def _ways(container: Container) -> Iterator[_Way]:
    """Yield the ways that are known."""
    healthkit, started = inside(container), server(container.words, container.env)
    longest = container.workload.seconds(LONGEST_REQUEST)
    if healthkit is not None:
        drained = _drained(container, healthkit, longest)
        alone = longest is not None or drains(container)
        yield _then(drained, started) if started and not alone else drained
    if drains(container):
        return
    hook = length(container.pre_stop).least
    limit = _limit(started)
    if longest is not None and healthkit is None:
        said = limit.seconds if limit and limit.is_said else longest
        in_flight = Said(min(longest, said))
        yield _Way(hook, _NOTHING, in_flight, f"the annotation {LONGEST_REQUEST}")
    elif started is not None and limit is not None:
        yield _Way(hook, _NOTHING, limit, f"{started.name}'s graceful timeout")


def _limit(started: Server | None) -> Said | None:
    """Return how long a server waits; None if that is without limit, or nobody can tell."""
    if started is None:
        return None
    if started.graceful_timeout is not None:
        return Said(started.graceful_timeout)
    default = started.default_graceful_timeout
    return None if default is None else Said(default, is_said=False)


def _then(drained: _Way, started: Server) -> _Way:
    """Add what a server waits when the drain is over, if its limit begins there.

    As measured for the README's "Servers"; hypercorn's master keeps SIGTERM from the drain.
    """
    limit = _limit(started)
    is_after = started.name == "uvicorn" or started.in_healthkit_run
    return replace(drained, after=limit, server=started.name) if limit and is_after else drained


def _drained(container: Container, healthkit: Inside, longest: float | None) -> _Way:
    """Return how healthkit ends a container."""
    hook = container.pre_stop
    limit = drain_limit(hook)
    if limit is not None:
        return _Way(0.0, _NOTHING, Said(limit), "healthkit drain --timeout")
    before = 0.0 if drains(container) else length(hook).least
    if longest is not None:
        who = f"the annotation {LONGEST_REQUEST}"
        return _Way(before, healthkit.drain_delay, Said(longest), who)
    return _Way(before, healthkit.drain_delay, healthkit.drain_timeout, "the drain timeout")
