"""The chart's numbers are those of `healthkit.render` and `healthkit.timing`, for random values.

Helm takes its time, so that many sets of values are computed by one run of it: a chart is made
whose only template says the real ones' numbers of each set.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit import render, timing
from healthkit.render import plan
from tests.chart.numbers import Case, cases, defaults, expected
from tests.chart.render import CHART, Fields, template
from tests.chart.tools import needs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = needs("helm4")

#: The numbers of each set of values, as a document.
_NUMBERS: Final = """\
{{- range .Values.cases }}
{{- $kube := dict "KubeVersion" (dict "Version" (printf "v%s.0" .kubeVersion)) }}
---
{{ include "healthkit-app.numbers" (merge (dict "Values" .values "Capabilities" $kube) $) }}
{{- end }}
"""

_CHART: Final = "{apiVersion: v2, name: numbers, version: 0.0.0}\n"

#: How many runs there are, each with many sets of values.
QUICK: Final = 2
LONG: Final = 100


@pytest.fixture(scope="module")
def only_numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the chart that says numbers only."""
    return made_of(CHART, tmp_path_factory.mktemp("numbers"))


def made_of(chart: Path, made: Path) -> Path:
    """Make a chart of another one's helpers."""
    (made / "templates").mkdir(parents=True)
    (made / "Chart.yaml").write_text(_CHART)
    (made / "templates" / "numbers.yaml").write_text(_NUMBERS)
    for helpers in chart.glob("templates/_*.tpl"):
        shutil.copy(helpers, made / "templates")
    return made


def computed(chart: Path, drawn: Sequence[Case]) -> list[Fields]:
    """Return what the chart makes of each set of values."""
    sets = [{"values": case.values, "kubeVersion": case.kube_version} for case in drawn]
    return template({"cases": sets}, chart=chart).documents


def check(chart: Path, drawn: Sequence[Case]) -> None:
    """Hold the chart against the arithmetic."""
    found = computed(chart, drawn)
    assert len(found) == len(drawn)
    for case, numbers in zip(drawn, found, strict=True):
        assert numbers == expected(case), case


@settings(max_examples=QUICK, deadline=None)
@given(drawn=st.lists(cases(), min_size=30, max_size=60))
def test_the_numbers_are_the_renderers(only_numbers: Path, drawn: list[Case]) -> None:
    """Whatever the values are."""
    check(only_numbers, drawn)


@pytest.mark.chart
@settings(max_examples=LONG, deadline=None)
@given(drawn=st.lists(cases(), min_size=30, max_size=60))
def test_they_are_for_thousands_of_values(only_numbers: Path, drawn: list[Case]) -> None:
    """The same, for longer."""
    check(only_numbers, drawn)


def test_where_a_start_is_asked_less_often(only_numbers: Path) -> None:
    """The steps of the table are the same, whichever work takes the time."""
    drawn: list[Case] = []
    for start in (1, 119, 120, 121, 122, 599, 600, 601, 602, 1800, 3600):
        for pre_stop in ("exec", "sleep", "none"):
            whole = defaults() | {"preStop": pre_stop, "bootSeconds": start}
            parts = whole | {"bootSeconds": 1, "warmUpSeconds": start - 1}
            drawn += [Case(values, "1.34") for values in (whole, parts)]
    check(only_numbers, drawn)


@given(cases())
def test_what_the_chart_takes_as_a_value_is_the_renderers_by_default(case: Case) -> None:
    """So that what is expected here is no arithmetic of these tests."""
    given = {"exitSeconds", "minReadySeconds", "pullSeconds"}
    given |= {"terminationGracePeriodSeconds", "progressDeadlineSeconds"}
    plain = {name: defaults()[name] for name in given}
    usual = Case(case.values | plain, case.kube_version)
    assert usual.plan == plan(usual.wanted)
    assert defaults()["exitSeconds"] == timing.EXIT_RESERVE


# -- the whole chart -------------------------------------------------------------------------------

#: What of a container is healthkit's, and no value of the chart by itself.
LIFE: Final = ("ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle")

#: What of a spread is the same in both; the chart has the pods of one version spread by themselves.
SPREAD: Final = ("maxSkew", "topologyKey", "whenUnsatisfiable")


def written(case: Case) -> Fields:
    """Return the Deployment that ``healthkit render`` writes."""
    return cast("Fields", yaml.safe_load(render.manifest(case.wanted, "deployment")))


def life(deployment: Fields) -> Fields:
    """Return what of a Deployment is healthkit's: of it, of its pods, of their container."""
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    environ = {one["name"]: one.get("value") for one in container["env"]}
    annotations: Fields = deployment["metadata"]["annotations"]
    return {
        "annotations": {name: text for name, text in annotations.items() if "healthkit" in name},
        "replicas": spec["replicas"],
        "strategy": spec["strategy"],
        "minReadySeconds": spec["minReadySeconds"],
        "progressDeadlineSeconds": spec.get("progressDeadlineSeconds"),
        "grace": pod["terminationGracePeriodSeconds"],
        "token": pod["automountServiceAccountToken"],
        "podSecurity": pod["securityContext"],
        "spread": [{key: one[key] for key in SPREAD} for one in pod["topologySpreadConstraints"]],
        "volumes": pod["volumes"],
        "mounts": container["volumeMounts"],
        "security": container["securityContext"],
        "resources": container["resources"],
        "environ": environ,
        **{name: container.get(name) for name in LIFE},
    }


@st.composite
def plain_cases(draw: st.DrawFn) -> Case:
    """Draw values of which the renderer knows all."""
    case = draw(cases())
    theirs: Fields = {"exitSeconds": 5, "minReadySeconds": 10, "pullSeconds": 120}
    theirs |= {"terminationGracePeriodSeconds": None, "progressDeadlineSeconds": None}
    return Case(case.values | theirs, case.kube_version)


def check_whole(case: Case, chart: Path = CHART) -> None:
    """Hold the chart's Deployment against the renderer's."""
    rendered = template(case.values, kube_version=case.kube_version, chart=chart)
    assert life(rendered.find("Deployment")) == life(written(case)), case


@settings(max_examples=6, deadline=None)
@given(plain_cases())
def test_the_deployment_is_the_renderers(case: Case) -> None:
    """Each probe, the hook, the environment, what excuses a rule of the linter."""
    check_whole(case)


@pytest.mark.chart
@settings(max_examples=200, deadline=None)
@given(plain_cases())
def test_it_is_for_hundreds_of_values(case: Case) -> None:
    """The same, for longer."""
    check_whole(case)


@settings(max_examples=4, deadline=None)
@given(cases())
def test_values_of_the_charts_own_reach_the_deployment(case: Case) -> None:
    """What the renderer has no option for."""
    deployment = template(case.values, kube_version=case.kube_version).find("Deployment")
    found, expect = deployment["spec"], case.plan
    pod = found["template"]["spec"]
    environ = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    assert found["minReadySeconds"] == expect.min_ready
    assert found.get("progressDeadlineSeconds") == expect.progress_deadline
    assert pod["terminationGracePeriodSeconds"] == expect.grace
    assert environ["HEALTHKIT_GRACE_PERIOD"] == str(expect.grace)
