"""What a lint is told beside the manifests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit._validate import shown
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from healthkit.manifests._app import AppSettings

#: A Kubernetes version: 1.36 is (1, 36).
Version = tuple[int, int]

#: The versions whose differences are known here.
OLDEST: Final[Version] = (1, 25)
NEWEST: Final[Version] = (1, 37)

#: The version whose kubelet was measured.
MEASURED: Final[Version] = (1, 36)

#: The parts of a path that speak of more than the process itself.
DEPENDENCY_WORDS: Final = ("ready", "readyz", "readiness", "db", "database", "deep", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What rules may ask beside what the manifests say."""

    #: The oldest Kubernetes that the manifests are for.
    kube_version: Version = MEASURED
    #: What the app says of itself; None: it was not asked.
    app: AppSettings | None = None
    #: Which workload and container that app is, if the manifests leave it open.
    app_workload: str | None = None
    app_container: str | None = None
    #: The parts of a liveness path by which HK105 takes it to ask other things than the process.
    dependency_words: tuple[str, ...] = DEPENDENCY_WORDS
    #: Whether the published schemas are asked too; they are a package of their own.
    schemas: bool = False
    #: The ids of the rules that are asked; None: all of them.
    only: frozenset[str] | None = None
    #: The ids of those whose findings are left out.
    ignore: frozenset[str] = frozenset()


def version(what: str, text: str) -> Version:
    """Return a Kubernetes version such as ``1.34``, ``v1.34`` or ``1.34.2``.

    Args:
        what: the option's name, for the message.
        text: what was given.

    Raises:
        ConfigError: it is none, or not one of those that are known here.
    """
    parts = text.removeprefix("v").split(".")
    short = all(len(part) <= 3 for part in parts)  # noqa: PLR2004  # digits; more is no version
    if len(parts) in {2, 3} and short and all(part.isascii() and part.isdigit() for part in parts):
        found = (int(parts[0]), int(parts[1]))
        if OLDEST <= found <= NEWEST:
            return found
    expected = f"a Kubernetes version from {written(OLDEST)} to {written(NEWEST)}, as in 1.34"
    raise ConfigError(f"{what}={shown(text)}: expected {expected}")


def written(found: Version) -> str:
    """Return a version as it is read: ``1.34``."""
    return ".".join(str(part) for part in found)
