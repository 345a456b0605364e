"""How a rule is written, and what it makes of what it finds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from healthkit.lint._finding import Severity
from healthkit.lint._rule import (
    About,
    Found,
    Rule,
    container_rule,
    manifests_rule,
    probe_rule,
    thing_rule,
    workload_rule,
)
from tests.lint.texts import FINE, SERVICE, manifests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._finding import Finding, Number
    from healthkit.lint._manifests import Manifests, Thing
    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container, Workload

ABOUT = About(
    id="HK999", severity=Severity.WARNING, title="title", why="why", fix="fix", source="source"
)


def findings(rule: Rule, *texts: str) -> list[Finding]:
    """Return what a rule finds."""
    return [finding for _, finding in rule.findings(manifests(*texts))]


def test_a_finding_says_where_it_is_and_what_its_rule_says() -> None:
    """The object, the container, the place in the text."""

    @probe_rule(ABOUT)
    def rule(probe: Probe) -> Iterator[Found]:
        yield Found(at=probe.at / "periodSeconds", what="what", numbers={"a": 1})

    (found,) = findings(rule, FINE)
    assert (found.rule, found.severity) == ("HK999", Severity.WARNING)
    assert (found.object, found.namespace, found.container) == ("Deployment/shop", "default", "web")
    assert found.path == "spec.template.spec.containers[0].livenessProbe.periodSeconds"
    assert (found.file, found.line, found.column) == ("test.yaml", 15, 13)
    assert (found.what, found.why, found.fix, found.numbers) == ("what", "why", "fix", {"a": 1})
    assert found.ignored is None


def test_a_finding_may_know_better_than_its_rule() -> None:
    """How bad it is, why, what to do, and at which line."""

    @thing_rule(ABOUT)
    def rule(thing: Thing) -> Iterator[Found]:
        yield Found(
            at=thing.root,
            what="x",
            why="w",
            fix="f",
            severity=Severity.ERROR,
            line=3,
            container="c",
        )

    (found,) = findings(rule, SERVICE)
    assert (found.why, found.fix, found.severity) == ("w", "f", Severity.ERROR)
    assert (found.line, found.column, found.container) == (3, 1, "c")


def test_a_rule_looks_at_one_kind_of_thing_at_a_time() -> None:
    """Or at all of them together."""
    seen: list[str] = []

    @manifests_rule(ABOUT)
    def of_all(all_: Manifests) -> Iterator[Found]:
        seen.append(repr(all_))
        yield from ()

    @thing_rule(ABOUT)
    def of_thing(thing: Thing) -> Iterator[Found]:
        seen.append(repr(thing))
        yield from ()

    @workload_rule(ABOUT)
    def of_workload(workload: Workload) -> Iterator[Found]:
        seen.append(repr(workload))
        yield Found(at=workload.template, what="x")

    @container_rule(ABOUT)
    def of_container(container: Container) -> Iterator[Found]:
        seen.append(repr(container))
        yield Found(at=container.at, what="x")

    @probe_rule(ABOUT)
    def of_probe(probe: Probe) -> Iterator[Found]:
        seen.append(repr(probe))
        yield from ()

    given = manifests(FINE, SERVICE)
    told = [
        finding
        for rule in (of_all, of_thing, of_workload, of_container, of_probe)
        for _, finding in rule.findings(given)
    ]
    assert seen == [
        "<Manifests: 2 objects, 1 workloads>",
        "<Deployment/shop>",
        "<Service/shop>",
        "<Deployment/shop>",
        "<container web of <Deployment/shop>>",
        "<liveness probe of <container web of <Deployment/shop>>>",
    ]
    assert [one.container for one in told] == [None, "web"]


def test_a_file_is_named_in_full() -> None:
    """However short messages call it."""
    given = manifests(SERVICE)
    source = replace(given.things[0].document.source, name="...a.yaml", full_name="long/a.yaml")
    document = replace(given.things[0].document, source=source)
    from healthkit.lint._manifests import Manifests as All  # noqa: PLC0415  # a type above

    @thing_rule(ABOUT)
    def rule(thing: Thing) -> Iterator[Found]:
        yield Found(at=thing.root, what="x")

    assert [one.file for _, one in rule.findings(All([document]))] == ["long/a.yaml"]


def test_numbers_are_rounded_to_milliseconds() -> None:
    """What adding up floats leaves behind is nothing that anybody has computed."""

    @thing_rule(ABOUT)
    def rule(thing: Thing) -> Iterator[Found]:
        numbers: dict[str, Number] = {
            "sum": 0.1 + 1.1,
            "whole": 3,
            "word": "infinity",
            "none": math.inf,
        }
        yield Found(at=thing.root, what="x", numbers=numbers)

    ((_, one),) = rule.findings(manifests(SERVICE))
    assert one.numbers == {"sum": 1.2, "whole": 3, "word": "infinity", "none": math.inf}
