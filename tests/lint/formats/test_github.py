"""Findings as annotations of GitHub Actions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from healthkit.lint._formats.github import as_github
from tests.lint.findings import ADVICE, EVIL, FINDING, OTHER, report


def test_a_finding_is_an_annotation() -> None:
    """Of its file and line; then comes the summary."""
    assert as_github(report(FINDING)).splitlines() == [
        (
            "::warning file=deploy.yaml,line=42,col=15,"
            "title=HK202 Deployment/shop%2C container web::"
            "timeoutSeconds 15 is longer than periodSeconds 10: probes of one kind never overlap%0A"
            "Fix: set timeoutSeconds to periodSeconds at most%0A"
            "At spec.template.spec.containers[0].livenessProbe.timeoutSeconds"
        ),
        "found 1 warning in 3 objects of 2 files",
    ]


def test_each_severity_has_its_command() -> None:
    """Advice is a notice."""
    lines = as_github(report(FINDING, OTHER, ADVICE)).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["::warning", "::error", "::notice"]


def test_what_cannot_be_used_is_an_error() -> None:
    """Of no file that there must be."""
    lines = as_github(report(unusable=("a: 100 %\nb",))).splitlines()
    assert lines[0] == "::error title=healthkit lint::a: 100 %25 b"


def test_a_manifest_gives_no_commands() -> None:
    """It can't end a property, nor a line."""
    lines = as_github(report(EVIL)).split("\n")
    assert [line.startswith("::") for line in lines] == [True, False, False]
    _, head, message = lines[0].split("::", 2)
    name, *properties = head.removeprefix("warning ").split(",")
    assert name.startswith("file=")
    assert [one.partition("=")[0] for one in properties] == ["line", "col", "title"]
    assert "%0A" in message
    assert "100 %25" in message


def test_a_file_is_named_from_here() -> None:
    """GitHub knows files of the checkout by that."""
    here = replace(FINDING, file=str(Path.cwd() / "a" / "b.yaml"))
    assert as_github(report(here)).startswith("::warning file=a/b.yaml,")
