"""What `healthkit lint` is told, and what it says when that is wrong.

Owns the reading of the command line. No manifest is read here, and no app imported.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, get_args

from healthkit import _arguments, _validate, lint
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Literal["text", "json", "sarif", "github"]

FORMATS: Final[tuple[Format, ...]] = get_args(Format)

HELP: Final = """\
usage: healthkit lint FILE|DIR|-... [options]

Look for known ways to an outage in Kubernetes manifests. A directory is gone through to the bottom
for .yaml, .yml and .json; - is stdin. Exits 0 if nothing was found, 1 if something was, and 2 if
some input can't be used: findings of the rest are told even then. Advice (info) is told, and
changes the exit code with --strict only.

  --kube-version V     the oldest Kubernetes that the manifests are for; the default is 1.36
  --format FORMAT      text, json, sarif or github (annotations of GitHub Actions)
  --strict             exit 1 for advice, too
  --only IDS           ask these rules only: HK202,HK301; HK2 is all of HK2xx
  --ignore IDS         leave out what these find
  --against MODULE:HEALTH
                       hold the manifests against an app: it is imported from here, with the
                       environment of its container
  --port N             the port that this app is served on, if it doesn't say
  --workload NAME      which workload this app is in, if there are several
  --container NAME     which of its containers
  --dependency-words A,B
                       the parts of a liveness probe's path that speak of more than the process
  --schemas            ask the published schemas of this Kubernetes version, too; they need
                       pip install 'healthkit-asgi[schemas]'
  --skip-others        leave alone what is no rendered manifest, even if it is named
  --explain ID|all     what a rule says, why, and how it counts; all prints RULES.md

--only, --ignore and --dependency-words may be repeated. To ignore a rule on one object, annotate
it: healthkit/ignore.HK202: "the reason".
"""

_OPTIONS: Final = _arguments.Options(
    {
        "--kube-version": "V",
        "--format": "FORMAT",
        "--only": "IDS",
        "--ignore": "IDS",
        "--against": "MODULE:HEALTH",
        "--port": "N",
        "--workload": "NAME",
        "--container": "NAME",
        "--dependency-words": "A,B",
        "--explain": "ID|all",
    },
    frozenset({"--strict", "--schemas", "--skip-others"}),
    operand="FILE|DIR|-",
    several=True,
    repeated=frozenset({"--only", "--ignore", "--dependency-words"}),
)

#: Those that say something of the app, and nothing without it.
_OF_THE_APP: Final = ("--port", "--workload", "--container")

_PORTS: Final = 65_535

#: What stands for stdin, and for all rules.
STDIN: Final = "-"
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be looked at, and how it is to be told."""

    #: Files and directories; `STDIN` may be one of them.
    paths: tuple[str, ...] = ()
    #: What the rules are told.
    rules: lint.Options = field(default_factory=lint.Options)
    format: Format = "text"
    strict: bool = False
    skip_others: bool = False
    #: ``module:health``; None: no app is asked.
    against: str | None = None
    port: int | None = None
    #: The id of a rule, or `ALL`; None: manifests are to be looked at.
    explain: str | None = None


def read(arguments: Sequence[str]) -> Options | None:
    """Return what was asked for; None if somebody asks what the command is for.

    Raises:
        ConfigError: something is wrong, or there is nothing to look at.
    """
    found = _arguments.parse(arguments, _OPTIONS)
    if found.help:
        return None
    if "--explain" in found.values:
        return Options(explain=_explained(found.values["--explain"]))
    paths = (*found.operands, *found.rest)
    if not any(paths):
        raise ConfigError(
            "found nothing to look at, expected a file, a directory or - for stdin, "
            "as in: healthkit lint deploy.yaml"
        )
    _check(found)
    return Options(
        paths=tuple(path for path in paths if path),  # a variable that is empty is no path
        rules=_rules(found),
        format=_format(found.values.get("--format", FORMATS[0])),
        strict="--strict" in found.flags,
        skip_others="--skip-others" in found.flags,
        against=found.values.get("--against"),
        port=_port(found.values.get("--port")),
    )


def _rules(found: _arguments.Found) -> lint.Options:
    values, lists = found.values, found.lists
    default = lint.Options()
    version = values.get("--kube-version")
    words = _split(lists.get("--dependency-words", ()))
    return lint.Options(
        kube_version=default.kube_version
        if version is None
        else lint.version("--kube-version", version),
        app_workload=values.get("--workload"),
        app_container=values.get("--container"),
        dependency_words=tuple(one.lower() for one in words) or default.dependency_words,
        schemas="--schemas" in found.flags,
        only=_ids("--only", lists["--only"]) if "--only" in lists else None,
        ignore=_ids("--ignore", lists.get("--ignore", ())),
    )


def _split(texts: Sequence[str]) -> list[str]:
    words = (word.strip() for text in texts for word in text.split(","))
    return [word for word in words if word]


def _ids(what: str, texts: Sequence[str]) -> frozenset[str]:
    """Return the ids of the rules that are named, or that begin with what is.

    Raises:
        ConfigError: there is no such rule, or none is named.
    """
    known = [rule.id for rule in lint.rules()]
    words = _split(texts)
    if texts and not words:
        raise _validate.refuse(what, ",".join(texts), "rules, as in HK202,HK3")
    found = set[str]()
    for word in words:
        # "HK" alone would be all rules, and a slip.
        named = [one for one in known if len(word) > len("HK") and one.startswith(word.upper())]
        if not named:
            raise _unknown(what, word)
        found.update(named)
    return frozenset(found)


def _unknown(what: str, word: str) -> ConfigError:
    known = [rule.id for rule in lint.rules()]
    nearest = difflib.get_close_matches(word.upper(), known, 1, 0.0)
    expected = f"a rule, such as {nearest[0]}; --explain all lists them"
    return _validate.refuse(what, word, expected)


def _explained(word: str) -> str:
    if word == ALL:
        return word
    if word.upper() not in {rule.id for rule in lint.rules()}:
        raise _unknown("--explain", word)
    return word.upper()


def _format(text: str) -> Format:
    for one in FORMATS:
        if text == one:
            return one
    raise _validate.refuse("--format", text, f"one of {', '.join(FORMATS)}")


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    # No number of more digits is a port, and Python refuses those of very many.
    number: object = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else text  # noqa: PLR2004  # digits
    return _validate.whole("--port", number, least=1, most=_PORTS)


def _check(found: _arguments.Found) -> None:
    """Refuse options that say something of an app, if none is asked."""
    lost = [name for name in _OF_THE_APP if name in found.values]
    if lost and "--against" not in found.values:
        raise ConfigError(f"found {lost[0]} without --against, expected both: it is of the app")
