"""Findings as SARIF 2.1.0.

There is no schema of SARIF to be had from the registries that the tests use: what it requires is
asserted here, by docs.oasis-open.org/sarif/sarif/v2.1.0/os (sections in brackets).
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from healthkit import lint
from healthkit.lint._formats.sarif import as_sarif, relative, uri
from tests.lint.findings import ADVICE, EVIL, FINDING, IGNORED, OTHER, report

if TYPE_CHECKING:
    import pytest

    from healthkit.lint._run import Report


def run_of(found: Report) -> Any:  # noqa: ANN401  # JSON
    """Return the only run of a log, after a look at what holds for all."""
    log = json.loads(as_sarif(found))
    assert log["version"] == "2.1.0"  # [3.13.2]
    assert set(log) == {"$schema", "version", "runs"}
    (run,) = log["runs"]
    assert set(run) == {"tool", "columnKind", "invocations", "results"}
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}  # [3.14.17]
    for result in run["results"]:
        _look_at(result, run["tool"]["driver"]["rules"])
    return run


def _look_at(result: Any, rules: Any) -> None:  # noqa: ANN401  # JSON
    assert result["level"] in {"none", "note", "warning", "error"}  # [3.27.10]
    assert result["message"]["text"]  # [3.27.11]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"]  # [3.27.5, 3.27.6]
    (location,) = result["locations"]
    region = location["physicalLocation"]["region"]
    assert region["startLine"] >= 1  # [3.30.5]
    assert region["startColumn"] >= 1
    shown: str = location["physicalLocation"]["artifactLocation"]["uri"]
    parts = urlsplit(shown)  # [3.4.3], RFC 3986
    assert parts.query == parts.fragment == ""
    assert parts.geturl().isascii()
    assert parts.geturl().isprintable()
    assert " " not in parts.geturl()


def test_each_rule_is_described() -> None:
    """With a stable id, a help text and the level that it usually has [3.49]."""
    driver = run_of(report())["tool"]["driver"]
    assert driver["name"] == "healthkit lint"  # [3.19.8]
    rules = driver["rules"]
    assert [one["id"] for one in rules] == [rule.id for rule in lint.rules()]
    for rule in rules:
        assert rule["help"]["text"]
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"].endswith(".")
        assert rule["defaultConfiguration"]["level"] in {"note", "warning", "error"}


def test_a_finding_is_a_result() -> None:
    """With its rule, its place and its object."""
    run = run_of(report(FINDING, OTHER, ADVICE))
    assert [one["level"] for one in run["results"]] == ["warning", "error", "note"]
    first = run["results"][0]
    assert first["message"]["text"].startswith("Deployment/shop, container web: timeoutSeconds 15")
    (location,) = first["locations"]
    assert location == {
        "physicalLocation": {
            "artifactLocation": {"uri": "deploy.yaml"},
            "region": {"startLine": 42, "startColumn": 15},
        },
        "logicalLocations": [{"fullyQualifiedName": f"default/Deployment/shop/{FINDING.path}"}],
    }
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_what_is_ignored_is_suppressed() -> None:
    """With the reason [3.35]; what is not has no such member."""
    told, ignored = run_of(report(FINDING, ignored=(IGNORED,)))["results"]
    assert "suppressions" not in told
    assert ignored["suppressions"] == [{"kind": "inSource", "justification": "it is slow"}]


def test_what_cannot_be_used_is_a_notification() -> None:
    """And the run has not succeeded [3.20.14, 3.20.21]."""
    (invocation,) = run_of(report(unusable=("a\nb",)))["invocations"]
    assert invocation == {
        "executionSuccessful": False,
        "toolExecutionNotifications": [{"level": "error", "message": {"text": "a b"}}],
    }


def fingerprints(found: Report) -> list[str]:
    """Return what the results are known by."""
    return [one["partialFingerprints"]["healthkitFinding/v1"] for one in run_of(found)["results"]]


def test_a_finding_is_known_wherever_it_moves() -> None:
    """By its rule, its object and its path; not by its line, its file or its words."""
    (one,) = fingerprints(report(FINDING))
    moved = replace(FINDING, line=1, column=2, file="other.yaml", what="else")
    assert fingerprints(report(moved)) == [one]
    for other in (
        replace(FINDING, rule="HK001"),
        replace(FINDING, object="Deployment/other"),
        replace(FINDING, container=None),
        replace(FINDING, path=""),
        replace(FINDING, namespace="eu"),
    ):
        assert fingerprints(report(other)) != [one]


def test_findings_at_one_place_are_known_apart() -> None:
    """By their order."""
    one, two = fingerprints(report(FINDING, FINDING))
    assert one != two
    assert fingerprints(report(FINDING, FINDING)) == [one, two]


def test_whatever_a_manifest_says_is_sarif() -> None:
    """Its file's name is in percent, byte by byte."""
    (result,) = run_of(report(EVIL))["results"]
    shown = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert os.fsdecode(unquote_to_bytes(shown)) == EVIL.file


def test_files_are_relative_to_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If they are below; else they are as they were named, or a file's URI."""
    monkeypatch.chdir(tmp_path)
    assert uri("a/b.yaml") == "a/b.yaml"
    assert uri(str(tmp_path / "a b.yaml")) == "a%20b.yaml"
    assert uri("/etc/a.yaml") == "file:///etc/a.yaml"
    assert uri("../a.yaml") == "../a.yaml"
    assert uri("<stdin>") == "%3Cstdin%3E"

    def gone(*_: object) -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)
    assert relative("a.yaml") == "a.yaml"
