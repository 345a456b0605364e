"""What probes and hooks do, in a few words."""

from __future__ import annotations

import pytest

from healthkit.explain._asks import asks, is_lost
from healthkit.manifests import Container, Exec, Grpc, Handler, Hook, HttpGet, Port, Sleep
from healthkit.manifests import TcpSocket as Tcp


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (HttpGet("/livez", 8080), "GET /livez on port 8080"),
        (HttpGet("livez", "http", "HTTPS"), "GET /livez on port http by HTTPS"),
        (HttpGet("/", 80, host="10.0.0.1"), "GET / on port 80 of 10.0.0.1"),
        (Tcp(80), "a connection to port 80"),
        (Tcp("db", "db.local"), "a connection to port db of db.local"),
        (Grpc(50), "gRPC health check on port 50"),
        (Grpc(50, "shop"), "gRPC health check of shop on port 50"),
        (Exec(("sh", "-c", "a  b\nc")), "run sh -c 'a b c'"),
        (Exec(("a" * 200,)), f"run {'a' * 100}..."),
        (Sleep(5), "sleep 5 s"),
    ],
)
def test_each_handler_has_its_words(handler: Handler | Hook, words: str) -> None:
    """In one line of reasonable length."""
    assert asks(handler) == words


def test_a_port_that_has_no_such_name_is_lost() -> None:
    """A number is always found, and a command needs none."""
    container = Container("app", ports=(Port(80, "http"), Port(81)))
    assert is_lost(HttpGet("/", "web"), container)
    assert is_lost(Tcp("web"), container)
    for good in (HttpGet("/", "http"), Tcp(99), Grpc(5), Exec(("true",)), Sleep(1)):
        assert not is_lost(good, container)
