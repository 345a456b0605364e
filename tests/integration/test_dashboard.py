"""A real Prometheus scrapes a real server: each query of the dashboard has something to show.

The chart's alerts are evaluated by it, too.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from examples.pod.server import Server
from tests.chart.board import dashboard, queries
from tests.chart.rules import groups, promtool
from tests.chart.tools import needs
from tests.integration.test_metrics import APP, PATIENCE, scraping, until
from tests.virtual import REAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chart.board import Query
    from tests.chart.render import Fields

pytestmark = [needs("helm4"), pytest.mark.chart]

#: What a pod that has no state directory, does not drain and has not restarted has nothing of.
EMPTY: Final = {
    "Workers": {"{{pod}} there", "{{pod}} ready", "{{pod}} needed"},
    "Drains": {"{{pod}}"},
    "In flight in pods that drain": {"{{pod}}"},
}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Real processes take real time."""
    return REAL


async def test_every_query_and_every_rule(tmp_path: Path) -> None:
    """None is refused; the dashboard shows a pod that serves."""
    prometheus = Path(promtool() or "promtool").with_name("prometheus")
    if not prometheus.exists():
        pytest.skip("no prometheus beside promtool, or no promtool: promtool.sh gets both")
    async with Server(APP, {}, print) as server:
        url = httpx.URL(await server.url())
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as http:
            await http.get("/warm")
            await http.get("/readyz")
        labels = {"namespace": "default", "pod": "shop-1"}
        target: Fields = {"targets": [url.netloc.decode()], "labels": labels}
        scrape: Fields = {"job_name": "default/shop-healthkit-app", "static_configs": [target]}
        config: Fields = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [scrape],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        (tmp_path / "rules.yml").write_text(json.dumps({"groups": groups()}))
        await asyncio.to_thread(_evaluates_all, str(prometheus), tmp_path)


def _evaluates_all(prometheus: str, folder: Path) -> None:
    with scraping(prometheus, folder) as http:

        def result(expr: str) -> list[Any]:
            answer = http.get("/query", params={"query": expr}).json()
            assert answer["status"] == "success", (expr, answer)
            found: list[Any] = answer["data"]["result"]
            return found

        def rules() -> list[dict[str, str]]:
            found = http.get("/rules").json()["data"]["groups"]
            return [rule for group in found for rule in group["rules"]]

        # A rate takes two scrapes.
        until(lambda: bool(result("rate(healthkit_check_runs_total[1m]) > 0")), folder)
        until(lambda: {rule["health"] for rule in rules()} == {"ok"}, folder)
        assert len(rules()) == 6
        for query in queries(dashboard()):
            # At once, unless a busy machine has just missed a scrape.
            until(_is_so(query, result), folder)


def _is_so(query: Query, result: Callable[[str], list[Any]]) -> Callable[[], bool]:
    """Return what tells whether a query shows something, if it should."""
    return lambda: bool(result(query.chosen)) is not _is_empty(query)


def _is_empty(query: Query) -> bool:
    return query.legend in EMPTY.get(query.panel, set())
