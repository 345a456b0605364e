"""``python -m healthkit``: the command line, where no console script is installed."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["probe"]:
        # As in `probe.py`, for the same reasons.
        import posix

        status = 1
        try:
            from healthkit._probing import main as probe

            status = probe(sys.argv[2:])
        except KeyboardInterrupt:
            pass
        posix._exit(status)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as there

    from healthkit.cli import main

    sys.exit(main())
