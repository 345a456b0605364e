"""What the streams of the endings hold: the apps send it, the clients demand all of it."""

from __future__ import annotations

from typing import Final

#: How many pieces a stream has.
PIECES: Final = 40


def piece(number: int) -> str:
    """Return one piece."""
    return f"piece {number}\n"
