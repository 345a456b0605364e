"""Play the life of a pod before your eyes: warm-up, load, SIGTERM, drain, and what was lost.

Run it by ``make demo``, or ``python examples/demo.py``. It needs no cluster and no network: the
app, the load and the probes are on this machine, the Service is modelled. ``--plain`` plays the
same app without healthkit, which loses requests.

The play itself is in ``examples/pod/``: play.py is its script.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a file, Python looks for modules beside it; the play is a package one level up.
sys.path.insert(0, str(Path(__file__).parents[1]))

try:
    from examples.pod.play import main
except ModuleNotFoundError as exc:
    sys.exit(f"demo: {exc}; expected the extra that it needs, run `make demo` or install .[demo]")

if __name__ == "__main__":
    sys.exit(main())
