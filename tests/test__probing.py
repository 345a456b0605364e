"""`healthkit probe`: who is believed, what may be asked, and what is written."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import posix
import runpy
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _probing, _records
from healthkit._facts import Details, Facts, body_of
from healthkit._model import Probe
from healthkit._probe_url import parse_url, request
from healthkit._probing import UsageError, answer, main, parse
from healthkit._seat import Seat
from healthkit._state_dir import StateDir
from tests.test__probe_url import a_free_port, answers, serving, with_length

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND: Final = 1_000_000_000
NOW: Final = 1_000 * SECOND
LONG_AGO: Final = 31 * SECOND


@pytest.fixture(autouse=True)
def _no_state_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out what `posix.environ` has: it does not follow `os.environ`."""
    monkeypatch.delitem(posix.environ, b"HEALTHKIT_STATE_DIR", raising=False)


# -- who is believed ------------------------------------------------------------------------------


def record(  # noqa: PLR0913  # what a reader sees of it
    pid: int,
    age: int = 0,
    *,
    passes: bool = True,
    line: str = "ok",
    started: bool = True,
    speaks: bool = True,
) -> bytes:
    """Return a worker's record that was written some nanoseconds ago."""
    says = dict.fromkeys(Probe, (passes, line)) if speaks else {}
    return body_of(Facts(pid, "app", 0, started=started), Details(), says, NOW - age)


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


def test_a_worker_whose_app_starts_up_is_not_hung() -> None:
    """It may keep its loop busy, while a sibling writes; then the hung one is named, not it."""
    busy, hung = record(12, LONG_AGO + SECOND, started=False), record(13, LONG_AGO)
    expected = (False, "the event loop of worker 13 has not moved for 31 s")
    assert believed("live", record(11), busy) == (True, "ok")
    assert believed("live", record(11), busy, hung) == expected
    assert believed("live", busy) == (False, "no worker has written for 32 s")


@pytest.mark.parametrize("probe", Probe)
def test_a_worker_that_has_nothing_to_say_yet_does_not_speak(probe: Probe) -> None:
    """It has just joined: the newest of those that do say something speaks for the pod."""
    joiner = record(12, started=False, speaks=False)
    nothing = (False, f"worker 12 says nothing about {probe}")
    assert believed(probe, joiner, record(11, SECOND)) == (True, "ok")
    assert believed(probe, record(11, SECOND, passes=False, line="no"), joiner) == (False, "no")
    assert believed(probe, joiner) == nothing


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


@dataclass(frozen=True)
class Scripted:
    """A worker's record, as one would tell of it; its age is in seconds."""

    pid: int
    age: int
    passes: bool
    started: bool
    speaks: bool


@given(
    st.sampled_from(list(Probe)),
    st.lists(
        st.builds(
            Scripted,
            st.integers(1, 4),
            st.integers(0, 10),
            passes=st.booleans(),
            started=st.booleans(),
            speaks=st.booleans(),
        ),
        max_size=5,
    ),
    st.booleans(),
    st.frozensets(st.integers(1, 4)),
)
def test_the_rules_are_those_of_the_slow_obvious_model(
    probe: Probe,
    workers: list[Scripted],
    writable: bool,
    gone: frozenset[int],
) -> None:
    """One rule after the other, as they are told."""
    bodies = [
        record(one.pid, one.age * SECOND, passes=one.passes, started=one.started, speaks=one.speaks)
        for one in workers
    ]
    found = believed(probe, *bodies, writable=writable, gone=tuple(gone))
    living = [one for one in workers if one.age <= 5 or one.pid not in gone]
    speakers = [one for one in living if one.speaks] or living
    if not living:
        assert found == (False, "no worker lives")
    elif writable and probe is Probe.LIVE and any(one.age > 5 and one.started for one in living):
        assert found[0] is False
        assert "has not moved" in found[1]
    elif writable and all(one.age > 5 for one in speakers):
        assert found[0] is False
        assert "has written" in found[1]
    else:
        last = min(one.age for one in speakers)
        assert found[0] in {one.speaks and one.passes for one in speakers if one.age == last}


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


def test_a_worker_of_another_version_is_said_where_nobody_else_lives(tmp_path: Path) -> None:
    """It can't be asked by this version; while one of this version lives, that one is."""
    directory = str(tmp_path)
    nobody = (False, f"no worker lives in {directory}")
    stranger = f"no worker of this version lives in {directory}: worker-12-ab is of version 2"
    raw = _records.encode(record(12)).replace(b"healthkit 1 ", b"healthkit 2 ", 1)
    for name in ("drain-1-ab", "worker-11-ab", "worker-11-ab.bell", "worker-12-ab"):
        (tmp_path / name).write_bytes(raw)
    assert _probing.ask_workers("live", directory) == nobody
    with (tmp_path / "worker-12-ab").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert _probing.ask_workers("live", directory) == (False, stranger)
        says = dict.fromkeys(Probe, (True, "ok"))
        body = body_of(Facts(os.getpid(), "app", 0), Details(), says, time.monotonic_ns())
        seat = Seat(StateDir(directory), _records.WORKER, body)
        assert _probing.ask_workers("live", directory) == (True, "ok")
        seat.leave()
    assert _probing.ask_workers("live", directory) == nobody


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
    facts = Facts(os.getpid(), "app", 0, started=True)
    body = body_of(facts, Details(), dict.fromkeys(Probe, (True, "ok")), 0)
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
        (["http://me:s3cret@h/"], "found a user in the URL, expected none"),
        (["http://h/\r\nx:y"], "found http://h/??x:y, expected printable ASCII"),
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


@given(st.text())
def test_whatever_a_command_line_says_it_is_understood_or_refused(text: str) -> None:
    """There is no third way."""
    for arguments in ([text], [f"http://{text}"], ["http://h", "--header", text]):
        with contextlib.suppress(UsageError):
            wanted = parse(arguments)
            if wanted.target.startswith("http"):
                _host, _port, authority, path = parse_url(wanted.target)
                sent = request(authority, path, wanted.headers)
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


def test_a_url_is_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """Status and line are its answer, or that there is none, without what may be secret."""
    with serving(answers(with_length(b"200 OK", b"\x1b[2J\n"))) as server:
        assert said(capfd, server.url(), "--timeout", "10") == (0, "?[2J\n", "")
    with a_free_port() as port:
        url = f"http://127.0.0.1:{port}/readyz"
        found = said(capfd, f"{url}?token=s3cret", "--timeout", "10")
    assert found == (1, f"connection refused: {url}\n", "")


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
            assert by_url == {"healthkit", "healthkit._probing", "healthkit._probe_url", "_socket"}


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_relative_directory_is_wrong_usage(
    by: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A probe may run elsewhere than the workers."""
    monkeypatch.setitem(posix.environ, b"HEALTHKIT_STATE_DIR", b"here")
    assert main(["ready", "--state-dir=here"] if by == "option" else ["ready"]) == 2
    assert "found the state directory 'here', expected an absolute path" in capfd.readouterr().err
