"""A contestant on a real uvicorn, at a free port of this machine only, which it says.

python -m tests.benchmarks.serve ours.live httptools
"""

from __future__ import annotations

import socket
import sys
from typing import Literal, cast

import uvicorn

from tests.benchmarks.contestant import find


def main() -> None:
    """Serve until SIGTERM."""
    key, parser = sys.argv[1:]
    http = cast("Literal['h11', 'httptools']", parser)
    config = uvicorn.Config(
        find(key).make(), loop="asyncio", http=http, access_log=False, log_level="error"
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
