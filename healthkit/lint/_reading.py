"""Files, directories and texts, as the objects in them.

One file that can't be used doesn't keep the others from being read: it is told, and the exit code
says so. What is found in a directory may be anything, and what is no Kubernetes object there is
left alone; what was named by somebody must be one.

The surprising fact: a text in which the words ``apiVersion`` and ``kind`` don't stand is no
manifest, whatever else may be wrong with it. So it is never said of a ``tsconfig.json`` with
comments in it that it is no YAML.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from healthkit._validate import one_line
from healthkit.errors import ConfigError
from healthkit.lint._patch import may_have_patches, patch
from healthkit.lint._places import KUSTOMIZATIONS, Places
from healthkit.manifests import _workloads
from healthkit.manifests._objects import is_read, objects, text
from healthkit.manifests._source import Refusal, Source, from_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from healthkit.lint._places import Place
    from healthkit.manifests._document import Document
    from healthkit.manifests._source import Kind


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
    #: How many files were read.
    files: int = 0
    #: How many files are no manifests, and nobody has said that they were.
    left_alone: int = 0


def read(
    paths: Sequence[str], stdin: Callable[[], Source] | None = None, *, skip_others: bool = False
) -> Read:
    """Read files and directories.

    Args:
        paths: of files, or of directories, which are gone through to the bottom.
        stdin: reads what comes first, if anything does.
        skip_others: leave alone what is no manifest, whoever has named it: other YAML and JSON,
            charts, templates that nobody rendered. Then there may be nothing at all.

    Raises:
        ConfigError: PyYAML is missing.
    """
    found = Read()
    if stdin is not None:
        _take_from(stdin, found, named=True, skip_others=skip_others)
    charts = list[str]()
    places = Places(unreadable=found.unusable.append, unrendered=charts.append)
    for place in (place for path in paths for place in places.of(path)):
        _take_file(found, place, skip_others=skip_others)
    found.left_alone += places.left_alone
    if not skip_others:
        found.unusable += charts
        if not found.documents and not found.unusable:
            found.unusable.append(_nothing(paths))
    return found


def _nothing(paths: Sequence[str]) -> str:
    where = f"{one_line(paths[0])}: " if len(paths) == 1 else ""
    return f"{where}found no Kubernetes object, expected manifests with apiVersion and kind"


def _take_file(found: Read, place: Place, *, skip_others: bool) -> None:
    directory, name = os.path.split(place.path)
    if name in KUSTOMIZATIONS:
        _kustomization(found, directory, told=place.named and not skip_others)
        return
    source = partial(from_file, place.path)
    _take_from(source, found, named=place.named, skip_others=skip_others)


def _take_from(
    source: Callable[[], Source], found: Read, *, named: bool, skip_others: bool
) -> None:
    try:
        text = source()
    except ConfigError as exc:
        found.files += 1
        found.unusable.append(str(exc))
    else:
        take(found, text, named=named, skip_others=skip_others)


def _kustomization(found: Read, directory: str, *, told: bool) -> None:
    """Pass by what says how manifests are made, and is none."""
    found.files += 1
    found.left_alone += not told
    if told:
        where = one_line(directory) or "."
        found.unusable.append(
            f"{where}: found a kustomization, expected manifests: render it first, "
            f"as in kubectl kustomize {where} | healthkit lint -"
        )


def take(found: Read, source: Source, *, named: bool, skip_others: bool = False) -> None:
    """Take the objects of a text.

    Args:
        found: what they are added to.
        source: the text.
        named: whether somebody has named it, and means it to be a manifest.
        skip_others: as for `read`.

    Raises:
        ConfigError: PyYAML is missing.
    """
    found.files += 1
    strict = named and not skip_others
    before = len(found.documents)
    faults = _take(found, source) if strict or _may_be_manifest(source.text) else []
    passed_by = _passed_by(strict=strict, skip_others=skip_others)
    told = [str(fault) for fault in faults if fault.kind not in passed_by]
    found.unusable += told
    found.left_alone += not told and len(found.documents) == before


def _may_be_manifest(text: str) -> bool:
    return "apiVersion" in text and "kind" in text


def _passed_by(*, strict: bool, skip_others: bool) -> frozenset[Kind]:
    """Return which kinds of faults say only that a text is no manifest, and are not told."""
    if strict:
        return frozenset()
    return frozenset({"object", "template"} if skip_others else {"object"})


def _take(found: Read, source: Source) -> list[Refusal]:
    """Take the objects of a text, and return what is wrong with it and is no finding."""
    faults: list[Refusal] = []
    try:
        documents = list(objects(source, faults.append))
    except Refusal as exc:
        return [exc]
    patched = may_have_patches(source)
    for document in documents:
        if patched and (fault := patch(document)):
            faults.append(fault)
            continue
        found.documents.append(document)
        found.refusals += [(document, fault) for fault in _refused(document)]
    doubles = [fault for fault in faults if fault.kind == "duplicate"]
    if doubles:
        ordered = sorted(documents, key=_line)
        found.refusals += [(_around(ordered, fault.line or 1), fault) for fault in doubles]
    if not documents and not faults:
        return [source.error("found nothing: expected Kubernetes objects", kind="object")]
    return [fault for fault in faults if fault.kind != "duplicate"]


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


def _around(ordered: list[Document], line: int) -> Document | None:
    """Return the object that a line stands in, of those in the order of the text."""
    after = bisect_right(ordered, line, key=_line)
    return ordered[bisect_left(ordered, _line(ordered[after - 1]), key=_line)] if after else None


def _line(document: Document) -> int:
    return document.root.position.line
