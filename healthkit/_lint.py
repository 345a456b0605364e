"""``healthkit lint``: what is known to lose requests, found in manifests and told.

It reads files, directories and stdin, and changes nothing. No cluster is asked. What is found goes
to stdout; what can't be used is a line on stderr, and is in the machines' formats, too.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from healthkit import _app_asked, _arguments, _lint_options
from healthkit._arguments import USAGE
from healthkit._lint_options import ALL, STDIN
from healthkit._validate import shown
from healthkit.errors import ConfigError, HealthkitError
from healthkit.lint._finding import Severity
from healthkit.lint._formats import explained as _explained
from healthkit.lint._formats import github as _github
from healthkit.lint._formats import json as _json
from healthkit.lint._formats import rulebook as _rulebook
from healthkit.lint._formats import sarif as _sarif
from healthkit.lint._formats import text as _text
from healthkit.lint._manifests import Manifests
from healthkit.lint._reading import read
from healthkit.lint._run import run
from healthkit.manifests._source import LARGEST, from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from healthkit._lint_options import Format, Options
    from healthkit.lint import Options as RuleOptions
    from healthkit.lint import Report
    from healthkit.lint._reading import Read
    from healthkit.lint._workload import Container
    from healthkit.manifests._source import Source

#: What the command exits with when something was found.
_FOUND: Final = 1

#: How many containers a message names.
_NAMED: Final = 6

_SHOW: Final[Mapping[Format, Callable[[Report], str]]] = {
    "text": _text.as_text,
    "json": _json.as_json,
    "sarif": _sarif.as_sarif,
    "github": _github.as_github,
}


def main(arguments: Sequence[str]) -> int:
    """Look at manifests, tell what was found, and return the exit code. Never a traceback.

    Args:
        arguments: what follows ``healthkit lint``.
    """
    try:
        options = _lint_options.read(arguments)
        if options is None:
            _arguments.write(sys.stdout, _lint_options.HELP)
            return 0
        if options.explain is not None:
            _arguments.write(sys.stdout, explained(options.explain))
            return 0
        report = look(options)
    except HealthkitError as exc:
        _arguments.write(sys.stderr, f"healthkit lint: {exc}\n")
        return USAGE
    _arguments.write(sys.stdout, _SHOW[options.format](report))
    for line in report.unusable:
        _arguments.write(sys.stderr, f"healthkit lint: {_text.plain(line)}\n")
    return code(report, strict=options.strict)


def code(report: Report, *, strict: bool) -> int:
    """Return the exit code: 2 if something could not be used, else 1 if something was found."""
    least = Severity.INFO if strict else Severity.WARNING
    found = any(one.severity.rank <= least.rank for one in report.findings)
    return USAGE if report.unusable else _FOUND if found else 0


def explained(rule: str) -> str:
    """Return what there is to say of a rule, or of all."""
    return _rulebook.text() if rule == ALL else _explained.text(rule)


def look(options: Options) -> Report:
    """Look at what the options name.

    Raises:
        ConfigError: an app is asked, and it can't be, or it is open which container it is in.
            PyYAML is missing.
    """
    paths = [path for path in options.paths if path != STDIN]
    stdin = _stdin if STDIN in options.paths else None
    with _without_collector():
        found = read(paths, stdin, skip_others=options.skip_others)
        return run(found, _with_app(found, options))


@contextlib.contextmanager
def _without_collector() -> Generator[None]:
    """Keep Python's collector of cycles away: it would double the time.

    All that is made meanwhile is held until the end; there is nothing to collect.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _stdin() -> Source:
    """Read stdin, as far as a manifest may reach.

    Raises:
        ConfigError: it is closed, too long, or no text.
    """
    try:
        data = sys.stdin.buffer.read(LARGEST + 1)
    except (AttributeError, OSError, ValueError) as exc:  # None if it was closed before we began
        raise ConfigError(f"{STDIN}: found no stdin, expected manifests") from exc
    return from_text(data, "<stdin>")


# -- the app ---------------------------------------------------------------------------------------


def _with_app(found: Read, options: Options) -> RuleOptions:
    if options.against is None or not found.documents:  # what is wrong is told already
        return options.rules
    container = _container(Manifests(found.documents, options.rules))
    app = _app_asked.ask(options.against, container.env, option="--against")
    if options.port is not None:
        app = replace(app, port=options.port)
    return replace(options.rules, app=app)


def _container(manifests: Manifests) -> Container:
    """Return the container that the app is in.

    Raises:
        ConfigError: there is none, or it is open which.
    """
    if manifests.app_container is not None:
        return manifests.app_container
    candidates = manifests.app_containers or manifests.containers
    names = [f"{one.workload.full_name} {one.name}" for one in candidates]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    among = f": found {shown(', '.join(names[:_NAMED]))[1:-1]}{more}" if names else ""
    what = "several containers" if manifests.app_containers else "no container"
    raise ConfigError(
        f"--against: found {what} that the app may be in, expected one; "
        f"name it by --workload and --container{among}"
    )
