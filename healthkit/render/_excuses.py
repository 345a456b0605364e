"""What the linter would advise against, and somebody has asked for: which rules, and why not.

They are written as annotations, so that who reads the manifest sees both. The thresholds are the
rules' own; a rule that is excused and has nothing to say does no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit import timing
from healthkit.lint._facts.endpoints import is_for_startup
from healthkit.lint._rules.boots import MOST_BOOT
from healthkit.lint._rules.prestops import LEAST_HOOK
from healthkit.lint._rules.shutdown import MOST_GRACE
from healthkit.render._yaml import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.render._plan import Plan
    from healthkit.render._wanted import Settled


def excuses(found: Settled, plan: Plan) -> dict[str, str]:
    """Return the reason for each rule that is to be ignored, in the order of their ids."""
    return dict(sorted(_excuses(found, plan)))


def _excuses(found: Settled, plan: Plan) -> Iterator[tuple[str, str]]:
    wanted = found.wanted
    if found.shows_startup and not is_for_startup(found.startup_path):
        yield "HK106", f"{found.startup_path} is the startup endpoint of {wanted.app or 'the app'}"
    if timing.guaranteed_boot(plan.startup) > MOST_BOOT:
        yield "HK211", f"a start of {shown(plan.start)} s was asked for"
    if not plan.drain_delay:
        yield "HK301", "a drain delay of 0 s was asked for"
    if plan.grace > MOST_GRACE:
        asked = f"a drain of {shown(wanted.drain_delay)} s and requests of"
        yield "HK309", f"{asked} {shown(plan.in_flight)} s were asked for"
    if wanted.drain_delay < LEAST_HOOK:
        yield "HK310", f"a drain delay of {shown(wanted.drain_delay)} s was asked for"
