"""The whole chart: every file of values, for each Kubernetes, by helm 4 and helm 3.

``make chart`` runs all of it. Beside the other tests only the default and everything at once are
rendered, by helm 4.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from contextlib import redirect_stdout
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from healthkit import _simulate
from tests.chart import checks
from tests.chart.render import CHART, VALUES, VERSIONS, Rendered, helm, template
from tests.chart.tools import ROOT, needs

if TYPE_CHECKING:
    from pathlib import Path

#: Those that are rendered beside the other tests.
_QUICK: Final = ("default-values.yaml", "everything-values.yaml")

#: Those whose values older Kubernetes has no way to: the guard says so.
_NEWER: Final = {"sleep-values.yaml": ("1.29", "found preStop sleep for Kubernetes v1.29.0")}

#: Those who have asked for it.
_LOSES: Final = ("no-drain-delay-values.yaml",)

quick = needs("helm4")
node = pytest.mark.skipif(
    not checks.installed(), reason="no Node, or not what it needs: `make chart` installs it"
)
each_version = pytest.mark.parametrize("kube_version", VERSIONS)
each_file = pytest.mark.parametrize("file", VALUES, ids=lambda file: file.name)
few_files = pytest.mark.parametrize(
    "file", [file for file in VALUES if file.name in _QUICK], ids=lambda file: file.name
)


@cache
def rendered(file: Path, kube_version: str, name: str = "helm4") -> Rendered:
    """Return what helm makes of a file of values."""
    return template(name=name, kube_version=kube_version, files=[file])


def is_refused(file: Path, kube_version: str) -> bool:
    """Whether a guard is to refuse a file of values for this Kubernetes."""
    return file.name in _NEWER and _NEWER[file.name][0] == kube_version


def problems(file: Path, kube_version: str, directory: Path) -> list[str]:
    """Return what is wrong with what a file of values renders to."""
    found = rendered(file, kube_version)
    if is_refused(file, kube_version):
        return [] if _NEWER[file.name][1] in found.error else ["it is not refused"]
    written = directory / "rendered.yaml"
    written.write_text(found.text, encoding="utf-8")
    return [
        *checks.schemas(found.documents, kube_version),
        *checks.style(found.text, file.name, checks.RENDERED_STYLE),
        *checks.lint(written, kube_version),
    ]


@quick
@few_files
def test_the_default_and_everything_are_valid(file: Path, tmp_path: Path) -> None:
    """For the oldest Kubernetes and the newest."""
    assert problems(file, VERSIONS[0], tmp_path) == []
    assert problems(file, VERSIONS[-1], tmp_path) == []


def test_there_are_files_of_values() -> None:
    """Else nothing would be tested."""
    assert {file.name for file in VALUES} >= set(_QUICK)
    assert len(VALUES) > 10


# -- all of them -----------------------------------------------------------------------------------


@pytest.mark.chart
@quick
@each_version
@each_file
def test_what_is_rendered_is_valid(file: Path, kube_version: str, tmp_path: Path) -> None:
    """By the published schemas, by our own linter, strictly, and as YAML."""
    assert problems(file, kube_version, tmp_path) == []


@pytest.mark.chart
@needs("helm3")
@quick
@each_version
@each_file
def test_both_helms_render_the_same(file: Path, kube_version: str) -> None:
    """But for blank lines, and the order of the documents; and they refuse the same."""
    helm3, helm4 = (rendered(file, kube_version, name) for name in ("helm3", "helm4"))
    assert helm3.code == helm4.code == is_refused(file, kube_version)
    if not helm4.code:
        assert sorted(map(json.dumps, helm3.documents)) == sorted(map(json.dumps, helm4.documents))


@pytest.mark.chart
@pytest.mark.parametrize(
    "name", [pytest.param("helm4", marks=quick), pytest.param("helm3", marks=needs("helm3"))]
)
@each_version
@each_file
def test_helm_lints_it_strictly(file: Path, kube_version: str, name: str) -> None:
    """As it stands in the directory."""
    options = ["--strict", "--kube-version", f"{kube_version}.0"]
    done = helm(name, "lint", CHART, *options, "--values", file)
    assert done.code == 0, done.text + done.error


@pytest.mark.chart
@node
@quick
def test_custom_resources_are_what_their_operators_know() -> None:
    """All of them at once."""
    found = [rendered(file, version) for file in VALUES for version in VERSIONS]
    documents = [document for one in found if not one.code for document in one.documents]
    assert {document["kind"] for document in documents} >= checks.CUSTOM
    assert checks.custom(documents) == []


@pytest.mark.chart
@node
def test_a_custom_resource_that_is_wrong_is_found_to_be() -> None:
    """A wrong type, a field that nobody knows, a version that there is none of."""
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor"}
    selector = {"matchLabels": {"app": "shop"}}
    endpoints = [{"port": "http", "path": "/metrics"}]
    specs = (
        {"selector": selector, "podMetricsEndpoints": endpoints},
        {"selector": selector, "podMetricsEndpoints": [{"port": 8000}]},
        {"selector": selector, "podMetricsEndpoints": [{"port": "http", "intervall": "5s"}]},
    )
    documents = [{**monitor, "metadata": {"name": "shop"}, "spec": spec} for spec in specs]
    assert checks.custom([*documents, documents[0] | {"apiVersion": "monitoring/v9"}]) == [
        "PodMonitor/shop: data/spec/podMetricsEndpoints/0/port must be string",
        "PodMonitor/shop: .spec.podMetricsEndpoints.0.intervall is an unknown field",
        "PodMonitor/shop: there is no model of monitoring/v9",
    ]


@pytest.mark.chart
@node
def test_the_readme_has_the_values_as_they_are(tmp_path: Path) -> None:
    """Its table is written by the generator, from the comments of values.yaml."""
    made = tmp_path / "README.md"
    shutil.copy(CHART / "README.md", made)
    checks.table(CHART, made)
    assert made.read_text(encoding="utf-8") == (CHART / "README.md").read_text(encoding="utf-8")


@pytest.mark.chart
@quick
@each_file
def test_a_life_by_the_command_line_is_good(file: Path, tmp_path: Path) -> None:
    """``healthkit simulate``: an app that boots and warms up as the values say; nothing is lost."""
    found = rendered(file, VERSIONS[-1])
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    values |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    written = tmp_path / "deployment.yaml"
    deployment = found.find("Deployment")
    # Nobody would set the condition.
    deployment["spec"]["template"]["spec"].pop("readinessGates", None)
    written.write_text(json.dumps(deployment))
    boot = values["bootSeconds"] + values["startupSeconds"]
    warm_up = max(values["warmUpSeconds"] - values["startupSeconds"], 0)
    said = io.StringIO()
    with redirect_stdout(said):
        words = [str(written), "--boot", f"{boot}", "--warm-up", f"{warm_up}", "--json"]
        code = _simulate.main(words)
    end = json.loads(said.getvalue())
    assert end["requests"] > 100
    assert (end["lost_requests"] > 0) == (file.name in _LOSES)
    assert code == (file.name in _LOSES)


# -- YAML as it is written -------------------------------------------------------------------------


#: What the README's generator reads must be one line.
_PARAM: Final = re.compile(r"## @(?:param|section|skip) .*")


def _written() -> list[Path]:
    """Return what is written by hand. Templates are no YAML."""
    chart = [CHART / "Chart.yaml", CHART / "values.yaml", *CHART.glob("ci/*.yaml")]
    return [*chart, *(ROOT / "examples" / "manifests").glob("**/*.yaml")]


@pytest.mark.parametrize("path", _written(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_written_by_hand_is_good_yaml(path: Path) -> None:
    """By yamllint."""
    text = _PARAM.sub("## @param", path.read_text(encoding="utf-8"))
    assert checks.style(text, path.name) == []
