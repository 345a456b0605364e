"""All rules, in the order of their ids. Each module beside this one has those of one theme."""

from __future__ import annotations

from typing import Final

from healthkit.lint._rule import Rule
from healthkit.lint._rules import (
    access,
    agreement,
    agreement_times,
    api,
    boots,
    budgets,
    execs,
    exposure,
    gates,
    handlers,
    interceptors,
    limits,
    ports,
    prestops,
    processes,
    requests,
    rollouts,
    schemas,
    shutdown,
)

_MODULES: Final = (
    api,
    schemas,
    requests,
    handlers,
    ports,
    execs,
    interceptors,
    budgets,
    boots,
    shutdown,
    limits,
    prestops,
    processes,
    rollouts,
    access,
    gates,
    exposure,
    agreement,
    agreement_times,
)

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (one for module in _MODULES for one in vars(module).values() if isinstance(one, Rule)),
        key=lambda rule: rule.id,
    )
)

IDS: Final = frozenset(rule.id for rule in RULES)
