"""`healthkit probe`: who is believed, what may be asked, and what becomes of an answer."""

from __future__ import annotations

import _socket
import _thread
import contextlib
import importlib
import json
import os
import posix
import runpy
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _probing, _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._probing import NoAnswerError, UsageError, answer, judge, main, parse, parse_url
from healthkit._state_dir import Seat, StateDir

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

#: Seconds that anything may take that takes none.
PATIENCE: Final = 10.0

SECOND: Final = 1_000_000_000
NOW: Final = 1_000 * SECOND
LONG_AGO: Final = 31 * SECOND


@pytest.fixture(autouse=True)
def _no_state_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out what `posix.environ` has: it does not follow `os.environ`."""
    monkeypatch.delitem(posix.environ, b"HEALTHKIT_STATE_DIR", raising=False)


# -- who is believed ------------------------------------------------------------------------------


def record(pid: int, age: int = 0, *, passes: bool = True, line: str = "ok") -> bytes:
    """Return a worker's record that was written some nanoseconds ago."""
    says = dict.fromkeys(Probe, (passes, line))
    return body_of(Facts(pid, "app", 0), Details(), says, NOW - age)


def believed(
    probe: str, *bodies: bytes, writable: bool = True, gone: tuple[int, ...] = ()
) -> tuple[bool, str]:
    """Ask, in a world in which all processes live but those that are gone."""
    return answer(probe, bodies, NOW, writable, lambda pid: pid not in gone)


def test_the_names_are_those_of_the_probes() -> None:
    """What a worker can be asked by HTTP, it can be asked here."""
    assert tuple(Probe) == _probing.NAMES


@pytest.mark.parametrize("probe", Probe)
def test_the_worker_that_wrote_last_speaks_for_the_pod(probe: Probe) -> None:
    """What it says is the answer, success or failure, wherever it stands in the directory."""
    old = record(10, SECOND, line="old")
    new = record(11, 1, passes=False, line="warming: catalogue 41 %")
    assert believed(probe, old, new) == (False, "warming: catalogue 41 %")
    assert believed(probe, new, old) == (False, "warming: catalogue 41 %")
    assert believed(probe, old) == (True, "old")


@pytest.mark.parametrize("probe", Probe)
def test_no_living_worker_is_a_failure(probe: Probe) -> None:
    """Nobody is there to be ready, or alive."""
    assert believed(probe) == (False, "no worker lives")


def test_a_hung_worker_does_not_hide_behind_its_siblings() -> None:
    """Liveness fails if one of them has not written for long, and names it and the time."""
    hung = record(12, LONG_AGO)
    expected = (False, "the event loop of worker 12 has not moved for 31 s")
    assert believed("live", record(11), hung, record(13)) == expected
    assert believed("live", hung) == expected
    assert believed("live", record(14, 6 * SECOND), hung, record(11)) == expected


@pytest.mark.parametrize("probe", ["ready", "startup", "health"])
def test_the_siblings_of_a_hung_worker_are_believed(probe: str) -> None:
    """Traffic is for those who serve; what to do with the hung one, liveness says."""
    assert believed(probe, record(12, LONG_AGO, passes=False), record(11)) == (True, "ok")


@pytest.mark.parametrize("probe", ["ready", "startup", "health"])
def test_workers_that_are_all_hung_are_not_believed(probe: str) -> None:
    """The last of them counts, by whom it is said how long ago that was."""
    found = believed(probe, record(11, LONG_AGO), record(12, LONG_AGO + SECOND))
    assert found == (False, "no worker has written for 31 s")


def test_a_record_is_fresh_for_five_seconds() -> None:
    """To the nanosecond, and so is one that was written after the clock was read."""
    limit = _records.STALE_AFTER
    for probe in ("live", "ready"):
        assert believed(probe, record(11, limit)) == (True, "ok")
        assert believed(probe, record(11, -limit)) == (True, "ok")
        assert believed(probe, record(11, limit + 1))[0] is False


@pytest.mark.parametrize("probe", Probe)
def test_where_nobody_can_write_heartbeats_say_nothing(probe: Probe) -> None:
    """A disk that became read-only is no reason for a restart: the last word holds."""
    bodies = [record(11, LONG_AGO), record(12, LONG_AGO + SECOND, passes=False)]
    assert believed(probe, *bodies, writable=False) == (True, "ok")


@pytest.mark.parametrize("probe", Probe)
@pytest.mark.parametrize("writable", [True, False])
def test_a_stale_record_of_a_process_that_is_gone_is_left_out(
    probe: Probe, *, writable: bool
) -> None:
    """Its lock has outlived it in a child; a dead worker is not hung."""
    dead = record(12, LONG_AGO, passes=False)
    assert believed(probe, dead, record(11), writable=writable, gone=(12,)) == (True, "ok")
    assert believed(probe, dead, writable=writable, gone=(12,)) == (False, "no worker lives")


def test_a_fresh_record_needs_no_process_of_its_id() -> None:
    """Process ids are another container's, if two share the directory: the lock is believed."""
    assert believed("ready", record(12), gone=(12,)) == (True, "ok")


def test_what_is_no_workers_record_is_left_out() -> None:
    """Whatever holds a lock in that directory: it has no say."""
    assert believed("ready", b"", b"\n", b"one two\n", record(11)) == (True, "ok")
    assert believed("live", b"no\n") == (False, "no worker lives")


def test_a_record_that_does_not_say_it_is_a_failure() -> None:
    """It is named, so that somebody can look."""
    assert believed("live", b"%d 12\n" % NOW) == (False, "worker 12 says nothing about live")


@given(
    st.sampled_from(list(Probe)),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 10), st.booleans()), max_size=5),
    st.booleans(),
    st.frozensets(st.integers(1, 4)),
)
def test_the_rules_are_those_of_the_slow_obvious_model(
    probe: Probe,
    workers: list[tuple[int, int, bool]],
    writable: bool,
    gone: frozenset[int],
) -> None:
    """One rule after the other, as they are told."""
    bodies = [record(pid, age * SECOND, passes=passes) for pid, age, passes in workers]
    found = believed(probe, *bodies, writable=writable, gone=tuple(gone))
    living = [one for one in workers if one[1] <= 5 or one[0] not in gone]
    if not living:
        assert found[0] is False
    elif writable and probe is Probe.LIVE and any(age > 5 for _pid, age, _passes in living):
        assert found[0] is False
        assert "has not moved" in found[1]
    elif writable and all(age > 5 for _pid, age, _passes in living):
        assert found[0] is False
        assert "has written" in found[1]
    else:
        last = min(age for _pid, age, _passes in living)
        assert found[0] in {passes for _pid, age, passes in living if age == last}


# -- a state directory ----------------------------------------------------------------------------


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[str]:
    """Make a directory in which this process is the one worker, draining but alive."""
    path = str(tmp_path / "état")
    says: dict[Probe, tuple[bool, str]] = dict.fromkeys(Probe, (False, "draining"))
    says[Probe.LIVE] = (True, "ok")
    body = body_of(Facts(os.getpid(), "app", 0), Details(), says, time.monotonic_ns())
    seat = Seat(StateDir(path), _records.WORKER, body)
    yield path
    seat.leave()


def said(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command here; return its status and what it wrote to stdout and stderr."""
    status = main([*arguments])
    written = capfd.readouterr()
    return status, written.out, written.err


def test_a_worker_is_asked_by_the_name_of_the_probe(
    state_dir: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The exit status says it, and the line on stdout."""
    assert said(capfd, "live", "--state-dir", state_dir) == (0, "ok\n", "")
    assert said(capfd, "ready", "--state-dir", state_dir) == (1, "draining\n", "")


def test_the_environment_names_the_directory(
    state_dir: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the workers have it from, the probe has it too; the option wins."""
    monkeypatch.setitem(posix.environ, b"HEALTHKIT_STATE_DIR", os.fsencode(state_dir))
    assert said(capfd, "live") == (0, "ok\n", "")
    status, line, _ = said(capfd, "live", "--state-dir=/nowhere")
    assert (status, line) == (
        1,
        "can't read the state directory /nowhere: no such file or directory\n",
    )


@pytest.mark.parametrize("environment", [None, b""])
def test_without_a_directory_a_name_is_wrong_usage(
    environment: bytes | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The line says what to set."""
    if environment is not None:
        monkeypatch.setitem(posix.environ, b"HEALTHKIT_STATE_DIR", environment)
    status, out, err = said(capfd, "ready")
    assert (status, out) == (2, "")
    assert err.startswith("healthkit probe: found neither --state-dir nor HEALTHKIT_STATE_DIR, ")


def test_a_directory_without_workers_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may be the wrong one."""
    expected = f"no worker lives in {tmp_path}\n"
    assert said(capfd, "live", f"--state-dir={tmp_path}") == (1, expected, "")


def test_a_file_is_no_directory(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A failure like any other: one line, with the reason."""
    file = tmp_path / "file"
    file.touch()
    expected = f"can't read the state directory {file}: not a directory\n"
    assert said(capfd, "live", "--state-dir", str(file)) == (1, expected, "")


def test_whether_the_directory_can_be_written_is_asked_of_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stale heartbeat counts only where there could be another."""
    body = body_of(Facts(os.getpid(), "app", 0), Details(), dict.fromkeys(Probe, (True, "ok")), 0)
    seat = Seat(StateDir(str(tmp_path)), _records.WORKER, body)
    try:
        passes, line = _probing.ask_workers("live", str(tmp_path))
        assert passes is False
        assert line.startswith(f"the event loop of worker {os.getpid()} has not moved for ")
        asked: list[tuple[str, int]] = []

        def access(path: str, mode: int) -> bool:
            asked.append((path, mode))
            return False

        monkeypatch.setattr(posix, "access", access)
        assert _probing.ask_workers("live", str(tmp_path)) == (True, "ok")
        assert asked == [(str(tmp_path), os.W_OK)]
    finally:
        seat.leave()


def test_a_probe_that_gets_no_processor_takes_nobody_for_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is read before the records are: a minute between the two ages none."""
    clock = [NOW]

    def living(directory: str, kind: str) -> list[tuple[str, bytes]]:
        clock[0] += 60 * SECOND
        return [(directory + kind, record(11, SECOND))]

    monkeypatch.setattr(_records, "living", living)
    monkeypatch.setattr(time, "monotonic_ns", lambda: clock[0])
    assert _probing.ask_workers("live", str(tmp_path)) == (True, "ok")


# -- the command line -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], "found no target, expected live, ready, startup, health or http://HOST"),
        (["live", "ready"], "found the targets live and ready, expected one"),
        (["--command", "live", "ready"], "found the targets live and ready, expected one"),
        (["livez"], "found the target livez, expected live, ready, "),
        (["localhost:8000/livez"], "found the target localhost:8000/livez, expected "),
        (["-x"], "found -x, expected --timeout, --header, --state-dir or --command"),
        (["--time=1"], "found --time, expected --timeout, "),
        (["--command=x"], "found --command, expected "),
        (["--"], "found --, expected "),
        (["live", "--timeout"], "found no value after --timeout"),
        (["live", "--state-dir", "--timeout"], "found no value after --state-dir"),
        (["live", "--header"], "found no value after --header"),
        (["live", "--state-dir="], "found an empty --state-dir"),
        (["ready", "--header", "a: b"], "found --header with ready, expected it with a URL"),
        (["http://h", "--state-dir", "/d"], "found --state-dir with a URL"),
        (["http://h", "--header", "s3cret"], "found a --header without a colon"),
        (["http://h", "--header", ": s3cret"], "found a --header of the name '', "),
        (["http://h", "--header", "a b: s3cret"], "found a --header of the name 'a b', "),
        (["http://h", "--header", "ä: s3cret"], "found a --header of the name 'ä', "),
        (["http://h", "--header", "a\r\nb: s3cret"], "found a --header of the name 'a??b', "),
        (["http://h", "--header", "a: s3cret\r\nb: c"], "found --header a with a value "),
        (["http://h", "--header", "a: s3cret\0"], "found --header a with a value "),
        (["http://h", "--header", "a: s3crét"], "found --header a with a value "),
        (["https://s3cret"], "found https://, expected http:// only: for TLS use an httpGet"),
        (["ftp://h"], "found ftp://, expected http:// only"),
        (["http://me:s3cret@h/"], "found a user in the URL, expected none"),
        (["http://h/a b"], "found http://h/a b, expected printable ASCII"),
        (["http://h/ü"], "found http://h/ü, expected printable ASCII"),
        (["http://h/\x7f"], "found http://h/?, expected printable ASCII"),
        (["http://h/\r\nx:y"], "found http://h/??x:y, expected printable ASCII"),
        (["http://"], "found the host '', expected a name or an address"),
        (["http:///x"], "found the host '', "),
        (["http://:80/x"], "found the host ':80', "),
        (["http://a%20b/"], "found the host 'a%20b', "),
        (["http://::1/"], "found the host ::1, expected an IPv6 address in brackets"),
        (["http://[::1/"], "found the host '[::1', "),
        (["http://[::1]8/"], "found the host '[::1]8', "),
        (["http://[]/"], "found the host '[]', "),
        (["http://[fe80::1%25eth0]/"], "found the host '[fe80::1%25eth0]', "),
        (["http://h:/"], "found the port '', expected a number from 1 to 65535"),
        (["http://h:0/"], "found the port '0', "),
        (["http://h:65536/"], "found the port '65536', "),
        (["http://h:-1/"], "found the port '-1', "),
        (["http://h:http/"], "found the port 'http', "),
        (["http://h:" + "9" * 5000], "found the port '999"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_is_wrong(
    arguments: list[str], found: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """On stderr, with the exit status 2; what may be secret is not in it."""
    status, out, err = said(capfd, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"healthkit probe: {found}")
    assert err.endswith("\n")
    assert err[:-1].isprintable()
    assert len(err) <= 201
    if "https" not in err:
        assert "s3cret" not in err


@pytest.mark.parametrize(
    "text", ["", "x", "0", "-1", "-0.5", "nan", "inf", "-inf", "1e99", "86400.1", "1e-999", "1s"]
)
def test_a_timeout_is_a_number_of_seconds_within_a_day(
    text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Anything else is a slip, and is shown."""
    for arguments in (["live", f"--timeout={text}"], ["--timeout", text, "live"]):
        status, out, err = said(capfd, *arguments)
        assert (status, out) == (2, "")
        assert err.startswith(f"healthkit probe: found --timeout {text}, expected seconds, ")


def test_an_option_has_its_value_after_a_space_or_an_equals_sign() -> None:
    """In any order; the last of two counts, and headers add up."""
    wanted = parse(
        ["--timeout=3", "--header", "a: b", "http://h", "--header=c:d=e", "--timeout", "2"]
    )
    assert wanted.target == "http://h"
    assert wanted.timeout == 2.0
    assert wanted.headers == [("a", "b"), ("c", "d=e")]
    assert parse(["--state-dir", "-d", "live"]).state_dir == "-d"
    assert parse(["live"]).timeout == _probing.TIMEOUT == 0.8
    assert parse(["live", "--timeout", "86400"]).timeout == 86400


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_usage_on_stdout(word: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever else is there; it names every target and option."""
    status, out, err = said(capfd, "--nonsense", word)
    assert (status, err) == (0, "")
    assert out.startswith("usage: healthkit probe TARGET")
    for name in (*_probing.NAMES, *_probing._OPTIONS, "--command", "http://"):
        assert name in out
    assert max(len(line) for line in out.splitlines()) <= 100


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


@given(st.text())
def test_whatever_a_command_line_says_it_is_understood_or_refused(text: str) -> None:
    """There is no third way."""
    for arguments in ([text], [f"http://{text}"], ["http://h", "--header", text]):
        with contextlib.suppress(UsageError):
            wanted = parse(arguments)
            if wanted.target.startswith("http"):
                _host, _port, authority, path = parse_url(wanted.target)
                sent = _probing.request(authority, path, wanted.headers)
                assert sent.isascii()
                assert (
                    sent.count(b"\n")
                    == sent.count(b"\r\n")
                    == 6
                    + len(wanted.headers)
                    - (
                        any(
                            name.lower() in {"host", "accept", "connection"}
                            for name, _ in wanted.headers
                        )
                    )
                )


# -- the command for a manifest -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        ([], ["ready"]),
        (["live"], ["live"]),
        (["--timeout", "2"], ["ready", "--timeout", "2"]),
        (["http://h/?a=\"b\\'", "--header=a: b"], ["http://h/?a=\"b\\'", "--header=a: b"]),
        (["--state-dir", "/run/ö", "startup"], ["--state-dir", "/run/ö", "startup"]),
    ],
)
def test_the_command_for_a_manifest_is_json(
    arguments: list[str], rest: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """One line, which YAML takes for a list too; the interpreter skips `site`."""
    status, out, err = said(capfd, *arguments, "--command")
    assert (status, err) == (0, "")
    script = str(Path(_probing.__file__).with_name("probe.py"))
    assert json.loads(out) == [sys.executable, "-I", "-S", script, *rest]
    assert Path(script).is_file()
    assert out.count("\n") == 1
    assert out.isascii()


def test_the_command_is_checked_before_it_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """What could not be run is not proposed."""
    assert said(capfd, "--command", "https://h")[0] == 2
    assert said(capfd, "--command", "--header", "a: b", "live")[0] == 2


def test_a_python_that_does_not_know_where_it_is_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`sys.executable` is empty when the interpreter is embedded."""
    monkeypatch.setattr(sys, "executable", "")
    status, out, err = said(capfd, "--command")
    assert (status, out) == (2, "")
    assert err.startswith("healthkit probe: this Python does not know its own path")


# -- what is written ------------------------------------------------------------------------------


def test_the_line_is_one_printable_line_of_at_most_200_characters() -> None:
    """Whatever a worker or a server says: an event of the pod shows it."""
    assert _probing._line("ok") == "ok\n"
    assert _probing._line("a\nb\x1b[31m\udc80\u202e") == "a?b?[31m??\n"
    assert _probing._line("x" * 200) == "x" * 200 + "\n"
    assert _probing._line("x" * 201) == "x" * 199 + "…\n"
    assert _probing._line("\n" * 20_000) == "?" * 199 + "…\n"


def test_a_closed_stdout_changes_nothing(state_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit status is the answer."""

    def write(_descriptor: int, _data: bytes) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(posix, "write", write)
    assert main(["live", "--state-dir", state_dir]) == 0
    assert main(["ready", "--state-dir", state_dir]) == 1
    assert main([]) == 2
    assert main(["-h"]) == main(["--command"]) == 0


def test_an_interrupt_is_a_failure_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody got an answer."""

    def interrupt(_wanted: object) -> tuple[bool, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(_probing, "_ask", interrupt)
    assert said(capfd, "live") == (1, "interrupted\n", "")


# -- a URL ----------------------------------------------------------------------------------------


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
    ("raw", "status", "line"),
    [
        (with_length(b"200 OK", b"ok\n"), 0, "ok"),
        (with_length(b"200 OK", b""), 0, "200"),
        (with_length(b"200 OK", b"one\ntwo\n"), 0, "one"),
        (with_length(b"200 OK", b" spaced \r\n"), 0, "spaced"),
        (with_length(b"200 OK", b"\x1b[2J\xff"), 0, "?[2J\N{REPLACEMENT CHARACTER}"),
        (with_length(b"299 Odd", b"odd"), 0, "odd"),
        (b"HTTP/1.0 200\r\n\r\nold", 0, "old"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0, "204"),
        (with_length(b"302 Found", b"moved"), 0, "302: moved"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 0, "304"),
        (with_length(b"399 Odd", b""), 0, "399"),
        (with_length(b"400 Bad Request", b""), 1, "400"),
        (
            with_length(b"503 Unavailable", b"warming: catalogue 41 %\n"),
            1,
            "503: warming: catalogue 41 %",
        ),
        (with_length(b"099 Odd", b""), 1, "99"),
        (with_length(b"999 Odd", b""), 1, "999"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"200 OK", b"ok"), 0, "ok"),
        (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + with_length(b"500 No", b"no"), 1, "500: no"),
        (b"HTTP/1.1 200 OK\n\nby hand\n", 0, "by hand"),
        (CHUNKED + b"3\r\nok\n\r\n0\r\n\r\n", 0, "ok"),
        (CHUNKED + b"1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n", 0, "ok"),
        (CHUNKED + b"0\r\n\r\n", 0, "200"),
        (CHUNKED + b"2\r\nok\r\n-1\r\n\r\n", 0, "ok"),
        (CHUNKED + b"2\r\nok\r\nno chunk\r\n", 0, "ok"),
        (CHUNKED + b"ffffffffffffffffffff\r\nok", 0, "ok"),
        (OK + b"Content-Length: 99\r\n\r\nshort", 0, "short"),
        (OK + b"Content-Length: many\r\n\r\nok", 0, "ok"),
        (OK + b"Content-Length: " + b"9" * 6_000 + b"\r\n\r\nok", 0, "ok"),
        (OK + b"\r\n" + b"x" * 100_000, 0, "x" * 199 + "…"),
        (OK + b"X: " + b"x" * 100_000, 1, "headers of more than 10 KiB: URL"),
        (OK + b"X: y\r\n", 1, "closed before the end of the headers: URL"),
        (b"HTTP/1.1", 1, "closed before the end of the headers: URL"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 1, "closed before the end of the headers: URL"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", 1, "not HTTP: SSH-2.0-OpenSSH_9.9: URL"),
        (b"\x15\x03\x01\x00\x02\x02P", 1, "not HTTP: ??????P: URL"),
        (b"HTTP/2 200\r\n\r\n", 1, "not HTTP: HTTP/2 200: URL"),
        (b"HTTP/1.1 20 OK\r\n\r\n", 1, "not HTTP: HTTP/1.1 20 OK: URL"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", 1, "not HTTP: HTTP/1.1 2000 OK: URL"),
        (b"HTTP/1.1\r\n\r\n", 1, "not HTTP: HTTP/1.1: URL"),
        (b"HTTP/1.1X200 abc\r\n\r\n", 1, "not HTTP: HTTP/1.1X200 abc: URL"),
        (b"\r\n\r\n", 1, "not HTTP: : URL"),
    ],
)
def test_every_answer_becomes_one_line(
    raw: bytes, status: int, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 200 to 399 is success, as to the kubelet; what else comes is named, with the URL."""
    with serving(answers(raw)) as server:
        arguments = [server.url("/readyz?token=s3cret"), "--timeout", "10"]
        found = said(capfd, *arguments)
        assert found == (status, line.replace("URL", server.url()) + "\n", "")


def test_the_request_is_the_kubelets_under_another_name() -> None:
    """One GET, on one connection, which the server may close."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        assert _probing.ask_url(server.url("/a?b=c#d"), PATIENCE, []) == (True, "ok")
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
    assert _probing.request("127.0.0.1:80", "/", headers) == (
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
        passes, line = _probing.ask_url(server.url(), PATIENCE, [])
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
    piece: bytes, found: tuple[bool, str]
) -> None:
    """A body that does not come in time changes nothing; headers that do not are a failure."""
    with serving(answers(piece, hangs=True)) as server:
        began = time.monotonic()
        passes, line = _probing.ask_url(server.url(), 0.2, [])
        assert (passes, line.replace(server.url(), "URL")) == found
        assert 0.2 <= time.monotonic() - began < PATIENCE / 2


def test_a_slow_drip_does_not_prolong_the_time() -> None:
    """There is one deadline for everything, not one for each byte."""
    with serving(drips) as server:
        found = _probing.ask_url(server.url(), 0.2, [])
        assert found == (False, f"timed out after 0.2 s: {server.url()}")


def test_time_that_is_over_before_the_first_byte_is_a_timeout() -> None:
    """Also when the socket would never have had to wait."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        passes, line = _probing.ask_url(server.url(), 1e-9, [])
        assert (passes, line) == (False, f"timed out after 1e-09 s: {server.url()}")


@pytest.mark.parametrize(
    ("do", "reason"), [(closes, "closed unanswered"), (resets, "connection reset by peer")]
)
def test_a_server_that_hangs_up_is_named(
    do: Callable[[Server, socket.socket], None], reason: str
) -> None:
    """With the difference between a close and a reset."""
    with serving(do) as server:
        assert _probing.ask_url(server.url(), PATIENCE, []) == (False, f"{reason}: {server.url()}")


def a_free_port() -> int:
    """Return a port at which nobody listens, most likely."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_nobody_listening_is_a_refusal(capfd: pytest.CaptureFixture[str]) -> None:
    """Said without the query."""
    url = f"http://127.0.0.1:{a_free_port()}/readyz"
    found = said(capfd, f"{url}?token=s3cret")
    assert found == (1, f"connection refused: {url}\n", "")


def test_a_host_is_looked_up() -> None:
    """A name is one more way to this machine."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        url = server.url().replace("127.0.0.1", "localhost")
        assert _probing.ask_url(url, PATIENCE, []) == (True, "ok")
        assert b"Host: localhost:" in server.requests[0]


def test_an_ipv6_address_is_no_name() -> None:
    """Its brackets are the URL's and the Host header's, not the address'."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(serving(answers(with_length(b"200 OK", b"ok")), "::1"))
        except OSError:
            pytest.skip("this machine has no IPv6")
        assert _probing.ask_url(server.url(), PATIENCE, []) == (True, "ok")
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
    found = _probing.ask_url("http://shop/", PATIENCE, [])
    assert found == (False, "name or service not known: http://shop/")


def returning(value: object) -> Callable[..., object]:
    """Make a function that returns this, whatever it is called with."""

    def function(*_arguments: object) -> object:
        return value

    return function


def test_the_resolver_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows no deadline; ours holds."""
    monkeypatch.setattr(_probing, "_look_up", returning(None))  # never unlocks
    began = time.monotonic()
    found = _probing.ask_url("http://localhost/", 0.1, [])
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
        assert _probing.ask_url(url, PATIENCE, []) == (True, "ok")
        found = _probing.ask_url("http://shop/", PATIENCE, [])
        assert found == (False, "name or service not known: http://shop/")


def addresses(*pairs: tuple[str, int]) -> list[_probing.Address]:
    """Return IPv4 addresses as `getaddrinfo` does."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", pair) for pair in pairs]


def test_all_addresses_are_tried_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one answers; if none does, the last one's reason is said."""
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        port: int = server.listener.getsockname()[1]
        free = a_free_port()
        both = addresses(("127.0.0.1", free), ("127.0.0.1", port))
        monkeypatch.setattr(_probing, "_addresses", returning(both))
        assert _probing.ask_url("http://shop/", PATIENCE, []) == (True, "ok")
        unknown = (12345, socket.SOCK_STREAM, 0, "", None)
        monkeypatch.setattr(_probing, "_addresses", returning([unknown, both[0]]))
        assert _probing.ask_url("http://shop/", PATIENCE, []) == (
            False,
            "connection refused: http://shop/",
        )
        monkeypatch.setattr(_probing, "_addresses", returning([]))
        assert _probing.ask_url("http://shop/", PATIENCE, []) == (False, "no address: http://shop/")


def test_a_silent_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its part of what is left. That one was silent counts for more than a refusal."""
    given: list[float] = []

    def connect(address: _probing.Address, timeout: float) -> object:
        given.append(timeout)
        clock[0] += timeout if address[4][0] == "silent" else 0
        raise TimeoutError if address[4][0] == "silent" else ConnectionRefusedError(111, "Refused")

    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(_probing, "_connect_to", connect)
    with pytest.raises(TimeoutError):
        _probing._connect(addresses(("silent", 1), ("refused", 1), ("refused", 1)), 9.0)
    assert given == [3.0, 3.0, 6.0]
    with pytest.raises(TimeoutError):
        _probing._connect(addresses(("refused", 1), ("silent", 1)), clock[0] + 1)
    with pytest.raises(TimeoutError):
        _probing._connect(addresses(("refused", 1)), clock[0])


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


# -- the file to run, and what it costs -----------------------------------------------------------


def test_the_file_to_run_finds_its_package_and_exits_by_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """At once: nothing is left to be cleaned up."""
    statuses: list[int] = []
    monkeypatch.setattr(posix, "_exit", statuses.append)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["probe.py", "ready", f"--state-dir={tmp_path}"])
    script = str(Path(_probing.__file__).with_name("probe.py"))
    runpy.run_path(script, run_name="__main__")
    assert Path(sys.path[0]).resolve() == Path(script).parents[1]
    assert statuses == [1]
    assert capfd.readouterr().out == f"no worker lives in {tmp_path}\n"

    def interrupted(_arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_probing, "main", interrupted)
    runpy.run_path(script, run_name="__main__")
    assert statuses == [1, 1]


def test_importing_the_file_to_run_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever walks the package must not be ended by it."""
    monkeypatch.delitem(sys.modules, "healthkit.probe", raising=False)
    importlib.import_module("healthkit.probe")


def modules(code: str) -> set[str]:
    """Return what a bare interpreter has imported after the code."""
    environ = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    root = Path(_probing.__file__).parents[1]
    code = f"import sys\nsys.path.insert(0, {str(root)!r})\n{code}\nprint('|', *sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    return set(done.stdout.rpartition("|")[2].split())


def test_a_probe_imports_what_it_needs_and_nothing_else(state_dir: str) -> None:
    """A probe is a new process each time, and pays for each import."""
    bare = modules("pass")
    run = "from healthkit._probing import main\nassert main({}) == {}"
    by_name = modules(run.format(["live", "--state-dir", state_dir], 0)) - bare
    assert by_name == {"healthkit", "healthkit._probing", "healthkit._records", "fcntl"}
    with serving(answers(with_length(b"200 OK", b"ok"))) as server:
        for host in ("127.0.0.1", "localhost"):
            url = server.url().replace("127.0.0.1", host)
            by_url = modules(run.format([url, "--timeout=10"], 0)) - bare
            assert by_url == {"healthkit", "healthkit._probing", "_socket"}
