"""Manifests for tests of the linter, as its rules see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit import lint
from healthkit.lint._manifests import Manifests
from healthkit.lint._reading import Read, take
from healthkit.manifests._source import from_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.lint._facts.servers import Server
    from healthkit.lint._options import Options
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose


def manifests(text: str, options: Options | None = None) -> Manifests:
    """Return the objects of a text."""
    read = Read()
    take(read, from_text(text, "manifest"), named=False)
    return Manifests(read.documents, options)


def place(text: str) -> Loose:
    """Return what stands in a text of YAML, as the spec of an object."""
    lines = "\n".join(f"  {line}" for line in text.splitlines())
    (thing,) = manifests(f"apiVersion: v1\nkind: Thing\nspec:\n{lines}\n").things
    return thing.root / "spec"


def pod(spec: str, *others: str, kind: str = "Pod", metadata: str = "") -> str:
    """Return a Pod with a container and what else its spec says, and other objects."""
    lines = "\n".join(f"  {line}" for line in spec.splitlines())
    head = (
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: shop, labels: {{app: shop}}{metadata}}}"
    )
    return "\n---\n".join([f"{head}\nspec:\n{lines}", *others])


def container(text: str, options: Options | None = None) -> Container:
    """Return the first container of a text."""
    return manifests(text, options).containers[0]


def told(text: str, rule: str, options: Options | None = None) -> list[str]:
    """Return what a rule says of a text."""
    report = lint.check_text(text, options=options)
    return [one.what for one in report.findings if one.rule == rule]


def always(server: Server) -> Callable[..., Server]:
    """Return what finds this server in every command."""

    def found(*_: object) -> Server:
        return server

    return found
