"""What the chart refuses: each guard, by values that it is there for.

A guard is a ``fail`` in a template, with one sentence: what was found, what was expected, what to
do. `sentences` are those that the templates have; `CASES` are values for each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tests.chart.render import CHART, VERSIONS, Fields

#: ``fail "found …"``, or ``fail (printf "found …" …)``.
_FAIL: Final = re.compile(r'\bfail +(?:\(printf +)?"((?:[^"\\]|\\.)*)"')

#: Where printf puts a value in.
_VALUE: Final = re.compile(r"%[sdqv]")


@dataclass(frozen=True, slots=True)
class Case:
    """Values that a guard refuses."""

    #: A part of its sentence, as it stands in the template: by it the guard is known.
    guard: str
    #: The name of the value that is to be changed: the sentence has it.
    name: str
    #: Beside those of an image.
    values: Fields
    kube_version: str = VERSIONS[-1]


def _templates() -> str:
    """Return all templates, without their comments."""
    paths = [*CHART.glob("templates/**/*.tpl"), *CHART.glob("templates/**/*.yaml")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return re.sub(r"{{-? */\*.*?\*/ *-?}}", "", text, flags=re.DOTALL)


def sentences() -> list[str]:
    """Return the sentences of all guards, as printf is given them."""
    return _FAIL.findall(_templates())


def calls() -> int:
    """Return how often the templates refuse anything, in whichever way they write it."""
    return len(re.findall(r"{{-? *(?:fail|required)\b|\| *fail\b", _templates()))


def as_pattern(sentence: str) -> re.Pattern[str]:
    """Return what matches the sentence when its values are put in."""
    return re.compile(".*".join(map(re.escape, _VALUE.split(sentence))))


def _env(name: str) -> Fields:
    return {"env": [{"name": name, "value": "1"}]}


def _ingress(*paths: str) -> Fields:
    listed = [{"path": path, "pathType": "Prefix"} for path in paths]
    return {"ingress": {"enabled": True, "hosts": [{"host": "shop.example", "paths": listed}]}}


def _route(**more: object) -> Fields:
    parents = [{"name": "gateway"}]
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]
    return {"httpRoute": {"enabled": True, "parentRefs": parents, "rules": rules, **more}}


def _matches(kind: str, path: str) -> Fields:
    return _route(rules=[{"matches": [{"path": {"type": kind, "value": path}}]}])


def _mount(path: str) -> Fields:
    volumes: list[Fields] = [{"name": "cache", "emptyDir": {}}]
    return {"volumes": volumes, "volumeMounts": [{"name": "cache", "mountPath": path}]}


def _scale(**more: object) -> Fields:
    return {"autoscaling": {"enabled": True, **more}}


_NO_CPU: Final[Fields] = {"resources": {"requests": {"cpu": None}}}
_METRICS: Final[Fields] = {"metrics": {"enabled": True}}
_POD_MONITOR: Final[Fields] = {"podMonitor": {"enabled": True}}
_SERVICE_MONITOR: Final[Fields] = {"serviceMonitor": {"enabled": True}}
#: With four closed paths below each, beside those of the root: 68.
_SHOPS: Final = [{"matches": [{"path": {"value": f"/shop{n}"}} for n in range(16)]}]
_HYPERCORN: Final = {"command": ["hypercorn", "main:app", "--workers", "2"], "workers": 2}

CASES: Final = (
    Case("found enabled false", "enabled", {"enabled": False}),
    Case("what is added to it", "fullnameOverride", {"fullnameOverride": "a" * 57}),
    Case("small letters, digits", "fullnameOverride", {"fullnameOverride": "1shop"}),
    Case("small letters, digits", "fullnameOverride", {"fullnameOverride": "Shop"}),
    Case(
        "it is part of a label", "nameOverride", {"nameOverride": "a" * 57, "fullnameOverride": "a"}
    ),
    Case("as a label has it", "nameOverride", {"nameOverride": "-x"}),
    Case("as a label has it", "nameOverride", {"nameOverride": "s p", "fullnameOverride": "a"}),
    Case("found image.repository empty", "image.repository", {"image": {"repository": ""}}),
    *(
        Case("a name as registry", "image.repository", {"image": {"repository": name}})
        for name in ("shop:1.0.0", "shop@sha256:0f", "https://registry.example/shop", "shop/")
    ),
    Case("found image.tag empty", "image.tag", {"image": {"repository": "shop", "tag": ""}}),
    Case(
        "other labels, for the Service",
        "podLabels",
        {"podLabels": {"app.kubernetes.io/name": "another"}},
    ),
    Case("found stateDir", "stateDir", {"stateDir": "/tmp"}),  # noqa: S108  # what is refused
    Case("found stateDir", "stateDir", {"stateDir": "/"}),
    Case("in volumes", "volumes", {"volumes": [{"name": "tmp"}]}),
    Case("in volumes", "volumes", {"volumes": [{"name": "healthkit"}], "workers": 2}),
    Case("found the mountPath", "volumeMounts", _mount("/tmp/")),  # noqa: S108  # what is refused
    Case("found the mountPath", "volumeMounts", {**_mount("/run/healthkit"), "preStop": "exec"}),
    Case("the volume", "volumes", _mount("/cache") | {"volumes": [{"name": "cash"}]}),
    Case("the volume", "volumes", _mount("/cache") | {"volumes": None}),
    Case("twice in env", "env", {"env": [{"name": "A", "value": one} for one in "12"]}),
    Case("that the other numbers are computed", "workers", _env("WEB_CONCURRENCY")),
    Case("that the other numbers are computed", "drainDelay", _env("HEALTHKIT_DRAIN_DELAY")),
    Case("found paths.ready", "paths.ready", {"paths": {"ready": "/livez"}}),
    Case("found paths.ready", "paths.ready", {"paths": {"startup": "/readyz"}}),
    Case("found metrics.path", "metrics.path", {"metrics": {"enabled": True, "path": "/livez"}}),
    Case("found preStop sleep for", "preStop", {"preStop": "sleep"}, "1.29"),
    Case("drainDelaySeconds 0", "drainDelaySeconds", {"preStop": "sleep", "drainDelaySeconds": 0}),
    Case("a command of hypercorn", "preStop", {**_HYPERCORN, "preStop": "none"}),
    Case("a command of hypercorn", "preStop", {**_HYPERCORN, "preStop": "sleep"}),
    Case(
        "found terminationGracePeriodSeconds",
        "terminationGracePeriodSeconds",
        {"terminationGracePeriodSeconds": 25, "preStop": "sleep"},
    ),
    Case(
        "found terminationGracePeriodSeconds",
        "terminationGracePeriodSeconds",
        {"terminationGracePeriodSeconds": 119, "longestRequestSeconds": 110, "preStop": "exec"},
    ),
    Case("found progressDeadline", "progressDeadlineSeconds", {"progressDeadlineSeconds": 100}),
    Case("a maximum that is no less", "maxReplicas", _scale(minReplicas=5, maxReplicas=4)),
    Case("without a target", "targetCPU", _scale(targetCPUUtilizationPercentage=None)),
    Case("what the percents are of", "resources.requests", {**_scale(), **_NO_CPU}),
    Case(
        "podDisruptionBudget.maxUnavailable 0",
        "podDisruptionBudget",
        {"podDisruptionBudget": {"maxUnavailable": 0}},
    ),
    Case(
        "found readinessGate.condition",
        "readinessGate.condition",
        {"readinessGate": {"enabled": True, "condition": "cache-warm"}},
    ),
    Case(
        "the ServiceAccount default",
        "serviceAccount",
        {"readinessGate": {"enabled": True}, "serviceAccount": {"create": False}},
    ),
    Case(
        "which sets it", "readinessGate", {"readinessGate": {"enabled": True}, **_env("POD_NAME")}
    ),
    Case("found a monitor and", "metrics.enabled", {"podMonitor": {"enabled": True}}),
    Case("found a monitor and", "metrics.enabled", {"serviceMonitor": {"enabled": True}}),
    Case("is scraped twice", "serviceMonitor.enabled", _METRICS | _POD_MONITOR | _SERVICE_MONITOR),
    Case("without a monitor", "podMonitor.enabled", {"prometheusRule": {"enabled": True}}),
    Case("tells the world", "ingress.hosts", _ingress("/", "/readyz")),
    Case("tells the world", "ingress.hosts", _ingress("/livez/")),
    Case("tells the world", "ingress.hosts", _ingress("/readyz/database")),
    Case("tells the world", "httpRoute.rules", _matches("Exact", "/startupz")),
    Case("paths to close", "closedPaths", _route(rules=_SHOPS)),
    Case("no ingress.hosts", "ingress.hosts", {"ingress": {"enabled": True}}),
    Case("no httpRoute.parentRefs", "httpRoute.parentRefs", _route(parentRefs=[])),
    Case("found the expression", "httpRoute.rules", _matches("RegularExpression", "/.*")),
)
