"""Each check of the chart finds what it is there for: a copy of the chart is broken, by a word."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest

from healthkit.testing import run
from tests.chart import checks
from tests.chart.numbers import IMAGE, Case, defaults
from tests.chart.render import CHART, RELEASE, VERSIONS, helm, template
from tests.chart.test_numbers import check, check_whole, made_of
from tests.chart.test_played import VALUES, lived
from tests.chart.tools import needs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [needs("helm4"), pytest.mark.chart]

NEWEST: Final = VERSIONS[-1]


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """Copy the chart, to be broken."""
    return shutil.copytree(CHART, tmp_path / CHART.name)


def broken(chart: Path, template: str, found: str, broken: str) -> None:
    """Put other words into a template."""
    path = chart / "templates" / template
    text = path.read_text(encoding="utf-8")
    assert found in text
    path.write_text(text.replace(found, broken), encoding="utf-8")


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ("le $start 600", "le $start 601"),
        ("add 1 (div", "add 2 (div"),
        ("$appDelay | int", "1 | int"),
        ("max 30", "max 31"),
    ],
)
def test_a_wrong_number_is_found(chart: Path, tmp_path: Path, found: str, wrong: str) -> None:
    """By the arithmetic of `healthkit.timing`."""
    broken(chart, "_numbers.tpl", found, wrong)
    made = made_of(chart, tmp_path / "numbers")
    values = defaults() | {"preStop": "exec"}
    more = values | {"bootSeconds": 601, "drainDelaySeconds": 60}
    with pytest.raises(AssertionError):
        check(made, [Case(one, NEWEST) for one in (values, more)])


@pytest.mark.parametrize(
    ("template", "found", "wrong"),
    [
        ("_container.tpl", "path: {{ .Values.paths.live", "path: {{ .Values.paths.ready"),
        ("_container.tpl", "HEALTHKIT_DRAIN_TIMEOUT", "HEALTHKIT_DRAIN_TIME"),
        ("_container.tpl", "timeoutSeconds: {{ int $l", "periodSeconds: {{ int $l"),
        ("deployment.yaml", "maxUnavailable: 0", "maxUnavailable: 1"),
        ("deployment.yaml", "medium: Memory", ""),
        ("deployment.yaml", "ScheduleAnyway", "DoNotSchedule"),
        ("deployment.yaml", "int $n.grace }}", "int $n.graceNeeded }}"),
    ],
)
def test_a_wrong_field_is_found(chart: Path, template: str, found: str, wrong: str) -> None:
    """By what the renderer writes."""
    broken(chart, template, found, wrong)
    with pytest.raises(AssertionError):
        check_whole(Case({**defaults(), "preStop": "exec"}, NEWEST), chart)


def test_an_unknown_field_is_found(chart: Path) -> None:
    """By the schemas; and a kind that they don't know."""
    broken(chart, "service.yaml", "targetPort:", "targetPorts:")
    (found,) = checks.schemas(template(IMAGE, chart=chart).documents, NEWEST)
    assert "'targetPorts' was unexpected" in found
    unknown = {"apiVersion": "v1", "kind": "Servant", "metadata": {"name": "shop"}}
    (found,) = checks.schemas([unknown], NEWEST)
    assert "Couldn't find schema for kind Servant" in found


def test_what_the_linter_advises_against_is_found(chart: Path, tmp_path: Path) -> None:
    """By ``healthkit lint --strict``."""
    broken(chart, "deployment.yaml", "minReadySeconds: {{ int $n.minReady }}", "paused: false")
    (tmp_path / "rendered.yaml").write_text(template(IMAGE, chart=chart).text, encoding="utf-8")
    found = checks.lint(tmp_path / "rendered.yaml", NEWEST)
    assert any("HK407" in line for line in found)


def test_untidy_yaml_is_found() -> None:
    """By yamllint."""
    (found,) = checks.style("a:  1\n", "values.yaml")
    assert found == "values.yaml:1:4: too many spaces after colon (colons)"
    assert checks.style("a: 1 \n", "rendered", checks.RENDERED_STYLE)


def test_a_refusal_is_found_by_template_and_not_by_lint() -> None:
    """So that it is ``helm template`` by which the guards are tested."""
    assert helm("helm4", "lint", "--strict", CHART).code == 0
    assert helm("helm4", "template", RELEASE, CHART).code == 1


def test_a_delay_that_is_left_out_loses_requests(chart: Path) -> None:
    """By the simulator: the app closes its port as soon as SIGTERM comes."""
    broken(chart, "_container.tpl", "{{ int $n.appDelay | quote }}", '"0"')
    values = VALUES | {"preStop": "none"}
    deployment, _ = run(lived, values, template(values, chart=chart))
    assert deployment.lost_requests > 0
