"""The dashboard, as helm renders it, and its expressions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.chart.render import template

if TYPE_CHECKING:
    from tests.chart.render import Fields

VALUES: Final[Fields] = {
    "image": {"repository": "registry.example/shop", "tag": "1.0.0"},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Apps"}},
}

#: What Grafana puts in the place of its variables, as a user may have chosen.
_CHOSEN: Final = {
    "$namespace": "default",
    "$job": ".+",
    "$pod": ".+",
    "$__rate_interval": "1m",
    "$__range": "1h",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one panel."""

    panel: str
    expr: str
    legend: str

    @property
    def chosen(self) -> str:
        """The expression as Grafana sends it."""
        expr = self.expr
        for variable, value in _CHOSEN.items():
            expr = expr.replace(variable, value)
        return expr


def config_map() -> Fields:
    """Return the ConfigMap."""
    return template(VALUES).find("ConfigMap")


def dashboard() -> Fields:
    """Return the dashboard in it."""
    (text,) = config_map()["data"].values()
    found: Fields = json.loads(text)
    return found


def queries(board: Fields) -> list[Query]:
    """Return the queries of all panels."""
    return [
        Query(panel["title"], target["expr"], target["legendFormat"])
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]
