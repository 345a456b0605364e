"""What is wanted, and what of it can't be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from healthkit.errors import ConfigError
from healthkit.lint import AppSettings
from healthkit.lint._facts.servers import Server
from healthkit.render import Wanted, _wanted, of_app
from healthkit.render._wanted import Settled, settled, with_given
from tests.render.documents import APP

Patch = pytest.MonkeyPatch


def starts(monkeypatch: Patch, server: Server) -> None:
    """Have every command start a server."""

    def started(_words: object, _env: object) -> Server:
        return server

    monkeypatch.setattr(_wanted, "server", started)


def found(**fields: object) -> Settled:
    """Settle what is wanted."""
    return settled(with_given(Wanted(), fields))


def refusal(**fields: object) -> str:
    """Return the one line that is said of what can't be."""
    with pytest.raises(ConfigError) as caught:
        found(**fields)
    (line,) = str(caught.value).splitlines()
    return line


def test_what_nobody_says_has_defaults() -> None:
    """The image is called as the app is."""
    one = found(name="shop")
    assert (one.image, one.port, one.workers, one.reserve) == ("shop:1.0.0", 8000, 1, 5)
    assert (one.startup_path, one.live_path, one.ready_path) == ("/startupz", "/livez", "/readyz")
    assert one.shows_startup


def test_an_app_says_what_it_wants() -> None:
    """What it doesn't say is as for nobody."""
    wanted = of_app(APP)
    assert (wanted.app, wanted.port, wanted.workers) == ("main:health", 9000, 4)
    assert (wanted.startup, wanted.warm_up) == (45, 300)
    assert (wanted.drain_delay, wanted.longest_request) == (8.5, 40)
    assert wanted.state_dir == "/var/run/shop"
    assert replace(of_app(AppSettings("x:y")), app=None) == Wanted()


def test_what_is_given_wins() -> None:
    """Over what the app says."""
    assert with_given(of_app(APP), {"port": 1, "boot": 7.0}) == replace(
        of_app(APP), port=1, boot=7.0
    )


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"name": "Shop"}, "name='Shop': expected the name of a Service: a DNS-1035 label must"),
        ({"name": "1shop"}, "name='1shop': expected the name of a Service"),
        ({"image": ""}, "image='': expected an image, as in registry.example/shop:1.0.0"),
        ({"image": "a b"}, "image='a b': expected an image"),
        ({"image": "{{ .image }}"}, "image='{{ .image }}': expected an image"),
        ({"port": 0}, "port=0: expected a whole number from 1 to 65535"),
        ({"port": 65536}, "port=65536: expected a whole number from 1 to 65535"),
        ({"replicas": 0}, "replicas=0: expected a whole number from 1 to 10000"),
        ({"workers": 0}, "workers=0: expected a whole number from 1 to 1000"),
        ({"pre_stop": "wait"}, "pre-stop='wait': expected exec, sleep or none"),
        ({"command": ("a\0",)}, "command='a\\x00': expected words that are UTF-8, without a NUL"),
        ({"command": ("\udc80",)}, "command='\\udc80': expected words that are UTF-8"),
        ({"state_dir": "/"}, "state_dir='/': expected an absolute path of its own"),
        ({"state_dir": "/tmp"}, "state_dir='/tmp': expected an absolute path of its own"),  # noqa: S108  # no file of ours
        ({"state_dir": "a"}, "state_dir='a': expected an absolute path of its own"),
        ({"state_dir": "/a:b"}, "state_dir='/a:b': expected an absolute path of its own"),
        ({"boot": 0}, "boot=0: expected seconds above 0 to 3600: a container's start"),
        ({"boot": 3601}, "boot=3601: expected seconds above 0 to 3600"),
        ({"boot": float("nan")}, "boot=nan: expected seconds above 0 to 3600"),
        ({"startup": 1e9}, "startup=1000000000.0: expected seconds from 0 to 3600"),
        ({"warm_up": -1}, "warm-up=-1: expected seconds from 0 to 3600"),
        ({"drain_delay": 3601}, "drain=3601: expected seconds from 0 to 3600"),
        ({"longest_request": 3601}, "longest-request=3601: expected seconds from 0 to 3600"),
        (
            {"pre_stop": "sleep", "kube_version": (1, 29)},
            "found pre-stop=sleep for Kubernetes 1.29, which has no sleep action: expected 1.30 or",
        ),
        (
            {"pre_stop": "sleep", "drain_delay": 0},
            "found pre-stop=sleep and drain=0: expected seconds to sleep for, or pre-stop=none",
        ),
        (
            {"app": "main:health", "paths": {"live": "/livez"}},
            "found no ready endpoint in the paths of 'main:health': expected one for its probe",
        ),
        ({"paths": {"ready": "/readyz"}}, "found no live endpoint in the paths of None"),
    ],
)
def test_what_can_t_be_is_one_line(fields: dict[str, object], line: str) -> None:
    """With what was found, what was expected, and what to do."""
    assert refusal(**fields).startswith(line)


def test_the_edges_can_be() -> None:
    """An hour, the highest port, sleep where it is new, one that drains not at all."""
    found(boot=3600, drain_delay=3600, longest_request=3600, port=65535, replicas=10_000)
    found(pre_stop="sleep", kube_version=(1, 30))
    assert found(drain_delay=0, longest_request=0, boot=0.001).reserve == 5
    assert found(image="[::1]:5000/a/b@sha256:00").image == "[::1]:5000/a/b@sha256:00"


def test_without_a_startup_endpoint_liveness_is_asked() -> None:
    """It is 200 as soon as the app listens."""
    one = found(paths={"live": "/a", "ready": "/b"})
    assert one.startup_path == "/a"
    assert not one.shows_startup


@pytest.mark.parametrize(
    ("pre_stop", "workers", "needed"),
    [("exec", 1, True), ("none", 1, False), ("sleep", 1, False), ("none", 2, True)],
)
def test_who_needs_a_state_directory(pre_stop: str, workers: int, needed: bool) -> None:
    """`healthkit drain`, and workers that have siblings."""
    assert found(pre_stop=pre_stop, workers=workers).has_state_dir is needed


def test_the_command_says_port_and_workers(monkeypatch: Patch) -> None:
    """If nobody else does."""
    starts(monkeypatch, Server(name="hypercorn", port=9, workers=3))
    assert (found().port, found().workers) == (9, 3)
    assert (found(port=9).port, found(workers=3).workers) == (9, 3)


def test_a_command_that_says_otherwise_is_refused(monkeypatch: Patch) -> None:
    """The probes would ask nobody, or the pod wait for workers that never come."""
    starts(monkeypatch, Server(name="uvicorn", port=9, workers=3))
    line = "found port=8 and 9 in the command: expected one number; change one of them"
    assert refusal(port=8) == line
    assert refusal(workers=4).startswith("found workers=4 and 3 in the command")


def test_workers_that_nobody_starts_are_refused(monkeypatch: Patch) -> None:
    """Only uvicorn and gunicorn ask the environment, others don't."""
    starts(monkeypatch, Server(name="granian"))
    assert refusal(workers=4) == (
        "found workers=4 and a command of granian that does not say so: expected the number in it "
        "too, as in --workers 4"
    )
    assert found(workers=1).workers == 1
    starts(monkeypatch, Server(name="gunicorn"))
    assert found(workers=4).workers == 4
