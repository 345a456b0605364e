"""All rules, in the order of their ids."""

from __future__ import annotations

from typing import Final

from healthkit.lint import (
    _access,
    _agreement,
    _agreement_times,
    _api,
    _budgets,
    _exposure,
    _gates,
    _handlers,
    _rollouts,
)
from healthkit.lint._rule import Rule

_MODULES: Final = (
    _api,
    _handlers,
    _budgets,
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
