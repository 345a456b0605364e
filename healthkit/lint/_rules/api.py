"""HK001 to HK004: what the API server and kubectl say, and what was told to this linter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._finding import Severity
from healthkit.lint._ignoring import ignored
from healthkit.lint._rule import About, Found, manifests_rule, thing_rule
from healthkit.manifests._loose import Loose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._manifests import Manifests, Thing
    from healthkit.manifests._source import Kind


def _told(manifests: Manifests, kind: Kind) -> Iterator[Found]:
    for document, fault in manifests.refusals:
        if fault.kind == kind and document is not None:
            line = None if fault.path else fault.line  # of what has a path, the column is known too
            yield Found(at=Loose(document, fault.path), what=fault.reason, line=line)


@manifests_rule(
    About(
        id="HK001",
        severity=Severity.ERROR,
        title="the API server refuses the object",
        why="it is never stored, so that what runs stays as it was",
        fix="write what the API server expects",
        source="kubernetes pkg/apis/core/validation/validation.go, and its likes for other groups",
    )
)
def refused(manifests: Manifests) -> Iterator[Found]:
    """Yield the first reason that the API server would give for each workload."""
    return _told(manifests, "refused")


@manifests_rule(
    About(
        id="HK002",
        severity=Severity.WARNING,
        title="a key stands twice",
        why="kubectl refuses it, and with other tools the last one counts: the first is a setting "
        "that somebody believes to be in force",
        fix="keep one of them",
        source="https://yaml.org/spec/1.2.2/#3213-node-comparison; kubernetes.io, "
        "'kubectl apply', --validate=strict",
    )
)
def duplicate(manifests: Manifests) -> Iterator[Found]:
    """Yield the keys that stand twice."""
    return _told(manifests, "duplicate")


@thing_rule(
    About(
        id="HK003",
        severity=Severity.WARNING,
        title="a rule is ignored without a reason, or there is no such rule",
        why="who reads the manifest next can't tell whether the reason still holds",
        fix='write the reason as the value: healthkit/ignore.HK117: "the image has no HTTP port"',
        source="healthkit: an annotation healthkit/ignore.<rule> needs a reason",
    )
)
def unreasoned(thing: Thing) -> Iterator[Found]:
    """Yield annotations that ignore a rule and don't say why, or name no rule."""
    from healthkit.lint._rules import IDS  # noqa: PLC0415  # they are all rules, this one too

    for one in ignored(thing):
        if one.rule not in IDS:
            yield Found(at=one.at, what=f"{one.rule} is no rule", fix="name one of the rules")
        elif not one.reason:
            yield Found(at=one.at, what=f"{one.rule} is ignored without a reason")


@manifests_rule(
    About(
        id="HK004",
        severity=Severity.WARNING,
        title="a field that the API doesn't have",
        why="kubectl and Helm refuse it, and the API server drops it: it does nothing",
        fix="write it as the API does, at the place where the API has it",
        source="https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
    )
)
def unknown(manifests: Manifests) -> Iterator[Found]:
    """Yield the fields of workloads that the API doesn't have."""
    return _told(manifests, "unknown")
