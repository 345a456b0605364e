"""The dashboard and the alerts ask for nothing that healthkit does not have.

What healthkit has is read off real collectors, of an app alone and of one with a state directory.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import anyio
import pytest

from healthkit import Health, HealthMiddleware
from healthkit.prometheus import HealthCollector
from tests.chart.board import Query, config_map, dashboard, queries
from tests.chart.lives import STEP, Life, Stretch
from tests.chart.promql import asked, legend
from tests.chart.rules import alerts, needs_promtool, ran, rules_file
from tests.chart.tools import needs
from tests.servers import lifespan_of, plain_app
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chart.render import Fields

pytestmark = needs("helm4")

#: What Prometheus and its operator put on each series: of PodMonitors and ServiceMonitors alike.
TARGET: Final = {"namespace", "job", "pod", "container", "endpoint", "instance"}

Labels = dict[str, set[str]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """A state directory is read by a thread."""
    return REAL


@pytest.fixture(scope="module")
def board() -> Fields:
    """Render the dashboard, once."""
    return dashboard()


async def _passes() -> None:
    """Pass."""


async def _loads(progress: Callable[[float, float], None]) -> None:
    progress(1, 2)


async def exposed(health: Health) -> Labels:
    """Return the metrics of an app that drains, and has one of all that there is."""
    health.check(_passes, name="database")
    health.warmup(_loads, name="catalogue")
    found: Labels = {}
    async with lifespan_of(HealthMiddleware(plain_app, health=health)):
        await health.wait_for("serving")
        await anyio.sleep(0.05)
        health.drain()
        for family in HealthCollector(health).collect():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def known(folder: Path) -> Labels:
    """Return all metrics with their labels. `up` is Prometheus' own."""
    alone = await exposed(Health())
    pod = await exposed(Health(state_dir=str(folder), workers=1))
    assert alone.keys() < pod.keys()
    return {"up": set[str](), **pod, **alone}


def strangers(expr: str, metrics: Labels) -> list[str]:
    """Return what an expression asks for that there is not."""
    found = asked(expr)
    assert found.metrics, expr
    unknown = found.names - metrics.keys()
    asks = [(name, label) for name, labels in found.metrics for label in labels]
    wrong = [f"{n}{{{m}}}" for n, m in asks if m not in metrics.get(n, set()) | TARGET]
    some = set[str]().union(*(metrics.get(name, set()) for name in found.names)) | TARGET
    return [*unknown, *wrong, *(found.lists - some)]


# -- what is asked for ----------------------------------------------------------------------------


async def test_it_asks_for_what_there_is(board: Fields, tmp_path: Path) -> None:
    """By name and by label, in each query."""
    metrics = await known(tmp_path)
    for query in queries(board):
        assert strangers(query.chosen, metrics) == [], query.panel


async def test_alerts_ask_for_what_there_is(tmp_path: Path) -> None:
    """Also where they look something up for their description."""
    metrics = await known(tmp_path)
    looked_up = 0
    for name, rule in alerts().items():
        assert strangers(rule["expr"], metrics) == [], name
        for inner in re.findall(r'printf "(.*?)"', rule["annotations"]["description"]):
            assert strangers(inner.replace("'", '"').replace("%s", "x"), metrics) == [], name
            looked_up += 1
    assert looked_up == 2


async def test_a_stranger_is_found(tmp_path: Path) -> None:
    """A name, a label, and a list of labels: else the tests above could not fail."""
    metrics = await known(tmp_path)
    assert strangers('healthkit_phases{phase="x"}', metrics) == [
        "healthkit_phases",
        "healthkit_phases{phase}",
    ]
    assert strangers('sum(healthkit_paused{check="x"})', metrics) == ["healthkit_paused{check}"]
    assert strangers("sum by (color) (up) + on (pod) up", metrics) == ["color"]
    assert strangers("rate(healthkit_probe_answers[5m])", metrics) == ["healthkit_probe_answers"]


async def test_a_legend_shows_labels_that_are_left(board: Fields, tmp_path: Path) -> None:
    """What a query has summed up has lost them."""
    metrics = await known(tmp_path)
    for query in queries(board):
        assert set(legend(query.legend)) <= _left(query, metrics), query.panel


def _left(query: Query, metrics: Labels) -> set[str]:
    """Return the labels that a query's result has."""
    grouped = re.match(r"(?:sum|count|max)(?: by \((.*?)\))? \(|(?:sum|count|max)\(", query.expr)
    if grouped is not None:
        return set((grouped[1] or "").replace(" ", "").split(",")) - {""}
    dropped = set(re.findall(r"without \((\w+)\)", query.expr))
    return set[str].union(TARGET, *(metrics[name] for name in asked(query.expr).names)) - dropped


@needs_promtool
def test_promtool_reads_every_query(board: Fields, tmp_path: Path) -> None:
    """As the expression of a recording rule."""
    rules = [{"record": f"r{n}", "expr": q.chosen} for n, q in enumerate(queries(board))]
    rules_file(tmp_path, [{"name": "dashboard", "rules": rules}])
    code, said = ran(tmp_path, "check", "rules", "rules.yml")
    assert code == 0, said


@needs_promtool
@pytest.mark.parametrize("panel", ["Ready", "Pods", "Do not answer", "Paused", "Liveness failed"])
def test_a_number_is_that_of_now(board: Fields, tmp_path: Path, panel: str) -> None:
    """Grafana shows the last there was: without a zero, three pods are ready that are all dead."""
    (query,) = [one for one in queries(board) if one.panel == panel]
    life = Life([Stretch(60), Stretch(60, phase=None)])
    serving, silent = int(panel in {"Ready", "Pods"}), int(panel in {"Pods", "Do not answer"})
    asked_for = [
        {"expr": query.chosen, "eval_time": f"{at}s", "exp_samples": [{"value": value}]}
        for at, value in ((30, serving), (90, silent), (180, 0))
    ]
    test = {"interval": f"{STEP}s", "input_series": life.series(), "promql_expr_test": asked_for}
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": [], "tests": [test]}))
    code, said = ran(tmp_path, "test", "rules", "tests.yml")
    assert code == 0, said


# -- as Grafana wants it --------------------------------------------------------------------------


def test_nothing_is_fixed_to_one_installation(board: Fields) -> None:
    """The data source, the namespace, the app and the pod are chosen in Grafana."""
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert list(variables) == ["datasource", "namespace", "job", "pod"]
    assert variables["datasource"]["query"] == "prometheus"
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            assert target["datasource"] == panel["datasource"] == {
                "type": "prometheus",
                "uid": "${datasource}",
            }  # fmt: skip
            for matcher in ('namespace="$namespace"', 'job=~"$job"', 'pod=~"$pod"'):
                selectors = len(asked(target["expr"]).metrics)
                assert target["expr"].count(matcher) == selectors, panel["title"]


def test_all_apps_are_those_with_healthkit_inside(board: Fields) -> None:
    """Grafana puts in their names: `.+` would count the pods of whatever else is scraped there."""
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables["job"]["query"]["query"] == (
        'label_values(healthkit_phase{namespace="$namespace"}, job)'
    )
    assert variables["job"]["allValue"] is None
    # One that has never answered has no metric to be named by.
    assert variables["pod"]["allValue"] == ".+"


def test_every_panel_says_what_it_shows(board: Fields) -> None:
    """Its place is its own, and so is its number."""
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        xs = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in xs for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"]


def test_all_that_there_is_can_be_seen(board: Fields) -> None:
    """Each thing that the README tells of metrics, but for what a state says already."""
    shown = {name for query in queries(board) for name in asked(query.expr).names}
    assert {
        "healthkit_phase",
        "healthkit_probe_success",
        "healthkit_probe_answers_total",
        "healthkit_work_progress_ratio",
        "healthkit_check_state",
        "healthkit_check_age_seconds",
        "healthkit_check_duration_seconds",
        "healthkit_requests_in_flight",
        "healthkit_streams_in_flight",
        "healthkit_holds_in_flight",
        "healthkit_drain_duration_seconds",
        "healthkit_workers_ready",
        "healthkit_start_time_seconds",
    } <= shown


@pytest.mark.parametrize("panel", ["Phase", "State"])
def test_a_timeline_has_a_word_for_each_number(board: Fields, panel: str) -> None:
    """The number that a query gives to a state, and the word that is shown for it."""
    (found,) = [one for one in board["panels"] if one["title"] == panel]
    (target,) = found["targets"]
    label = "phase" if panel == "Phase" else "state"
    numbers = re.findall(rf'(\d) \* max without \({label}\) \([^)]*{label}="(\w+)"', target["expr"])
    (mapping,) = found["fieldConfig"]["defaults"]["mappings"]
    assert dict(numbers) == {key: one["text"] for key, one in mapping["options"].items()}
    assert len(numbers) >= 4


def test_the_sidecar_finds_it() -> None:
    """By its label, unless another is asked for; the key ends as the sidecar expects."""
    found = config_map()
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Apps"}
    (name,) = found["data"]
    assert name.endswith(".json")
    assert json.loads(found["data"][name])["uid"] == "healthkit-app"
