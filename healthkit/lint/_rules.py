"""All rules, in the order of their ids."""

from __future__ import annotations

from typing import Final

from healthkit.lint import (
    _api,
    _boots,
    _budgets,
    _handlers,
    _limits,
    _prestops,
    _processes,
    _shutdown,
)
from healthkit.lint._rule import Rule

_MODULES: Final = (_api, _handlers, _budgets, _boots, _shutdown, _limits, _prestops, _processes)

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (one for module in _MODULES for one in vars(module).values() if isinstance(one, Rule)),
        key=lambda rule: rule.id,
    )
)

IDS: Final = frozenset(rule.id for rule in RULES)
