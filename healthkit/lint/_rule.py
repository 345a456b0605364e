"""What a rule is, and how one is written: as a generator over what it looks at.

A rule looks at one probe, container, workload or object at a time, or at all of them together, and
yields what it has found. It never raises, whatever the manifest says, and it keeps nothing.

The surprising fact: a rule's severity is what it usually is. One finding may be worse or less bad
than the rule, when the rule knows better what will happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from healthkit.lint._finding import Finding, Number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from healthkit.lint._finding import Severity
    from healthkit.lint._manifests import Manifests, Thing
    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule yields: what is wrong, and where."""

    at: Loose
    what: str
    numbers: Mapping[str, Number] = field(default_factory=dict[str, Number])
    #: In place of the rule's.
    why: str | None = None
    fix: str | None = None
    severity: Severity | None = None
    #: In place of where `at` stands.
    line: int | None = None
    #: Filled in for a rule that looks at probes or containers.
    container: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What there is to say of a rule, whatever it finds."""

    #: ``HK202``. Once shipped it keeps its meaning.
    id: str
    severity: Severity
    #: What it finds, as a heading without a full stop.
    title: str
    #: Why that is bad, in one sentence.
    why: str
    #: What to do about it, in one sentence.
    fix: str
    #: What a reader can open: a file of Kubernetes, a page of its documentation, an issue.
    source: str
    #: How its numbers are computed; empty if it computes none.
    arithmetic: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    about: About
    #: What looks at everything.
    check: Callable[[Manifests], Iterator[Found]]

    @property
    def id(self) -> str:
        """Its id."""
        return self.about.id

    def findings(self, manifests: Manifests) -> Iterator[tuple[Thing, Finding]]:
        """Yield what it finds in the manifests, each with its object."""
        for found in self.check(manifests):
            thing = manifests.thing(found.at.document)
            yield thing, self._finding(found, thing)

    def _finding(self, found: Found, thing: Thing) -> Finding:
        position = found.at.position
        return Finding(
            rule=self.about.id,
            severity=found.severity or self.about.severity,
            object=thing.called,
            namespace=thing.namespace,
            container=found.container,
            path=found.at.dotted,
            file=thing.document.source.full_name or thing.document.source.name,
            line=found.line or position.line,
            column=1 if found.line else position.column,
            what=found.what,
            why=found.why or self.about.why,
            fix=found.fix or self.about.fix,
            numbers={name: _rounded(value) for name, value in found.numbers.items()},
        )


def _rounded(value: Number) -> Number:
    """Return a number without what adding up floats has left behind its thousandths."""
    return round(value, 3) if isinstance(value, float) else value


def manifests_rule(about: About) -> Callable[[Callable[[Manifests], Iterator[Found]]], Rule]:
    """Make a rule of a function that looks at all manifests together."""

    def made(function: Callable[[Manifests], Iterator[Found]]) -> Rule:
        return Rule(about, function)

    return made


def thing_rule(about: About) -> Callable[[Callable[[Thing], Iterator[Found]]], Rule]:
    """Make a rule of a function that looks at one object, of whatever kind."""

    def made(function: Callable[[Thing], Iterator[Found]]) -> Rule:
        def check(manifests: Manifests) -> Iterator[Found]:
            for thing in manifests.things:
                yield from function(thing)

        return Rule(about, check)

    return made


def workload_rule(about: About) -> Callable[[Callable[[Workload], Iterator[Found]]], Rule]:
    """Make a rule of a function that looks at one workload."""

    def made(function: Callable[[Workload], Iterator[Found]]) -> Rule:
        def check(manifests: Manifests) -> Iterator[Found]:
            for workload in manifests.workloads:
                yield from function(workload)

        return Rule(about, check)

    return made


def container_rule(about: About) -> Callable[[Callable[[Container], Iterator[Found]]], Rule]:
    """Make a rule of a function that looks at one container that goes on to run.

    That is one of ``containers``, or a sidecar among ``initContainers``.
    """

    def made(function: Callable[[Container], Iterator[Found]]) -> Rule:
        def check(manifests: Manifests) -> Iterator[Found]:
            for container in manifests.containers:
                for found in function(container):
                    yield replace(found, container=container.name)

        return Rule(about, check)

    return made


def probe_rule(about: About) -> Callable[[Callable[[Probe], Iterator[Found]]], Rule]:
    """Make a rule of a function that looks at one probe of one container."""

    def made(function: Callable[[Probe], Iterator[Found]]) -> Rule:
        def check(manifests: Manifests) -> Iterator[Found]:
            for container in manifests.containers:
                for probe in container.probes.values():
                    for found in function(probe):
                        yield replace(found, container=container.name)

        return Rule(about, check)

    return made
