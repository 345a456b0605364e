"""What an app with healthkit inside says of itself, read from the app: for `lint` and `render`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.manifests._app import AppSettings


def read(
    name: str, environ: Mapping[str, str] = MappingProxyType({}), *, option: str = "--app"
) -> AppSettings:
    """Return what an app says of itself in its container.

    Raises:
        ConfigError: always: apps can't be asked yet.
    """
    raise ConfigError(f"{option}={name!r}: apps can't be asked yet, with {len(environ)} variables")
