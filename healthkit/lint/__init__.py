"""The arithmetic that decides whether a rollout loses requests, checked on manifests.

`check` looks at files and directories, `check_text` at a text; both return a `Report`. What the
rules are, each with its reason, its source and its arithmetic, is in `rules`::

    def test_the_manifest_has_no_known_way_to_an_outage() -> None:
        report = lint.check(["deploy.yaml"], lint.Options(kube_version=(1, 34)))
        assert not report.findings, report

A rule never raises. What can't be read is in `Report.unusable`, and keeps nothing else from being
looked at. Needs PyYAML: ``pip install 'healthkit-asgi[manifests]'``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from healthkit.lint._finding import Finding, Severity
from healthkit.lint._options import Options, version
from healthkit.lint._reading import Read, read, take
from healthkit.lint._rule import About
from healthkit.lint._rules import RULES
from healthkit.lint._run import Report, run
from healthkit.manifests._app import AppSettings
from healthkit.manifests._source import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "About",
    "AppSettings",
    "Finding",
    "Options",
    "Report",
    "Severity",
    "check",
    "check_text",
    "rules",
    "version",
]


def check(paths: Iterable[str | os.PathLike[str]], options: Options | None = None) -> Report:
    """Look at the manifests of files and directories, all together.

    Args:
        paths: of files, or of directories, which are gone through to the bottom for ``.yaml``,
            ``.yml`` and ``.json``. Of a directory, what is no manifest is left alone.
        options: what is to be known beside them.

    Raises:
        ConfigError: PyYAML is missing, or the schemas that the options want.
    """
    return run(read([os.fspath(path) for path in paths]), options or Options())


def check_text(text: str | bytes, name: str = "manifest", options: Options | None = None) -> Report:
    """Look at the manifests of a text.

    Args:
        text: YAML, as str or as UTF-8.
        name: what findings call it.
        options: what is to be known beside them.

    Raises:
        ConfigError: the text is too large, not UTF-8, or no text. PyYAML is missing, or the
            schemas that the options want.
    """
    found = Read()
    take(found, from_text(text, name), named=True)
    return run(found, options or Options())


def rules() -> list[About]:
    """Return what there is to say of each rule, in the order of their ids."""
    return [rule.about for rule in RULES]
