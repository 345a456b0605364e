"""Findings for people: one paragraph each, and a line that sums them up.

::

    deploy.yaml:42:15: warning HK202 Deployment/shop, container web: timeoutSeconds 15 is longer
        than periodSeconds 10
      at:   spec.template.spec.containers[0].livenessProbe.timeoutSeconds
      why:  probes of one kind never overlap: a hanging one stretches the period
      fix:  set timeoutSeconds to periodSeconds at most

A manifest's own words stand in it. Whatever they are, they can't steer a terminal, nor begin a line
of their own.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Final

from healthkit._validate import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from healthkit.lint._finding import Finding, Number
    from healthkit.lint._run import Report

#: How wide the text is, in characters.
WIDTH: Final = 100

#: How many kinds of skipped objects the summary names.
_KINDS: Final = 8


def as_text(report: Report) -> str:
    """Tell what was found, and sum it up."""
    return "\n".join([*(paragraph(one) for one in report.findings), summary(report), ""])


def paragraph(one: Finding) -> str:
    """Tell one finding; there is an empty line behind it."""
    where = f"{one.file}:{one.line}:{one.column}"
    lines = _wrapped("", f"{where}: {one.severity} {one.rule} {subject(one)}: {one.what}", "    ")
    for name, text in _details(one):
        lines += _wrapped(f"  {name + ':':<6}", text, "        ")
    return "\n".join([*lines, ""])


def subject(one: Finding) -> str:
    """Return what a finding is about: ``Deployment/shop, container web``."""
    return one.object if one.container is None else f"{one.object}, container {one.container}"


def plain(text: str) -> str:
    """Return a text in one line, with nothing in it that a terminal would obey."""
    line = one_line(text)
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def summary(report: Report) -> str:
    """Say in one line what was looked at, and how it is."""
    looked = f"{counted(report.objects, 'object')} of {counted(report.files, 'file')}"
    parts = [f"{_found(report.findings)} in {looked}", *_others(report)]
    return plain("; ".join(parts))


def _found(findings: Sequence[Finding]) -> str:
    if not findings:
        return "found nothing"
    kinds = Counter(one.severity for one in findings)
    named = ", ".join(
        counted(kinds[one], one) if one != "info" else f"{kinds[one]:,} info"
        for one in sorted(kinds, key=lambda one: one.rank)
    )
    return f"found {named}"


def _others(report: Report) -> Iterator[str]:
    """Yield what else was there."""
    if report.ignored:
        yield f"{len(report.ignored):,} ignored by annotations"
    if report.skipped:
        kinds = sorted(report.skipped.items(), key=lambda pair: (-pair[1], pair[0]))
        named = [f"{count:,} {kind}" for kind, count in kinds[:_KINDS]]
        more = [f"{len(kinds) - _KINDS} more kinds"] if len(kinds) > _KINDS else []
        yield f"skipped other kinds: {', '.join([*named, *more])}"
    if report.left_alone:
        yield f"{counted(report.left_alone, 'file')} without manifests"
    if report.unusable:
        yield f"{len(report.unusable):,} not usable"


def _details(one: Finding) -> Iterator[tuple[str, str]]:
    if one.path:
        yield "at", one.path
    # Most sentences have their numbers in them.
    numbers = {name: _number(value) for name, value in one.numbers.items()}
    rest = [f"{name} {value}" for name, value in numbers.items() if value not in one.what]
    if rest:
        yield "with", ", ".join(rest)
    yield "why", one.why
    yield "fix", one.fix


def _number(value: Number) -> str:
    """Return a number as a sentence has it: 5.0 is 5."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _wrapped(first: str, text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        plain(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first]
