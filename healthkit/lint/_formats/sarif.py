"""Findings as SARIF 2.1.0, which code scanners read: GitHub's, GitLab's, editors'.

docs.oasis-open.org/sarif/sarif/v2.1.0/os: results name their rule, the place in the file and the
object there; a finding that an annotation ignores is suppressed in source, and not left out; what
could not be used is a notification of the run. A fingerprint has neither line nor file in it, so
that a finding stays the same one when a manifest moves.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from healthkit.lint._finding import Severity
from healthkit.lint._formats.text import plain, subject
from healthkit.lint._rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from healthkit.lint._finding import Finding
    from healthkit.lint._rule import About
    from healthkit.lint._run import Report

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}

#: Where each rule stands among those of the driver.
_INDEX: Final[Mapping[str, int]] = {rule.id: place for place, rule in enumerate(RULES)}

#: The name of our fingerprint, with the version of how it is made.
_FINGERPRINT: Final = "healthkitFinding/v1"


def as_sarif(report: Report) -> str:
    """Write one run."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return f"{json.dumps(log, indent=2)}\n"


def relative(file: str) -> str:
    """Return a file's path from here, if it is below; else as it is."""
    try:
        return os.fspath(Path(file).absolute().relative_to(Path.cwd()))
    except (OSError, ValueError):  # elsewhere; or there is no "here" any more
        return file


def uri(file: str) -> str:
    """Return a file's path as a URI: relative if the file is below this directory."""
    path = relative(file)
    scheme = "file://" if path.startswith("/") else ""
    return scheme + quote(os.fsencode(path))


def _run(report: Report) -> dict[str, object]:
    return {
        "tool": {
            "driver": {
                "name": "healthkit lint",
                "rules": [_rule(rule.about) for rule in RULES],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.unusable,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": plain(line)}} for line in report.unusable
                ],
            }
        ],
        "results": list(_results((*report.findings, *report.ignored))),
    }


def _rule(about: About) -> dict[str, object]:
    counts = f"\n\n{about.arithmetic}" if about.arithmetic else ""
    return {
        "id": about.id,
        "shortDescription": {"text": about.title},
        "fullDescription": {"text": f"{about.title}: {about.why}."},
        "help": {"text": f"{about.why}.\n\nFix: {about.fix}.{counts}\n\nSource: {about.source}"},
        "defaultConfiguration": {"level": _LEVELS[about.severity]},
    }


def _results(findings: Iterable[Finding]) -> Iterable[dict[str, object]]:
    before = Counter[str]()
    for one in findings:
        # Of several findings of a rule at one place each is one of its own.
        mark = "\0".join((one.rule, one.namespace, one.object, one.container or "", one.path))
        before[mark] += 1
        yield _result(one, f"{mark}\0{before[mark]}")


def _result(one: Finding, mark: str) -> dict[str, object]:
    text = f"{subject(one)}: {one.what}. {one.why}. Fix: {one.fix}."
    result: dict[str, object] = {
        "ruleId": one.rule,
        "ruleIndex": _INDEX[one.rule],
        "level": _LEVELS[one.severity],
        "message": {"text": plain(text)},
        "locations": [_location(one)],
        "partialFingerprints": {
            _FINGERPRINT: hashlib.sha256(mark.encode(errors="backslashreplace")).hexdigest()
        },
    }
    if one.ignored is not None:
        why = {"kind": "inSource", "justification": plain(one.ignored)}
        result["suppressions"] = [why]
    return result


def _location(one: Finding) -> dict[str, object]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(one.file)},
            "region": {"startLine": one.line, "startColumn": one.column},
        },
        "logicalLocations": [
            {"fullyQualifiedName": plain(f"{one.namespace}/{one.object}/{one.path}")}
        ],
    }
