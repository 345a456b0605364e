"""HK502 to HK506: what a container may write, use, hear and ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.inside import STATE_DIR
from healthkit.lint._facts.launch import SERVERS, launch
from healthkit.lint._facts.mounts import has_read_only_root, is_writable
from healthkit.lint._facts.policies import admits, policies_of
from healthkit.lint._facts.roles import Right, account_of, may
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, workload_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose

#: How the condition types of healthkit's own readiness gates begin.
_OUR_GATES: Final = "healthkit.dev/"

#: The variable that names another one to the app (healthkit.kubernetes).
_GATE: Final = "HEALTHKIT_READINESS_GATE"

#: Below that many thousandths of a processor, an interpreter is throttled for seconds at a time.
_LITTLE: Final = 200

#: How many thousandths a unit of a quantity is (apimachinery pkg/api/resource/quantity.go).
_UNITS: Final = {"": 1_000.0, "m": 1.0, "u": 1e-3, "n": 1e-6}

_QUANTITY: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([mun]?)", re.ASCII)

#: A word by itself that only a Python program has.
_PYTHON: Final = re.compile(
    rf"(?<![a-z0-9])((python|pypy)[0-9.]*|{'|'.join(sorted(SERVERS))})(?![a-z])"
)

_PATCH_STATUS: Final = Right("", "pods/status", "patch")


@container_rule(
    About(
        id="HK502",
        severity=Severity.WARNING,
        title="the state directory can't be written to",
        why="each worker then speaks for itself only, and healthkit drain reaches none of them",
        fix="mount an emptyDir there: emptyDir: {medium: Memory, sizeLimit: 16Mi}",
        source="healthkit README, 'Several workers'; "
        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    )
)
def state_dir(container: Container) -> Iterator[Found]:
    """Yield containers with a state directory on a read-only file system."""
    path = container.env.get(STATE_DIR, "")
    if not path.startswith("/") or not has_read_only_root(container):
        return
    if not is_writable(container, path):
        yield Found(
            at=container.at / "securityContext" / "readOnlyRootFilesystem",
            what=f"readOnlyRootFilesystem, and no writable volume is mounted at {STATE_DIR}={path}",
        )


# -- the processor ---------------------------------------------------------------------------------


@container_rule(
    About(
        id="HK504",
        severity=Severity.INFO,
        title="a Python program with little CPU has 1 s to answer a probe",
        why="a container that has used up its share of a 100 ms period stands still for the rest "
        "of it: imports and garbage collection then take seconds, and probes time out",
        fix="raise the limit to 200m or more or leave it out, or set timeoutSeconds: 5",
        source="https://docs.kernel.org/scheduler/sched-bwc.html; AKS#2256, linkerd2#9128",
        arithmetic="limits.cpu < 200m and timeoutSeconds = 1 (the default)",
    )
)
def throttled(container: Container) -> Iterator[Found]:
    """Yield containers of Python that a small limit makes late for their probes."""
    limit = container.at / "resources" / "limits" / "cpu"
    found = thousandths(limit)
    hasty = [
        one.field
        for one in container.probes.values()
        if (one.http or one.command) and one.times.timeout == 1
    ]
    if found is not None and found < _LITTLE and hasty and _is_python(container):
        what = f"the CPU limit is {found:g}m, and timeoutSeconds 1 in {', '.join(hasty)}"
        yield Found(at=limit, what=what, numbers={"limits.cpu": found})


def thousandths(quantity: Loose) -> float | None:
    """Return a quantity of CPU in thousandths of a processor; None if it is none of the usual."""
    match = _QUANTITY.fullmatch(str(quantity.value))
    return float(match[1]) * _UNITS[match[2]] if match else None


def _is_python(container: Container) -> bool:
    said = [container.image.lower(), *(word.lower() for word in container.words)]
    is_named = any(_PYTHON.search(one) for one in said)
    return is_named or launch(container.words, container.env).is_python


# -- the network -----------------------------------------------------------------------------------


@container_rule(
    About(
        id="HK505",
        severity=Severity.INFO,
        title="NetworkPolicies admit nobody to a probe's port",
        why="a network plugin must let the pod's own node in, whatever policies say; one that "
        "doesn't, blocks the kubelet, and the pod is never ready",
        fix="add the port to a rule of a NetworkPolicy, or probe a port that is there already",
        source="https://kubernetes.io/docs/concepts/services-networking/network-policies/"
        "#the-two-sorts-of-pod-isolation",
    )
)
def not_admitted(container: Container) -> Iterator[Found]:
    """Yield the ports that are probed, and that no policy of the pod names."""
    policies, told = policies_of(container.workload), set[int]()
    for probe in container.probes.values() if policies else ():
        port = container.port_number(probe.port.value)
        if not isinstance(port, int) or port in told:
            continue
        if not any(admits(one, container, port) for one in policies):
            told.add(port)
            names = ", ".join(sorted(one.name for one in policies))
            yield Found(
                at=probe.port,
                what=f"no rule of the NetworkPolicies {names} admits port {port}",
                numbers={"port": port},
            )


# -- the API ---------------------------------------------------------------------------------------


@workload_rule(
    About(
        id="HK506",
        severity=Severity.WARNING,
        title="a readiness gate of healthkit's that the pod may not set",
        why="a condition that nobody sets keeps the pod unready for ever",
        fix="mount the account's token, and bind it to a Role that allows patch of pods/status",
        source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/"
        "#pod-readiness-gate",
    )
)
def powerless_gate(workload: Workload) -> Iterator[Found]:
    """Yield pods that have a gate of healthkit's, and no token or no right to set it."""
    gates = [one / "conditionType" for one in (workload.pod / "readinessGates").items]
    ours = [one for one in gates if is_our_gate(workload, one.text)]
    if not ours or workload.ends:
        return
    if (workload.pod / "automountServiceAccountToken").flag is False and not _has_token(workload):
        at = workload.pod / "automountServiceAccountToken"
        yield Found(at=at, what=f"{ours[0].text} is set by the pod itself, and it has no token")
    elif may(workload, _PATCH_STATUS) is False:
        account = account_of(workload)
        what = f"no binding among these manifests lets the account {account} patch pods/status"
        yield Found(at=ours[0], what=what)


def is_our_gate(workload: Workload, condition: str) -> bool:
    """Whether healthkit sets a condition: by its name, or because a container says so."""
    said = {one.env.get(_GATE) for one in workload.containers}
    return condition.startswith(_OUR_GATES) or (condition != "" and condition in said)


def _has_token(workload: Workload) -> bool:
    """Whether a volume of the pod has a token in it."""
    volumes = (workload.pod / "volumes").items
    parts = [part for one in volumes for part in (one / "projected" / "sources").items]
    return any(part / "serviceAccountToken" for part in parts)
