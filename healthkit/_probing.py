"""`healthkit probe`: one question, one line, one exit status; for images without curl.

Owns the command line, the rules by which the records of a pod's workers are believed, and a GET of
the least size. What a worker would answer for the pod is in its record, in words: no rules of the
pod are here.

A probe is a new process each time, and an import costs more than all that is done here. So this
module imports builtins only: `fcntl`, with `_records`, when workers are asked, `_socket` when a URL
is. It writes to the descriptors itself: exactly one line, whatever has become of them.
"""

import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from _thread import LockType
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Final

    #: As `getaddrinfo` returns it: family, type, protocol, canonical name, address.
    Address = tuple[int, int, int, str, Any]

#: What a worker can be asked.
NAMES: "Final" = ("live", "ready", "startup", "health")

_STATE_DIR: "Final" = "HEALTHKIT_STATE_DIR"

#: Seconds. The kubelet gives an exec probe one, in which the interpreter has to start, too.
TIMEOUT: "Final" = 0.8
#: Seconds, a day. More is a slip of the pen.
_LONGEST_TIMEOUT: "Final" = 86_400

#: Characters of the line. It ends up in an event of the pod.
_LONGEST_LINE: "Final" = 200
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

#: What the name of a header may hold beside letters and digits (RFC 9110, 5.6.2).
_IN_NAMES: "Final" = "!#$%&'*+-.^_`|~"

_TARGETS: "Final" = "live, ready, startup, health or http://HOST[:PORT][/PATH]"
_USAGE: "Final" = f"""\
usage: healthkit probe TARGET [--timeout S] [--header 'NAME: VALUE']... [--state-dir DIR]
       healthkit probe --command [TARGET] [OPTION]...

Ask the workers of this pod, or a URL. One line says the answer; the exit status is 0 for success,
1 for failure, 2 for wrong usage.

  TARGET           {_TARGETS}
  --timeout S      seconds for all of a URL's answer ({TIMEOUT})
  --header TEXT    a header of the request to a URL; may be given several times
  --state-dir DIR  where the workers have their records; else {_STATE_DIR} says it
  --command        print this probe as the cheapest command for a manifest (ready)
"""


class UsageError(Exception):
    """The command line is wrong: what was found, and what was expected."""


class NoAnswerError(Exception):
    """What came from a URL is no answer: why."""


class Wanted:
    """What the command line asks for."""

    def __init__(self) -> None:
        self.target = ""
        self.timeout = TIMEOUT
        self.headers: list[tuple[str, str]] = []
        self.state_dir = ""
        self.command = False


def main(arguments: list[str]) -> int:
    """Ask, say one line, and return the exit status. Never raises.

    Args:
        arguments: what comes after ``healthkit probe``.
    """
    try:
        if "-h" in arguments or "--help" in arguments:
            _write(1, _USAGE)
            return 0
        wanted = parse(arguments)
        if wanted.command:
            _write(1, _command(arguments, wanted.target) + "\n")
            return 0
        passes, line = _ask(wanted)
    except UsageError as exc:
        _write(2, _line(f"healthkit probe: {exc}"))
        return 2
    except KeyboardInterrupt:
        passes, line = False, "interrupted"
    _write(1, _line(line))
    return 0 if passes else 1


def _write(descriptor: int, text: str) -> None:
    try:  # noqa: SIM105  # no more imports
        posix.write(descriptor, text.encode())
    except OSError:
        pass  # nobody listens; the exit status says it, too


def _line(text: str) -> str:
    """Return the text as one line that is fit to be shown anywhere."""
    text = text[: _LONGEST_LINE + 1]
    if not text.isprintable():
        text = "".join(one if one.isprintable() else "?" for one in text)
    return f"{text[: _LONGEST_LINE - 1]}…\n" if len(text) > _LONGEST_LINE else f"{text}\n"


# -- the command line -----------------------------------------------------------------------------


def parse(arguments: list[str]) -> Wanted:
    """Return what is asked for, checked.

    Raises:
        UsageError: it can't be done. The values of headers, which may be secret, are not shown.
    """
    wanted = Wanted()
    words = iter(arguments)
    for word in words:
        name, equals, text = word.partition("=")
        if not word.startswith("-"):
            _take_target(wanted, word)
        elif word == "--command":
            wanted.command = True
        elif name in _OPTIONS:
            _OPTIONS[name](wanted, text if equals else _value(name, words))
        else:
            raise UsageError(f"found {name}, expected {', '.join(_OPTIONS)} or --command: see -h")
    return _checked(wanted)


def _value(name: str, words: "Iterator[str]") -> str:
    word = next(words, "--")
    if word.startswith("--"):
        raise UsageError(f"found no value after {name}: expected one, or {name}=VALUE")
    return word


def _take_target(wanted: Wanted, word: str) -> None:
    if wanted.target:
        raise UsageError(f"found the targets {wanted.target} and {word}, expected one")
    if word not in NAMES:
        parse_url(word)
    wanted.target = word


def _take_timeout(wanted: Wanted, text: str) -> None:
    try:
        wanted.timeout = float(text)
    except ValueError:
        wanted.timeout = 0
    if not 0 < wanted.timeout <= _LONGEST_TIMEOUT:
        expected = f"expected seconds, more than 0 and at most {_LONGEST_TIMEOUT}"
        raise UsageError(f"found --timeout {text}, {expected}: such as {TIMEOUT}")


def _take_header(wanted: Wanted, text: str) -> None:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError("found a --header without a colon, expected 'NAME: VALUE'")
    if not name or not all(_is_word(one, _IN_NAMES) for one in name):
        raise UsageError(f"found a --header of the name '{name}', expected letters, digits and -")
    value = value.strip(" ")
    if not (value.isascii() and value.isprintable()):
        raise UsageError(f"found --header {name} with a value that is not printable ASCII")
    wanted.headers.append((name, value))


def _take_state_dir(wanted: Wanted, text: str) -> None:
    if not text:
        raise UsageError("found an empty --state-dir, expected the workers' state directory")
    wanted.state_dir = text


_OPTIONS: "Final[dict[str, Callable[[Wanted, str], None]]]" = {
    "--timeout": _take_timeout,
    "--header": _take_header,
    "--state-dir": _take_state_dir,
}


def _is_word(one: str, more: str) -> bool:
    return (one.isascii() and one.isalnum()) or one in more


def _checked(wanted: Wanted) -> Wanted:
    """See that target and options go together."""
    if not wanted.target and not wanted.command:
        raise UsageError(f"found no target, expected {_TARGETS}: see -h")
    if wanted.target in NAMES and wanted.headers:
        raise UsageError(f"found --header with {wanted.target}, expected it with a URL only")
    if wanted.target and wanted.target not in NAMES and wanted.state_dir:
        raise UsageError("found --state-dir with a URL, expected it with a name only")
    return wanted


def _command(arguments: list[str], target: str) -> str:
    """Return the cheapest command for this probe, as JSON, which is YAML too."""
    import json  # noqa: PLC0415  # a person waits here, not the kubelet
    import os  # noqa: PLC0415  # as above

    if not sys.executable:
        raise UsageError("this Python does not know its own path: write the command by hand")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.py")  # noqa: PTH100, PTH118, PTH120  # no more imports
    given = [word for word in arguments if word != "--command"]
    return json.dumps([sys.executable, "-I", "-S", script, *([] if target else ["ready"]), *given])


def _ask(wanted: Wanted) -> tuple[bool, str]:
    if wanted.target not in NAMES:
        return ask_url(wanted.target, wanted.timeout, wanted.headers)
    found = posix.environ.get(_STATE_DIR.encode(), b"")
    directory = wanted.state_dir or found.decode(sys.getfilesystemencoding(), "surrogateescape")
    if not directory:
        found_none = f"found neither --state-dir nor {_STATE_DIR}"
        raise UsageError(f"{found_none}, expected the workers' state directory: or ask a URL")
    return ask_workers(wanted.target, directory)


# -- workers --------------------------------------------------------------------------------------


def ask_workers(probe: str, directory: str) -> tuple[bool, str]:
    """Return what the workers that have their records in a directory say for the pod."""
    from healthkit._records import WORKER, exists, living  # noqa: PLC0415  # not for a URL

    # Before they are read: if this process gets no processor for a while, none becomes stale by it.
    now = time.monotonic_ns()
    try:
        bodies = [body for _name, body in living(directory, WORKER)]
    except OSError as exc:
        return False, f"can't read the state directory {directory}: {_reason(exc)}"
    writable = posix.access(directory, posix.W_OK)
    passes, line = answer(probe, bodies, now, writable, exists)
    return passes, f"{line} in {directory}" if line == _NOBODY else line


_NOBODY: "Final" = "no worker lives"


def answer(
    probe: str,
    bodies: "Iterable[bytes]",
    now_ns: int,
    writable: bool,  # noqa: FBT001  # two facts of a directory and a table of processes
    exists: "Callable[[int], bool]",
) -> tuple[bool, str]:
    """Return whether the probe passes, and the line that says so.

    The worker that wrote last speaks for the pod. A worker that has not written for a while is hung
    if it could have: that is a failure of liveness, even if its siblings write. If it could not,
    heartbeats say nothing, and nobody is restarted for the state of a disk.

    Args:
        probe: one of `NAMES`.
        bodies: of the records of living workers.
        now_ns: CLOCK_MONOTONIC in nanoseconds.
        writable: whether the workers could write.
        exists: whether there is a process of this id. A lock may outlive its worker in a child that
            was forked behind Python's back; such a worker is left out.
    """
    from healthkit._records import STALE_AFTER, said  # noqa: PLC0415  # not for a URL

    found = [
        (now_ns - written, pid, body)
        for body in bodies
        for written, pid in _heads(body)
        if now_ns - written <= STALE_AFTER or exists(pid)
    ]
    if not found:
        return False, _NOBODY
    age, pid, body = min(found)
    oldest, hung, _body = max(found)
    if writable and probe == "live" and oldest > STALE_AFTER:
        return False, f"the event loop of worker {hung} has not moved for {_seconds(oldest)}"
    if writable and age > STALE_AFTER:
        return False, f"no worker has written for {_seconds(age)}"
    return said(body, probe) or (False, f"worker {pid} says nothing about {probe}")


def _heads(body: bytes) -> list[tuple[int, int]]:
    """Return time and process id; nothing if this is no worker's record."""
    from healthkit._records import head  # noqa: PLC0415  # not for a URL

    try:
        return [head(body)]
    except ValueError:
        return []


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 1_000_000_000} s"


# -- a URL ----------------------------------------------------------------------------------------


def parse_url(url: str) -> tuple[str, int, str, str]:
    """Return host, port, both as the Host header has them, and what is asked for there.

    Raises:
        UsageError: this is no URL that can be asked.
    """
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        raise UsageError(f"found the target {url}, expected {_TARGETS}")
    if scheme.lower() != "http":
        raise UsageError(f"found {scheme}://, expected http:// only: for TLS use an httpGet probe")
    rest = rest.partition("#")[0]  # as the kubelet does
    authority = rest.partition("/")[0].partition("?")[0]
    if "@" in authority:
        raise UsageError("found a user in the URL, expected none: use --header 'Authorization: …'")
    if not (rest.isascii() and rest.isprintable()) or " " in rest:
        raise UsageError(f"found {url}, expected printable ASCII without spaces: percent-encode it")
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
        right = host and all(_is_word(one, "-._") for one in host)
        if ":" in port:
            raise UsageError(f"found the host {authority}, expected an IPv6 address in brackets")
    if not right or colon not in {"", ":"}:
        raise UsageError(f"found the host '{authority}', expected a name or an address")
    if colon and not (port.isascii() and port.isdigit() and int(port[:_LONGEST_NUMBER]) in _PORTS):
        raise UsageError(f"found the port '{port}', expected a number from 1 to {_PORTS[-1]}")
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


def ask_url(url: str, timeout: float, headers: "Iterable[tuple[str, str]]") -> tuple[bool, str]:
    """Send one GET and return whether it was answered with success, and the line that says so.

    Args:
        url: whose query, which may be secret, is not shown.
        timeout: in seconds, for everything together.
        headers: in place of the usual ones of the same names.
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
