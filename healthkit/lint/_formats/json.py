"""Findings for programs: one object, whose members are always there.

::

    version     1: the version of this shape; members may be added to it, and none goes
    findings    what was found, by file and line:
        rule        HK202
        severity    error, warning or info
        object      its kind and name: Deployment/shop
        namespace   as the manifest says it, or default
        container   its name, or null
        path        where in the object: spec.template.spec.containers[0].livenessProbe
        file        as it was named, or <stdin>
        line, column  from 1
        what        what is wrong, with its numbers
        why, fix    a sentence each
        numbers     those that were computed or read, by their names
        ignored     the reason of the annotation that ignores it, or null
    ignored     those that an annotation ignores
    unusable    why something could not be used, a line each
    files       how many were read
    left_alone  how many of them hold no manifest, and were not said to
    objects     how many were looked at
    skipped     how many of other kinds there were, by kind
"""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthkit.lint._finding import Finding, Number
    from healthkit.lint._run import Report


def as_json(report: Report) -> str:
    """Write everything, in the shape that this module's docstring describes."""
    shape = {
        "version": 1,
        "findings": [_finding(one) for one in report.findings],
        "ignored": [_finding(one) for one in report.ignored],
        "unusable": report.unusable,
        "files": report.files,
        "left_alone": report.left_alone,
        "objects": report.objects,
        "skipped": dict(report.skipped),
    }
    return f"{json.dumps(shape, indent=2, allow_nan=False)}\n"


def _finding(one: Finding) -> dict[str, object]:
    members: dict[str, object] = {member.name: getattr(one, member.name) for member in fields(one)}
    members["numbers"] = {name: _number(value) for name, value in one.numbers.items()}
    return members


def _number(value: Number) -> Number | None:
    """Return what JSON can write: it has no number without end."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
