"""Where the real tools are: helm 4, helm 3, kubectl.

``HELM4``, ``HELM3`` and ``KUBECTL`` name them; else they are looked for in ``.tools``, where
`fetch.sh` puts them. Tests that need one which is not there are skipped, with the reason.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

#: Where ``make`` has them fetched to.
DIRECTORY: Final = ROOT / ".tools"


def find(name: str) -> Path | None:
    """Return where a tool is. What a variable names is taken at its word."""
    named = os.environ.get(name.upper())
    if named:
        return Path(named)
    path = DIRECTORY / name
    return path if path.is_file() else None


def needs(name: str) -> pytest.MarkDecorator:
    """Return the mark of a test that needs a tool."""
    fetch = "`sh tests/chart/fetch.sh .tools` gets it"
    reason = f"no {name} in .tools, and {name.upper()} names none: {fetch}"
    return pytest.mark.skipif(find(name) is None, reason=reason)


def tool(name: str) -> str:
    """Return where a tool is, for a test that is marked by `needs`."""
    found = find(name)
    assert found is not None, f"a test that runs {name} is not marked: needs({name!r})"
    return str(found)
