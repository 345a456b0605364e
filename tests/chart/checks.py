"""What is held against rendered documents; each returns what is wrong, a line each.

The published schemas, `healthkit lint --strict`, yamllint. Custom resources have their own check,
`custom`.
"""

from __future__ import annotations

import importlib
import io
import json
import shutil
import subprocess
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from healthkit import _lint
from tests.chart.render import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.chart.render import Fields

#: The kinds that the published schemas don't have; `custom` looks at them.
CUSTOM: Final = frozenset({"HTTPRoute", "PodMonitor", "PrometheusRule", "ServiceMonitor"})

#: What is written by hand. A document needs no ``---`` above it.
STYLE: Final = """\
extends: default
rules:
  document-start: disable
  line-length: {max: 100, allow-non-breakable-words: true}
  indentation: {spaces: 2, indent-sequences: consistent}
  truthy: {check-keys: false}
"""

#: What is rendered: helm indents no list and ends with a blank line; a text is as long as it is.
RENDERED_STYLE: Final = """\
extends: default
rules:
  document-start: disable
  line-length: disable
  empty-lines: disable
  indentation: {spaces: 2, indent-sequences: whatever}
  truthy: {check-keys: false}
"""


class _Schemas(Protocol):
    """What is used of the package ``kubernetes_validate``."""

    ValidationError: type[Exception]
    SchemaNotFoundError: type[Exception]

    def validate(self, data: dict[str, Any], desired_version: str, *, strict: bool) -> str: ...


class _Problem(Protocol):
    """What is used of what yamllint finds."""

    line: int
    column: int
    desc: str
    rule: str


class _Linter(Protocol):
    """What is used of ``yamllint.linter``."""

    def run(self, text: str, config: object) -> Iterable[_Problem]: ...


class _Config(Protocol):
    """What is used of ``yamllint.config``."""

    def YamlLintConfig(self, content: str) -> object: ...  # noqa: N802  # its own name


_LINTER: Final = cast("_Linter", importlib.import_module("yamllint.linter"))
_CONFIG: Final = cast("_Config", importlib.import_module("yamllint.config"))
_SCHEMAS: Final = cast("_Schemas", importlib.import_module("kubernetes_validate"))


def schemas(documents: Iterable[Fields], kube_version: str) -> list[str]:
    """Hold documents against the schemas of one Kubernetes; no schema is a failure, too."""
    return [problem for one in documents for problem in _schema(one, kube_version)]


def _schema(document: Fields, kube_version: str) -> Iterator[str]:
    name = f"{document['kind']}/{document['metadata']['name']}"
    if document["kind"] in CUSTOM:
        return
    try:
        _SCHEMAS.validate(document, kube_version, strict=True)
    except (_SCHEMAS.ValidationError, _SCHEMAS.SchemaNotFoundError) as exc:
        where = ".".join(map(str, getattr(exc, "path", ())))
        yield f"{name} for {kube_version}: {where}: {getattr(exc, 'message', exc)}"


def lint(path: Path, kube_version: str) -> list[str]:
    """Run ``healthkit lint --strict`` on a file or a directory."""
    said = io.StringIO()
    with redirect_stdout(said):
        code = _lint.main(["--strict", "--kube-version", kube_version, str(path)])
    return [] if code == 0 else [f"healthkit lint: exit code {code}", *said.getvalue().splitlines()]


def style(text: str, name: str, rules: str = STYLE) -> list[str]:
    """Run yamllint on a text."""
    found = _LINTER.run(text, _CONFIG.YamlLintConfig(rules))
    return [f"{name}:{one.line}:{one.column}: {one.desc} ({one.rule})" for one in found]


# -- custom resources and the README, by Node ------------------------------------------------------

NODE: Final = Path(__file__).with_name("node")


def installed() -> bool:
    """Whether ``make chart`` has installed what Node needs."""
    return shutil.which("node") is not None and (NODE / "node_modules").is_dir()


def custom(documents: Iterable[Fields]) -> list[str]:
    """Hold custom resources against their operators' models: wrong types, unknown fields."""
    theirs = [one for one in documents if one["kind"] in CUSTOM]
    return cast("list[str]", json.loads(_node(NODE / "check.mjs", text=json.dumps(theirs))))


def table(chart: Path, readme: Path) -> None:
    """Write the table of a chart's values into a README, where the generator has its place."""
    generator = NODE / "node_modules" / ".bin" / "readme-generator"
    _node(generator, "--values", chart / "values.yaml", "--readme", readme)


def _node(*words: str | Path, text: str = "") -> str:
    done = subprocess.run(  # noqa: S603  # our own words
        ["node", *map(str, words)],  # noqa: S607  # whichever there is
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
