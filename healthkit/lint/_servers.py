"""What a container's command line says of the server it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server's options, as far as the command line and the environment say them."""

    #: ``uvicorn``, ``gunicorn``, ``hypercorn``, ``granian`` or ``daphne``.
    name: str
    #: Seconds that requests may take after SIGTERM, by its own option; None: nobody has said.
    graceful_timeout: float | None = None
    #: What it is if nobody says; None is without limit.
    default_graceful_timeout: float | None = None
    #: How many worker processes; None: nobody has said.
    workers: int | None = None
    #: The port it listens on; None: nobody has said.
    port: int | None = None
    #: Whether a shell stands before it and keeps its signals (``sh -c "uvicorn ..."``).
    in_shell: bool = False
    #: Whether ``healthkit run --`` stands before it.
    in_healthkit_run: bool = False


def server(_words: Sequence[str], _env: dict[str, str]) -> Server | None:
    """Return what a container's ``command`` and ``args`` start; None if that is no such server."""
    return None
