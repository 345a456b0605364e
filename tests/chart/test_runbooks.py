"""The commands of the runbooks, as somebody copies them at night."""

from __future__ import annotations

import re

import pytest

from tests.chart.render import CHART, template
from tests.chart.rules import VALUES
from tests.chart.tools import needs

pytestmark = [needs("helm4"), pytest.mark.chart]


def commands() -> list[str]:
    """Return the commands of kubectl in RUNBOOKS.md, as somebody copies them."""
    text = (CHART / "RUNBOOKS.md").read_text(encoding="utf-8")
    return re.findall(r"`(kubectl [^`]*)`", text)


def test_a_command_of_a_runbook_is_one_line_and_names_its_object() -> None:
    """It is copied at night: half of a command, or one for another namespace, is no help."""
    assert len(commands()) >= 8
    for command in commands():
        assert "\n" not in command
        assert "-n NAMESPACE" in command
    assert {one for one in commands() if "rollout" in one} == {
        "kubectl rollout undo -n NAMESPACE deployment/NAME"
    }


def test_a_command_of_a_runbook_names_the_container() -> None:
    """A mesh puts one of its own beside the app's."""
    inside = [one for one in commands() if re.match("kubectl (exec|logs) ", one)]
    assert len(inside) >= 4
    container = template(VALUES).container["name"]
    assert all(f" -c {container}" in one for one in inside)


def test_the_name_of_the_deployment_ends_the_job() -> None:
    """So an alert names it."""
    whole = template(VALUES)
    name = whole.find("Deployment")["metadata"]["name"]
    assert whole.find("PodMonitor")["metadata"]["name"] == name
    monitor = {"podMonitor": {"enabled": False}, "serviceMonitor": {"enabled": True}}
    assert template(VALUES | monitor).find("Service")["metadata"]["name"] == name
