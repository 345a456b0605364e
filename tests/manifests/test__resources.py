"""Requests and limits: read as text, and refused when the API server would."""

from __future__ import annotations

import pytest

from healthkit.manifests import Resources, parse
from tests.manifests.snippets import pod, refusal

WORDS = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def resources(text: str) -> Resources:
    """Return a container's."""
    (found,) = parse(pod(container=f"resources: {text}"))[0].template.containers
    return found.resources


def test_quantities_are_kept_as_they_are_written() -> None:
    """A number is one, too; null is none."""
    text = "{requests: {cpu: 0.5, memory: 1Gi, gpu: null}, limits: {cpu: 1, a.b/gpu: '2'}}"
    assert resources(text) == Resources(
        {"cpu": "0.5", "memory": "1Gi"}, {"cpu": "1", "a.b/gpu": "2"}
    )


def test_a_request_may_be_as_much_as_its_limit() -> None:
    """By value; and a device's is the device's business."""
    assert resources("{requests: {cpu: 1000m}, limits: {cpu: '1'}}").limits == {"cpu": "1"}
    assert resources("{requests: {a.b/x: 2}, limits: {a.b/x: 1}}").requests == {"a.b/x": "2"}


def test_without_any_there_are_none() -> None:
    """Of a container they are empty, of a pod as a whole there is a difference."""
    (bare,) = parse(pod())
    assert bare.template.containers[0].resources == Resources()
    assert bare.template.resources is None
    (whole,) = parse(pod(pod="resources: {}"))
    assert whole.template.resources == Resources()
    (some,) = parse(pod(pod="resources: {limits: {cpu: 2}}"))
    assert some.template.resources == Resources(limits={"cpu": "2"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{limits: {memory: 1g}}", f'.limits.memory: Invalid value: "1g": {WORDS}'),
        ("{requests: {cpu: ''}}", f'.requests.cpu: Invalid value: "": {WORDS}'),
        ("{requests: {cpu: .inf}}", f'.requests.cpu: Invalid value: "inf": {WORDS}'),
        ("{requests: {cpu: true}}", ".requests.cpu: found true: expected a quantity, as in 500m"),
        ("{requests: {cpu: {}}}", ".requests.cpu: found a mapping: expected a quantity, as in"),
        ("{requests: [1]}", ".requests: found a list: expected a mapping"),
        ("{request: {}}", 'unknown field "spec.containers[0].resources.request": did you mean'),
        ("{limits: {cpu: -1}}",
         '.limits.cpu: Invalid value: "-1": must be greater than or equal to 0'),
        ("{requests: {cpu: -1m}}",
         '.requests.cpu: Invalid value: "-1m": must be greater than or equal to 0'),
        ("{requests: {cpu: 2}, limits: {cpu: 1500m}}",
         '.requests: Invalid value: "2": must be less than or equal to cpu limit of 1500m'),
        ("{limits: {memory: '{{ .Values.memory }}'}}",
         '.limits.memory: Invalid value: "{{ .Values.memory }}": an unrendered template'),
    ],
)  # fmt: skip
def test_what_the_api_server_refuses_is_refused(text: str, reason: str) -> None:
    """With the line."""
    line = refusal(pod(container=f"resources: {text}"))
    at = "" if reason.startswith("unknown") else "spec.containers[0].resources"
    assert line.startswith(f"manifest:12: {at}{reason}")


def test_a_pods_own_are_checked_too() -> None:
    """In the same way."""
    line = refusal(pod(pod="resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}"))
    assert line.startswith('manifest:12: spec.resources.requests: Invalid value: "2Gi": must be')
