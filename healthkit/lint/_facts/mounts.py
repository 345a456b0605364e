"""Where a container may write: its volumes, and the file system of its image."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose

#: Volumes that are always mounted read-only
#: (https://kubernetes.io/docs/concepts/storage/volumes/, each one's own section).
_READ_ONLY: Final = ("configMap", "downwardAPI", "image", "projected", "secret")


def mount_at(container: Container, path: str) -> Loose | None:
    """Return the mount that a path is in: the innermost; None if it is in none."""
    wanted = PurePosixPath(path)
    mounts = [
        (PurePosixPath((one / "mountPath").text), one)
        for one in (container.at / "volumeMounts").items
    ]
    around = [one for one in mounts if one[0] == wanted or one[0] in wanted.parents]
    return max(around, key=lambda one: len(one[0].parts))[1] if around else None


def is_writable(container: Container, path: str) -> bool:
    """Whether a container can write at a path, as far as its mounts say."""
    mount = mount_at(container, path)
    if mount is None:
        return not has_read_only_root(container)
    volumes = (container.workload.pod / "volumes").items
    name = (mount / "name").text
    kinds = [key for one in volumes if (one / "name").text == name for key in one.keys]
    return (mount / "readOnly").flag is not True and not set(kinds) & set(_READ_ONLY)


def has_read_only_root(container: Container) -> bool:
    """Whether the file system of the image can't be written to."""
    return (container.at / "securityContext" / "readOnlyRootFilesystem").flag is True
