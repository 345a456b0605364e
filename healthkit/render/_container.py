"""The pod of a rendered manifest: one container, its probes, its environment, its volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.render import _reasons
from healthkit.render._wanted import TMP
from healthkit.render._yaml import comment, decimal, item, scalar, under

if TYPE_CHECKING:
    from healthkit.render._plan import Plan
    from healthkit.render._wanted import Settled
    from healthkit.timing import Timing

#: The addresses that a server listens on for more than itself.
_EVERYBODY: Final = ("0.0.0.0", "::")  # noqa: S104  # words of somebody's command

_NO_HOST: Final = "It must listen on 0.0.0.0, or no probe reaches it: few servers do by default."


def pod(found: Settled, plan: Plan) -> list[str]:
    """Return the whole pod."""
    labels = under("matchLabels", [f"app.kubernetes.io/name: {scalar(found.wanted.name)}"])
    spread = ["maxSkew: 1", "topologyKey: kubernetes.io/hostname"]
    spread += ["whenUnsatisfiable: ScheduleAnyway", *under("labelSelector", labels)]
    secure = ["runAsNonRoot: true", *under("seccompProfile", ["type: RuntimeDefault"])]
    return [
        *_grace(found, plan),
        "automountServiceAccountToken: false",
        *comment("The image's USER must be a number, and not 0."),
        *under("securityContext", secure),
        *under("topologySpreadConstraints", item(spread)),
        *under("containers", item(container(found, plan))),
        *_volumes(found, tmp=True),
    ]


def fragment(found: Settled, plan: Plan) -> list[str]:
    """Return what healthkit needs of a pod, to be pasted into one that is there."""
    lines = [f"name: {scalar(found.wanted.name)}", *_life(found, plan), *_mounts(found, tmp=False)]
    return [
        *comment("To be pasted into a pod's spec, in place of what is there of these."),
        *_grace(found, plan),
        *under("containers", item(lines)),
        *_volumes(found, tmp=False),
    ]


def _grace(found: Settled, plan: Plan) -> list[str]:
    return [*comment(_reasons.grace(found, plan)), f"terminationGracePeriodSeconds: {plan.grace}"]


def container(found: Settled, plan: Plan) -> list[str]:
    """Return the whole container."""
    image = [] if found.wanted.image else comment("Name yours: --image.")
    return [
        f"name: {scalar(found.wanted.name)}",
        *image,
        f"image: {scalar(found.image)}",
        *_command(found),
        *_life(found, plan),
        *under("securityContext", _security()),
        *under("resources", _resources()),
        *_mounts(found, tmp=True),
    ]


def _life(found: Settled, plan: Plan) -> list[str]:
    """Return what the container's life depends on."""
    return [
        *under("ports", item(["name: http", f"containerPort: {found.port}"])),
        *under("env", _environment(found, plan)),
        *under("startupProbe", _startup(found, plan)),
        *under("livenessProbe", _liveness(found, plan)),
        *under("readinessProbe", _readiness(found, plan)),
        *_pre_stop(found, plan),
    ]


def _command(found: Settled) -> list[str]:
    command = found.wanted.command
    words = [f"- {scalar(word)}" for word in command]
    far = any(host in word for host in _EVERYBODY for word in command)
    note = [] if far or not found.server.name else comment(_NO_HOST)
    return [*note, *under("command", words)] if words else []


# -- the environment -------------------------------------------------------------------------------


def _environment(found: Settled, plan: Plan) -> list[str]:
    why = _reasons.delay(plan, found.wanted.pre_stop)
    lines = _variable("HEALTHKIT_DRAIN_DELAY", decimal(plan.app_delay), why)
    lines += _variable("HEALTHKIT_DRAIN_TIMEOUT", decimal(plan.in_flight))
    why = "So that healthkit warns at start when the drain does not fit."
    lines += _variable("HEALTHKIT_GRACE_PERIOD", str(plan.grace), why)
    if found.has_state_dir:
        lines += _variable("HEALTHKIT_STATE_DIR", found.wanted.state_dir)
        why = "As many as the server starts: --workers."
        lines += _variable("HEALTHKIT_WORKERS", str(found.workers), why)
    if found.workers > 1:
        why = "What uvicorn and gunicorn start, if their command does not say."
        lines += _variable("WEB_CONCURRENCY", str(found.workers), why)
    return lines


def _variable(name: str, value: str, why: str = "") -> list[str]:
    return item([*comment(why), f"name: {name}", f"value: {scalar(value)}"])


# -- the probes ------------------------------------------------------------------------------------


def _startup(found: Settled, plan: Plan) -> list[str]:
    why = comment(_reasons.startup(found, plan))
    return _probe(found.startup_path, plan.startup, why)


def _liveness(found: Settled, plan: Plan) -> list[str]:
    return _probe(found.live_path, plan.liveness, comment(_reasons.liveness(plan)))


def _readiness(found: Settled, plan: Plan) -> list[str]:
    return _probe(found.ready_path, plan.readiness, comment(_reasons.readiness(plan)))


def _probe(path: str, times: Timing, why: list[str]) -> list[str]:
    return [
        *under("httpGet", [f"path: {scalar(path)}", "port: http"]),
        f"periodSeconds: {times.period}",
        f"timeoutSeconds: {times.timeout}",
        *why,
        f"failureThreshold: {times.failure_threshold}",
    ]


def _pre_stop(found: Settled, plan: Plan) -> list[str]:
    if found.wanted.pre_stop == "none":
        return []
    handler = under("exec", under("command", ["- healthkit", "- drain"]))
    if plan.sleep is not None:
        handler = under("sleep", [f"seconds: {plan.sleep}"])
    why = comment(_reasons.pre_stop(found, plan))
    return under("lifecycle", [*why, *under("preStop", handler)])


# -- what it may do, and where it may write --------------------------------------------------------


def _security() -> list[str]:
    return [
        "allowPrivilegeEscalation: false",
        "readOnlyRootFilesystem: true",
        *under("capabilities", under("drop", ["- ALL"])),
    ]


def _resources() -> list[str]:
    return [
        *comment("A guess: measure yours. No CPU limit: it would slow the probes' answers."),
        *under("requests", ["cpu: 250m", "memory: 256Mi"]),
        *under("limits", ["memory: 256Mi"]),
    ]


def _mounts(found: Settled, *, tmp: bool) -> list[str]:
    lines: list[str] = []
    if found.has_state_dir:
        lines += item(["name: healthkit", f"mountPath: {scalar(found.wanted.state_dir)}"])
    if tmp:
        lines += item(["name: tmp", f"mountPath: {TMP}"])
    return under("volumeMounts", lines) if lines else []


def _volumes(found: Settled, *, tmp: bool) -> list[str]:
    lines: list[str] = []
    if found.has_state_dir:
        memory = under("emptyDir", ["medium: Memory", "sizeLimit: 16Mi"])
        why = comment("What the workers tell each other, and the drain: in memory.")
        lines += item([*why, "name: healthkit", *memory])
    if tmp:
        lines += item(["name: tmp", "emptyDir: {}"])
    return under("volumes", lines) if lines else []
