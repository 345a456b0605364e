"""Files, directories and texts, as the objects in them.

One file that can't be used doesn't keep the others from being read: it is told, and the exit code
says so. What is found in a directory may be anything, and what is no Kubernetes object there is
left alone; what was named by somebody must be one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from healthkit._validate import shown
from healthkit.errors import ConfigError
from healthkit.manifests import _workloads
from healthkit.manifests._objects import is_read, objects, text
from healthkit.manifests._source import Refusal, Source, from_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.manifests._document import Document

#: What is taken out of a directory.
SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


@dataclass(slots=True)
class Read:
    """What was read."""

    documents: list[Document] = field(default_factory=list["Document"])
    #: What is wrong with them, beside what the rules find.
    refusals: list[tuple[Document | None, Refusal]] = field(
        default_factory=list["tuple[Document | None, Refusal]"]
    )
    #: Why something could not be used at all: a line each.
    unusable: list[str] = field(default_factory=list[str])
    files: int = 0


def read(paths: list[str], stdin: Source | None = None) -> Read:
    """Read files and directories.

    Args:
        paths: of files, or of directories, which are gone through to the bottom.
        stdin: what was read already, if anything.

    Raises:
        ConfigError: PyYAML is missing.
    """
    found = Read()
    if stdin is not None:
        take(found, stdin, named=True)
    for path in paths:
        for file, named in _files(Path(path), found):
            try:
                source = from_file(file)
            except ConfigError as exc:
                found.unusable.append(str(exc))
                continue
            take(found, source, named=named)
    return found


def take(found: Read, source: Source, *, named: bool) -> None:
    """Take the objects of a text.

    Args:
        found: what they are added to.
        source: the text.
        named: whether somebody has named it, and means it to be a manifest.
    """
    faults: list[Refusal] = []
    found.files += 1
    before = len(found.documents)
    try:
        documents = list(objects(source, faults.append))
    except Refusal as exc:
        found.unusable.append(str(exc))
        return
    for document in documents:
        found.documents.append(document)
        found.refusals += [(document, fault) for fault in _refused(document)]
    for fault in faults:
        if fault.kind == "duplicate":
            found.refusals.append((_around(documents, fault.line or 1), fault))
        elif named:
            found.unusable.append(str(fault))
    if named and len(found.documents) == before and not faults:
        found.unusable.append(str(source.error("found nothing: expected Kubernetes objects")))


def _refused(document: Document) -> list[Refusal]:
    """Return what the API server would refuse."""
    faults: list[Refusal] = []
    try:
        kind = text(document, "kind")
        if is_read(document, kind, text(document, "apiVersion")):
            _workloads.read(document, kind, faults.append)
    except Refusal as fault:
        if not any(_within(fault, other) for other in faults):
            faults.append(fault)
    return faults


def _within(fault: Refusal, other: Refusal) -> bool:
    """Whether a fault may be nothing but what another one has left out."""
    shorter = min(len(fault.path), len(other.path))
    return fault.path[:shorter] == other.path[:shorter]


def _around(documents: list[Document], line: int) -> Document | None:
    """Return the object that a line stands in."""
    found = [one for one in documents if one.root.position.line <= line]
    return max(found, key=lambda one: one.root.position.line, default=None)


def _files(path: Path, found: Read) -> Iterator[tuple[Path, bool]]:
    """Yield the files of a path, each with whether it was named."""
    if not path.is_dir():
        yield path, True
        return
    charts = sorted(one.parent for one in path.rglob("Chart.yaml"))
    for chart in charts:
        found.unusable.append(
            f"{shown(str(chart))[1:-1]}: found a Helm chart, expected manifests: render it first, "
            f"as in helm template {chart} | healthkit lint -"
        )
    for file in sorted(path.rglob("*")):
        in_chart = any(file.is_relative_to(chart) for chart in charts)
        if file.suffix in SUFFIXES and file.is_file() and not in_chart:
            yield file, False
