"""Findings for programs."""

from __future__ import annotations

import json
from collections import Counter

from healthkit.lint._formats import json as _json
from healthkit.lint._formats.json import as_json
from tests.lint.findings import EVIL, FINDING, IGNORED, OTHER, report


def test_all_members_are_there() -> None:
    """Those that the module's docstring names, and no others."""
    shape = json.loads(
        as_json(report(FINDING, ignored=(IGNORED,), unusable=("a",), skipped=Counter(a=2)))
    )
    assert shape == {
        "version": 1,
        "findings": [
            {
                "rule": "HK202",
                "severity": "warning",
                "object": "Deployment/shop",
                "namespace": "default",
                "container": "web",
                "path": FINDING.path,
                "file": "deploy.yaml",
                "line": 42,
                "column": 15,
                "what": FINDING.what,
                "why": FINDING.why,
                "fix": FINDING.fix,
                "numbers": {"timeoutSeconds": 15, "periodSeconds": 10},
                "ignored": None,
            }
        ],
        "ignored": [{**shape["findings"][0], "ignored": "it is slow"}],
        "unusable": ["a"],
        "files": 2,
        "left_alone": 0,
        "objects": 3,
        "skipped": {"a": 2},
    }
    documented = _json.__doc__ or ""
    assert all(name in documented for name in [*shape, *shape["findings"][0]])


def test_whatever_a_manifest_says_is_json() -> None:
    """Bytes that are no text, and numbers without end."""
    text = as_json(report(EVIL, OTHER))
    assert text.isascii()
    assert json.loads(text)["findings"][0]["numbers"] == {"a\nb": None}
