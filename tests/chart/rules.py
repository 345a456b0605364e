"""The alerts as a real helm renders them, and promtool to ask about them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.chart.render import CHART, template
from tests.chart.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.render import Fields

#: What the alerts are rendered with: a start of 150 s, and the rest as it is shipped.
VALUES: Final[Fields] = {
    "image": {"repository": "registry.example/shop", "tag": "1.0.0"},
    "bootSeconds": 30,
    "warmUpSeconds": 120,
    "metrics": {"enabled": True},
    "podMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
}

#: Where CI has promtool fetched to.
_FETCHED: Final = ROOT / ".promtool" / "usr" / "bin" / "promtool"

#: In seconds, for one run of promtool, on a machine that is busy: it takes one.
PATIENCE: Final = 600


def promtool() -> str | None:
    """Return where promtool is."""
    fetched = str(_FETCHED) if _FETCHED.is_file() else None
    return os.environ.get("PROMTOOL") or shutil.which("promtool") or fetched


needs_promtool: Final = pytest.mark.skipif(
    promtool() is None,
    reason="no promtool in PATH or .promtool, and PROMTOOL names none: promtool.sh gets it",
)


def ran(folder: Path, *words: str) -> tuple[int, str]:
    """Run promtool; return its exit code, and all that it said."""
    done = subprocess.run(  # noqa: S603  # our own words
        [promtool() or "promtool", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout + done.stderr


def rules_file(folder: Path, groups: list[Fields]) -> Path:
    """Write rules where promtool reads them. JSON is YAML."""
    path = folder / "rules.yml"
    path.write_text(json.dumps({"groups": groups}))
    return path


def groups(values: Fields | None = None) -> list[Fields]:
    """Return the groups of rules, out of the PrometheusRule object that helm has made."""
    found: list[Fields] = template(VALUES | (values or {})).find("PrometheusRule")["spec"]["groups"]
    return found


def alerts(values: Fields | None = None) -> dict[str, Fields]:
    """Return the alerts, by their names."""
    return {rule["alert"]: rule for group in groups(values) for rule in group["rules"]}


def runbooks() -> dict[str, str]:
    """Return the sections of RUNBOOKS.md, by their titles."""
    text = (CHART / "RUNBOOKS.md").read_text(encoding="utf-8")
    _, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    parted = [section.partition("\n") for section in sections]
    return {title: body.strip() for title, _, body in parted}
