"""The command line: ``healthkit probe|drain|run|status`` in a pod, the rest for its manifest.

It finds the command and imports what that one needs, nothing else: a probe is a new process each
time and pays for each import, and `run` must be there before its signals are. So this module
imports `sys` alone, not even `__future__`.
"""

import sys

TYPE_CHECKING = False  # typing's own costs more than all the rest of this module
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

_DISTRIBUTION: "Final" = "healthkit-asgi"

COMMANDS: "Final" = ("probe", "drain", "run", "status", "simulate", "lint", "explain", "render")

_USAGE: "Final" = f"usage: healthkit {'|'.join(COMMANDS)} ...\n"

HELP: "Final" = f"""\
{_USAGE}
  probe     ask one question, and exit 0 or 1: an exec probe
  drain     drain all workers of this pod and wait for it: a preStop exec hook
  run       run a server, and drain it at SIGTERM
  status    show the workers of this pod
  simulate  play the life of a pod of a manifest, in virtual time
  lint      find the known ways to an outage in manifests
  explain   tell what a manifest's numbers will do to its pods
  render    write the manifest that fits an app's settings

Each command has its own --help. `healthkit --version` says which healthkit this is.
"""

#: What a shell says of a process that SIGINT, or SIGPIPE, has ended: 128 and the signal's number.
_INTERRUPTED: "Final" = 130
_BROKEN_PIPE: "Final" = 141


def main() -> int:
    """Run the command that ``sys.argv`` names, and return the exit code. Never a traceback."""
    try:
        return _dispatch(sys.argv[1:])
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        from healthkit._arguments import forget  # noqa: PLC0415  # for this only

        for stream in (sys.stdout, sys.stderr):
            forget(stream)
        return _BROKEN_PIPE


def _dispatch(arguments: list[str]) -> int:
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command == "probe":
        # Not by `from healthkit import`, which looks for a lazy name first: that is dear.
        from healthkit._probing import main as probe  # noqa: PLC0415  # each command its own

        return probe(rest)
    if command == "run":
        from healthkit._run import main as run  # noqa: PLC0415  # as above

        return run(rest, _environ())
    if command == "drain":
        from healthkit._drain_command import main as drain  # noqa: PLC0415  # as above

        return drain(rest, _environ())
    if command == "status":
        from healthkit._status import main as status  # noqa: PLC0415  # as above

        return status(rest, _environ())
    return _on_manifests(command, rest)


def _on_manifests(command: str, rest: list[str]) -> int:
    """Run what reads a manifest, and needs no pod."""
    if command == "simulate":
        from healthkit._simulate import main as simulate  # noqa: PLC0415  # as above

        return simulate(rest)
    if command == "lint":
        from healthkit._lint import main as lint  # noqa: PLC0415  # as above

        return lint(rest)
    if command == "explain":
        from healthkit._explain import main as explain  # noqa: PLC0415  # as above

        return explain(rest)
    if command == "render":
        from healthkit._render_manifest import main as render  # noqa: PLC0415  # as above

        return render(rest)
    return _without_command(command)


def _environ() -> "Mapping[str, str]":
    import os  # noqa: PLC0415  # a probe may run without it

    return os.environ


def _without_command(word: str) -> int:
    """Answer what is no command: a question about them all, or a slip."""
    from healthkit._arguments import USAGE, write  # noqa: PLC0415  # not for a probe

    if word in {"-h", "--help"}:
        write(sys.stdout, HELP)
        return 0
    if word == "--version":
        write(sys.stdout, f"healthkit {_version()}\n")
        return 0
    write(sys.stderr, _slip(word) if word else _USAGE)
    return USAGE


def _slip(word: str) -> str:
    import difflib  # noqa: PLC0415  # for this only

    from healthkit._validate import shown  # noqa: PLC0415  # as above

    nearest = difflib.get_close_matches(word, COMMANDS, 1)
    hint = f" (the nearest is {nearest[0]})" if nearest else ""
    return f"healthkit: found {shown(word)}{hint}, expected one of {', '.join(COMMANDS)}, --help\n"


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415  # for this only

    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "(not installed: no version)"
