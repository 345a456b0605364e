"""Which files are looked at: those that are named, and what a directory has.

A directory holds other things than manifests. What would be told wrongly if it were taken for one
is found here by its neighbours: a Helm chart's templates, and the patches of a kustomization, which
look like objects and are parts of them.

What is no regular file is never opened, unless somebody names it: a FIFO would be waited for.
Symbolic links to directories are not followed, as `kubectl apply -R` does not: they may lead in a
circle.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from healthkit._validate import one_line
from healthkit.errors import ConfigError
from healthkit.manifests._composer import documents
from healthkit.manifests._document import Document
from healthkit.manifests._loose import Loose
from healthkit.manifests._nodes import Mapping
from healthkit.manifests._source import from_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What is taken out of a directory.
SUFFIXES: Final = (".yaml", ".yml", ".json")

#: Directories that hold no manifests of anybody's own, however many files they have.
_PASSED_BY: Final = frozenset(
    {".git", ".hg", ".svn", ".tox", ".venv", "__pycache__", "node_modules"}
)

#: kustomize api/konfig/general.go, RecognizedKustomizationFileNames.
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")

#: How far above a file its chart's or its kustomization's directory is looked for.
_LEVELS: Final = 4

_CHART: Final = "Chart.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """A file to look at."""

    path: str
    #: Whether somebody has named it, and means it to be a manifest.
    named: bool


@dataclass(slots=True)
class Places:
    """The files of some paths, each once, whatever leads to it."""

    #: Is told of directories that can't be read.
    unreadable: Callable[[str], None]
    #: Is told of charts.
    unrendered: Callable[[str], None]
    #: How many files were left alone.
    left_alone: int = 0
    _seen: set[str] = field(default_factory=set[str])
    _patches: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    def of(self, path: str) -> Iterator[Place]:
        """Yield the files of a path: itself, or those of the directory that it is."""
        if chart := _chart_above(path):
            self.unrendered(_unrendered(chart))
        elif not os.path.isdir(path):  # noqa: PTH112  # False for any text; Path raises for some
            yield from self._file(Place(path, named=True))
        else:
            # All are listed first: a kustomization may name a patch that stands beside another.
            for file in list(self._walk(path)):
                yield from self._file(Place(file, named=False))

    def _file(self, place: Place) -> Iterator[Place]:
        real = _real(place.path)
        if real in self._seen:
            return
        self._seen.add(real)
        if self._is_patch(real):
            self.left_alone += 1
        else:
            yield place

    def _walk(self, top: str) -> Iterator[str]:
        """Yield the files of a directory, to the bottom; in an order that doesn't change."""
        told: Callable[[OSError], None] = partial(_unlisted, self.unreadable)
        for directory, below, files in os.walk(top, onerror=told):
            if _CHART in files:
                self.unrendered(_unrendered(directory))
                below.clear()
                continue
            below[:] = sorted(name for name in below if name not in _PASSED_BY)
            self._kustomized(directory)
            for name in sorted(files):
                path = os.path.join(directory, name)  # noqa: PTH118  # surrogates, and speed
                is_one = name.lower().endswith(SUFFIXES)
                if is_one and os.path.isfile(path):  # noqa: PTH113  # as above
                    yield path

    def _is_patch(self, real: str) -> bool:
        directory = os.path.dirname(real)  # noqa: PTH120  # the text of a path, and no more
        for _ in range(_LEVELS):
            self._kustomized(directory)
            directory = os.path.dirname(directory)  # noqa: PTH120  # as above
        return any(real in found for found in self._patches.values())

    def _kustomized(self, directory: str) -> None:
        """Note the patches of a directory's kustomization."""
        if (real := _real(directory)) not in self._patches:
            named = _patches(real)
            found = {_real(os.path.join(real, one)) for one in named}  # noqa: PTH118  # as above
            self._patches[real] = frozenset(found)


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in it: reading says so
        return path


def _unlisted(told: Callable[[str], None], exc: OSError) -> None:
    where = one_line(str(exc.filename))
    told(f"{where}: {(exc.strerror or 'not readable').lower()}: expected a directory to read")


def _unrendered(chart: str) -> str:
    where = one_line(chart)
    return (
        f"{where}: found a Helm chart, expected manifests: render it first, "
        f"as in helm template {where} | healthkit lint -"
    )


def _chart_above(path: str) -> str | None:
    """Return the chart whose templates a path is in."""
    directory = _real(path)
    for _ in range(_LEVELS):
        directory, name = os.path.split(directory)
        chart = os.path.join(directory, _CHART)  # noqa: PTH118  # the text of a path, and no more
        if name == "templates" and os.path.isfile(chart):  # noqa: PTH113  # as above
            return directory
    return None


def _patches(directory: str) -> Iterator[str]:
    """Yield the patches that a directory's kustomization names, as it does."""
    for name in KUSTOMIZATIONS:
        path = os.path.join(directory, name)  # noqa: PTH118  # the text of a path, and no more
        if os.path.isfile(path):  # noqa: PTH113  # as above
            yield from _named(path)


def _named(path: str) -> Iterator[str]:
    """Yield the patches that a kustomization names; none if it can't be read: that is told."""
    try:
        source = from_file(path)
        roots = [one for one in documents(source, lambda _: None) if isinstance(one, Mapping)]
    except ConfigError:
        return
    for root in roots:
        place = Loose(Document(source, root), (), root)
        for name in ("patches", "patchesJson6902"):
            yield from (found for one in (place / name).items if (found := (one / "path").text))
        yield from (one for one in (place / "patchesStrategicMerge").texts if "\n" not in one)
