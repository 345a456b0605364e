"""``healthkit render``: the manifest that fits an app's settings, on stdout.

It reads the settings of an app, or takes what it is told, and writes YAML. No cluster is needed,
and nothing is sent to one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from healthkit import _app_asked, _arguments, _render_options, render
from healthkit._arguments import USAGE
from healthkit.errors import HealthkitError
from healthkit.render._wanted import with_given

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from healthkit.manifests._app import AppSettings

    #: Returns what an app says of itself, by its name.
    ReadApp = Callable[[str], AppSettings]


def main(arguments: Sequence[str], read_app: ReadApp | None = None) -> int:
    """Write a manifest on stdout, and return the exit code. Never a traceback.

    Args:
        arguments: what follows ``healthkit render``.
        read_app: imports an app and asks it; None: in a process of its own.
    """
    try:
        options = _render_options.read(arguments)
        if options is None:
            _arguments.write(sys.stdout, _render_options.HELP)
            return 0
        text = render.manifest(_wanted(options, read_app or _app_asked.ask), options.part)
    except HealthkitError as exc:
        _arguments.write(sys.stderr, f"healthkit render: {exc}\n")
        return USAGE
    _arguments.write(sys.stdout, text)
    return 0


def _wanted(options: _render_options.Options, read_app: ReadApp) -> render.Wanted:
    if options.app is None:
        return with_given(render.Wanted(), options.given)
    return with_given(render.of_app(read_app(options.app)), options.given)
