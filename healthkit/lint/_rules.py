"""All rules, in the order of their ids."""

from __future__ import annotations

from typing import Final

from healthkit.lint import (
    _access,
    _agreement,
    _agreement_times,
    _api,
    _boots,
    _budgets,
    _execs,
    _exposure,
    _gates,
    _handlers,
    _interceptors,
    _limits,
    _ports,
    _prestops,
    _processes,
    _requests,
    _rollouts,
    _schemas,
    _shutdown,
)
from healthkit.lint._rule import Rule

_MODULES: Final = (
    _api,
    _schemas,
    _requests,
    _handlers,
    _ports,
    _execs,
    _interceptors,
    _budgets,
    _boots,
    _shutdown,
    _limits,
    _prestops,
    _processes,
    _rollouts,
    _access,
    _gates,
    _exposure,
    _agreement,
    _agreement_times,
)

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (one for module in _MODULES for one in vars(module).values() if isinstance(one, Rule)),
        key=lambda rule: rule.id,
    )
)

IDS: Final = frozenset(rule.id for rule in RULES)
