"""What the rules found in public charts: tests/benchmarks/survey.py has written this."""

from __future__ import annotations

from typing import Final

CHARTS: Final = 40
WORKLOADS: Final = 51
CONTAINERS: Final = 52

#: Each rule that found something: how much, and in how many charts.
FOUND: Final[tuple[tuple[str, int, int], ...]] = ()
