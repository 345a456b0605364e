"""Containers: what the API server admits, with its defaults.

The rules are those of kubernetes 1.36 pkg/apis/core/validation/validation.go. What is not looked
at, because it says nothing of a container's life: volume mounts, security contexts, and where a
variable's value comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.manifests import _names
from healthkit.manifests._probes import PROBES, check, hook, probe
from healthkit.manifests._resources import resources
from healthkit.manifests._spec import Container, Port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.manifests._fields import Fields
    from healthkit.manifests._spec import Hook, Probe, ProbeKind, RestartPolicy

#: Fields that have but a few values, as the API server lists them (validateContainerCommon).
_CHOICES: Final = {
    "terminationMessagePolicy": ("FallbackToLogsOnError", "File"),
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
}

_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")

#: Said of what a container has that runs before the others and ends (validateInitContainers).
_NOT_FOR_INIT: Final = "may not be set for init containers without restartPolicy=Always"


def containers(pod: Fields, grace: int) -> tuple[Container, ...]:
    """Return the containers that run side by side (validateContainers).

    Args:
        pod: the fields of the pod's spec.
        grace: its termination grace period in seconds.
    """
    found = pod.many("containers")
    if not found:
        raise (pod / "containers").required()
    names: set[str] = set()
    return tuple(_container(one, grace, names) for one in found)


def init_containers(
    pod: Fields, grace: int, others: tuple[Container, ...]
) -> tuple[Container, ...]:
    """Return the containers that are started before the others (validateInitContainers).

    Those with the restart policy Always go on to run, and may have probes: sidecars.
    """
    names = {one.name for one in others}
    return tuple(_init_container(one, grace, names) for one in pod.many("initContainers"))


def _init_container(fields: Fields, grace: int, names: set[str]) -> Container:
    container = _container(fields, grace, names)
    if container.restart_policy != "Always":
        for name in ("lifecycle", *PROBES.values()):
            if name in fields:
                raise (fields / name).forbidden(_NOT_FOR_INIT)
    return container


def _container(fields: Fields, grace: int, names: set[str]) -> Container:
    name = _name(fields, names)
    image = fields.text("image")
    if not image:
        raise (fields / "image").required()
    if "{{" in image:  # the API server would admit it, and the kubelet would not
        raise (fields / "image").invalid(image, "")
    _choices(fields)
    probes = _probes(fields)
    hooks = fields.some("lifecycle")
    return Container(
        name,
        image,
        command=fields.texts("command"),
        args=fields.texts("args"),
        ports=tuple(_ports(fields)),
        env=dict(_env(fields)),
        post_start=_hook(hooks, "postStart", grace),
        pre_stop=_hook(hooks, "preStop", grace),
        liveness=probes.get("liveness"),
        readiness=probes.get("readiness"),
        startup=probes.get("startup"),
        restart_policy=_restart_policy(fields),
        resources=resources(fields.some("resources")),
    )


def _name(fields: Fields, names: set[str]) -> str:
    name = fields.text("name")
    if not name:
        raise (fields / "name").required()
    check(fields / "name", name, _names.dns_label)
    if name in names:
        raise (fields / "name").duplicate(name)
    names.add(name)
    return name


def _choices(fields: Fields) -> None:
    for field, choices in _CHOICES.items():
        found = fields.text(field)
        if found and found not in choices:
            raise (fields / field).unsupported(found, choices)


def _probes(fields: Fields) -> dict[ProbeKind, Probe]:
    found: dict[ProbeKind, Fields | None]
    found = {kind: fields.one(name) for kind, name in PROBES.items()}
    return {kind: probe(one, kind) for kind, one in found.items() if one is not None}


def _hook(fields: Fields, name: str, grace: int) -> Hook | None:
    found = fields.one(name)
    return None if found is None else hook(found, grace)


def _restart_policy(fields: Fields) -> RestartPolicy | None:
    """Return a container's own policy (validateContainerRestartPolicy, since 1.35)."""
    match fields.text("restartPolicy"):
        case "Always" | "OnFailure" | "Never" as policy:
            return policy
        case "":
            return None
        case found:
            choices = ("Always", "Never", "OnFailure")
            raise (fields / "restartPolicy").unsupported(found, choices)


def _ports(fields: Fields) -> Iterator[Port]:
    """Yield the ports (validateContainerPorts)."""
    names: set[str] = set()
    for one in fields.many("ports"):
        name, number = one.text("name"), one.whole("containerPort", 0)
        if name:
            check(one / "name", name, _names.port_name)
            if name in names:
                raise (one / "name").duplicate(name)
            names.add(name)
        if not number:
            raise (one / "containerPort").required()
        for field in ("containerPort", "hostPort"):
            _number(one, field)
        protocol = one.text("protocol", "TCP")
        if protocol not in _PROTOCOLS:
            raise (one / "protocol").unsupported(protocol, _PROTOCOLS)
        yield Port(number, name or None, protocol)


def _number(port: Fields, name: str) -> None:
    number = port.whole(name, 0)
    problem = _names.port_number(number) if number else None
    if problem is not None:
        raise (port / name).invalid(number, problem)


def _env(fields: Fields) -> Iterator[tuple[str, str]]:
    """Yield the variables with a value of their own; a later one wins (ValidateEnv)."""
    for one in fields.many("env"):
        name, value = one.text("name"), one.text("value")
        if not name:
            raise (one / "name").required()
        check(one / "name", name, _names.variable)
        if "valueFrom" in one:
            _value_from(one.some("valueFrom"), value)
        else:
            yield name, value


def _value_from(fields: Fields, value: str) -> None:
    """Check that a value comes from one place (validateEnvVarValueFrom)."""
    sources = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
    found = [name for name in sources if name in fields]
    if not found:
        listed = ", ".join(f"`{name}`" for name in sources[:-1])
        raise fields.spot.invalid("", f"must specify one of: {listed} or `{sources[-1]}`")
    if value:
        raise fields.spot.invalid("", "may not be specified when `value` is not empty")
    if len(found) > 1:
        raise fields.spot.invalid("", "may not have more than one field specified at a time")
