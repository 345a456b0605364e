"""The alerts: each fires when it should, and is silent in the near miss; promtool plays it.

What promtool reads is what helm renders. Every alert is asked for at every evaluation of a life.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from healthkit._model import CheckState, Phase
from tests.chart.lives import STEP, Life, Restart, Stretch
from tests.chart.rules import (
    alerts,
    groups,
    needs_promtool,
    ran,
    rules_file,
    runbooks,
)
from tests.chart.tools import needs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.chart.render import Fields

pytestmark = [needs("helm4"), pytest.mark.chart]

#: How the alerts of the issue are called, and one more.
NAMES: Final = {
    "HealthkitNotReady",
    "HealthkitUnreachable",
    "HealthkitWarmupStuck",
    "HealthkitCheckFlapping",
    "HealthkitDrainTimedOut",
    "HealthkitRestartLoop",
}

BOOT: Final = Stretch(30, None)
WARM_UP: Final = Stretch(115, Phase.WARMING)
FAILING: Final = CheckState.FAILING


def draining(*requests: int, streams: int = 0, holds: int = 0) -> tuple[Stretch, ...]:
    """Drain, with so many requests in flight in each scrape."""
    return tuple(
        Stretch(STEP, Phase.DRAINING, requests=one, streams=streams, holds=holds)
        for one in requests
    )


def flapping(times: int) -> tuple[Stretch, ...]:
    """Fail so many times, for a minute each, and pass for a minute after it."""
    return times * (Stretch(60, ready=False, database=FAILING), Stretch(60))


def restarts(times: int) -> tuple[Stretch | Restart, ...]:
    """Restart so many times, each after a while."""
    cold = Stretch(STEP, Phase.WARMING, database=CheckState.PENDING)
    return times * (Stretch(STEP, None), Restart(), cold, Stretch(120))


@dataclass(frozen=True, slots=True)
class Case:
    """Lives, and which alerts fire when: from a second on, to another, both included."""

    lives: tuple[Life, ...]
    fires: Mapping[str, tuple[int, int]]
    description: str = ""


def case(*stretches: Stretch | Restart, description: str = "", **fires: tuple[int, int]) -> Case:
    """Make a case of one pod; the alerts' names without what all have in common."""
    life = Life(stretches)
    return Case((life,), {f"Healthkit{k}": v for k, v in fires.items()}, description)


CASES: Final = {
    # A rollout: the old pod drains with requests in flight that end in time, the new one starts.
    "rollout": Case(
        (
            Life([Stretch(300), *draining(9, 4, 1, 0)], "shop-old"),
            Life([BOOT, WARM_UP, Stretch(300)], "shop-new", begins=200),
        ),
        {},
    ),
    "other apps": Case(
        (
            Life([Stretch(900, ready=False)], labels={"job": "default/shop-healthkit-app-2"}),
            Life([Stretch(900, None)], labels={"namespace": "other"}),
        ),
        {},
    ),
    "found by a ServiceMonitor": Case(
        (Life([Stretch(400, ready=False)], labels={"job": "shop-healthkit-app"}),),
        {"HealthkitNotReady": (120, 395)},
    ),
    "not ready: a check": case(
        Stretch(300),
        Stretch(200, ready=False, database=FAILING),
        Stretch(60),
        NotReady=(420, 495),
        description="Pod default/shop-1 has been unready for 120s or more. Check database is "
        "failing.",
    ),
    "not ready: paused": case(
        Stretch(300),
        Stretch(200, ready=False),
        NotReady=(420, 495),
        description="Pod default/shop-1 has been unready for 120s or more. No required check is "
        "in the way: it was paused, or has failed its liveness.",
    ),
    "not ready, but not for long": case(
        Stretch(300), Stretch(120, ready=False, database=FAILING), Stretch(60)
    ),
    "does not answer": case(
        Stretch(300, None),
        Unreachable=(218 // STEP * STEP + STEP, 295),
        description="Pod default/shop-1 could not be scraped for 218s, longer than a start may "
        "take. It has not opened its port, or hangs.",
    ),
    "a start as slow as may be": case(Stretch(215, None), WARM_UP, Stretch(60)),
    "warms up for too long": case(
        BOOT,
        Stretch(300, Phase.WARMING),
        Stretch(60),
        WarmupStuck=(240, 325),
        description="Pod default/shop-1 has warmed up for more than 210s, or a warm-up has missed "
        "its deadline. Not done: warm-up catalogue.",
    ),
    "a slow but timely warm-up": case(BOOT, Stretch(205, Phase.WARMING), Stretch(300)),
    "a warm-up of its own deadline": case(
        BOOT,
        Stretch(60, Phase.WARMING),
        Stretch(60, Phase.WARMING, overdue=True),
        Stretch(60),
        WarmupStuck=(90, 145),
    ),
    "flaps": case(
        Stretch(60),
        *flapping(3),
        Stretch(1000),
        CheckFlapping=(360, 955),
        description="Check database of pod default/shop-1 has changed 6 times between passing and "
        "not passing within 900s.",
    ),
    "fails twice": case(Stretch(60), *flapping(2), Stretch(1000)),
    "restarts twice, and fails once": case(
        Stretch(60), *restarts(2), *flapping(1), Stretch(1000)
    ),
    "a drain that runs out of time": case(
        Stretch(300),
        *draining(9, 4, 2, 2),
        DrainTimedOut=(315, 915),
        description="Pod default/shop-1 had 2 requests, streams and holds in flight when less than "
        "5 s were left of its drain. What was still in flight at the end was cut off.",
    ),
    "a drain that a stream holds up": case(
        Stretch(300), *draining(0, 0, 0, 0, streams=1), DrainTimedOut=(315, 915)
    ),
    "a drain that a hold holds up": case(
        Stretch(300), *draining(0, 0, 0, 0, holds=1), DrainTimedOut=(315, 915)
    ),
    "a drain that ends in time": case(Stretch(300), *draining(9, 4, 2)),
    "a drain of a pod that is busy to its end": case(Stretch(300, requests=9), *draining(9, 9, 9)),
    "restarts again and again": case(
        Stretch(60),
        *restarts(3),
        Stretch(300),
        RestartLoop=(325, 745),
        description="The container of pod default/shop-1 has restarted 3 times within 1800s.",
    ),
    "restarts twice": case(Stretch(60), *restarts(2), Stretch(300)),
    "flaps until it is gone": case(
        Stretch(60), *flapping(3), Stretch(30), CheckFlapping=(360, 445)
    ),
    "two restarts long ago": case(
        Stretch(60), *restarts(2), Stretch(1700), *restarts(1), Stretch(60)
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with the rules that helm has rendered."""
    folder = tmp_path_factory.mktemp("rules")
    rules_file(folder, groups())
    return folder


def in_promtools_words(one: Case) -> Fields:
    """Return a case in promtool's words."""
    end = max(900 + STEP, *(life.seconds for life in one.lives)) + STEP
    found = {name: (first, last) for name, (first, last) in one.fires.items()}
    firing = 'count by (alertname) (ALERTS{alertstate="firing"})'
    asked: list[Fields] = []
    for at in range(0, end, STEP):
        names = sorted(name for name, (first, last) in found.items() if first <= at <= last)
        samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in names]
        asked.append({"expr": firing, "eval_time": f"{at}s", "exp_samples": samples})
    series = [series for life in one.lives for series in life.series()]
    return {"interval": f"{STEP}s", "input_series": series, "promql_expr_test": asked}


def play(folder: Path, test: Fields) -> tuple[int, str]:
    """Have promtool run one test."""
    file = {"rule_files": ["rules.yml"], "evaluation_interval": f"{STEP}s", "tests": [test]}
    (folder / "tests.yml").write_text(json.dumps(file))
    return ran(folder, "test", "rules", "tests.yml")


#: For each alert the case that says what it says.
SAID: Final = [name for name, one in CASES.items() if one.description]


@needs_promtool
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_then_and_at_no_other_time(rendered: Path, name: str) -> None:
    """No other alert does, either."""
    code, said = play(rendered, in_promtools_words(CASES[name]))
    assert code == 0, said


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    """And so a description that was read."""
    assert {name for one in CASES.values() for name in one.fires} == NAMES
    assert {name for one in CASES.values() if one.description for name in one.fires} == NAMES


@needs_promtool
@pytest.mark.parametrize("name", SAID)
def test_what_it_says(rendered: Path, name: str) -> None:
    """The pod and the check by name, and the runbook of its own."""
    one = CASES[name]
    ((alert, (first, _)),) = one.fires.items()
    rule = alerts()[alert]
    labels = {"namespace": "default", "job": "default/shop-healthkit-app", "pod": "shop-1"}
    if alert == "HealthkitCheckFlapping":
        labels["check"] = "database"
    if alert == "HealthkitNotReady":
        labels["probe"] = "ready"
    says = {
        "summary": rule["annotations"]["summary"]
        .replace("{{ $labels.pod }}", "shop-1")
        .replace("{{ $labels.check }}", "database"),
        "description": one.description,
        "runbook": runbooks()[alert],
    }
    expected = {"exp_labels": labels | rule["labels"], "exp_annotations": says}
    asked = {"eval_time": f"{first}s", "alertname": alert, "exp_alerts": [expected]}
    test = in_promtools_words(one) | {"alert_rule_test": [asked]}
    code, said = play(rendered, test)
    assert code == 0, said


# -- the rules themselves -------------------------------------------------------------------------


@needs_promtool
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"prometheusRule": {"enabled": True, "selector": 'app="shop", stage!~"test|dev"'}},
        {"podMonitor": {"enabled": False}, "serviceMonitor": {"enabled": True}},
    ],
)
def test_promtool_accepts_them(tmp_path: Path, values: Fields) -> None:
    """With every way to say which series are the release's."""
    rules_file(tmp_path, groups(values))
    code, said = ran(tmp_path, "check", "rules", "--lint-fatal", "rules.yml")
    assert code == 0, said
    assert f"{len(NAMES)} rules found" in said


def test_each_alert_has_all_that_is_asked_of_it() -> None:
    """A severity, a summary, a description, a runbook; nothing is left to be filled in."""
    found = alerts()
    assert set(found) == NAMES
    for name, rule in found.items():
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert rule["labels"]["severity"] in {"warning", "info"}
        assert "$(" not in json.dumps(rule), name


def test_each_alert_has_its_runbook() -> None:
    """A section of its name, in three parts, and there is none for an alert that does not exist."""
    found = runbooks()
    assert set(found) == NAMES
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook"] == found[name]
        starts = [part.partition(":")[0] for part in found[name].split("\n\n")]
        assert starts == ["What it means", "Look at first", "What to do"]


def test_a_published_runbook_is_linked() -> None:
    """By the anchor that Markdown makes of the section's title."""
    rule = {"enabled": True, "runbookUrl": "https://runbooks.example/shop"}
    for name, found in alerts({"prometheusRule": rule}).items():
        url = f"https://runbooks.example/shop#{name.lower()}"
        assert found["annotations"]["runbook_url"] == url


@pytest.mark.parametrize(
    ("value", "seconds", "alert", "field", "said"),
    [
        ("notReady", "forSeconds", "NotReady", "for", "77s"),
        ("unreachable", "forSeconds", "Unreachable", "for", "77s"),
        ("warmupStuck", "afterSeconds", "WarmupStuck", "expr", "offset 77s"),
        ("checkFlapping", "windowSeconds", "CheckFlapping", "expr", "[77s]"),
        ("checkFlapping", "changes", "CheckFlapping", "expr", ">= 77"),
        ("drainTimedOut", "marginSeconds", "DrainTimedOut", "expr", "- 77\n"),
        ("drainTimedOut", "windowSeconds", "DrainTimedOut", "expr", "[77s:5s]"),
        ("restartLoop", "restarts", "RestartLoop", "expr", ">= 77"),
        ("restartLoop", "windowSeconds", "RestartLoop", "expr", "[77s]"),
    ],
)
def test_thresholds_are_values(value: str, seconds: str, alert: str, field: str, said: str) -> None:
    """Each of them, with its severity."""
    rule = {"enabled": True, value: {seconds: 77, "severity": "page"}}
    found = alerts({"prometheusRule": rule})[f"Healthkit{alert}"]
    assert said in found[field]
    assert found["labels"]["severity"] == "page"


def test_the_time_between_two_scrapes_decides_how_near_is_too_near() -> None:
    """Of the monitor that is on."""
    monitor = {"enabled": True, "intervalSeconds": 3}
    found = alerts({"podMonitor": {"enabled": False}, "serviceMonitor": monitor})
    expr = found["HealthkitDrainTimedOut"]["expr"]
    assert "- 3\n" in expr
    assert expr.endswith("[600s:3s])")


#: Scraped too seldom: a drain is over before the next scrape.
SELDOM: Final[Fields] = {"podMonitor": {"enabled": True, "intervalSeconds": 30}}


@needs_promtool
def test_whoever_scrapes_seldom_hears_of_no_drain_that_has_just_begun(tmp_path: Path) -> None:
    """What is in flight during the delay is served: each rollout under load would be told."""
    rules_file(tmp_path, groups(SELDOM))
    assert "- 15\n" in alerts(SELDOM)["HealthkitDrainTimedOut"]["expr"]
    code, said = play(tmp_path, in_promtools_words(CASES["rollout"]))
    assert code == 0, said
