"""Each guard of the chart refuses what it is there for, in one sentence; the schema, the rest.

What is run is ``helm template``: ``helm lint`` passes a chart whose template calls ``fail``.
"""

from __future__ import annotations

import json
import re
from typing import Final, cast

import pytest

from tests.chart.guards import CASES, Case, as_pattern, calls, sentences
from tests.chart.numbers import IMAGE
from tests.chart.render import CHART, Fields, Rendered, template
from tests.chart.tools import needs

#: What helm puts before the sentence of a ``fail``, and below it.
_BEFORE: Final = re.compile(r"Error: execution error at \(healthkit-app/templates/[^)]*\): ")
_BELOW: Final = "\n\nUse --debug flag to render out invalid YAML"

#: What both helms say where values.schema.json refuses.
_SCHEMA: Final = "values don't meet the specifications of the schema"

helm4 = needs("helm4")
helm3 = (pytest.mark.chart, needs("helm3"))
both = pytest.mark.parametrize(
    "name", [pytest.param("helm4", marks=helm4), pytest.param("helm3", marks=helm3)]
)


def said(rendered: Rendered) -> str:
    """Return the sentence of the guard that has refused."""
    assert rendered.code == 1, "nothing was refused"
    before = _BEFORE.match(rendered.error)
    assert before is not None, rendered.error
    return rendered.error[before.end() :].removesuffix(_BELOW)


@both
@pytest.mark.parametrize("case", CASES, ids=lambda case: cast("Case", case).guard.replace(" ", "-"))
def test_a_guard_says_one_clear_sentence(case: Case, name: str) -> None:
    """What was found, what was expected, and what to do; no line more, and no other guard's."""
    values = IMAGE | case.values
    sentence = said(template(values, name=name, kube_version=case.kube_version))
    assert [one for one in sentences() if as_pattern(one).fullmatch(sentence)] == [guard(case)]
    assert re.fullmatch(r"found [^:]+: expected [^;]+; [^;]+[^;.]", sentence), sentence
    assert case.name in sentence


def guard(case: Case) -> str:
    """Return the sentence of the guard that a case is for."""
    (found,) = [one for one in sentences() if case.guard in one]
    return found


def test_no_guard_is_untested() -> None:
    """Each ``fail`` of a template is one that a case makes speak."""
    assert len(sentences()) == calls()
    assert set(sentences()) == {guard(case) for case in CASES}


@helm4
def test_what_is_not_refused_is_rendered() -> None:
    """So that it is the values of a case that are refused."""
    assert template(IMAGE).code == 0
    assert template(IMAGE, kube_version="1.29").code == 0


@both
def test_an_older_kubernetes_is_refused(name: str) -> None:
    """By Chart.yaml."""
    refused = template(IMAGE, name=name, kube_version="1.28")
    assert refused.code == 1
    assert "chart requires kubeVersion: >=1.29.0" in refused.error


# -- the schema ------------------------------------------------------------------------------------


def schema() -> Fields:
    """Return the chart's schema."""
    return cast("Fields", json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")))


def resolved(node: Fields) -> Fields:
    """Return a part of the schema, or the definition that it names."""
    name = node.get("$ref")
    return node if name is None else schema()["definitions"][name.rpartition("/")[2]]


def wrong(part: Fields) -> object:
    """Return a value that has the wrong type everywhere: a number for words, words for the rest."""
    node = resolved(part)
    if "properties" in node:
        return {name: wrong(below) for name, below in node["properties"].items()}
    if "oneOf" in node:
        return []
    return 5 if node.get("type") == "string" else "no such thing"


def keys(part: Fields, above: str = "") -> list[str]:
    """Return the key of each value, with slashes."""
    node = resolved(part)
    if "properties" not in node:
        return [above]
    return [key for name, one in node["properties"].items() for key in keys(one, f"{above}/{name}")]


@both
def test_a_wrong_type_is_refused_by_its_key(name: str) -> None:
    """Each of them, in one run."""
    refused = template(cast("Fields", wrong(schema())), name=name)
    assert refused.code == 1
    lines = refused.error.replace(".", "/").splitlines()
    missing = [key for key in keys(schema()) if not any(key[1:] in line for line in lines)]
    assert not missing, refused.error


def nothing(key: str) -> Fields:
    """Return values in which one is null, which takes the chart's own away."""
    *above, last = key.strip("/").split("/")
    values: Fields = {last: None}
    for name in reversed(above):
        values = {name: values}
    return values


#: With all that can be switched on, or most of the templates would not look at the values.
_EVERYTHING: Final = CHART / "ci" / "everything-values.yaml"


@pytest.mark.chart
@helm4
def test_a_value_that_is_null_is_refused_or_harmless() -> None:
    """A template never breaks on one: its trace would tell nobody what to do."""
    blocks = {key.rpartition("/")[0] for key in keys(schema())} - {""}
    broken: list[str] = []
    for key in sorted({*keys(schema()), *blocks} - {"/global", "/enabled"}):
        error = template(nothing(key), files=[_EVERYTHING]).error
        if error and _BEFORE.match(error) is None and _SCHEMA not in error:
            broken.append(f"{key}: {error.splitlines()[0]}")
    assert not broken, "\n".join(broken)


@helm4
def test_quantities_are_those_of_kubernetes() -> None:
    """With and without a unit, as words and as numbers."""
    for memory in ("64Mi", "1.5Gi", "1e9", "128974848", 268435456, "0.5G"):
        limits = {"cpu": "100m", "memory": memory, "nvidia.com/gpu": 1}
        assert template(IMAGE | {"resources": {"limits": limits}}).code == 0, memory


#: What may be empty: a list, a map, or a word.
_EMPTY: Final = (
    *("imagePullSecrets", "nameOverride", "fullnameOverride", "command", "args", "env", "envFrom"),
    *("podAnnotations", "podLabels", "volumes", "volumeMounts", "nodeSelector", "tolerations"),
    *("affinity", "serviceAccount/annotations", "serviceAccount/name"),
    *("service/annotations", "networkPolicy/from", "networkPolicy/metricsFrom"),
    *("networkPolicy/nodes", "ingress/className", "ingress/annotations", "ingress/tls"),
    *("ingress/closedBackend/name", "httpRoute/annotations", "httpRoute/hostnames"),
    *("httpRoute/rules", "podMonitor/labels", "prometheusRule/labels"),
    *("prometheusRule/selector", "prometheusRule/runbookUrl", "dashboard/annotations"),
)


def switched_on() -> Fields:
    """Return values for all objects that look at what may be empty."""
    names = ("ingress", "httpRoute", "networkPolicy", "metrics", "podMonitor", "prometheusRule")
    values: Fields = {name: {"enabled": True} for name in (*names, "dashboard", "readinessGate")}
    paths = [{"path": "/", "pathType": "Prefix"}]
    values["ingress"] |= {"hosts": [{"host": "shop.example.com", "paths": paths}]}
    values["httpRoute"] |= {"parentRefs": [{"name": "public"}]}
    return IMAGE | values


@both
def test_what_may_be_empty_may_be_null(name: str) -> None:
    """Null takes away what another file gives, and a key with nothing behind it is null."""
    values = switched_on()
    plain = template(values, name=name)
    for key in _EMPTY:
        *above, last = key.split("/")
        block = values
        for one in above:
            block = block.setdefault(one, {})
        block[last] = None
    assert template(values, name=name).documents == plain.documents


@both
def test_no_closed_paths_may_be_null_too(name: str) -> None:
    """Those of the probes are closed all the same."""
    paths = template({**switched_on(), "closedPaths": None}, name=name).text
    assert "/healthz" in template(switched_on(), name=name).text
    assert "path: /healthz" not in paths
    assert "path: /livez" in paths


@helm4
@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"podMonitor": {"intervalSeconds": None}}, "intervalSeconds"),
        ({"prometheusRule": {"notReady": {"forSeconds": None}}}, "forSeconds"),
        ({"prometheusRule": {"checkFlapping": {"changes": None}}}, "changes"),
        ({"prometheusRule": {"restartLoop": {"restarts": None}}}, "restarts"),
        ({"prometheusRule": {"drainTimedOut": None}}, "drainTimedOut"),
    ],
)
def test_a_number_that_is_null_is_not_zero(values: Fields, key: str) -> None:
    """An alert with 0 in the place of its threshold would fire for ever."""
    refused = template(values, files=[_EVERYTHING])
    assert refused.code == 1
    assert _SCHEMA in refused.error
    assert key in refused.error


@both
@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"bootSecond": 3}, "bootSecond"),
        ({"bootSeconds": 0}, "bootSeconds"),
        ({"bootSeconds": 3601}, "bootSeconds"),
        ({"bootSeconds": 2.5}, "bootSeconds"),
        ({"bootSeconds": "30s"}, "bootSeconds"),
        ({"drainDelaySeconds": -1}, "drainDelaySeconds"),
        ({"workers": 0}, "workers"),
        ({"containerPort": 70000}, "containerPort"),
        ({"preStop": "httpGet"}, "preStop"),
        ({"paths": {"ready": "readyz"}}, "ready"),
        ({"paths": {"redy": "/readyz"}}, "redy"),
        ({"readinessGate": {"enable": True}}, "enable"),
        ({"metrics": {"enabled": "false"}}, "metrics"),
        ({"metrics": {"enable": True}}, "enable"),
        ({"metrics": {"enabled": True, "path": None}}, "path"),
        ({"metrics": {"enabled": True, "path": "metrics"}}, "path"),
        ({"serviceAccount": {"name": "Shop"}}, "name"),
        ({"podLabels": {"team": "the shop"}}, "team"),
        ({"nodeSelector": {"zone": "a b"}}, "zone"),
        ({"resources": {"requests": []}}, "requests"),
        ({"resources": {"requests": {"memory": "512mb"}}}, "memory"),
        ({"resources": {"limits": {"cpu": True}}}, "cpu"),
        ({"securityContext": {"readOnlyRootFilesystem": "false"}}, "readOnlyRootFilesystem"),
        ({"podSecurityContext": {"runAsUser": "1000"}}, "runAsUser"),
        ({"volumes": [{"hostPath": "/srv"}]}, "name"),
        ({"volumeMounts": [{"name": "cache"}]}, "mountPath"),
    ],
)
def test_a_value_out_of_its_range_is_refused(values: Fields, key: str, name: str) -> None:
    """So is one that is none: a slip of the keyboard would else change nothing, unseen."""
    refused = template(IMAGE | values, name=name)
    assert refused.code == 1
    assert key in refused.error
    assert _SCHEMA in refused.error
