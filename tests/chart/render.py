"""The chart, rendered by a real helm: the documents, or the line that says why there are none.

It is ``helm template`` that counts: ``helm lint`` passes a chart whose template calls ``fail``.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.chart.tools import ROOT, tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: One document, or a part of one, as it was parsed.
Fields = dict[str, Any]

CHART: Final = ROOT / "helm" / "healthkit-app"

#: The values that are shipped for tests: one file for each feature.
VALUES: Final = tuple(sorted(CHART.glob("ci/*-values.yaml")))

#: The oldest Kubernetes that the chart is for, and newer ones.
VERSIONS: Final = ("1.29", "1.34", "1.37")

RELEASE: Final = "shop"

#: In seconds, for one run of helm, on a machine that is busy: it takes one, and may hang for ever.
PATIENCE: Final = 600


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a run of helm has left."""

    code: int
    text: str
    error: str

    @property
    def documents(self) -> list[Fields]:
        """The documents. A comment alone is none."""
        assert self.code == 0, self.error
        return [one for one in yaml.load_all(self.text, yaml.CSafeLoader) if one]

    def find(self, kind: str) -> Fields:
        """Return the only document of a kind, its tests aside."""
        (one,) = [one for one in self.documents if one["kind"] == kind and not is_test(one)]
        return one

    @property
    def container(self) -> Fields:
        """The app's container."""
        containers: list[Fields] = self.find("Deployment")["spec"]["template"]["spec"]["containers"]
        (one,) = [one for one in containers if one["name"] == "app"]
        return one


def is_test(document: Fields) -> bool:
    """Whether a document is a hook for ``helm test``."""
    annotations: Fields = document["metadata"].get("annotations", {})
    return "helm.sh/hook" in annotations


def helm(name: str, *words: str | Path, values: Mapping[str, object] | None = None) -> Rendered:
    """Run helm.

    Args:
        name: which: ``helm4`` or ``helm3``.
        words: its arguments.
        values: for its standard input, where ``--values -`` reads them.
    """
    environ = {key: word for key, word in os.environ.items() if not key.startswith("HELM_")}
    done = subprocess.run(  # noqa: S603  # our own words
        [tool(name), *map(str, words)],
        input=json.dumps(values or {}),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return Rendered(done.returncode, done.stdout, done.stderr.strip())


def template(
    values: Mapping[str, object] | None = None,
    *,
    name: str = "helm4",
    kube_version: str = VERSIONS[-1],
    chart: Path = CHART,
    files: Sequence[Path] = (),
) -> Rendered:
    """Render a chart.

    Args:
        values: they win over the files'.
        name: which helm does it.
        kube_version: the Kubernetes that it is rendered for.
        chart: where it is.
        files: of values.
    """
    words: list[str | Path] = ["template", RELEASE, chart, "--kube-version", f"{kube_version}.0"]
    for file in files:
        words += ["--values", file]
    return helm(name, *words, "--values", "-", values=values)


def merged(files: Sequence[Path]) -> Fields:
    """Return the values of files as one mapping; later ones win, as a whole at the root."""
    found: Fields = {}
    for file in files:
        found |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return found


def notes(values: Fields | None = None, *words: str) -> str:
    """Return what ``helm install`` ends with: helm 4 asks no cluster for that.

    It is no part of what ``helm template`` renders.
    """
    options = ["--dry-run=client", *words, "--values", "-"]
    done = helm("helm4", "install", RELEASE, CHART, *options, values=values or {})
    assert done.code == 0, done.error
    return done.text.partition("NOTES:\n")[2]
