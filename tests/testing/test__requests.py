"""The requests that the kubelet sends, byte for byte as they were seen."""

from __future__ import annotations

import pytest

from healthkit.manifests._spec import Container, HttpGet, Port, TcpSocket
from healthkit.testing._process import Answer, Request
from healthkit.testing._requests import (
    PortError,
    hook_request,
    port_of,
    probe_request,
    redirected,
    url_of,
)

URL = "http://10.0.1.7:8080/a/b?c=d"


def headers(*given: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the headers of a probe that has some of its own."""
    return list(probe_request(HttpGet("/", 8080, headers=given), 8080).headers)


def test_a_probe_is_a_get_from_the_node() -> None:
    """A new connection each time, that is closed; no Accept-Encoding."""
    request = probe_request(HttpGet("/ready?deep=1#part", 8080), 8080)
    assert request == Request(
        "/ready?deep=1",
        8080,
        headers=(
            ("Host", "10.0.1.7:8080"),
            ("User-Agent", "kube-probe/1.36"),
            ("Accept", "*/*"),
            ("Connection", "close"),
        ),
        client="10.0.1.1",
        body_limit=10_240,
    )


@pytest.mark.parametrize(
    ("path", "sent"), [("code/200", "/code/200"), ("", "/"), ("/a?b", "/a?b"), ("/#x", "/")]
)
def test_a_path_begins_with_a_slash(path: str, sent: str) -> None:
    """The query is kept, a fragment is not."""
    assert probe_request(HttpGet(path, 80), 80).path == sent


def test_headers_of_its_own() -> None:
    """Names are written as Go writes them and sorted; two of a name are two headers."""
    assert headers(("x-b", "2"), ("X-A", "1"), ("X-B", "3"))[2:] == [
        ("Accept", "*/*"),
        ("X-A", "1"),
        ("X-B", "2"),
        ("X-B", "3"),
        ("Connection", "close"),
    ]


def test_host_agent_and_accept_can_be_replaced() -> None:
    """The first of a name counts; an empty Accept and an empty User-Agent are left out."""
    own = headers(("host", "shop.example"), ("Host", "other"), ("user-agent", "me"), ("ACCEPT", ""))
    assert own == [("Host", "shop.example"), ("User-Agent", "me"), ("Connection", "close")]
    assert headers(("User-Agent", ""), ("Accept", "text/html")) == [
        ("Host", "10.0.1.7:8080"),
        ("Accept", "text/html"),
        ("Connection", "close"),
    ]


def test_another_host_is_asked_by_its_name() -> None:
    """The Host header names whom the handler names."""
    request = probe_request(HttpGet("/", 8443, "HTTPS", host="10.9.9.9"), 8443)
    assert request.headers[0] == ("Host", "10.9.9.9:8443")
    assert request.scheme == "https"


def test_a_hook_has_another_agent_and_keeps_its_connection() -> None:
    """It takes gzip, which comes last."""
    request = hook_request(HttpGet("/stop", 8080, headers=(("X-A", "1"),)), 8080)
    assert request.headers == (
        ("Host", "10.0.1.7:8080"),
        ("User-Agent", "kube-lifecycle/1.36"),
        ("Accept", "*/*"),
        ("X-A", "1"),
        ("Accept-Encoding", "gzip"),
    )


def test_an_https_hook_comes_as_http_without_its_authorization() -> None:
    """The fallback of the kubelet; plain HTTP keeps it."""
    own = (("authorization", "Bearer x"), ("Range", "bytes=0-1"))
    secure = hook_request(HttpGet("/stop", 8080, "HTTPS", headers=own), 8080)
    assert secure.scheme == "http"
    assert [name for name, _ in secure.headers[2:]] == ["Accept", "Range"]
    plain = hook_request(HttpGet("/stop", 8080, headers=own), 8080)
    assert [name for name, _ in plain.headers[2:]] == ["Accept", "Authorization", "Range"]


def test_a_port_can_be_a_name() -> None:
    """One that the container doesn't declare is an error of each probe."""
    container = Container("app", ports=(Port(1), Port(8080, "web")))
    assert port_of(TcpSocket("web"), container) == 8080
    assert port_of(HttpGet("/", 99), container) == 99
    with pytest.raises(PortError, match="couldn't find port: webb"):
        port_of(HttpGet("/", "webb"), container)


@pytest.mark.parametrize(
    ("location", "path", "port", "scheme", "host"),
    [
        ("/x", "/x", 8080, "http", "10.0.1.7:8080"),
        ("x?y=z#w", "/a/x?y=z", 8080, "http", "10.0.1.7:8080"),
        ("?e=f", "/a/b?e=f", 8080, "http", "10.0.1.7:8080"),
        ("http://10.0.1.7:9999/x", "/x", 9999, "http", "10.0.1.7:9999"),
        ("http://10.0.1.7", "/", 80, "http", "10.0.1.7"),
        ("https://10.0.1.7/x", "/x", 443, "https", "10.0.1.7"),
        ("//10.0.1.7:81/x", "/x", 81, "http", "10.0.1.7:81"),
    ],
)
def test_a_redirect_on_the_same_host_is_followed(
    location: str, path: str, port: int, scheme: str, host: str
) -> None:
    """Whatever port and scheme it has; with one Referer, that of the last page."""
    request = probe_request(HttpGet("/a/b?c=d", 8080, headers=(("Referer", "old"),)), 8080)
    onward = redirected(request, Answer(302, headers=(("location", location),)), URL)
    assert onward is not None
    assert onward.body_limit == 10_240
    assert (onward.path, onward.port, onward.scheme) == (path, port, scheme)
    assert onward.headers[0] == ("Host", host)
    assert [value for name, value in onward.headers if name == "Referer"] == [URL]


def test_a_redirect_without_a_host_keeps_the_host_header() -> None:
    """As Go's client does; one with a host does not."""
    request = probe_request(HttpGet("/", 8080, headers=(("Host", "shop.example"),)), 8080)
    kept = redirected(request, Answer(301, headers=(("location", "/x"),)), URL)
    assert kept is not None
    assert kept.headers[0] == ("Host", "shop.example")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(302, headers=(("location", "http://example.org/"),)),
        Answer(302),
        Answer(302, headers=(("location", ""),)),
        Answer(304, headers=(("location", "/x"),)),
        Answer(200, headers=(("location", "/x"),)),
        Answer(302, "short body", headers=(("location", "/x"),)),
    ],
)
def test_other_answers_lead_nowhere(answer: Answer) -> None:
    """Another host, no Location, another status, a broken body."""
    assert redirected(probe_request(HttpGet("/", 8080), 8080), answer, URL) is None


def test_the_url_names_whom_is_connected_to() -> None:
    """Not the Host header."""
    request = probe_request(HttpGet("/x?y", 8080, headers=(("Host", "shop"),)), 8080)
    assert url_of(request, "10.0.1.7:8080") == "http://10.0.1.7:8080/x?y"
