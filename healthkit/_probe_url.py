"""One GET of the least size: what a URL is, what is sent there, and what its answer says.

Owns the connection and as much of HTTP as a verdict needs, by the kubelet's rules. It says what it
found; how that is shown, and to whom, is `_probing`'s business.

`_probing` imports this when a URL is asked, and then each import is paid for anew: so builtins only
here as well, without `__future__`, and `_socket` where it is used.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from _thread import LockType
    from collections.abc import Iterable
    from typing import Any, Final

    #: As `getaddrinfo` returns it: family, type, protocol, canonical name, address.
    Address = tuple[int, int, int, str, Any]

#: Statuses. A redirect is not followed, and its line says that it is one.
_INFORMATIONAL: "Final" = range(100, 200)
_PLAIN_SUCCESS: "Final" = range(200, 300)
_SUCCESS: "Final" = range(200, 400)
_DIGITS: "Final" = 3
_BODILESS: "Final" = (204, 304)
#: Bytes of an answer, headers included; the kubelet reads as much of a body.
_LONGEST_ANSWER: "Final" = 10_240

#: Digits. Python refuses to read some thousands of them.
_LONGEST_NUMBER: "Final" = 18
_PORTS: "Final" = range(1, 65_536)


class NoAnswerError(Exception):
    """What came from a URL is no answer: why."""


# -- what is asked --------------------------------------------------------------------------------


def parse_url(url: str) -> tuple[str, int, str, str]:
    """Return host, port, both as the Host header has them, and what is asked for there.

    Raises:
        ValueError: this is no URL that can be asked: what was found, and what was expected.
    """
    scheme, _slashes, rest = url.partition("://")
    if scheme.lower() != "http":
        raise ValueError(f"found {scheme}://, expected http:// only: for TLS use an httpGet probe")
    rest = rest.partition("#")[0]  # as the kubelet does
    authority = rest.partition("/")[0].partition("?")[0]
    if "@" in authority:
        raise ValueError("found a user in the URL, expected none: use --header 'Authorization: …'")
    if not (rest.isascii() and rest.isprintable()) or " " in rest:
        raise ValueError(f"found {url}, expected printable ASCII without spaces: percent-encode it")
    path = rest[len(authority) :]
    host, port = _parse_authority(authority)
    return host, port, authority, path if path.startswith("/") else f"/{path}"


def _parse_authority(authority: str) -> tuple[str, int]:
    if authority.startswith("["):
        host, end, port = authority[1:].partition("]")
        right = ":" in host and end and all(one in "0123456789abcdefABCDEF:." for one in host)
        colon, port = port[:1], port[1:]
    else:
        host, colon, port = authority.partition(":")
        right = host and all(one.isalnum() or one in "-._" for one in host)
        if ":" in port:
            raise ValueError(f"found the host {authority}, expected an IPv6 address in brackets")
    if not right or colon not in {"", ":"}:
        raise ValueError(f"found the host '{authority}', expected a name or an address")
    if colon and not (port.isascii() and port.isdigit() and int(port[:_LONGEST_NUMBER]) in _PORTS):
        raise ValueError(f"found the port '{port}', expected a number from 1 to {_PORTS[-1]}")
    return host, int(port) if colon else 80


def request(authority: str, path: str, headers: "Iterable[tuple[str, str]]") -> bytes:
    """Return the bytes to send: what the kubelet would, under another name."""
    given = {name.lower() for name, _value in headers}
    usual = [
        ("Host", authority),
        ("User-Agent", "healthkit-probe"),
        ("Accept", "*/*"),
        ("Connection", "close"),
    ]
    lines = [f"{name}: {value}" for name, value in usual if name.lower() not in given]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


# -- the connection -------------------------------------------------------------------------------


def ask_url(url: str, timeout: float, headers: "Iterable[tuple[str, str]]") -> tuple[bool, str]:
    """Send one GET and return whether it was answered with success, and the line that says so.

    Args:
        url: whose query, which may be secret, is not shown.
        timeout: in seconds, for everything together.
        headers: in place of the usual ones of the same names.

    Raises:
        ValueError: as `parse_url` does. Whatever happens after that is a line.
    """
    deadline = time.monotonic() + timeout
    host, port, authority, path = parse_url(url)
    shown = f"http://{authority}{path.partition('?')[0]}"
    try:
        connection = _connect(_addresses(host, port, deadline), deadline)
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(request(authority, path, headers))
            return _receive(connection, deadline)
        finally:
            connection.close()
    except NoAnswerError as exc:
        return False, f"{exc}: {shown}"
    except TimeoutError:
        return False, f"timed out after {timeout:g} s: {shown}"
    except OSError as exc:
        return False, f"{_reason(exc)}: {shown}"


def _reason(exc: OSError) -> str:
    return (exc.strerror or str(exc)).lower()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _addresses(host: str, port: int, deadline: float) -> "list[Address]":
    """Return the addresses of a host. As bytes: for text Python imports all of IDNA."""
    import _socket  # noqa: PLC0415  # not for a name
    import _thread  # noqa: PLC0415  # as above

    try:
        return _socket.getaddrinfo(
            host.encode(), port, 0, _socket.SOCK_STREAM, 0, _socket.AI_NUMERICHOST
        )
    except _socket.gaierror:
        pass  # no address: a name
    # The resolver knows no deadline, so it is left behind when that is over.
    found: list[Address] = []
    failed: list[OSError] = []
    done = _thread.allocate_lock()
    done.acquire()
    try:
        _thread.start_new_thread(_look_up, (host, port, found, failed, done))
    except RuntimeError:  # there may be no more
        _look_up(host, port, found, failed, done)
    if not done.acquire(timeout=_left(deadline)):
        raise TimeoutError
    for exc in failed:
        raise exc
    return found


def _look_up(
    host: str, port: int, found: "list[Address]", failed: list[OSError], done: "LockType"
) -> None:
    """Do it in a thread of its own, and unlock when that is done."""
    import _socket  # noqa: PLC0415  # as above

    try:
        found += _socket.getaddrinfo(host.encode(), port, 0, _socket.SOCK_STREAM)
    except OSError as exc:
        failed.append(exc)
    finally:
        done.release()


def _connect(addresses: "list[Address]", deadline: float) -> "socket":
    """Connect to the first address that answers. Each has its part of what time is left.

    Raises:
        OSError: none did. If one of them kept silent, that is it.
    """
    failed = OSError("no address")
    for number, address in enumerate(addresses):
        try:
            return _connect_to(address, _left(deadline) / (len(addresses) - number))
        except OSError as exc:
            failed = failed if isinstance(failed, TimeoutError) else exc
    raise failed


def _connect_to(address: "Address", timeout: float) -> "socket":
    import _socket  # noqa: PLC0415  # as above

    family, kind, protocol, _name, where = address
    connection = _socket.socket(family, kind, protocol)
    try:
        connection.settimeout(timeout)
        connection.connect(where)
    except BaseException:
        connection.close()
        raise
    return connection


def _receive(connection: "socket", deadline: float) -> tuple[bool, str]:
    """Read until the verdict stands. Once the headers are there, nothing can make it fail.

    Raises:
        NoAnswerError: the headers are none, or do not end.
        OSError: nothing more came in time, or at all.
    """
    raw = b""
    found: tuple[int, str, bool] | None = None
    try:
        while len(raw) < _LONGEST_ANSWER:
            connection.settimeout(_left(deadline))
            more = connection.recv(_LONGEST_ANSWER - len(raw))
            raw += more
            found = judge(raw)
            if not more or (found and found[2]):
                break
    except OSError:
        if found is None:
            raise
    if found is not None:
        return verdict(found[0], found[1])
    if len(raw) >= _LONGEST_ANSWER:
        raise NoAnswerError("headers of more than 10 KiB")
    raise NoAnswerError("closed before the end of the headers" if raw else "closed unanswered")


# -- the answer -----------------------------------------------------------------------------------


def verdict(status: int, text: str) -> tuple[bool, str]:
    """Return whether the kubelet takes a status for success, and the line that says so."""
    line = f"{status}: {text}" if text else str(status)
    return status in _SUCCESS, text if text and status in _PLAIN_SUCCESS else line


def judge(raw: bytes) -> tuple[int, str, bool] | None:
    """Return status, first line of the body, and whether no more can change them.

    None as long as the headers are not complete.

    Raises:
        NoAnswerError: this is not HTTP.
    """
    status = 100
    head = b""
    while status in _INFORMATIONAL:
        if not _may_be_http(raw):
            raise NoAnswerError(f"not HTTP: {raw[:40].decode(errors='replace').rstrip()}")
        end = b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n"
        head, ended, raw = raw.partition(end)
        if not ended:
            return None
        status = int(head.split(None, 2)[1])
    body, complete = _body(status, head, raw)
    line, newline, _rest = body.partition(b"\n")
    return status, line.decode(errors="replace").strip(), complete or bool(newline)


def _may_be_http(raw: bytes) -> bool:
    """Whether it begins like a status line. As early as that can be told: nothing else may come."""
    line, whole, _rest = raw.partition(b"\n")
    status = b"".join(line.split(None, 2)[1:2])
    well = not whole or (len(status) == _DIGITS and status.isdigit())
    return well and line[:7] == b"HTTP/1."[: len(line)]


def _body(status: int, head: bytes, raw: bytes) -> tuple[bytes, bool]:
    """Return as much of the body as is there, and whether that is all."""
    headers = [line.partition(b":") for line in head.lower().split(b"\n")]
    fields = {name.strip(): value.strip() for name, _colon, value in headers}
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return _unchunked(raw)
    length = fields.get(b"content-length", b"")[:_LONGEST_NUMBER]
    return raw, status in _BODILESS or (length.isdigit() and len(raw) >= int(length))


def _unchunked(raw: bytes) -> tuple[bytes, bool]:
    """Return what the chunks hold, as far as they are chunks."""
    body = b""
    while True:
        size, newline, rest = raw.partition(b"\n")
        if not newline:
            return body, False
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            return body, True
        body += rest[: max(0, length)]
        if length <= 0:
            return body, True
        raw = rest[length + 2 :]
