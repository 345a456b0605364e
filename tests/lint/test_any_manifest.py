"""Whatever stands in a manifest, rules say something or nothing, and never raise."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Final, TypeAlias, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import lint

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

#: Manifests of public charts, kept beside the project and no part of it.
CHARTS: Final = Path(__file__).parents[3] / "shared/rendered-charts"

HTTP: Final[Json] = {
    "path": "/livez",
    "port": "http",
    "scheme": "HTTPS",
    "host": "localhost",
    "httpHeaders": [{"name": "Host", "value": "shop"}],
}

DEPLOYMENT: Final[Json] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop", "namespace": "shop", "annotations": {"healthkit/boot": "60s"}},
    "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {
                "labels": {"app": "shop"},
                "annotations": {"sidecar.istio.io/rewriteAppHTTPProbers": "false"},
            },
            "spec": {
                "hostNetwork": False,
                "containers": [
                    {
                        "name": "web",
                        "image": "shop:1",
                        "command": ["sh", "-c", "manage.py"],
                        "env": [{"name": "ALLOWED_HOSTS", "value": "shop"}],
                        "ports": [{"name": "http", "containerPort": 8000, "protocol": "TCP"}],
                        "livenessProbe": {"httpGet": HTTP, "initialDelaySeconds": 40},
                        "readinessProbe": {"tcpSocket": {"port": 8000}, "grpc": {"port": 1}},
                        "startupProbe": {"exec": {"command": ["sh", "-c", "curl | node"]}},
                        "lifecycle": {"preStop": {"httpGet": HTTP}},
                    }
                ],
            },
        },
    },
}

SERVICE: Final[Json] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shop", "namespace": "shop"},
    "spec": {"selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80}]},
}

NAMESPACE: Final[Json] = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}},
}


def places(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where everything in a value stands."""
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(one for key, child in children for one in places(child, (*path, key)))]


def put(value: Json, path: tuple[str | int, ...], other: Json) -> Json:
    """Return a value with something else at a place."""
    if not path:
        return other
    found = copy.deepcopy(value)
    parent = found
    for part in path[:-1]:
        parent = cast("dict[str | int, Json]", parent)[part]
    cast("dict[str | int, Json]", parent)[path[-1]] = other
    return found


ODD: Final = st.sampled_from(
    cast(
        "list[Json]",
        [None, True, -1, 0, 10**30, 1.5, "", "x\n\x1b", "é" * 300, [], [None], {}, {"": None}],
    )
) | st.text(max_size=5)


@pytest.mark.parametrize("value", [DEPLOYMENT, SERVICE, NAMESPACE], ids=["app", "service", "space"])
@given(data=st.data())
def test_no_manifest_makes_a_rule_raise(value: Json, data: st.DataObject) -> None:
    """And whatever it quotes of it stays in one line, with nothing in it that a terminal obeys."""
    odd = value
    for _ in range(data.draw(st.integers(1, 3))):
        odd = put(odd, data.draw(st.sampled_from(places(odd))), data.draw(ODD))
    others = [one for one in (DEPLOYMENT, SERVICE, NAMESPACE) if one is not value]
    text = "\n---\n".join(json.dumps(one) for one in (odd, *others))
    for found in lint.check_text(text).findings:
        if found.rule.startswith("HK1"):
            assert found.what.isprintable()


@pytest.mark.skipif(not CHARTS.is_dir(), reason="the public charts are not beside the project")
def test_no_public_chart_is_broken() -> None:
    """They run everywhere, so an error in what their probes ask would be ours."""
    found = lint.check([CHARTS]).findings
    assert [one for one in found if one.rule.startswith("HK1") and one.severity == "error"] == []
    assert len(found) > 50
