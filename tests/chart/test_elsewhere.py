"""The chart in other hands: below a parent chart, twice, and from a checkout with CRLF."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

import pytest

from tests.chart.numbers import IMAGE
from tests.chart.render import CHART, RELEASE, Fields, Rendered, helm, template
from tests.chart.tools import needs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [needs("helm4"), pytest.mark.chart]

EVERYTHING: Final = CHART / "ci" / "everything-values.yaml"

both = pytest.mark.parametrize("name", ["helm4", pytest.param("helm3", marks=needs("helm3"))])


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a chart that has this one twice, each switched by its own value."""
    folder = tmp_path_factory.mktemp("parent")
    dependencies = [
        {"name": "healthkit-app", "version": "*", "alias": alias, "condition": f"{alias}.enabled"}
        for alias in ("web", "api")
    ]
    fields = {"apiVersion": "v2", "name": "parent", "version": "0.1.0"}
    (folder / "Chart.yaml").write_text(json.dumps(fields | {"dependencies": dependencies}))
    shutil.copytree(CHART, folder / "charts" / "healthkit-app")
    return folder


def below(parent: Path, name: str, **values: Fields) -> Rendered:
    """Render the parent chart."""
    values = {alias: {**IMAGE, **more} for alias, more in values.items()}
    return template({"global": {"region": "eu"}, **values}, name=name, chart=parent)


def names(rendered: Rendered, kind: str) -> list[str]:
    """Return the names of all objects of a kind."""
    return sorted(one["metadata"]["name"] for one in rendered.documents if one["kind"] == kind)


@both
def test_a_parent_chart_has_it_twice_and_switches_each(parent: Path, name: str) -> None:
    """Helm hands the condition of a dependency on to it, as one of its own values."""
    two = below(parent, name, web={"enabled": True}, api={})
    assert names(two, "Deployment") == [f"{RELEASE}-api", f"{RELEASE}-web"]
    assert names(below(parent, name, web={"enabled": False}, api={}), "Service") == [
        f"{RELEASE}-api"
    ]


def test_two_of_one_parent_find_their_own_pods(parent: Path) -> None:
    """And watch them."""
    watched = {
        "metrics": {"enabled": True},
        "podMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
    }
    whole = below(parent, "helm4", web=watched, api=watched)
    for kind in ("Service", "PodMonitor", "Deployment", "PodDisruptionBudget"):
        selectors = [one["spec"]["selector"] for one in whole.documents if one["kind"] == kind]
        assert len({json.dumps(one) for one in selectors}) == 2, kind
    api, web = (
        json.dumps(one["spec"]) for one in whole.documents if one["kind"] == "PrometheusRule"
    )
    assert f"{RELEASE}-web" not in api
    assert api.replace(f"{RELEASE}-api", f"{RELEASE}-web") == web


def test_a_checkout_with_crlf_makes_the_same(tmp_path: Path) -> None:
    """As git has it on Windows: of templates, files and values."""
    chart = tmp_path / "healthkit-app"
    shutil.copytree(CHART, chart)
    for path in chart.rglob("*.*"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    files = [chart / "ci" / EVERYTHING.name]
    assert template(chart=chart, files=files).documents == template(files=[EVERYTHING]).documents


def test_it_is_rendered_the_same_each_time() -> None:
    """What a GitOps controller renders again and again has no time and no chance in it."""
    first, second = (template(files=[EVERYTHING]) for _ in range(2))
    assert first.text == second.text
    assert "lookup" not in "".join(path.read_text() for path in CHART.glob("templates/**/*.*"))


def test_two_long_names_are_two_of_each() -> None:
    """No object's name is cut off, or a second release in the namespace would take its place."""
    made = [
        template({"fullnameOverride": "a" * 55 + end}, files=[EVERYTHING]) for end in ("b", "c")
    ]
    first, second = (
        {(one["kind"], one["metadata"]["name"]) for one in rendered.documents} for rendered in made
    )
    assert not first & second


@both
def test_a_lint_of_the_parent_finds_nothing(parent: Path, name: str) -> None:
    """With values, for without it has no image."""
    values = {"web": {**IMAGE, "enabled": True}, "api": IMAGE}
    done = helm(name, "lint", parent, "--values", "-", values=values)
    assert done.code == 0, done.text
