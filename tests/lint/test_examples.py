"""Every rule has an example that fails, the same mended, and a near miss that must not be told.

They are files: ``examples/HK202/bad.yaml``, ``fixed.yaml``, ``near.yaml``; more of each may be
there, as ``bad-exec.yaml``. Each line at which a rule is to be told says so: ``# HK202``. A comment
``# lint: --kube-version 1.29`` in the first line is what the linter is told, and ``# lint:
--schemas`` in any has it ask the schemas. An app to hold against
is a file ``app.json`` beside them, with the fields of `AppSettings`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from healthkit import lint
from healthkit.lint import AppSettings, Options, Severity

EXAMPLES: Final = Path(__file__).parent / "examples"
FILES: Final = sorted(EXAMPLES.glob("*/*.yaml"))
RULES: Final = [rule.id for rule in lint.rules()]


def options(file: Path) -> Options:
    """Return what an example wants the linter to be told."""
    found = re.match(r"# lint: --kube-version (\S+)", file.read_text())
    kube = lint.version("--kube-version", found[1]) if found else Options().kube_version
    app = file.with_name("app.json")
    settings = AppSettings(**json.loads(app.read_text())) if app.exists() else None
    schemas = "# lint: --schemas" in file.read_text()
    return Options(kube_version=kube, app=settings, schemas=schemas)


def told(file: Path) -> list[tuple[str, int]]:
    """Return the rules that an example wants to be told, with their lines."""
    lines = enumerate(file.read_text().splitlines(), 1)
    return [(rule, line) for line, text in lines for rule in re.findall(r"# .*?(HK\d+)", text)]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_its_examples(rule: str) -> None:
    """One that fails, one that is mended, one that is a near miss."""
    names = {
        path.name.partition("-")[0].removesuffix(".yaml")
        for path in FILES
        if path.parent.name == rule
    }
    assert names >= {"bad", "fixed", "near"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_an_example_is_told_where_it_says(file: Path) -> None:
    """The rule of its directory, at these lines, and nowhere else."""
    rule = file.parent.name
    report = lint.check([file], options(file))
    assert report.unusable == ()
    found = [(one.rule, one.line) for one in report.findings if one.rule == rule]
    wanted = [one for one in told(file) if one[0] == rule]
    assert found == wanted
    assert bool(wanted) is file.name.startswith("bad")
    if not file.name.startswith("bad"):
        errors = [one for one in report.findings if one.severity is Severity.ERROR]
        assert errors == []
