"""What a rule says of a manifest, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit import lint
from tests.manifests.snippets import deployment

if TYPE_CHECKING:
    from healthkit.lint import Finding, Options


def told(rule: str, text: str, options: Options | None = None) -> list[Finding]:
    """Return what one rule finds in a text."""
    found = lint.check_text(text, options=options).findings
    return [one for one in found if one.rule == rule]


def of_container(rule: str, container: str, *, pod: str = "") -> list[Finding]:
    """Return what one rule finds in a Deployment with these lines in its container and its pod."""
    return told(rule, deployment(container=container, pod=pod))


def of_command(rule: str, *command: str, probe: str = "livenessProbe") -> list[Finding]:
    """Return what one rule finds in a probe that runs a command."""
    words = ", ".join("'" + word.replace("'", "''") + "'" for word in command)
    return of_container(rule, f"{probe}: {{exec: {{command: [{words}]}}}}")
