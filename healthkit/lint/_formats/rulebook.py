"""All rules as one text in Markdown: RULES.md is made of it, and ``--explain all`` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.lint._formats import left_out, survey
from healthkit.lint._ignoring import PREFIX
from healthkit.lint._options import NEWEST, OLDEST, written
from healthkit.lint._rules import RULES
from healthkit.lint._workload import BOOT, LONGEST_REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from healthkit.lint._rule import About

_HEAD: Final = f"""\
# The rules of `healthkit lint`

Made from the rules by `make rules`. An error is what the API server refuses, or what is certainly
broken; a warning is a known way to an outage; info is advice. A rule's severity is what it usually
is: a single finding may be worse or less bad. `--kube-version` says which is the oldest Kubernetes
that the manifests are for; those from {written(OLDEST)} to {written(NEWEST)} are known.

Each rule has an example that is told, the same mended, and a near miss that is not told, in
[tests/lint/examples](tests/lint/examples). `healthkit lint --explain HK202` prints them.
"""

_IGNORING: Final = f"""\
## Ignoring a rule

On one object, by an annotation of the object or of its pods' template, with the reason as its
value. Without a reason it ignores nothing, and is told (HK003):

```yaml
metadata:
  annotations:
    {PREFIX}HK202: "the endpoint computes for 12 s, and nobody waits for it"
```

What is ignored is counted in the summary, and is in the JSON and in the SARIF with its reason.
On the command line `--ignore HK202,HK4` leaves rules out altogether, and `--only HK3` asks no
others.
"""

_SAYING: Final = f"""\
## Saying what no field says

* `{BOOT}`: how long a start may take, from the container's start to its first good answer.
* `{LONGEST_REQUEST}`: how long a request may take, so how long one in flight needs at the end.

Their values are `90`, `90s` or `2m`. They stand at the object or at its pods' template.
`--against module:health` takes both from the app itself.
"""

_NONE_KNOWN: Final = "Nothing."


def text() -> str:
    """Return all of it."""
    parts = [
        _HEAD,
        _table(["rule", "severity", "finding"], [_row(rule.about) for rule in RULES]),
        _IGNORING,
        _SAYING,
        _surveyed(),
        _left(),
        *(_section(rule.about) for rule in RULES),
    ]
    return "\n".join(parts)


def _row(about: About) -> list[str]:
    return [f"[{about.id}](#{about.id.lower()})", about.severity, about.title]


def _section(about: About) -> str:
    return "\n\n".join(_paragraphs(about)) + "\n"


def _paragraphs(about: About) -> Iterator[str]:
    yield f"## {about.id}"
    yield f"{_sentence(about.title)} ({about.severity})"
    yield f"**Why:** {_sentence(about.why)}"
    yield f"**Fix:** {_sentence(about.fix)}"
    if about.arithmetic:
        yield f"**How it counts:**\n\n```text\n{about.arithmetic}\n```"
    yield f"**Source:** {about.source}"
    yield f"**Examples:** [tests/lint/examples/{about.id}](tests/lint/examples/{about.id})"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _surveyed() -> str:
    """Say how often each rule finds something in public charts."""
    counted = (
        f"{survey.CHARTS:,} charts, rendered with their default values, have "
        f"{survey.WORKLOADS:,} workloads with {survey.CONTAINERS:,} containers."
    )
    how = "`make survey CHARTS=DIR` has counted; a rule that isn't here found nothing."
    said = f"## What public charts look like\n\n{counted} {how}\n"
    rows = [[rule, f"{found:,}", f"{charts:,}"] for rule, found, charts in survey.FOUND]
    return f"{said}\n{_table(['rule', 'findings', 'charts'], rows)}"


def _left() -> str:
    """Say what others do well."""
    rows = [[one.id, one.what, one.elsewhere] for one in left_out.LEFT_OUT]
    table = _table(["was", "what", "which linter does it"], rows) if rows else f"{_NONE_KNOWN}\n"
    return f"## What is left to other linters\n\n{table}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(one) for one in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
