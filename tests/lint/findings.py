"""Reports for the tests of how they are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from healthkit.lint._finding import Finding, Severity
from healthkit.lint._run import Report

FINDING: Final = Finding(
    rule="HK202",
    severity=Severity.WARNING,
    object="Deployment/shop",
    namespace="default",
    container="web",
    path="spec.template.spec.containers[0].livenessProbe.timeoutSeconds",
    file="deploy.yaml",
    line=42,
    column=15,
    what="timeoutSeconds 15 is longer than periodSeconds 10",
    why="probes of one kind never overlap",
    fix="set timeoutSeconds to periodSeconds at most",
    numbers={"timeoutSeconds": 15, "periodSeconds": 10},
)

#: Of an object and no container, and worse.
OTHER: Final = replace(
    FINDING, rule="HK001", severity=Severity.ERROR, container=None, path="", numbers={"a": 1.5}
)

ADVICE: Final = replace(FINDING, severity=Severity.INFO)

IGNORED: Final = replace(FINDING, ignored="it is slow")

#: What a manifest may say to whoever shows it.
EVIL: Final = replace(
    FINDING,
    object="Deployment/\x1b[31m\n::error::x\u2028\x07",
    container="a\r\nb,c:d%",
    path="metadata\n.x",
    file="a b\n,:%\udcff/\x1b.yaml",
    what="100 % \x9b of\n\nit \udcff",
    numbers={"a\nb": float("inf")},
)


def report(*findings: Finding, **others: object) -> Report:
    """Return a report of some objects."""
    whole = Report(findings=findings, files=2, objects=3)
    return replace(whole, **others)  # type: ignore[arg-type]  # each of its own type
