"""What is sent to a URL, how long it may take, and what becomes of an answer."""

from __future__ import annotations

import _socket
import _thread
import contextlib
import re
import socket
import struct
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _probe_url
from healthkit._probe_url import NoAnswerError, ask_url, judge, parse_url, request

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from healthkit._probe_url import Address

#: Seconds that anything may take that takes none.
PATIENCE: Final = 30.0


# -- what is a URL --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("http://h", ("h", 80, "h", "/")),
        ("HTTP://h/", ("h", 80, "h", "/")),
        ("http://h:8000/a/b?c=d&e=/f", ("h", 8000, "h:8000", "/a/b?c=d&e=/f")),
        ("http://h?c=d", ("h", 80, "h", "/?c=d")),
        ("http://h/a#b", ("h", 80, "h", "/a")),
        ("http://h#b/c@d", ("h", 80, "h", "/")),
        ("http://h/a@b:c", ("h", 80, "h", "/a@b:c")),
        ("http://my_app.shop-1/", ("my_app.shop-1", 80, "my_app.shop-1", "/")),
        ("http://[::1]", ("::1", 80, "[::1]", "/")),
        (
            "http://[::FFFF:127.0.0.1]:65535/x",
            ("::FFFF:127.0.0.1", 65535, "[::FFFF:127.0.0.1]:65535", "/x"),
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, parsed: tuple[str, int, str, str]) -> None:
    """Port 80 and the path / are understood; a fragment is dropped, as the kubelet does."""
    assert parse_url(url) == parsed


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://s3cret", "found https://, expected http:// only: for TLS use an httpGet"),
        ("ftp://h", "found ftp://, expected http:// only"),
        ("http://me:s3cret@h/", "found a user in the URL, expected none"),
        ("http://h/a b", "found http://h/a b, expected printable ASCII"),
        ("http://h/ü", "found http://h/ü, expected printable ASCII"),
        ("http://h/\x7f", "found http://h/\x7f, expected printable ASCII"),
        ("http://h/\r\nx:y", "found http://h/\r\nx:y, expected printable ASCII"),
        ("http://", "found the host '', expected a name or an address"),
        ("http:///x", "found the host '', "),
        ("http://:80/x", "found the host ':80', "),
        ("http://a%20b/", "found the host 'a%20b', "),
        ("http://::1/", "found the host ::1, expected an IPv6 address in brackets"),
        ("http://[::1/", "found the host '[::1', "),
        ("http://[::1]8/", "found the host '[::1]8', "),
        ("http://[]/", "found the host '[]', "),
        ("http://[fe80::1%25eth0]/", "found the host '[fe80::1%25eth0]', "),
        ("http://h:/", "found the port '', expected a number from 1 to 65535"),
        ("http://h:0/", "found the port '0', "),
        ("http://h:65536/", "found the port '65536', "),
        ("http://h:-1/", "found the port '-1', "),
        ("http://h:http/", "found the port 'http', "),
        ("http://h:" + "9" * 5000, "found the port '999"),
    ],
)
def test_what_can_not_be_asked_is_refused(url: str, found: str) -> None:
    """With what was found and what was expected; what may be secret is not in it."""
    with pytest.raises(ValueError, match=f"^{re.escape(found)}") as refusal:
        parse_url(url)
    assert "s3cret" not in str(refusal.value)


# -- a server, and its answers --------------------------------------------------------------------


class Server:
    """A socket of this machine that does one thing with each connection, until `over` is set."""

    def __init__(self, do: Callable[[Server, socket.socket], None], host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.authority = f"{f'[{host}]' if ':' in host else host}:{self.listener.getsockname()[1]}"
        self.over = threading.Event()
        #: Set when a request has come.
        self.asked = threading.Event()
        self.requests: list[bytes] = []
        self._do = do

    def serve(self) -> None:
        """Take one connection after the other; a client may leave when it likes."""
        while not self.over.is_set():
            with contextlib.suppress(OSError):
                connection, _address = self.listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    self._do(self, connection)

    def hear(self, connection: socket.socket) -> None:
        """Read the request."""
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(65_536)
        self.requests.append(request)
        self.asked.set()

    def url(self, path: str = "/readyz") -> str:
        """Return where it is."""
        return f"http://{self.authority}{path}"


@contextmanager
def serving(
    do: Callable[[Server, socket.socket], None], host: str = "127.0.0.1"
) -> Generator[Server]:
    """Serve in a thread, which has ended when the block has."""
    server = Server(do, host)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def answers(*pieces: bytes, hangs: bool = False) -> Callable[[Server, socket.socket], None]:
    """Hear the request, send the pieces, and close, or stay silent until the test is over."""

    def do(server: Server, connection: socket.socket) -> None:
        server.hear(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        if hangs:
            server.over.wait(PATIENCE)

    return do


def drips(server: Server, connection: socket.socket) -> None:
    """Send headers that never end, a byte now and then."""
    server.hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not server.over.wait(0.01):
        connection.sendall(b"x")


def closes(server: Server, connection: socket.socket) -> None:
    """Close after the request, without a word."""
    server.hear(connection)


def resets(server: Server, connection: socket.socket) -> None:
    """Reset the connection after the request."""
    server.hear(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def with_length(status: bytes, body: bytes) -> bytes:
    """Return an answer as healthkit gives it."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK: Final = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("raw", "passes", "line"),
    [
        (with_length(b"200 OK", b"ok\n"), True, "ok"),
        (with_length(b"200 OK", b""), True, "200"),
        (with_length(b"200 OK", b"one\ntwo\n"), True, "one"),
        (with_length(b"200 OK", b" spaced \r\n"), True, "spaced"),
        (with_length(b"200 OK", b"\x1b[2J\xff"), True, "\x1b[2J\N{REPLACEMENT CHARACTER}"),
        (with_length(b"299 Odd", b"odd"), True, "odd"),
        (b"HTTP/1.0 200\r\n\r\nold", True, "old"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True, "204"),
        (with_length(b"302 Found", b"moved"), True, "302: moved"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", True, "304"),
        (with_length(b"399 Odd", b""), True, "399"),
        (with_length(b"400 Bad Request", b""), False, "400"),
        (
            with_length(b"503 Unavailable", b"warming: catalogue 41 %\n"),
            False,
            "503: warming: catalogue 41 %",
        ),
        (with_length(b"099 Odd", b""), False, "99"),
        (with_length(b"999 Odd", b""), False, "999"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"200 OK", b"ok"), True, "ok"),
        (
            b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + with_length(b"500 No", b"no"),
            False,
            "500: no",
        ),
        (b"HTTP/1.1 200 OK\n\nby hand\n", True, "by hand"),
        (CHUNKED + b"3\r\nok\n\r\n0\r\n\r\n", True, "ok"),
        (CHUNKED + b"1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n", True, "ok"),
        (CHUNKED + b"0\r\n\r\n", True, "200"),
        (CHUNKED + b"2\r\nok\r\n-1\r\n\r\n", True, "ok"),
        (CHUNKED + b"2\r\nok\r\nno chunk\r\n", True, "ok"),
        (CHUNKED + b"ffffffffffffffffffff\r\nok", True, "ok"),
        (OK + b"Content-Length: 99\r\n\r\nshort", True, "short"),
        (OK + b"Content-Length: many\r\n\r\nok", True, "ok"),
        (OK + b"Content-Length: " + b"9" * 6_000 + b"\r\n\r\nok", True, "ok"),
        (OK + b"\r\n" + b"x" * 100_000, True, "x" * (10_240 - len(OK) - 2)),
        (OK + b"X: " + b"x" * 100_000, False, "headers of more than 10 KiB: URL"),
        (OK + b"X: y\r\n", False, "closed before the end of the headers: URL"),
        (b"HTTP/1.1", False, "closed before the end of the headers: URL"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False, "closed before the end of the headers: URL"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", False, "not HTTP: SSH-2.0-OpenSSH_9.9: URL"),
        (b"\x15\x03\x01\x00\x02\x02P", False, "not HTTP: \x15\x03\x01\x00\x02\x02P: URL"),
        (b"HTTP/2 200\r\n\r\n", False, "not HTTP: HTTP/2 200: URL"),
        (b"HTTP/1.1 20 OK\r\n\r\n", False, "not HTTP: HTTP/1.1 20 OK: URL"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", False, "not HTTP: HTTP/1.1 2000 OK: URL"),
        (b"HTTP/1.1\r\n\r\n", False, "not HTTP: HTTP/1.1: URL"),
        (b"HTTP/1.1X200 abc\r\n\r\n", False, "not HTTP: HTTP/1.1X200 abc: URL"),
        (b"\r\n\r\n", False, "not HTTP: : URL"),
    ],
)
def test_every_answer_becomes_one_line(raw: bytes, *, passes: bool, line: str) -> None:
    """Status 200 to 399 is success, as to the kubelet; what else comes is named, with the URL."""
    with serving(answers(raw)) as server:
        found = ask_url(server.url("/readyz?token=s3cret"), PATIENCE, [])
        assert found == (passes, line.replace("URL", server.url()))


def test_the_request_is_the_kubelets_under_another_name() -> None:
    """One GET, on one connection, which the server may close."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        assert ask_url(server.url("/a?b=c#d"), PATIENCE, []) == (True, "ok")
        lines = [
            "GET /a?b=c HTTP/1.1",
            f"Host: {server.authority}",
            "User-Agent: healthkit-probe",
            "Accept: */*",
            "Connection: close",
        ]
        assert server.requests == ["\r\n".join([*lines, "", ""]).encode()]


def test_a_header_takes_the_place_of_the_usual_one() -> None:
    """Host as any other, in whatever case; what is given twice is sent twice."""
    headers = [("host", "shop.example"), ("X-A", "1"), ("X-A", "2"), ("ACCEPT", "text/plain")]
    assert request("127.0.0.1:80", "/", headers) == (
        b"GET / HTTP/1.1\r\nUser-Agent: healthkit-probe\r\nConnection: close\r\n"
        b"host: shop.example\r\nX-A: 1\r\nX-A: 2\r\nACCEPT: text/plain\r\n\r\n"
    )


@pytest.mark.parametrize(
    "pieces",
    [
        (with_length(b"200 OK", b"ok"),),
        (OK + b"\r\nok\n",),
        (CHUNKED + b"2\r\nok\r\n0\r\n",),
        (CHUNKED + b"2\r\nok\r\nno chunk\r\n",),
        (b"HTTP/1.1 204 No\r\n\r\n",),
        (b"HTTP/1.1 100 Continue\r\n\r\n", with_length(b"200 OK", b"ok")),
    ],
)
def test_a_server_that_does_not_close_is_not_waited_for(pieces: tuple[bytes, ...]) -> None:
    """An answer is complete when its length says so, or when its first line is."""
    with serving(answers(*pieces, hangs=True)) as server:
        began = time.monotonic()
        passes, line = ask_url(server.url(), PATIENCE, [])
        assert (passes, line) in {(True, "ok"), (True, "204")}
        assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize(
    ("piece", "found"),
    [
        (OK + b"Content-Length: 9\r\n\r\n", (True, "200")),
        (OK + b"Content-Length: 9\r\n\r\nhal", (True, "hal")),
        (CHUNKED, (True, "200")),
        (CHUNKED + b"9\r\nhal", (True, "hal")),
        (b"HTTP/1.1 503 No\r\n\r\n", (False, "503")),
        (OK + b"X: y", (False, "timed out after 0.2 s: URL")),
        (b"", (False, "timed out after 0.2 s: URL")),
    ],
)
def test_headers_that_are_there_decide_when_the_time_is_over(
    piece: bytes, found: tuple[bool, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that does not come in time changes nothing; headers that do not are a failure.

    Nor do they win it any time.
    """
    deadlines = set[float]()

    def left(deadline: float) -> float:
        deadlines.add(deadline)
        return 0.1

    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(piece)  # it has come before the time begins, however busy the machine is
        monkeypatch.setattr(_probe_url, "_connect", returning(ours))
        monkeypatch.setattr(_probe_url, "_left", left)
        began = time.monotonic()
        passes, line = ask_url("http://127.0.0.1/", 0.2, [])
        assert (passes, line.replace("http://127.0.0.1/", "URL")) == found
        (deadline,) = deadlines
        assert began + 0.2 <= deadline <= time.monotonic() + 0.2


def test_a_slow_drip_does_not_prolong_the_time() -> None:
    """There is one deadline for everything, not one for each byte."""
    with serving(drips) as server:
        found = ask_url(server.url(), 0.2, [])
        assert found == (False, f"timed out after 0.2 s: {server.url()}")


def test_time_that_is_over_before_the_first_byte_is_a_timeout() -> None:
    """Also when the socket would never have had to wait."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        passes, line = ask_url(server.url(), 1e-9, [])
        assert (passes, line) == (False, f"timed out after 1e-09 s: {server.url()}")


@pytest.mark.parametrize(
    ("do", "reason"), [(closes, "closed unanswered"), (resets, "connection reset by peer")]
)
def test_a_server_that_hangs_up_is_named(
    do: Callable[[Server, socket.socket], None], reason: str
) -> None:
    """With the difference between a close and a reset."""
    with serving(do) as server:
        assert ask_url(server.url(), PATIENCE, []) == (False, f"{reason}: {server.url()}")


@contextmanager
def a_free_port() -> Generator[int]:
    """Have a port at which nobody listens: it is taken by a socket that does not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        yield port


def test_nobody_listening_is_a_refusal() -> None:
    """Said without the query."""
    with a_free_port() as port:
        url = f"http://127.0.0.1:{port}/readyz"
        found = ask_url(f"{url}?token=s3cret", PATIENCE, [])
    assert found == (False, f"connection refused: {url}")


def test_a_host_is_looked_up() -> None:
    """A name is one more way to this machine."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        url = server.url().replace("127.0.0.1", "localhost")
        assert ask_url(url, PATIENCE, []) == (True, "ok")
        assert b"Host: localhost:" in server.requests[0]


def test_an_ipv6_address_is_no_name() -> None:
    """Its brackets are the URL's and the Host header's, not the address'."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(serving(answers(with_length(b"200 OK", b"ok")), "::1"))
        except OSError:
            pytest.skip("this machine has no IPv6")
        assert ask_url(server.url(), PATIENCE, []) == (True, "ok")
        assert b"Host: [::1]:" in server.requests[0]


@pytest.fixture
def _no_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a resolver that does not know ``shop``, without asking anybody."""
    known = _socket.getaddrinfo

    def getaddrinfo(host: bytes, port: int, *rest: int) -> object:
        if host == b"shop":
            raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
        return known(host, port, *rest)

    monkeypatch.setattr(_socket, "getaddrinfo", getaddrinfo)


@pytest.mark.usefixtures("_no_shop")
def test_a_name_that_is_unknown_is_a_failure() -> None:
    """In the resolver's words."""
    found = ask_url("http://shop/", PATIENCE, [])
    assert found == (False, "name or service not known: http://shop/")


def returning(value: object) -> Callable[..., object]:
    """Make a function that returns this, whatever it is called with."""

    def function(*_arguments: object) -> object:
        return value

    return function


def test_the_resolver_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows no deadline; ours holds."""
    monkeypatch.setattr(_probe_url, "_look_up", returning(None))  # never unlocks
    began = time.monotonic()
    found = ask_url("http://localhost/", 0.1, [])
    assert found == (False, "timed out after 0.1 s: http://localhost/")
    assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.usefixtures("_no_shop")
def test_without_a_thread_the_resolver_is_asked_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A container may have no process id left."""

    def none(*_arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        monkeypatch.setattr(_thread, "start_new_thread", none)
        url = server.url().replace("127.0.0.1", "localhost")
        assert ask_url(url, PATIENCE, []) == (True, "ok")
        found = ask_url("http://shop/", PATIENCE, [])
        assert found == (False, "name or service not known: http://shop/")


def addresses(*pairs: tuple[str, int]) -> list[Address]:
    """Return IPv4 addresses as `getaddrinfo` does."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", pair) for pair in pairs]


def test_all_addresses_are_tried_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one answers; if none does, the last one's reason is said."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server, a_free_port() as free:
        port: int = server.listener.getsockname()[1]
        both = addresses(("127.0.0.1", free), ("127.0.0.1", port))
        monkeypatch.setattr(_probe_url, "_addresses", returning(both))
        assert ask_url("http://shop/", PATIENCE, []) == (True, "ok")
        unknown = (12345, socket.SOCK_STREAM, 0, "", None)
        monkeypatch.setattr(_probe_url, "_addresses", returning([unknown, both[0]]))
        assert ask_url("http://shop/", PATIENCE, []) == (
            False,
            "connection refused: http://shop/",
        )
        monkeypatch.setattr(_probe_url, "_addresses", returning([]))
        assert ask_url("http://shop/", PATIENCE, []) == (False, "no address: http://shop/")


def test_a_silent_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its part of what is left. That one was silent counts for more than a refusal."""
    given: list[float] = []

    def connect(address: Address, timeout: float) -> object:
        given.append(timeout)
        clock[0] += timeout if address[4][0] == "silent" else 0
        raise TimeoutError if address[4][0] == "silent" else ConnectionRefusedError(111, "Refused")

    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(_probe_url, "_connect_to", connect)
    with pytest.raises(TimeoutError):
        _probe_url._connect(addresses(("silent", 1), ("refused", 1), ("refused", 1)), 9.0)
    assert given == [3.0, 3.0, 6.0]
    with pytest.raises(TimeoutError):
        _probe_url._connect(addresses(("refused", 1), ("silent", 1)), clock[0] + 1)
    with pytest.raises(TimeoutError):
        _probe_url._connect(addresses(("refused", 1)), clock[0])


@given(st.sampled_from([b"", OK, OK + b"\r\n", CHUNKED, b"HTTP/1.1 1"]), st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_none(beginning: bytes, rest: bytes) -> None:
    """Nothing that a server sends breaks the probe."""
    with contextlib.suppress(NoAnswerError):
        judge(beginning + rest)


@pytest.mark.parametrize(
    "raw",
    [
        with_length(b"503 Unavailable", b"warming: catalogue 41 %\n"),
        b"HTTP/1.1 102 Processing\r\n\r\n" + with_length(b"200 OK", b"ok"),
        CHUNKED + b"1\r\no\r\n2\r\nk\n\r\n0\r\n\r\n",
    ],
)
def test_it_does_not_matter_in_which_pieces_an_answer_comes(raw: bytes) -> None:
    """As soon as it is said to stand, it is that of the whole, and stays so."""
    whole = judge(raw)
    assert whole is not None
    assert whole[2]
    parts = [judge(raw[:end]) for end in range(len(raw))]
    assert all(part in {None, whole} for part in parts if part is None or part[2])
    standing = [part is not None and part[2] for part in parts]
    assert standing == sorted(standing)
