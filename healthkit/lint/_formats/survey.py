"""What the rules found in public charts; tests/benchmarks/survey.py writes this."""

from __future__ import annotations

from typing import Final

CHARTS: Final = 40
WORKLOADS: Final = 51
CONTAINERS: Final = 52

#: Each rule that found something: how much, and in how many charts.
FOUND: Final[tuple[tuple[str, int, int], ...]] = (
    ("HK101", 2, 2),
    ("HK102", 3, 3),
    ("HK103", 1, 1),
    ("HK104", 34, 32),
    ("HK112", 10, 5),
    ("HK114", 40, 19),
    ("HK118", 1, 1),
    ("HK201", 53, 25),
    ("HK203", 2, 2),
    ("HK204", 39, 35),
    ("HK206", 1, 1),
    ("HK301", 34, 31),
    ("HK405", 3, 2),
)
