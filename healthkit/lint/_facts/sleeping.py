"""How long a preStop hook takes, if it does nothing but sleep; and whether it drains by healthkit.

What else a hook does takes as long as it takes: nothing is known of that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from healthkit.manifests._app import AppSettings
    from healthkit.manifests._loose import Loose

#: A shell's line that does nothing but sleep.
_SLEEP: Final = re.compile(
    r"\s*(?:exec\s+)?(?:/\S*/)?sleep\s+(\d{1,6}(?:\.\d{1,6})?)s?\s*;?\s*", re.ASCII
)

_SHELLS: Final = frozenset({"sh", "bash", "ash", "dash"})

#: ``healthkit drain``, or the same as a module.
_DRAIN: Final = re.compile(r"\bhealthkit\s+drain\b")


def slept(hook: Loose) -> float | None:
    """Return the seconds that a hook sleeps; None if it does something else."""
    whole = (hook / "sleep" / "seconds").whole
    if whole is not None:
        return float(whole)
    match = _SLEEP.fullmatch(_line(hook))
    return float(match[1]) if match else None


def drains(hook: Loose, app: AppSettings) -> bool:
    """Whether a hook drains an app, and takes as long as that takes."""
    path = (hook / "httpGet" / "path").text.partition("?")[0]
    asked = app.prestop_path is not None and path.endswith(app.prestop_path)
    return asked or _DRAIN.search(_line(hook)) is not None


def _line(hook: Loose) -> str:
    """Return the command of a hook as a shell would be given it."""
    words = (hook / "exec" / "command").texts
    if len(words) == 3 and words[0].rpartition("/")[2] in _SHELLS and words[1] == "-c":  # noqa: PLR2004  # sh -c LINE
        return words[2]
    return " ".join(words)
