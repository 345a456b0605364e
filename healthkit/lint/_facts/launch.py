"""What a container starts behind everything that only stands before it: a shell, tini, env, poetry.

Owns the way from ``command`` and ``args`` to the words of the process that serves. What its options
mean is `_servers`' business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.shell import ASSIGNMENT, SHELLS, base, filled, known, script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from healthkit.lint._facts.shell import Script, Step

SERVERS: Final = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "daphne"})

#: What runs another command, and takes options of its own before it.
_PREFIXES: Final = frozenset(
    {
        "tini",
        "tini-static",
        "dumb-init",
        "catatonit",
        "docker-init",
        "exec",
        "env",
        "nice",
        "stdbuf",
    }
    | {"gosu", "su-exec", "setpriv", "sudo", "chpst", "setuidgid", "s6-setuidgid", "xvfb-run"}
    | {"poetry", "pipenv", "pdm", "uv", "hatch", "rye", "pixi", "conda", "micromamba", "doppler"}
    | {"ddtrace-run", "newrelic-admin", "opentelemetry-instrument", "vault-env", "nohup", "time"}
)

_PYTHON: Final = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?)?", re.ASCII)

#: What Kubernetes fills in by itself: ``$(NAME)``; ``$$(NAME)`` is ``$(NAME)`` as it stands
#: (kubernetes.io, "Define Environment Variables for a Container").
_REFERENCE: Final = re.compile(r"\$\$|\$\(([^()\s]+)\)")

#: How much may stand before a command, one behind the other. A variable may name itself.
MOST_LAYERS: Final = 20

#: Python's options that take the next word.
_PYTHON_VALUES: Final = frozenset({"-X", "-W", "--check-hash-based-pycs"})


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started, and behind what."""

    #: Empty: nobody can tell.
    words: tuple[str, ...] = ()
    #: What is known of its environment.
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    #: Whether a shell stands before it and keeps its signals.
    in_shell: bool = False
    #: The options of the ``healthkit run`` before it; None if there is none.
    run_options: tuple[str, ...] | None = None
    #: How much has been taken away.
    layers: int = 0

    @property
    def name(self) -> str:
        """The program: ``uvicorn``, ``python3.12``; "" if nobody can tell."""
        return base(self.words[0]) if self.words else ""

    @property
    def is_server(self) -> bool:
        """Whether it is a server whose options are known."""
        return self.name in SERVERS

    @property
    def is_python(self) -> bool:
        """Whether it is one of these, or Python itself."""
        return self.is_server or bool(_PYTHON.fullmatch(self.name))


def launch(words: Sequence[str], env: Mapping[str, str]) -> Launch:
    """Return what a container's ``command`` and ``args`` start.

    Args:
        words: both lists, one after the other.
        env: the variables whose values are known.
    """
    return _unwrapped(Launch(tuple(_referred(word, env) for word in words), env))


def _referred(word: str, env: Mapping[str, str]) -> str:
    """Fill in ``$(NAME)``; of a name that isn't known it stays."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else known(env, found[1], found[0])

    return _REFERENCE.sub(value, word)


def _unwrapped(found: Launch) -> Launch:
    """Take away, one after the other, what only stands before a command."""
    while found.words and not found.is_server and found.layers < MOST_LAYERS:
        inner = _inner(found)
        if inner is None:
            return found
        found = replace(inner, layers=inner.layers + 1)
    return found


def _inner(found: Launch) -> Launch | None:
    """Return what the first word runs; None if it runs nothing else."""
    head, rest = base(found.words[0]), found.words[1:]
    assignment = ASSIGNMENT.fullmatch(found.words[0])
    if assignment:
        env = {**found.env, assignment[1]: assignment[2]}
        return replace(found, words=rest, env=env)
    if head in SHELLS or head == "busybox":
        return _in_shell(found, script(found.words))
    if rest[:1] == ("run",) and head in {"healthkit", "fastapi"}:
        fastapi = replace(found, words=("uvicorn", *rest[1:]))
        return fastapi if head == "fastapi" else _in_run(found, rest[1:])
    if _PYTHON.fullmatch(head):
        return _module(found, rest)
    is_prefix = head in _PREFIXES or head.endswith(".sh") or "entrypoint" in head
    return _behind(found, rest) if is_prefix else None


def _behind(found: Launch, rest: tuple[str, ...]) -> Launch | None:
    """Go on at the first word that is known, past the options and their values."""
    for at, word in enumerate(rest):
        if _is_known(word):
            return replace(found, words=rest[at:])
    return None


def _is_known(word: str) -> bool:
    head = base(word)
    known = head in SERVERS | SHELLS | _PREFIXES | {"busybox", "fastapi", "healthkit"}
    return known or bool(_PYTHON.fullmatch(head) or ASSIGNMENT.fullmatch(word))


def _in_run(found: Launch, rest: tuple[str, ...]) -> Launch:
    """Go on behind the ``--`` of ``healthkit run``, which passes all signals on."""
    at = rest.index("--") if "--" in rest else len(rest)
    return replace(found, words=rest[at + 1 :], run_options=rest[:at])


def _module(found: Launch, rest: tuple[str, ...]) -> Launch | None:
    """Go on at ``-m module``, or at a server's own file; None if Python runs something else."""
    takes_value = False
    for at, word in enumerate(rest):
        if takes_value:
            takes_value = False
        elif word == "-m":
            known = rest[at + 1 : at + 2] and _is_known(rest[at + 1])
            return replace(found, words=rest[at + 1 :]) if known else None
        elif not word.startswith("-"):
            return replace(found, words=rest[at:]) if base(word) in SERVERS else None
        else:
            takes_value = word in _PYTHON_VALUES
    return None


def _in_shell(found: Launch, text: Script | None) -> Launch | None:
    """Go on at the server that a shell's text starts, or else at its last command."""
    if text is not None and not text.shell:
        return None  # busybox, with a program that is no shell
    if text is None or not text.steps:
        return replace(found, words=())
    keeps = not text.traps
    all_of_them = [_step(found, text, step, keeps=keeps) for step in text.steps]
    servers = [one for one in all_of_them if one.is_server]
    return (servers or all_of_them[-1:])[0]


def _step(found: Launch, text: Script, step: Step, *, keeps: bool) -> Launch:
    kept = found.in_shell or (keeps and not text.is_replaced_by(step))
    words = tuple(filled(word, found.env) for word in step.words)
    if any(base(word) in SHELLS for word in words):
        words = step.words  # its text is for the next shell, and may name itself
    return _unwrapped(replace(found, words=words, in_shell=kept, layers=found.layers + 1))
