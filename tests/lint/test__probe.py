"""Probes, as rules see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from healthkit.timing import Timing
from tests.lint.texts import container

if TYPE_CHECKING:
    from healthkit.lint._probe import Probe


def probe(fields: str) -> Probe:
    """Return a readiness probe with these fields."""
    ports = "ports: [{name: http, containerPort: 8000}, {containerPort: 9}]"
    return container(f"{ports}, readinessProbe: {{{fields}}}").probes["readiness"]


@pytest.mark.parametrize(
    ("fields", "times"),
    [
        ("", Timing(0, 10, 1, 1, 3)),
        ("initialDelaySeconds: 5, periodSeconds: 3", Timing(5, 3, 1, 1, 3)),
        ("timeoutSeconds: 0, failureThreshold: 0, successThreshold: 0", Timing()),
        ("periodSeconds: -1, timeoutSeconds: '5', initialDelaySeconds: true", Timing()),
        ("periodSeconds: 20.0, failureThreshold: 2.5, timeoutSeconds: [1]", Timing(period=20)),
        ("periodSeconds: 18446744073709551615, failureThreshold: 1e300", Timing()),
    ],
)
def test_the_numbers_of_a_probe_have_defaults(fields: str, times: Timing) -> None:
    """For 0, for nothing and for nonsense."""
    assert probe(fields).times == times


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ("httpGet: {path: /livez, port: 1}", "/livez"),
        ("httpGet: {path: '/livez?full=1#a', port: 1}", "/livez"),
        ("httpGet: {path: livez}", "/livez"),
        ("httpGet: {}", "/"),
        ("httpGet: {path: 17}", "/"),
        ("tcpSocket: {port: 1}", ""),
        ("httpGet: null", ""),
    ],
)
def test_the_path_of_a_probe(fields: str, path: str) -> None:
    """As the kubelet asks for it, without the query; none without HTTP."""
    assert probe(fields).path == path


def test_requests_are_one_if_the_kubelet_sends_the_same() -> None:
    """By name or number, with headers in any order, with the defaults written out."""
    one = probe(
        "httpGet: {path: a, port: http, httpHeaders: [{name: A, value: x}, {name: b, value: y}]}"
    )
    same = probe(
        "httpGet: {path: /a, port: 8000, scheme: HTTP, "
        "httpHeaders: [{name: B, value: y}, {name: a, value: x}]}"
    )
    assert one.request == same.request is not None
    for other in ("path: /b, port: 8000", "path: /a, port: 9", "path: /a, port: 8000, host: h"):
        assert (
            probe(f"httpGet: {{{other}}}").request
            != probe("httpGet: {path: /a, port: 8000}").request
        )
    assert probe("exec: {command: [a]}").request is None


def test_a_probe_says_what_it_does() -> None:
    """One handler, or none, or several: rules speak of that."""
    both = probe("exec: {command: [a, 1, b]}, tcpSocket: {port: http}")
    assert both.handlers == ["exec", "tcpSocket"]
    assert both.command == ("a", "b")
    assert both.port.text == "http"
    assert both.field == "readinessProbe"
    assert repr(both).startswith("<readiness probe of <container web")
    assert not probe("").port
    assert probe("").handlers == []
    assert probe("").command == ()
