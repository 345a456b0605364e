"""`healthkit probe`: one question, one line, one exit status; for images without curl.

Owns the command line, and the rules by which the records of a pod's workers are believed. What a
worker would answer for the pod is in its record, in words: no rules of the pod are here. How a URL
is asked is `_probe_url`'s business.

A probe is a new process each time, and an import costs more than all that is done here. So this
module imports builtins only: `_records`, with `fcntl`, when workers are asked, `_probe_url`, with
`_socket`, when a URL is. It writes to the descriptors itself: exactly one line, whatever has become
of them.
"""

import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Final

#: What a worker can be asked.
NAMES: "Final" = ("live", "ready", "startup", "health")

_STATE_DIR: "Final" = "HEALTHKIT_STATE_DIR"

#: Seconds. The kubelet gives an exec probe one, in which the interpreter has to start, too.
TIMEOUT: "Final" = 0.8
#: Seconds, a day. More is a slip of the pen.
_LONGEST_TIMEOUT: "Final" = 86_400

#: Characters of the line. It ends up in an event of the pod.
_LONGEST_LINE: "Final" = 200

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
        _check_url(word)
    wanted.target = word


def _check_url(word: str) -> None:
    if "://" not in word:
        raise UsageError(f"found the target {word}, expected {_TARGETS}")
    from healthkit._probe_url import parse_url  # noqa: PLC0415  # not for a name

    try:
        parse_url(word)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


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
    if not name or not all((one.isascii() and one.isalnum()) or one in _IN_NAMES for one in name):
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
        from healthkit._probe_url import ask_url  # noqa: PLC0415  # not for a name

        return ask_url(wanted.target, wanted.timeout, wanted.headers)
    found = posix.environ.get(_STATE_DIR.encode(), b"")
    directory = wanted.state_dir or found.decode(sys.getfilesystemencoding(), "surrogateescape")
    if not directory:
        found_none = f"found neither --state-dir nor {_STATE_DIR}"
        raise UsageError(f"{found_none}, expected the workers' state directory: or ask a URL")
    if not directory.startswith("/"):
        raise UsageError(f"found the state directory {directory!r}, expected an absolute path")
    return ask_workers(wanted.target, directory)


# -- workers --------------------------------------------------------------------------------------


def ask_workers(probe: str, directory: str) -> tuple[bool, str]:
    """Return what the workers that have their records in a directory say for the pod."""
    from healthkit._records import WORKER, exists, living  # noqa: PLC0415  # not for a URL

    # Before they are read: if this process gets no processor for a while, none becomes stale by it.
    now = time.monotonic_ns()
    try:
        bodies = [body for _name, body in living(directory, WORKER)]
        writable = posix.access(directory, posix.W_OK)
        passes, line = answer(probe, bodies, now, writable, exists)
        return passes, _nobody(directory) if line == _NOBODY else line
    except OSError as exc:
        return False, f"can't read the state directory {directory}: {str(exc.strerror).lower()}"


def _nobody(directory: str) -> str:
    """Say that no worker lives there, or none that can be read: `living` passes over strangers."""
    from healthkit._records import BELL, WORKER, OtherVersionError, of_living  # noqa: PLC0415  # as above

    for name in sorted(posix.listdir(directory)):
        if name.startswith(WORKER) and not name.endswith(BELL):
            try:
                of_living(f"{directory}/{name}")
            except OtherVersionError as exc:
                return f"no worker of this version lives in {directory}: {name} is of version {exc}"
    return f"{_NOBODY} in {directory}"


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
    heartbeats say nothing, and nobody is restarted for the state of a disk. A worker whose app
    starts up may keep its loop busy: that is what the startup probe is for.

    Args:
        probe: one of `NAMES`.
        bodies: of the records of living workers.
        now_ns: CLOCK_MONOTONIC in nanoseconds.
        writable: whether the workers could write.
        exists: whether there is a process of this id. A lock may outlive its worker in a child that
            was forked behind Python's back; such a worker is left out.
    """
    from healthkit._records import STALE_AFTER, has_started, said  # noqa: PLC0415  # not for a URL

    found = [
        (now_ns - written, pid, body)
        for body in bodies
        for written, pid in _heads(body)
        if now_ns - written <= STALE_AFTER or exists(pid)
    ]
    if not found:
        return False, _NOBODY
    hung = [one for one in found if one[0] > STALE_AFTER and has_started(one[2])]
    if writable and probe == "live" and hung:
        oldest, pid, _body = max(hung)
        return False, f"the event loop of worker {pid} has not moved for {_seconds(oldest)}"
    age, pid, body = min([one for one in found if said(one[2], probe)] or found)
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
