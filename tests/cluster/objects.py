"""What the suite puts into its namespace: the chart's values, the client pod, a Service of its own.

Pure values. The programs that run in the pods come out of a ConfigMap, so that any image will do
that has Python and what healthkit needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.cluster.client import PORT
from tests.cluster.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.cluster.settings import Settings

#: An object of the API, or values of a chart.
Object = dict[str, object]

CHART: Final = ROOT / "helm" / "healthkit-app"

#: The ConfigMap, its volume, and where that is mounted.
PROGRAMS: Final = "e2e"
PROGRAMS_AT: Final = "/e2e"
#: Where the project of the node is mounted.
PROJECT_AT: Final = "/project"

#: What is in the ConfigMap: a package of the same name as here, whatever else the image has.
MODULES: Final = ("app", "client", "http1", "load")
_EMPTY: Final = "empty"

CLIENT: Final = "client"

#: A label by which a Service of the suite's own finds pods of several releases.
GROUP: Final = "healthkit-e2e-group"

#: Seconds: serving on after the drain began, and how long a request takes. The longest one of the
#: load takes 2.
DRAIN_DELAY: Final = 5
LONGEST_REQUEST: Final = 5

#: Enough for a Python with a small app, and no more: a node of 2 CPUs has room for all pods.
_RESOURCES: Final[Object] = {
    "requests": {"cpu": "10m", "memory": "64Mi"},
    "limits": {"memory": "512Mi"},
}


def values(
    settings: Settings,
    name: str,
    env: Mapping[str, str] | None = None,
    *,
    workers: int = 1,
    **more: object,
) -> Object:
    """Return the chart's values for a release.

    Args:
        settings: the image, and what is mounted.
        name: the release's, and so the Deployment's and the Service's.
        env: more variables for the app.
        workers: how many uvicorn starts.
        more: values that replace those here.
    """
    return {
        "fullnameOverride": name,
        "replicaCount": 1,
        "image": {"repository": settings.repository, "tag": settings.tag},
        "command": _uvicorn(settings, workers),
        "workers": workers,
        "env": _env({**_environment(settings), **(env or {})}),
        "bootSeconds": 30,
        "pullSeconds": 5,
        "minReadySeconds": 1,
        "drainDelaySeconds": DRAIN_DELAY,
        "longestRequestSeconds": LONGEST_REQUEST,
        "preStop": "exec",
        "preStopCommand": [settings.python, "-m", "healthkit", "drain"],
        "podSecurityContext": {"runAsUser": settings.user},
        "resources": _RESOURCES,
        "volumes": [_programs(), *_project(settings)],
        "volumeMounts": _mounts(settings),
        **more,
    }


def _uvicorn(settings: Settings, workers: int) -> list[str]:
    start = [settings.python, "-m", "uvicorn", "tests.cluster.app:app", "--app-dir", PROGRAMS_AT]
    listen = ["--host", "0.0.0.0", "--port", "8000"]  # noqa: S104  # in the pod, for the kubelet
    # A kept connection that is idle for 5 s, as on a node that stands still, would be closed.
    limits = ["--timeout-graceful-shutdown", "5", "--timeout-keep-alive", "60", "--no-access-log"]
    return [*start, *listen, *limits, *(["--workers", str(workers)] if workers > 1 else [])]


def _environment(settings: Settings) -> dict[str, str]:
    """Return what the interpreter needs: no file is written, and every line is in the log.

    The programs come before the project, which has a package of the same name.
    """
    path = f"{PROGRAMS_AT}:{PROJECT_AT}" if settings.mount else PROGRAMS_AT
    return {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": path}


def _env(variables: Mapping[str, str]) -> list[Object]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _programs() -> Object:
    paths = {f"{name}.py": f"tests/cluster/{name}.py" for name in MODULES}
    items = [{"key": key, "path": path} for key, path in paths.items()]
    items += [{"key": _EMPTY, "path": "tests/__init__.py"}]
    items += [{"key": _EMPTY, "path": "tests/cluster/__init__.py"}]
    return {"name": PROGRAMS, "configMap": {"name": PROGRAMS, "items": items}}


def _project(settings: Settings) -> Sequence[Object]:
    if not settings.mount:
        return []
    return [{"name": "project", "hostPath": {"path": settings.mount, "type": "Directory"}}]


def _mounts(settings: Settings) -> list[Object]:
    mounts: list[Object] = [{"name": PROGRAMS, "mountPath": PROGRAMS_AT, "readOnly": True}]
    if settings.mount:
        mounts.append({"name": "project", "mountPath": PROJECT_AT, "readOnly": True})
    return mounts


def programs() -> dict[str, str]:
    """Return the text of each program, by its file's name."""
    folder = ROOT / "tests" / "cluster"
    return {f"{name}.py": (folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}


def config_map() -> Object:
    """Return the ConfigMap with the programs, and an empty file that makes a package."""
    data = {**programs(), _EMPTY: ""}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": PROGRAMS}, "data": data}


def client(settings: Settings) -> Object:
    """Return the pod that asks, watches and puts load on Services."""
    container: Object = {
        "name": CLIENT,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [settings.python, "-m", "tests.cluster.client"],
        "workingDir": PROGRAMS_AT,
        "env": _env(_environment(settings)),
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": _RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(settings),
    }
    spec: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": settings.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [_programs(), *_project(settings)],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": CLIENT}, "spec": spec}


def group_service(name: str) -> Object:
    """Return a Service for all pods with a label, of whichever release they are."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    spec = {"selector": {GROUP: name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def namespace(name: str, settings: Settings) -> Object:
    """Return the namespace. The strictest level of Pod Security, unless a host folder is mounted.

    Pod Security forbids hostPath from the level "baseline" on.
    """
    level = "privileged" if settings.mount else "restricted"
    labels = {"pod-security.kubernetes.io/enforce": level}
    metadata: Object = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def eviction(pod: str, space: str) -> Object:
    """Return what asks for a pod's eviction, as a node's drain does."""
    metadata = {"name": pod, "namespace": space}
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
