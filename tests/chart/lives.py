"""What Prometheus has seen of a pod's life: series as ``promtool test rules`` takes them.

A life is written down as stretches of time, each with what a scrape says in it. Whatever a stretch
does not say is as in a pod that is well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from healthkit._model import CheckState, Phase, WorkState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Seconds between two scrapes, and between two evaluations of the rules.
STEP: Final = 5

#: What a drain has, in seconds.
DELAY, TIMEOUT = 5, 15

#: A series' end, as Prometheus writes it when a target does not answer or is gone.
STALE: Final = "stale"
#: Nothing was scraped.
NOTHING: Final = "_"


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many seconds in which every scrape says the same."""

    seconds: int
    #: None: nothing answers.
    phase: Phase | None = Phase.SERVING
    ready: bool | None = None
    database: CheckState = CheckState.PASSING
    catalogue: WorkState | None = None
    overdue: bool = False
    requests: int = 0
    streams: int = 0
    holds: int = 0

    def says(self, start: float, drained: int) -> Mapping[str, float]:
        """Return the series of one scrape; none if nothing answers.

        Args:
            start: when the container was started.
            drained: seconds since the drain began.
        """
        if self.phase is None:
            return {}
        ready = self.phase is Phase.SERVING if self.ready is None else self.ready
        warming = self.phase is Phase.WARMING
        work = self.catalogue or (WorkState.PENDING if warming else WorkState.DONE)
        catalogue = 'kind="warmup",work="catalogue"'
        said: dict[str, float] = {
            'healthkit_probe_success{probe="ready"}': ready,
            'healthkit_check_required{check="database"}': 1,
            f"healthkit_work_overdue{{{catalogue}}}": self.overdue,
            "healthkit_start_time_seconds{}": start,
            "healthkit_drain_delay_seconds{}": DELAY,
            "healthkit_drain_timeout_seconds{}": TIMEOUT,
            "healthkit_requests_in_flight{}": self.requests,
            "healthkit_streams_in_flight{}": self.streams,
            "healthkit_holds_in_flight{}": self.holds,
        }
        states = 'healthkit_check_state{{check="database",state="{}"}}'
        said |= {f'healthkit_phase{{phase="{one}"}}': one is self.phase for one in Phase}
        said |= {states.format(one): one is self.database for one in CheckState}
        states = f'healthkit_work_state{{{{{catalogue},state="{{}}"}}}}'
        said |= {states.format(one): one is work for one in WorkState}
        if self.phase is Phase.DRAINING:
            said["healthkit_drain_duration_seconds{}"] = drained
        return said


@dataclass(frozen=True, slots=True)
class Restart:
    """The next stretch is another container's."""


@dataclass(frozen=True, slots=True)
class Life:
    """One pod, from its first scrape on; when the last stretch is over it is gone."""

    stretches: Sequence[Stretch | Restart]
    pod: str = "shop-1"
    #: When it is first scraped.
    begins: int = 0
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def seconds(self) -> int:
        """When it is gone."""
        return self.begins + sum(s.seconds for s in self.stretches if isinstance(s, Stretch))

    def series(self) -> list[dict[str, str]]:
        """Return all its series."""
        target = {"namespace": "default", "job": "default/shop-healthkit-app", "pod": self.pod}
        more = ",".join(f'{k}="{v}"' for k, v in (target | dict(self.labels)).items())
        scrapes = [dict[str, float]() for _ in range(0, self.begins, STEP)] + list(self._scrapes())
        names = dict.fromkeys(name for scrape in scrapes for name in scrape)
        return [
            {"series": name.replace("{}", "{,}").replace("{", f"{{{more},").replace(",,}", "}"),
             "values": _values([scrape.get(name) for scrape in scrapes])}
            for name in names
        ]  # fmt: skip

    def _scrapes(self) -> Iterator[dict[str, float]]:
        """Make the scrapes, one after the other."""
        now, start, drain = self.begins, float(self.begins), 0
        for one in self.stretches:
            if isinstance(one, Restart):
                start = float(now)
                continue
            if one.phase is not Phase.DRAINING:
                drain = now + one.seconds
            for at in range(now, now + one.seconds, STEP):
                yield {"up{}": one.phase is not None, **one.says(start, at - drain)}
            now += one.seconds


def _values(scrapes: Sequence[float | None]) -> str:
    """Return a series in promtool's words: it ends where a scrape does not have it any more."""
    words: list[str] = []
    for before, value in zip([None, *scrapes], [*scrapes, None], strict=True):
        ended = STALE if before is not None else NOTHING
        words.append(f"{float(value):g}" if value is not None else ended)
    return " ".join(words)
