"""HK701, HK702 and HK706: whether the manifest asks the app where it is, and gives what it needs.

These rules speak of one container only: the one that the app of the options is in. Variables of the
container that win over the app's code are in its settings already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.inside import STATE_DIR
from healthkit.lint._facts.mounts import mount_at
from healthkit.lint._facts.servers import server
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, probe_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container
    from healthkit.manifests._app import AppSettings, Endpoint
    from healthkit.manifests._spec import ProbeKind

#: Which endpoints say what a probe is for, the best first. ``/livez`` does for a start, too: it is
#: not there before the server is. ``/healthz`` waits for the warm-ups, so that liveness would kill
#: an app that warms up.
_RIGHT: Final[Mapping[ProbeKind, tuple[Endpoint, ...]]] = {
    "startup": ("startup", "live", "ready", "health"),
    "liveness": ("live",),
    "readiness": ("ready", "health"),
}

#: What comes of asking the others.
_TOO_EARLY: Final = "it is 200 while the app is not ready, so that requests come too early"
_KILLED: Final = "it is 503 while the app starts, warms up or drains, and the container is killed"
_NEVER: Final = "it stays 200 after the start, so that a broken app is never restarted"


@probe_rule(
    About(
        id="HK701",
        severity=Severity.WARNING,
        title="a probe asks the app for something else than it is for",
        why="what answers there is the app's own route, or a 404: healthkit doesn't",
        fix="ask the path that the app has for this probe",
        source="healthkit README, the table of answers",
    )
)
def other_path(probe: Probe) -> Iterator[Found]:
    """Yield HTTP probes of paths that the app doesn't have for them."""
    app = probe.container.workload.manifests.app_of(probe.container)
    if app is None or not probe.http or _is_elsewhere(probe, app):
        return
    found, right = app.endpoint(probe.path), _RIGHT[probe.kind]
    paths = [app.paths[name] for name in right if name in app.paths]
    if found in right or not paths:
        return
    asks = f"the {probe.field} asks {probe.path}, which is"
    unknown = f"{asks} none of the endpoints of {app.name}"
    known = f"{asks} the {found} endpoint of {app.name}"
    yield Found(
        at=probe.http / "path",
        what=known if found else unknown,
        why=None if found is None else _consequence(probe.kind, found),
        fix=f"ask {paths[0]}",
    )


def _consequence(kind: ProbeKind, found: Endpoint) -> str:
    if kind == "readiness":
        return _TOO_EARLY
    return _NEVER if found == "startup" else _KILLED


def _is_elsewhere(probe: Probe, app: AppSettings) -> bool:
    """Whether a probe asks another port than the app's: HK702 says so."""
    found = _asked(probe)
    listens = _listens(probe.container, app)
    return found is not None and listens is not None and listens[0] != found


@probe_rule(
    About(
        id="HK702",
        severity=Severity.WARNING,
        title="a probe asks a port on which the app doesn't listen",
        why="a refused connection is a failure: the pod never gets ready, or is killed",
        fix="probe the port that the server listens on",
        source="kubernetes pkg/probe/http/http.go, DoHTTPProbe",
    )
)
def other_port(probe: Probe) -> Iterator[Found]:
    """Yield probes of another port than the app's; not those of another container's port."""
    app = probe.container.workload.manifests.app_of(probe.container)
    found = _asked(probe)
    if app is None or found is None or not _is_elsewhere(probe, app):
        return
    others = [one for one in probe.container.workload.containers if one is not probe.container]
    if any((port / "containerPort").whole == found for one in others for port in one.ports):
        return
    port, by = _listens(probe.container, app) or (0, "")
    what = f"the {probe.field} asks port {found}, and {by} listens on {port}"
    yield Found(at=probe.port, what=what, numbers={"probed": found, "port": port})


def _asked(probe: Probe) -> int | None:
    """Return the number of the port that a probe over HTTP or TCP asks."""
    port = probe.container.port_number(probe.port.value)
    return port if isinstance(port, int) and not probe.at / "grpc" else None


def _listens(container: Container, app: AppSettings) -> tuple[int, str] | None:
    """Return the port of an app, and who says so."""
    if app.port is not None:
        return app.port, app.name
    found = server(container.words, container.env)
    return (found.port, found.name) if found is not None and found.port is not None else None


@container_rule(
    About(
        id="HK706",
        severity=Severity.WARNING,
        title="the app counts on workers or on a directory that the manifest doesn't give it",
        why="the pod is ready with too few workers or never, and what is left of a drain in the "
        "image's file system goes unseen",
        fix="mount an emptyDir at the state directory; say the number of workers once, as "
        "WEB_CONCURRENCY",
        source="healthkit README, 'Several workers'",
    )
)
def workers_and_state(container: Container) -> Iterator[Found]:
    """Yield a state directory that is no volume, and workers in another number than the app's."""
    app = container.workload.manifests.app_of(container)
    if app is None:
        return
    path = app.state_dir
    if path is not None and STATE_DIR not in container.env and mount_at(container, path) is None:
        what = f"{app.name} keeps its state in {path}, and no volume is mounted there"
        fix = "mount an emptyDir there: emptyDir: {medium: Memory, sizeLimit: 16Mi}"
        yield Found(at=container.at / "volumeMounts", what=what, fix=fix)
    yield from _workers(container, app)


def _workers(container: Container, app: AppSettings) -> Iterator[Found]:
    found = server(container.words, container.env)
    said = None if found is None else found.workers
    if found is None or said is None or app.workers is None or said == app.workers:
        return
    yield Found(
        at=container.at / ("args" if container.at / "args" else "command"),
        what=f"{found.name} has {said} workers, and {app.name} waits for {app.workers}",
        numbers={"server": said, "app": app.workers},
        fix="say the number of workers once, as WEB_CONCURRENCY: both read it",
    )
