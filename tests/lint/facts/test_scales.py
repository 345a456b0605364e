"""How many pods a workload has."""

from __future__ import annotations

import pytest

from healthkit.lint._facts.scales import MANY, OPEN, Scale, scale_of
from tests.lint.objects import manifests

DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {%s}\n"
SCALER = "---\napiVersion: %s\nkind: %s\nmetadata: {name: shop%s}\nspec: {%s}\n"
HPA = ("autoscaling/v2", "HorizontalPodAutoscaler", "")
TARGET = "scaleTargetRef: {kind: Deployment, name: shop}"


@pytest.mark.parametrize(
    ("spec", "scaler", "scale"),
    [
        ("replicas: 3", None, Scale(3, 3)),
        ("", None, Scale(1, 1, assumed=True)),
        ("replicas: three", None, Scale(1, 1, assumed=True)),
        ("", (*HPA, f"{TARGET}, minReplicas: 2, maxReplicas: 5"), Scale(2, 5)),
        ("replicas: 3", (*HPA, f"{TARGET}, maxReplicas: 5"), Scale(1, 5)),
        ("", (*HPA, TARGET), Scale(1, MANY)),
        ("replicas: 0", (*HPA, f"{TARGET}, maxReplicas: 5"), Scale(0, 0)),
        ("replicas: 3", (*HPA, "scaleTargetRef: {kind: Deployment, name: till}"), Scale(3, 3)),
        ("replicas: 3", (*HPA, "scaleTargetRef: {kind: StatefulSet, name: shop}"), Scale(3, 3)),
        (
            "replicas: 3",
            ("autoscaling/v2", "HorizontalPodAutoscaler", ", namespace: x", TARGET),
            Scale(1, MANY),
        ),
        ("", ("keda.sh/v1alpha1", "ScaledObject", "", "scaleTargetRef: {name: shop}"), OPEN),
        ("", ("example.com/v1", "HorizontalPodAutoscaler", "", TARGET), OPEN),
        (
            "replicas: 1",
            ("argoproj.io/v1", "Rollout", "", "workloadRef: {kind: Deployment, name: shop}"),
            OPEN,
        ),
    ],
)
def test_a_workload_is_scaled(
    spec: str, scaler: tuple[str, str, str, str] | None, scale: Scale
) -> None:
    """By its own number, by an autoscaler's range, or by rules that are not known here."""
    text = DEPLOYMENT % spec + (SCALER % scaler if scaler else "")
    assert scale_of(manifests(text).workloads[0]) == scale


@pytest.mark.parametrize(
    ("spaces", "scale"),
    [
        (("a", "b", "b"), Scale(3, 3)),
        (("a", "b", None), Scale(1, 9)),
        (("a", None, None), Scale(1, 9)),
        (("a", "a", None), Scale(1, 5)),
        ((None, None, "a"), Scale(1, 5)),
    ],
)
def test_the_nearest_scales_it(spaces: tuple[str | None, ...], scale: Scale) -> None:
    """Charts name the namespace in some of their objects only; a namesake may be elsewhere."""
    app, *named = (f", namespace: {one}" if one else "" for one in spaces)
    text = (DEPLOYMENT % "replicas: 3").replace("name: shop", f"name: shop{app}")
    for space, most in zip(named, (5, 9), strict=True):
        text += SCALER % (*HPA[:2], space, f"{TARGET}, maxReplicas: {most}")
    assert scale_of(manifests(text).workloads[0]) == scale


def test_pods_of_nodes_have_no_number() -> None:
    """A DaemonSet has as many as there are nodes."""
    text = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: shop}\n"
    assert scale_of(manifests(text).workloads[0]) == OPEN
