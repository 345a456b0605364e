"""Findings as annotations of GitHub Actions: a workflow command each, and the summary.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands says what a
command is; how its parts are escaped is in actions/toolkit packages/core/src/command.ts
(escapeData, escapeProperty). A line of a manifest's own can't begin a command: each is in one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.lint._finding import Severity
from healthkit.lint._formats.sarif import relative
from healthkit.lint._formats.text import plain, subject, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.lint._finding import Finding
    from healthkit.lint._run import Report

_COMMANDS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}


def as_github(report: Report) -> str:
    """Write an annotation for each finding, and one for what could not be used."""
    lines = [_annotation(one) for one in report.findings]
    lines += [f"::error title=healthkit lint::{_data(plain(one))}" for one in report.unusable]
    return "\n".join([*lines, summary(report), ""])


def _annotation(one: Finding) -> str:
    file = relative(one.file)
    properties = {
        "file": file if file.isprintable() else plain(file),
        "line": str(one.line),
        "col": str(one.column),
        "title": plain(f"{one.rule} {subject(one)}"),
    }
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    texts = [f"{one.what}: {one.why}", f"Fix: {one.fix}", f"At {one.path}" if one.path else ""]
    message = "\n".join(plain(text) for text in texts if text)
    return f"::{_COMMANDS[one.severity]} {shown}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
