"""The quality-of-service class of a pod, and why it has it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.explain._qos import MEANS, qos
from healthkit.manifests import Container, PodSpec, Resources

BOTH = {"cpu": "1", "memory": "1Gi"}
NONE = Resources()
FULL = Resources(BOTH, BOTH)
LIMITED = Resources(limits=BOTH)
ASKING = Resources({"cpu": "100m"})


def pod(
    *containers: Resources,
    first: tuple[Resources, ...] = (),
    sidecars: tuple[Resources, ...] = (),
    whole: Resources | None = None,
) -> PodSpec:
    """Return a pod whose containers have these resources."""
    init = [Container(f"i{n}", resources=one) for n, one in enumerate(first)]
    init += [
        Container(f"s{n}", resources=one, restart_policy="Always") for n, one in enumerate(sidecars)
    ]
    running = tuple(Container(f"c{n}", resources=one) for n, one in enumerate(containers))
    return PodSpec("web", running, init_containers=tuple(init), resources=whole)


@pytest.mark.parametrize(
    ("given", "name", "why"),
    [
        (pod(NONE), "BestEffort", "no container asks for cpu or memory"),
        (pod(Resources({"a.b/gpu": "1"}, {"a.b/gpu": "1"})), "BestEffort", "no container asks"),
        (pod(Resources({"cpu": "0"}, {"memory": "0"})), "BestEffort", "no container asks"),
        (pod(FULL, LIMITED), "Guaranteed", "requests and limits are equal"),
        (pod(Resources({"cpu": "1000m", "memory": "1024Mi"}, BOTH)), "Guaranteed", "requests and"),
        (pod(ASKING), "Burstable", "c0: its cpu request is 100m, and its limit is not set"),
        (pod(Resources({"cpu": "1", "memory": "1"}, BOTH)), "Burstable",
         "c0: its memory request is 1, and its limit is 1Gi"),
        (pod(Resources({"cpu": "1"}, {"cpu": "1"})), "Burstable",
         "c0 asks for cpu, and not for memory"),
        (pod(Resources({"memory": "1"}, {"memory": "1"})), "Burstable",
         "c0 asks for memory, and not for cpu"),
        (pod(FULL, NONE), "Burstable", "c1 asks for neither cpu nor memory, and others do"),
        (pod(FULL, first=(NONE,)), "Burstable", "i0 asks for neither cpu nor memory, and others"),
        (pod(NONE, sidecars=(FULL,)), "Burstable", "c0 asks for neither cpu nor memory, and"),
        (pod(FULL, sidecars=(ASKING,)), "Burstable", "s0: its cpu request is 100m"),
        (pod(FULL, first=(LIMITED,), sidecars=(FULL,)), "Guaranteed", "requests and limits are"),
    ],
)  # fmt: skip
def test_a_pod_has_its_class_by_its_containers(given: PodSpec, name: str, why: str) -> None:
    """Init containers and sidecars count, quantities by their value, limits as requests."""
    found = qos(given)
    assert found.name == name
    assert found.why.startswith(why)
    assert found.name in MEANS


@pytest.mark.parametrize(
    ("given", "name", "why"),
    [
        (pod(FULL, whole=NONE), "BestEffort", "the pod as a whole asks for neither cpu nor memory"),
        (pod(NONE, whole=FULL), "Guaranteed", "the pod as a whole has equal requests and limits"),
        (pod(NONE, whole=LIMITED), "Guaranteed", "the pod as a whole has equal"),
        (pod(FULL, whole=LIMITED), "Guaranteed", "the pod as a whole has equal"),
        (pod(ASKING, whole=LIMITED), "Burstable",
         "the pod as a whole: it has no cpu request of its own, and its limit is 1"),
        (pod(FULL, whole=ASKING), "Burstable", "the pod as a whole: its cpu request is 100m"),
        (pod(Resources({"cpu": "500m"}), sidecars=(Resources({"cpu": "500m"}),),
             whole=LIMITED), "Guaranteed", "the pod as a whole has equal"),
        (pod(Resources({"cpu": "200m"}), first=(Resources({"cpu": "1"}),), whole=LIMITED),
         "Guaranteed", "the pod as a whole has equal"),
        (pod(Resources({"cpu": "200m"}), first=(Resources({"cpu": "900m"}),), whole=LIMITED),
         "Burstable", "the pod as a whole: it has no cpu request of its own"),
    ],
)  # fmt: skip
def test_what_is_written_for_the_whole_pod_counts_alone(
    given: PodSpec, name: str, why: str
) -> None:
    """But its requests are by default what its containers ask for, and then its limits."""
    found = qos(given)
    assert (found.name, found.why.startswith(why)) == (name, True), found


AMOUNTS = st.dictionaries(
    st.sampled_from(["cpu", "memory", "a.b/gpu"]), st.integers(0, 2).map(str), max_size=3
)
RESOURCES = st.builds(Resources, AMOUNTS, AMOUNTS)


def slow(everyone: list[Resources]) -> str:
    """Return the class by the words of the docs, resource by resource."""
    pairs: list[tuple[Fraction, Fraction]] = []
    for one in everyone:
        for name in ("cpu", "memory"):
            limit = Fraction(one.limits.get(name, "0"))
            pairs.append((Fraction(one.requests.get(name, str(limit))), limit))
    if not any(request or limit for request, limit in pairs):
        return "BestEffort"
    return "Guaranteed" if all(r == limit > 0 for r, limit in pairs) else "Burstable"


@given(st.lists(RESOURCES, min_size=1, max_size=3), st.lists(RESOURCES, max_size=2))
def test_the_class_is_that_of_the_docs(running: list[Resources], first: list[Resources]) -> None:
    """Whatever the resources are."""
    assert qos(pod(*running, first=tuple(first))).name == slow([*running, *first])
