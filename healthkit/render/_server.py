"""What the server's own ways mean for a manifest: who gets SIGTERM, and what its limit counts.

As measured, server by server, for the README's "Servers".
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.errors import ConfigError
from healthkit.render._yaml import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.lint._facts.servers import Server
    from healthkit.render._wanted import Wanted

#: Those whose limit counts from SIGTERM on, with a drain that begins then.
_COUNT_FROM_SIGTERM: Final = frozenset({"gunicorn", "granian"})

#: Those whose master keeps SIGTERM from its workers, if it has any.
_KEEP_SIGTERM: Final = frozenset({"hypercorn"})


def reserve(wanted: Wanted, server: Server) -> float:
    """Return the seconds from the end of the drain to the exit, for which the grace must last."""
    found = limit(server)
    if found is None:
        return timing.EXIT_RESERVE
    return timing.exit_needed(found, _draining(wanted) if _counts_drain(wanted, server) else 0.0)


def limit(server: Server) -> float | None:
    """Return how long the server waits by its own option, or its default; None is not at all."""
    said = server.graceful_timeout
    return server.default_graceful_timeout if said is None else said


def check(wanted: Wanted, server: Server) -> None:
    """Refuse a command under which SIGTERM can't do what it is to do.

    Raises:
        ConfigError: a shell or a master keeps it, or the server's limit cuts the drain.
    """
    if server.in_shell:
        raise ConfigError(
            f"found a command whose shell keeps SIGTERM from {server.name}: expected exec before "
            f"it, as in sh -c 'exec {server.name} ...', or no shell"
        )
    if wanted.pre_stop == "exec" or server.in_healthkit_run:
        return
    if server.name in _KEEP_SIGTERM and not _is_alone(wanted.command):
        raise ConfigError(
            f"found pre-stop={wanted.pre_stop} and a command of {server.name}, whose workers get "
            "no SIGTERM: expected pre-stop=exec, or healthkit run -- before it"
        )
    _check_limit(wanted, server)


def _is_alone(words: Sequence[str]) -> bool:
    """Whether a command says that there is no master: hypercorn's ``--workers 0``."""
    pairs = itertools.pairwise(words)
    apart = any(name in {"-w", "--workers"} and value == "0" for name, value in pairs)
    return apart or not {"-w0", "--workers=0"}.isdisjoint(words)


def _check_limit(wanted: Wanted, server: Server) -> None:
    found, needed = limit(server), _draining(wanted)
    if found is not None and _counts_drain(wanted, server) and found < needed:
        raise ConfigError(
            f"found {server.name} with a limit of {shown(found)} s from SIGTERM on: expected at "
            f"least {shown(needed)} s for a drain that begins there, or pre-stop=exec"
        )


def _counts_drain(wanted: Wanted, server: Server) -> bool:
    """Whether the drain begins with the SIGTERM from which the server's limit counts."""
    from_sigterm = server.name in _COUNT_FROM_SIGTERM and not server.in_healthkit_run
    return from_sigterm and wanted.pre_stop != "exec"


def _draining(wanted: Wanted) -> float:
    return timing.grace_needed(wanted.app_delay, wanted.longest_request, 0.0)
