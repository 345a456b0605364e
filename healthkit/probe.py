"""The exec probe as a file to run: ``python -I -S .../site-packages/healthkit/probe.py ready``.

A script is compiled anew at each start, so all that it does is in `_probing`, which is not.
"""

import posix
import sys

if __name__ == "__main__":
    status = 1
    try:
        # Without `site` nobody else says where the package is.
        sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
        from healthkit._probing import main

        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
    posix._exit(status)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # a fifth of the cost
