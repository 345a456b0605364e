"""What a container's command line says of the server it starts.

The options and their defaults are those of uvicorn 0.54, gunicorn 27, hypercorn 0.18, granian 2.8
and daphne 4.2. What is no number is as if it weren't said; and what a file of settings says is not
known here, so that a command that names one leaves the defaults unknown.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit._validate import duration
from healthkit.errors import ConfigError
from healthkit.lint._facts.launch import launch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from healthkit.lint._facts.launch import Launch

#: The number of workers, for those that take it from there.
_WEB_CONCURRENCY: Final = "WEB_CONCURRENCY"

_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server's options, as far as the command line and the environment say them."""

    #: ``uvicorn``, ``gunicorn``, ``hypercorn``, ``granian`` or ``daphne``.
    name: str
    #: Seconds that requests may take after SIGTERM, by its own option; None: nobody has said.
    graceful_timeout: float | None = None
    #: What it is if nobody says; None is without limit, or a file of settings may say it.
    default_graceful_timeout: float | None = None
    #: How many worker processes; None: nobody has said.
    workers: int | None = None
    #: The port it listens on; None: nobody has said, or there are several.
    port: int | None = None
    #: Whether a shell stands before it and keeps its signals (``sh -c "uvicorn ..."``).
    in_shell: bool = False
    #: Whether ``healthkit run --`` stands before it.
    in_healthkit_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What a server calls its options."""

    graceful_timeout: tuple[str, ...] = ()
    default_graceful_timeout: float | None = None
    workers: tuple[str, ...] = ()
    port: tuple[str, ...] = ()
    #: Where a port stands behind an address.
    bind: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    #: How the variables begin that stand for options.
    prefix: str | None = None
    #: The variable with more options, and those for one of them each.
    more: str | None = None
    workers_variable: str | None = None
    port_variable: str | None = None


_SERVERS: Final[Mapping[str, _Options]] = {
    "uvicorn": _Options(
        graceful_timeout=("--timeout-graceful-shutdown",),
        workers=("--workers",),
        port=("--port",),
        prefix="UVICORN_",
        workers_variable=_WEB_CONCURRENCY,
    ),
    "gunicorn": _Options(
        graceful_timeout=("--graceful-timeout",),
        default_graceful_timeout=30.0,
        workers=("--workers", "-w"),
        bind=("--bind", "-b"),
        config=("--config", "-c"),
        more="GUNICORN_CMD_ARGS",
        workers_variable=_WEB_CONCURRENCY,
        port_variable="PORT",
    ),
    "hypercorn": _Options(
        graceful_timeout=("--graceful-timeout",),
        default_graceful_timeout=3.0,
        workers=("--workers", "-w"),
        bind=("--bind", "-b"),
        config=("--config", "-c"),
    ),
    "granian": _Options(
        graceful_timeout=("--workers-kill-timeout",),
        workers=("--workers",),
        port=("--port",),
        prefix="GRANIAN_",
    ),
    # It ends what is in flight when SIGTERM comes.
    "daphne": _Options(default_graceful_timeout=0.0, port=("--port", "-p")),
}


def server(words: Sequence[str], env: Mapping[str, str]) -> Server | None:
    """Return what a container's ``command`` and ``args`` start; None if that is no such server.

    Args:
        words: both lists, one after the other.
        env: the variables whose values are known.
    """
    return server_of(launch(words, env))


def server_of(started: Launch) -> Server | None:
    """Return the server that was found behind what stands before it; None if it is none."""
    if not started.is_server:
        return None
    options = _SERVERS[started.name]
    words = (*_split(started.env.get(options.more or "", "")), *started.words[1:])
    said = _Said(words, started.env, options)
    has_file = bool(_values(words, options.config))
    return Server(
        name=started.name,
        graceful_timeout=_seconds(said.last(options.graceful_timeout)),
        default_graceful_timeout=None if has_file else options.default_graceful_timeout,
        workers=_whole(said.last(options.workers, options.workers_variable), 9999),
        port=said.port(),
        in_shell=started.in_shell,
        in_healthkit_run=started.run_options is not None,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """A command line and an environment, as one server reads them."""

    words: Sequence[str]
    env: Mapping[str, str]
    options: _Options

    def last(self, names: tuple[str, ...], variable: str | None = None) -> str | None:
        """Return an option's value: the last one wins, and then the variables."""
        found = _values(self.words, names)
        if found:
            return found[-1]
        if self.options.prefix is not None and names:
            own = self.options.prefix + names[0].removeprefix("--").replace("-", "_").upper()
            if own in self.env:
                return self.env[own]
        return self.env.get(variable) if variable else None

    def port(self) -> int | None:
        """Return the only port that it listens on."""
        if not self.options.bind:
            return _whole(self.last(self.options.port), _HIGHEST_PORT)
        binds = _values(self.words, self.options.bind)
        if not binds and self.options.port_variable:
            return _whole(self.env.get(self.options.port_variable), _HIGHEST_PORT)
        ports = {_whole(bind.rpartition(":")[2], _HIGHEST_PORT) for bind in binds}
        return ports.pop() if len(ports) == 1 else None


def values(words: Sequence[str], *names: str) -> list[str]:
    """Return the values that an option is given: ``--opt value``, ``--opt=value``, ``-ovalue``."""
    return _values(words, names)


def _values(words: Sequence[str], names: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    takes_value = False
    for word in words:
        if takes_value:
            found.append(word)
            takes_value = False
            continue
        takes_value = word in names
        if not takes_value:
            found += [value for name in names if (value := _attached(word, name)) is not None]
    return found


def _attached(word: str, name: str) -> str | None:
    """Return the value that stands in one word with its option."""
    if name.startswith("--"):
        return word.removeprefix(f"{name}=") if word.startswith(f"{name}=") else None
    return word.removeprefix(name).removeprefix("=") if word.startswith(name) else None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that isn't closed
        return []


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else duration("seconds", text)
    except ConfigError:
        return None


def _whole(text: str | None, most: int) -> int | None:
    """Return a number from 1 on; None if it is none."""
    digits = text is not None and text.isascii() and text.isdigit() and len(text) <= len(str(most))
    found = int(text) if digits and text else 0
    return found if 1 <= found <= most else None
