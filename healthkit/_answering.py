"""The answers of one `Health`: made from its life's report, kept until something changes.

Owns the memory of answers, and who may read reasons. A probe is answered from memory: what was made
for an older state, or has expired with a check's `max_age`, is made again, from a report that holds
names and states.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit import _answers, _render
from healthkit._answers import MINDS, Obstacle
from healthkit._desk import ASKING, ProbeDesk
from healthkit._log import logger
from healthkit._model import Kind, Phase, Probe
from healthkit._question import ORDINARY, Question, question_of
from healthkit._render import Answer, Form, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Scope

    from healthkit._life import Life
    from healthkit._model import Report
    from healthkit._settings import Settings


#: Seconds for which the detailed answer of a pod is kept.
DETAILS_LAST: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, and for how long it is true."""

    version: object
    fresh_until: float
    answer: Answer


class Answering:
    """Makes and keeps the answers of one `Health`."""

    def __init__(
        self,
        settings: Settings,
        life: Callable[[], Life],
        admits: Callable[[Scope], bool] | None,
    ) -> None:
        """Make one that has nothing in memory.

        Args:
            settings: those in force.
            life: returns the present life.
            admits: whether a client may read reasons; None is nobody.
        """
        self._settings = settings
        self._life = life
        self._admits = admits
        self._complained = False
        #: Called, in any thread, after each change; whoever else publishes what is answered here.
        self.news: Callable[[], object] | None = None
        #: Another object after each change: an answer made for an older one is not used again.
        self._version = object()
        self.desks: Mapping[Probe, ProbeDesk] = {
            probe: ProbeDesk(probe, self.answer) for probe in Probe
        }
        #: By probe and form, for whoever may read no reasons and leaves nothing out.
        self._memory: dict[tuple[Probe, Form], _Kept] = {}

    def forget(self) -> None:
        """Have every answer made anew. Safe in any thread."""
        self._version = object()
        for desk in self.desks.values():
            desk.at_once = ()
        if self.news is not None:
            self.news()

    def answer(self, probe: Probe, scope: Scope) -> Answer:
        """Return what a GET of a probe is to be told now. On the loop."""
        question = ORDINARY if probe is Probe.LIVE else question_of(scope)
        if question is ORDINARY:
            return self._plain_from_now_on(probe)
        return self._detailed(probe, question, self._reasons_for(question, scope))

    def component(self, name: str, scope: Scope) -> Answer:
        """Return what a request to ``/readyz/<name>`` is to be told now. On the loop.

        It is no answer to the probe, and not counted as one.
        """
        if scope["method"] not in ASKING:
            return _render.WRONG_METHOD
        report = self._life().pod_report()
        found = next((one for one in report.components if one.name == name), None)
        if found is None:
            return _render.UNKNOWN_NAME
        question = question_of(scope)
        subject = Subject(
            name=name,
            phase=report.phase,
            verdict=_answers.verdict_on(found),
            components=(found,),
            reasons=self._reasons_for(question, scope),
        )
        return self._render(question.form, subject, varies=True)

    def plain(self, probe: Probe) -> Answer:
        """Return the one line that `probe` is to be told now, from memory."""
        return self._kept(probe, Form.PLAIN).answer

    def verdict(self, probe: Probe, report: Report) -> _answers.Verdict:
        """Judge `report` by the settings."""
        ready_while_draining = self._settings.readyz_while_draining == _render.OK
        return _answers.verdict(probe, report, ready_while_draining=ready_while_draining)

    def say(self, report: Report) -> Mapping[Probe, tuple[bool, str]]:
        """Return what each probe would be told, given a report."""
        verdicts = {probe: self.verdict(probe, report) for probe in Probe}
        return {probe: (verdict.passes, verdict.line) for probe, verdict in verdicts.items()}

    def counts(self) -> Mapping[Probe, Mapping[int, int]]:
        """Return how many answers were given, by probe and status code. Safe in any thread."""
        return {probe: desk.counts() for probe, desk in self.desks.items()}

    # -- inside -----------------------------------------------------------------------------------

    def _plain_from_now_on(self, probe: Probe) -> Answer:
        """Return the one line, and have it told at once from now on.

        Not while ending: connections are closed then, which is for the middleware to see to. And
        not without a lifespan: nobody would say that the loop is gone, and another one asks.
        """
        kept = self._kept(probe, Form.PLAIN)
        ending = self._life().phase in {Phase.DRAINING, Phase.STOPPED}
        if self._life().by_lifespan and not ending:
            clock = None if kept.fresh_until == math.inf else self._life().clock
            self.desks[probe].tell_at_once(kept.answer, kept.fresh_until, clock)
            if kept.version is not self._version:  # another thread has changed something meanwhile
                self.desks[probe].at_once = ()
        return kept.answer

    def _kept(self, probe: Probe, form: Form) -> _Kept:
        """Return the anonymous answer in this form: from memory, or made anew."""
        kept = self._memory.get((probe, form))
        if kept is None or kept.version is not self._version or self._is_over(kept):
            version = self._version
            life = self._life()
            pod = life.pod()
            report = life.report() if pod is None else pod.report
            fresh_until = report.fresh_until if Obstacle.CHECK in MINDS[probe] else math.inf
            if form is not Form.PLAIN and pod is not None:
                # How old another worker's results are is no news that anybody is told of.
                fresh_until = min(fresh_until, life.now() + DETAILS_LAST)
            varies = probe is not Probe.LIVE
            made = self._render(form, self._subject(probe, report), varies=varies)
            kept = self._memory[probe, form] = _Kept(version, fresh_until, made)
        return kept

    def _is_over(self, kept: _Kept) -> bool:
        return self._life().now() >= kept.fresh_until

    def _detailed(self, probe: Probe, question: Question, reasons: Mapping[str, str]) -> Answer:
        """Answer what is not what everybody asks."""
        if not question.exclude and not reasons:
            return self._kept(probe, question.form).answer
        report = self._life().pod_report()
        subject = self._subject(probe, report, question.exclude, reasons)
        return self._render(question.form, subject, varies=True)

    def _subject(
        self,
        probe: Probe,
        report: Report,
        exclude: tuple[str, ...] = (),
        reasons: Mapping[str, str] | None = None,
    ) -> Subject:
        """Say all there is to say in answer to a probe."""
        checks = {one.name for one in report.components if one.kind is Kind.CHECK}
        return Subject(
            name=str(probe),
            phase=report.phase,
            verdict=self.verdict(probe, report.without(frozenset(exclude))),
            components=_answers.listed(probe, report),
            excluded=frozenset(exclude) & checks,
            unknown=tuple(name for name in exclude if name not in checks),
            reasons=reasons or {},
        )

    def _render(self, form: Form, subject: Subject, *, varies: bool) -> Answer:
        retry_after = self._settings.retry_after
        return _render.render(form, subject, retry_after=retry_after, varies=varies)

    def _reasons_for(self, question: Question, scope: Scope) -> Mapping[str, str]:
        """Return the reasons that a client may read: none, unless `show_reasons` admits it."""
        if self._admits is None or question.form is Form.PLAIN:
            return {}
        return self._life().duties.reasons() if self._is_admitted(scope) else {}

    def _is_admitted(self, scope: Scope) -> bool:
        """Ask the user's predicate. Whatever it returns or raises, a probe is answered."""
        problem: BaseException | None = None
        try:
            admitted: object = self._admits is not None and self._admits(scope)
        except (Exception, SystemExit) as exc:  # noqa: BLE001  # the user's code may raise anything
            admitted, problem = None, exc
        if isinstance(admitted, bool):
            return admitted
        if inspect.iscoroutine(admitted):
            admitted.close()
        if not self._complained:
            self._complained = True
            did = "returned neither True nor False" if problem is None else "raised an exception"
            line = "show_reasons %s: whoever it does that for is shown no reasons"
            logger.error(line, did, exc_info=problem)
        return False
