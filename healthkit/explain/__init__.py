"""What a manifest's numbers will do to a pod, in words and numbers.

`explain` takes a workload as `healthkit.manifests` reads it, and returns plain values; `as_text`
tells them, `as_dict` writes them for JSON, and `svg` draws the start and the end of containers::

    for one in manifests.read("deploy.yaml"):
        print(explain.as_text(explain.explain(one)))

All arithmetic is that of `healthkit.timing`. What the app itself does is not known here: how long
it boots, and whether it fails readiness when it has to end.
"""

from __future__ import annotations

from healthkit.explain._json import as_dict
from healthkit.explain._picture import svg
from healthkit.explain._qos import Qos, QosClass, qos
from healthkit.explain._text import as_text
from healthkit.explain._told import explain
from healthkit.explain._values import (
    Asked,
    Ending,
    Explanation,
    Hook,
    Moment,
    Rollout,
    Running,
    Start,
    Told,
)

__all__ = [
    "Asked",
    "Ending",
    "Explanation",
    "Hook",
    "Moment",
    "Qos",
    "QosClass",
    "Rollout",
    "Running",
    "Start",
    "Told",
    "as_dict",
    "as_text",
    "explain",
    "qos",
    "svg",
]
