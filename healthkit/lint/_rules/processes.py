"""HK311 to HK313: which processes there are, and where those of a pod meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.inside import STATE_DIR, inside
from healthkit.lint._facts.launch import launch
from healthkit.lint._facts.mounts import mount_at
from healthkit.lint._facts.servers import server_of
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, workload_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose

#: Where healthkit answers startup probes, and hardly anybody else does.
_STARTUP_PATH: Final = "/startupz"

#: Each of them is elsewhere too; both in one Python app are healthkit's more often than not.
_BOTH_PATHS: Final = frozenset({"/livez", "/readyz"})

#: Volumes that live exactly as long as their pod, and can be written to.
_PODS_OWN: Final = frozenset({"emptyDir", "ephemeral", "csi"})

#: Container runtimes put a tmpfs of the pod there
#: (containerd internal/cri/server/podsandbox/sandbox_run_linux.go, /dev/shm).
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108  # it is compared with


@container_rule(
    About(
        id="HK311",
        severity=Severity.WARNING,
        title="a shell keeps SIGTERM from the server",
        why="as PID 1 it ignores the signal and passes it to nobody: the grace period goes by, and "
        "then everything is killed; behind an init it dies, and the server is killed with it",
        fix='put exec before it, as in sh -c "exec uvicorn main:app"',
        source="https://docs.docker.com/reference/dockerfile/#shell-form-entrypoint-example; tried "
        "with dash 0.5.12. bash puts a last, plain command in its own place by itself",
    )
)
def swallowed(container: Container) -> Iterator[Found]:
    """Yield servers, and Python, that a shell runs as a child."""
    started = launch(container.words, container.env)
    if container.workload.ends or not (started.in_shell and started.is_python):
        return
    at = container.at / "command" or container.at / "args"
    yield Found(at=at, what=f"a shell runs {started.name} without exec")


@workload_rule(
    About(
        id="HK312",
        severity=Severity.WARNING,
        title="the state directory is not the container's own, or not an emptyDir",
        why="what another pod or container left there looks like the state of this one's workers; "
        "and a root file system is often read-only",
        fix="mount an emptyDir there, one for each container: emptyDir: {medium: Memory}",
        source="https://kubernetes.io/docs/concepts/storage/volumes/#emptydir",
    )
)
def foreign_state(workload: Workload) -> Iterator[Found]:
    """Yield containers whose workers meet where others do, or did."""
    seen: dict[tuple[str, ...], Container] = {}
    for container in workload.containers:
        directory = _directory(container)
        if directory is None:
            continue
        mount = mount_at(container, directory)
        found = _not_its_pods(container, directory, mount)
        first = seen.setdefault(_place(directory, mount), container)
        if not found and first is not container:
            what = f"{container.name} and {first.name} have their state in the same directory"
            found = Found(at=mount or _said_at(container), what=what)
        if found:
            yield replace(found, container=container.name)


def _directory(container: Container) -> str | None:
    """Return where the workers meet; None if nobody can tell, as of ``$(NAME)/state``."""
    found = inside(container)
    directory = found.state_dir if found else None
    return directory if directory and directory.startswith("/") else None


def _said_at(container: Container) -> Loose:
    """Return where the state directory is said, or what is nearest to that."""
    for one in (container.at / "env").items:
        if (one / "name").text == STATE_DIR:
            return one
    return container.at


def _is_below(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")


def _not_its_pods(container: Container, directory: str, mount: Loose | None) -> Found | None:
    """Return what is wrong with a directory that doesn't live as long as the pod."""
    if mount is None:
        if _is_below(directory, _SHARED_MEMORY):
            return None
        what = f"no volume is mounted at {directory}: it is in the root file system"
        return Found(at=_said_at(container), what=what)
    kind = _kind(container, (mount / "name").text)
    if kind is None or kind in _PODS_OWN:
        return None
    return Found(at=mount, what=f"the state directory is in a volume of the type {kind}")


def _place(directory: str, mount: Loose | None) -> tuple[str, ...]:
    """Return what tells a directory of a pod from another one: the volume, and the path in it."""
    if mount is None:
        return ("", directory)
    path = (mount / "mountPath").text.rstrip("/")
    within = f"{(mount / 'subPath').text}/{directory[len(path) :]}"
    return ((mount / "name").text, *(part for part in within.split("/") if part))


def _kind(container: Container, name: str) -> str | None:
    """Return the type of a volume; None if there is no such volume."""
    for volume in (container.workload.pod / "volumes").items:
        if (volume / "name").text == name:
            return next((key for key in volume.keys if key != "name"), "emptyDir")
    templates = (container.workload.thing.root / "spec" / "volumeClaimTemplates").items
    claimed = any((one / "metadata" / "name").text == name for one in templates)
    return "persistentVolumeClaim" if claimed else None


@container_rule(
    About(
        id="HK313",
        severity=Severity.INFO,
        title="several workers without a state directory",
        why="each worker answers probes for itself alone: the pod is ready when the one that was "
        "asked is, and drains worker by worker",
        fix=f"set {STATE_DIR} to a directory in an emptyDir, or start the server by "
        "healthkit run --",
        source="healthkit: Health(state_dir=..., workers=...)",
    )
)
def strangers(container: Container) -> Iterator[Found]:
    """Yield containers with several workers that don't know of each other."""
    found = inside(container)
    paths = {probe.path for probe in container.probes.values()}
    is_ours = found is not None or _STARTUP_PATH in paths or paths >= _BOTH_PATHS
    workers = _workers(container)
    alone = found is None or (found.state_dir is None and not found.has_private_dir)
    if is_ours and alone and workers > 1:
        at = container.at / "args" or container.at / "command" or container.at
        yield Found(at=at, what=f"{workers} workers, no directory", numbers={"workers": workers})


def _workers(container: Container) -> int:
    """Return the number of workers, by whoever says it first; 1 if nobody does."""
    started = server_of(launch(container.words, container.env))
    app = container.workload.manifests.app_of(container)
    said = [started.workers if started else None, app.workers if app else None]
    return next((one for one in said if one is not None), 1)
