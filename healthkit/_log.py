"""The log: the standard logger ``healthkit``, which never raises.

`logging` keeps most of a handler's errors to itself, but not what a filter, or a handler's own
`emit`, raises. Whoever logs here is in the middle of a change of state, a drain perhaps, and a log
that is broken must not break that too.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping


class _Log(logging.LoggerAdapter[logging.Logger]):
    """A logger that swallows what goes wrong in it."""

    def process(
        self,
        msg: Any,  # noqa: ANN401  # the base class's signature, as below
        kwargs: MutableMapping[str, Any],
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Leave a record's own `extra` as it is, and name the caller as the place."""
        return msg, {**kwargs, "stacklevel": 2}

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:  # noqa: ANN401
        """Log, whatever becomes of it."""
        with contextlib.suppress(Exception):
            super().log(level, msg, *args, **kwargs)


logger: Final = _Log(logging.getLogger("healthkit"))
