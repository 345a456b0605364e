"""Probes and hooks: what the API server admits, with its defaults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from healthkit.manifests import (
    Exec,
    Grpc,
    Handler,
    Hook,
    HttpGet,
    Probe,
    Sleep,
    TcpSocket,
    parse,
)
from tests.manifests.snippets import pod, refusal

AT = "manifest:12: spec.containers[0]"

#: preStop.sleep, terminationGracePeriodSeconds, and whether an API server 1.36.2 admitted it.
SLEEPS = [(6, 5, False), (5, 5, True), (0, 5, True)]

RECORDED = Path(__file__).parents[1] / "testing" / "traces" / "prestop-sleep-validation.json"


def liveness(text: str) -> Probe:
    """Return a probe that is admitted."""
    (workload,) = parse(pod(container=f"livenessProbe: {text}"))
    probe = workload.template.containers[0].liveness
    assert probe is not None
    return probe


def pre_stop(text: str, grace: int = 30) -> Hook | None:
    """Return a hook that is admitted."""
    lines = f"lifecycle: {{preStop: {text}}}"
    (workload,) = parse(pod(container=lines, pod=f"terminationGracePeriodSeconds: {grace}"))
    return workload.template.containers[0].pre_stop


@pytest.mark.parametrize(
    ("text", "handler"),
    [
        ("{httpGet: {port: 80}}", HttpGet("/", 80, "HTTP")),
        ("{httpGet: {port: http, path: ''}}", HttpGet("/", "http", "HTTP")),
        ("{httpGet: {port: 65535, path: health, scheme: HTTPS, host: a}}",
         HttpGet("health", 65_535, "HTTPS", "a")),
        ("{httpGet: {port: 1, scheme: '', host: '', httpHeaders: []}}", HttpGet("/", 1)),
        ("{httpGet: {port: 1, httpHeaders: [{name: A, value: b}, {name: A}]}}",
         HttpGet("/", 1, headers=(("A", "b"), ("A", "")))),
        ("{tcpSocket: {port: 0o17}}", TcpSocket(15)),
        ("{tcpSocket: {port: db, host: a}}", TcpSocket("db", "a")),
        ("{exec: {command: [a, '']}}", Exec(("a", ""))),
        ("{grpc: {port: 5}}", Grpc(5)),
        ("{grpc: {port: 5, service: a}, exec: null}", Grpc(5, "a")),
    ],
)  # fmt: skip
def test_a_probe_has_one_handler(text: str, handler: Handler) -> None:
    """With the defaults of each; an empty path is the root."""
    assert liveness(text) == Probe(handler)


TIMES = "initialDelaySeconds: {}, timeoutSeconds: {}, periodSeconds: {}, failureThreshold: {}"


@pytest.mark.parametrize(
    ("times", "expected"), [((0, 0, 0, 0), (0, 1, 10, 3)), ((5, 6, 7, 8), (5, 6, 7, 8))]
)
def test_zero_is_the_default(times: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """1, 10, 1 and 3; only the delay may be 0."""
    found = liveness(f"{{grpc: {{port: 5}}, {TIMES.format(*times)}, successThreshold: 0}}")
    assert found.success_threshold == 1
    assert (found.initial_delay, found.timeout, found.period, found.failure_threshold) == expected
    assert found.termination_grace_period is None


def test_the_kinds_of_probes_are_kept_apart() -> None:
    """Only readiness may succeed more than once, only the others have a grace period."""
    text = (
        "startupProbe: {grpc: {port: 1}, terminationGracePeriodSeconds: 1}\n"
        "livenessProbe: {grpc: {port: 2}, terminationGracePeriodSeconds: 60}\n"
        "readinessProbe: {grpc: {port: 3}, successThreshold: 4}\n"
    )
    (container,) = parse(pod(container=text))[0].template.containers
    assert container.startup == Probe(Grpc(1), termination_grace_period=1)
    assert container.liveness == Probe(Grpc(2), termination_grace_period=60)
    assert container.readiness == Probe(Grpc(3), success_threshold=4)


REFUSED = [
    ("", "Required value: must specify a handler type"),
    ("periodSeconds: 5", "Required value: must specify a handler type"),
    ("httpGet: {port: 80}, exec: {command: [a]}",
     ".httpGet: Forbidden: may not specify more than 1 handler type"),
    ("grpc: {port: 80}, tcpSocket: {port: 80}",
     ".grpc: Forbidden: may not specify more than 1 handler type"),
    ("exec: {}", ".exec.command: Required value"),
    ("exec: {command: []}", ".exec.command: Required value"),
    ("httpGet: {}", ".httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
    ("httpGet: {port: 65536}",
     ".httpGet.port: Invalid value: 65536: must be between 1 and 65535, inclusive"),
    ("tcpSocket: {port: -1}",
     ".tcpSocket.port: Invalid value: -1: must be between 1 and 65535, inclusive"),
    ("grpc: {}", ".grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
    ("httpGet: {port: '8080'}",
     '.httpGet.port: Invalid value: "8080": must contain at least one letter (a-z)'),
    ("httpGet: {port: 1:30}",
     ('.httpGet.port: Invalid value: "1:30": '
     "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")),
    ("tcpSocket: {port: a-very-long-port}",
     '.tcpSocket.port: Invalid value: "a-very-long-port": must be no more than 15 bytes'),
    ("httpGet: {port: 80, scheme: http}",
     '.httpGet.scheme: Unsupported value: "http": supported values: "HTTP", "HTTPS"'),
    ("httpGet: {port: 80, httpHeaders: [{name: 'a b'}]}",
     ('.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of '
     "alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is "
     "'[-A-Za-z0-9]+')")),
    ("httpGet: {port: 80, httpHeaders: [{value: a}]}",
     ('.httpGet.httpHeaders: Invalid value: "": a valid HTTP header must consist of '
     "alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is "
     "'[-A-Za-z0-9]+')")),
    *((f"grpc: {{port: 5}}, {name}: -1",
       f".{name}: Invalid value: -1: must be greater than or equal to 0")
      for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
                   "failureThreshold")),
    *((f"grpc: {{port: 5}}, terminationGracePeriodSeconds: {grace}",
       f".terminationGracePeriodSeconds: Invalid value: {grace}: must be greater than 0")
      for grace in (0, -5)),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["livenessProbe", "readinessProbe", "startupProbe"])
@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_all_probes_are_refused_alike(kind: str, text: str, reason: str) -> None:
    """With the API server's reason, the file and the line."""
    reason = reason if reason.startswith(".") else f": {reason}"
    assert refusal(pod(container=f"{kind}: {{{text}}}")) == f"{AT}.{kind}{reason}"


@pytest.mark.parametrize("kind", ["livenessProbe", "startupProbe"])
def test_liveness_and_startup_succeed_once(kind: str) -> None:
    """A threshold of more would make no sense to the kubelet."""
    text = f"{kind}:\n  grpc: {{port: 5}}\n\n  successThreshold: 2\n"
    assert refusal(pod(container=text)) == (
        f"manifest:15: spec.containers[0].{kind}.successThreshold: Invalid value: 2: must be 1"
    )


def test_readiness_kills_nobody() -> None:
    """And so needs no grace period for it."""
    text = "readinessProbe: {grpc: {port: 5}, terminationGracePeriodSeconds: 5}"
    assert refusal(pod(container=text)) == (
        f"{AT}.readinessProbe.terminationGracePeriodSeconds: "
        "Invalid value: 5: must not be set for readinessProbes"
    )


@pytest.mark.parametrize(
    ("text", "hook"),
    [
        ("{httpGet: {port: 80, path: /stop}}", HttpGet("/stop", 80)),
        ("{exec: {command: [sleep, '5']}}", Exec(("sleep", "5"))),
        ("{sleep: {seconds: 5}}", Sleep(5)),
        ("{sleep: {}}", Sleep(0)),
        ("{tcpSocket: {port: 80}}", TcpSocket(80)),
        ("null", None),
    ],
)
def test_a_hook_has_one_handler(text: str, hook: Hook | None) -> None:
    """Of other kinds than a probe's."""
    assert pre_stop(text) == hook


@pytest.mark.parametrize(("sleep", "grace", "admitted"), SLEEPS)
def test_a_sleep_is_as_long_as_the_grace_period_at_most(
    sleep: int, grace: int, admitted: bool
) -> None:
    """As long is admitted, whatever the message says."""
    text = f"lifecycle: {{preStop: {{sleep: {{seconds: {sleep}}}}}}}"
    if admitted:
        assert pre_stop(f"{{sleep: {{seconds: {sleep}}}}}", grace) == Sleep(sleep)
        return
    line = refusal(pod(container=text, pod=f"terminationGracePeriodSeconds: {grace}"))
    assert line == (
        f"{AT}.lifecycle.preStop.sleep: Invalid value: {sleep}: "
        f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
    )


def test_the_table_of_sleeps_is_the_recorded_one() -> None:
    """The rows above are those of a real API server."""
    assert [tuple(row) for row in json.loads(RECORDED.read_text())["rows"]] == SLEEPS


@pytest.mark.parametrize("hook", ["preStop", "postStart"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", ": Required value: must specify a handler type"),
        ("{sleep: {seconds: 1}, exec: {command: [a]}}",
         ".sleep: Forbidden: may not specify more than 1 handler type"),
        ("{sleep: {seconds: -1}}",
         (".sleep: Invalid value: -1: must be non-negative and less than "
         "terminationGracePeriodSeconds (30)")),
        ("{httpGet: {port: 0}}",
         ".httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
    ],
)  # fmt: skip
def test_hooks_are_refused_alike(hook: str, text: str, reason: str) -> None:
    """The grace period is 30 s where nothing is said of it."""
    line = refusal(pod(container=f"lifecycle: {{{hook}: {text}}}"))
    assert line == f"{AT}.lifecycle.{hook}{reason}"
