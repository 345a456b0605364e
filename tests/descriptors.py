"""What this process has open, so that a test can tell what it has left behind."""

from __future__ import annotations

import contextlib
import os


def descriptors() -> set[tuple[str, str]]:
    """Return the open descriptors: the number of each, and what it is of.

    A count would tell less: what an earlier test has left is closed whenever it is collected.
    """
    found: set[tuple[str, str]] = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208  # names are all it takes
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))  # noqa: PTH115  # no path
    return found
