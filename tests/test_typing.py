"""What the README says about types is what a type checker says."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import healthkit

ROOT = Path(__file__).parent.parent
API = ROOT / "tests" / "typing" / "api.py"

#: Public in `Health` for the doors and for tests of the engine; a user has no business with them.
FOR_THE_DOORS = {
    "answering",
    "begin",
    "begin_without_lifespan",
    "begin_without_server",
    "desks",
    "forked",
    "lifespan_closed",
    "life",
    "metrics_path",
    "paths",
    "prestop_desks",
    "publish",
    "registered",
    "settings",
}


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_right_uses_check_and_wrong_ones_do_not() -> None:
    """Each wrong use is marked, and mypy refuses a mark that nothing needs."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(API)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own interpreter
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_whole_public_api_is_used() -> None:
    """A name that api.py does not use is a name whose type nobody has looked at."""
    nodes = list(ast.walk(ast.parse(API.read_text(encoding="utf-8"))))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    public = {name for name in dir(healthkit.Health) if not name.startswith("_")}
    assert set(healthkit.__all__) <= names
    assert public - FOR_THE_DOORS <= attributes
