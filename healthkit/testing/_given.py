"""What a kubelet is given: a manifest's pod or Deployment, and what stands in its image."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from healthkit import _validate, manifests
from healthkit.errors import ConfigError
from healthkit.manifests._spec import Exec, HttpGet, PodSpec, TcpSocket, Workload
from healthkit.testing._asgi import AsgiApp
from healthkit.testing._asgi_process import LAST_PORT
from healthkit.testing._commands import not_understood
from healthkit.testing._described import Described
from healthkit.testing._service import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from healthkit.manifests._spec import Container
    from healthkit.testing._commands import Commands
    from healthkit.testing._process import App
    from healthkit.testing._template import Runnable

#: The port of a container that names none, neither itself nor in a probe.
_PORT: Final = 8000


def template(manifest: str | Path | PodSpec | Workload, workload: str | None) -> PodSpec:
    if isinstance(manifest, PodSpec):
        return manifest
    if isinstance(manifest, Workload):
        return manifest.template
    return manifests.workload(manifest, workload).template


def deployment(manifest: str | Path | Workload, name: str | None) -> Workload:
    """Return a manifest's Deployment.

    Raises:
        ConfigError: it is something else, or its pods could never be replaced.
    """
    made = manifest if isinstance(manifest, Workload) else manifests.workload(manifest, name)
    if made.kind != "Deployment":
        where = f" ({made.source})" if made.source else ""
        raise ConfigError(
            f"deploy found the {made.kind} {made.name}{where}, expected a Deployment:"
            " Kubelet.run plays one pod of it"
        )
    rolling = made.rolling_update
    if rolling is not None and not rolling.max_surge and not rolling.max_unavailable:
        raise ConfigError(
            f"{made.name} with max_surge=0 and max_unavailable=0: expected one of them from 1,"
            " or no pod could ever be replaced"
        )
    return made


def chosen(spec: PodSpec, name: str | None) -> PodSpec:
    """Return the pod with the container first that is played.

    Raises:
        ConfigError: there is none of that name, or one has to be named.
    """
    names = [container.name for container in spec.containers]
    if name is None and len(names) == 1:
        return spec
    if name not in names:
        found = "no container named" if name is None else f"container={name!r}"
        raise ConfigError(f"{found}: expected one of {', '.join(names)}")
    first = spec.containers[names.index(name)]
    others = [container for container in spec.containers if container is not first]
    return replace(spec, containers=(first, *others))


def port_of(container: Container, said: int | None) -> int:
    """Return where a container's app listens: where the caller says, or the manifest.

    Raises:
        ConfigError: the caller says what is no port.
    """
    if said is not None:
        return _validate.whole("port", said, least=1, most=LAST_PORT)
    if container.ports:
        return container.ports[0].number
    probes = (container.readiness, container.startup, container.liveness)
    handlers = [probe.handler for probe in probes if probe is not None]
    numbers = [one.port for one in handlers if isinstance(one, HttpGet | TcpSocket)]
    return next((number for number in numbers if isinstance(number, int)), _PORT)


def as_app(app: Runnable, container: Container, port: int, commands: Commands | None) -> App | None:
    """Return what stands in the image.

    Raises:
        ConfigError: it is nothing that can be run, or has commands that nobody plays.
    """
    if app is None or isinstance(app, Described):
        return app
    if not callable(app):
        raise ConfigError(f"app={app!r}: expected an ASGI application, a Described one, or None")
    made = AsgiApp(app, name=container.name, ports=frozenset({port}), commands=commands)
    for command in _commands(container):
        if not made.understands(command):
            raise not_understood(command)
    return made


def clients(traffic: object) -> Traffic | None:
    """Return who sends requests.

    Raises:
        ConfigError: it is something else.
    """
    if traffic is None or isinstance(traffic, Traffic):
        return traffic
    raise _validate.refuse("traffic", traffic, "a Traffic(...), or None for no request")


def asked(condition: Callable[[], object]) -> object:
    """Return what a condition says.

    Raises:
        ConfigError: it can't be asked, or what it says has to be awaited: that is always true.
    """
    if not callable(condition):
        raise _validate.refuse(
            "condition", condition, "a function; leave out its parentheses, as in until(pod.ready)"
        )
    said = condition()
    if inspect.isawaitable(said):
        if inspect.iscoroutine(said):
            said.close()
        raise _validate.refuse("condition", condition, "a function without `async`")
    return said


def _commands(container: Container) -> list[tuple[str, ...]]:
    probes = (container.startup, container.liveness, container.readiness)
    actions = [probe.handler for probe in probes if probe is not None]
    return [one.command for one in (*actions, container.pre_stop) if isinstance(one, Exec)]
