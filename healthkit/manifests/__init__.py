"""Kubernetes manifests, read as the API server reads them: defaults filled in, nonsense refused.

`read` takes a file and `parse` a text; both return the workloads in it. What kubectl or the API
server of Kubernetes 1.36 would refuse is refused with one line that has the file, the line, the
field and the API server's own reason. Where this differs from them:

1. Only the first reason is told.
2. What is not played is not looked at, beyond its name and type: volumes, security contexts,
   affinity, host ports, ``activeDeadlineSeconds``, the status; and of resources which there are.
   Other kinds of objects, CronJobs among them, are skipped.
3. A key that stands twice is refused, whatever kubectl was told to do with it.
4. A StatefulSet's template is checked at once, and not first when its pods are made.
5. An image with ``{{`` in it is a template that nobody rendered.
6. What only some of Kubernetes 1.25 to 1.37 refuse is taken: a StatefulSet's name with dots, or its
   ``maxUnavailable: 0``. JSON objects one behind the other are not.

YAML is what Go's parser makes of it, so that ``0o17`` is 15, ``y`` is true and 3.0 is whole.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from healthkit._validate import one_line, refuse, shown
from healthkit.errors import ConfigError
from healthkit.manifests import _objects, _source
from healthkit.manifests._spec import (
    Container,
    Exec,
    Grpc,
    Handler,
    Hook,
    HttpGet,
    PodSpec,
    Port,
    Probe,
    ProbeKind,
    Resources,
    RestartPolicy,
    RollingUpdate,
    Sleep,
    TcpSocket,
    Workload,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Container",
    "Exec",
    "Grpc",
    "Handler",
    "Hook",
    "HttpGet",
    "PodSpec",
    "Port",
    "Probe",
    "ProbeKind",
    "Resources",
    "RestartPolicy",
    "RollingUpdate",
    "Sleep",
    "TcpSocket",
    "Workload",
    "parse",
    "read",
    "workload",
]


def read(path: str | os.PathLike[str]) -> list[Workload]:
    """Return the workloads of a file, in its order; none if it has none.

    Args:
        path: of a file of YAML (or JSON, which is YAML), with one object or many. At most 10 MB.

    Raises:
        ConfigError: there is no such file; it is no YAML; it would be refused. PyYAML is missing.
    """
    return list(_objects.workloads(_source.from_file(path)))


def parse(text: str | bytes, name: str = "manifest") -> list[Workload]:
    """Return the workloads of a text, in its order; none if it has none.

    Args:
        text: YAML, as str or as UTF-8.
        name: what messages call it.

    Raises:
        ConfigError: as `read` does.
    """
    return list(_objects.workloads(_source.from_text(text, name)))


def workload(
    manifest: str | os.PathLike[str] | Sequence[Workload], name: str | None = None
) -> Workload:
    """Return the only workload of a manifest, or the named one.

    Args:
        manifest: the path of a file, or what `read` or `parse` have returned.
        name: ``web``, or with its kind as in ``deployment/web``; None if there is but one.

    Raises:
        ConfigError: there is none, or several; or as `read` does.
    """
    if isinstance(manifest, str | os.PathLike):
        where, found = f"{os.fspath(manifest)}: ", read(manifest)
        others = "" if found else _others(manifest)
    else:
        where, found, others = "", _read_before(manifest), ""
    chosen = [one for one in found if name is None or name in _called(one)]
    if len(chosen) == 1:
        return chosen[0]
    raise ConfigError(one_line(f"{where}{_choice(found, chosen, name, others)}"))


def _others(path: str | os.PathLike[str]) -> str:
    """Say which kinds of objects a file has: there may be a slip in one of them."""
    kinds = ", ".join(_objects.kinds(_source.from_file(path)))
    return f", but {kinds}" if kinds else ""


def _read_before(manifest: object) -> list[Workload]:
    given = cast("list[object]", manifest if isinstance(manifest, list | tuple) else [manifest])
    found = [one for one in given if isinstance(one, Workload)]
    if len(found) < len(given):
        raise refuse("manifest", given, "a path, or the workloads that were read from one")
    return found


def _called(one: Workload) -> tuple[str, ...]:
    return (one.name, _full_name(one), f"{one.kind}/{one.name}")


def _full_name(one: Workload) -> str:
    return f"{one.kind.lower()}/{one.name}"


def _choice(found: list[Workload], chosen: list[Workload], name: str | None, others: str) -> str:
    """Say why there is no one workload to choose."""
    kinds = "a Pod, Deployment, StatefulSet, DaemonSet or Job"
    if not found:
        return f"found no workload{others}: expected {kinds}"
    names = ", ".join(sorted({_full_name(one) for one in chosen or found}))
    if name is None:
        return f"found {len(found)} workloads: pass the name of one of them: {names}"
    if not chosen:
        return f"found no workload {shown(name)}: expected one of {names}"
    return f"found {len(chosen)} workloads {shown(name)}: expected one; pass its kind too: {names}"
