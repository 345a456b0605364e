"""Workloads to tell of, and a drawing of any."""

from __future__ import annotations

from hypothesis import strategies as st

from healthkit.explain import Explanation, Told, explain
from healthkit.manifests import (
    Container,
    Exec,
    Grpc,
    Handler,
    Hook,
    HttpGet,
    PodSpec,
    Port,
    Probe,
    RollingUpdate,
    Sleep,
    TcpSocket,
    Workload,
)

LIVE = HttpGet("/livez", 8080)


def pod(*containers: Container, grace: int = 30, first: tuple[Container, ...] = ()) -> Workload:
    """Return a Pod with these containers."""
    spec = PodSpec("web", containers, termination_grace_period=grace, init_containers=first)
    return Workload("Pod", "web", spec)


def told(container: Container, *, grace: int = 30) -> Told:
    """Return what there is to tell of the only container of a Pod."""
    (found,) = explain(pod(container, grace=grace)).containers
    return found


TEXTS = st.text(max_size=300) | st.sampled_from(["a" * 300, "\n\t\x1b[31m", "\u4f60" * 90])
PORTS = st.integers(1, 65535) | st.sampled_from(["http", "a-name-of-15-ch"])
NUMBERS = st.integers(1, 40) | st.integers(1, 2**31 - 1)
HANDLERS: st.SearchStrategy[Handler] = st.one_of(
    st.builds(HttpGet, TEXTS, PORTS, st.sampled_from(["HTTP", "HTTPS"]), st.none() | TEXTS),
    st.builds(TcpSocket, PORTS, st.none() | TEXTS),
    st.builds(Exec, st.lists(TEXTS, min_size=1, max_size=4).map(tuple)),
    st.builds(Grpc, st.integers(1, 65535), TEXTS),
)
HOOKS: st.SearchStrategy[Hook] = st.one_of(
    st.builds(Sleep, st.integers(0, 400)),
    st.builds(Exec, st.sampled_from([("sleep", "5"), ("sleep", "infinity")])),
    st.builds(Exec, st.lists(TEXTS, min_size=1, max_size=4).map(tuple)),
    st.builds(TcpSocket, PORTS),
    st.builds(HttpGet, TEXTS, PORTS),
)


def probes(grace: st.SearchStrategy[int | None]) -> st.SearchStrategy[Probe | None]:
    """Draw a probe, or none."""
    numbers = (st.integers(0, 400), NUMBERS, NUMBERS, NUMBERS, NUMBERS)
    drawn = st.builds(Probe, HANDLERS, *numbers, grace)
    # Beyond 2**53 s a float has no room for a timeout of one second more.
    return st.none() | drawn.filter(lambda probe: probe.period * probe.failure_threshold < 2**52)


CONTAINERS = st.builds(
    Container,
    st.sampled_from(["app", "a" * 63]),
    ports=st.just((Port(80, "http"),)),
    startup=probes(st.none() | st.integers(1, 400)),
    liveness=probes(st.none() | st.integers(1, 2**31)),
    readiness=probes(st.none()),
    pre_stop=st.none() | HOOKS,
    restart_policy=st.sampled_from([None, "Always", "Never"]),
)

SPECS = st.builds(
    PodSpec,
    st.just("web"),
    st.lists(CONTAINERS, min_size=1, max_size=2).map(tuple),
    termination_grace_period=st.integers(0, 90) | st.integers(0, 2**40),
    init_containers=st.lists(CONTAINERS, max_size=2).map(tuple),
)

WORKLOADS = st.builds(
    Workload,
    st.sampled_from(["Pod", "Deployment", "StatefulSet", "DaemonSet", "Job"]),
    st.just("w" * 63) | st.just("web"),
    SPECS,
    replicas=st.integers(0, 2**31 - 1),
    rolling_update=st.none() | st.builds(RollingUpdate, st.integers(0, 9), st.integers(0, 9)),
    min_ready_seconds=st.integers(0, 99),
    source=TEXTS,
)

EXPLANATIONS: st.SearchStrategy[Explanation] = WORKLOADS.map(explain)
