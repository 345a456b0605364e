"""What the suite is told by the environment, and what it lacks, in one line.

    python -m tests.cluster.settings

says what is missing, a line for each, with exit code 1; or nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT: Final = Path(__file__).parents[2]

#: Who the pods run as unless HEALTHKIT_E2E_USER says so: nobody's number, and not root's.
USER: Final = 10001

#: Who the chart's pods can't be.
ROOT_USER: Final = 0


class MissingError(Exception):
    """The suite can't run; one line says what it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the suite is given."""

    kubeconfig: str
    kubectl: str
    helm: str
    #: An image with Python and the project's dependencies. The tag may be a digest.
    repository: str
    tag: str
    #: Another tag of the same image, for `kubectl set image`; empty is none.
    next_tag: str = ""
    #: A folder of the nodes with the project, mounted into the pods; empty: the image has it.
    mount: str = ""
    #: The name or path of the image's interpreter.
    python: str = "python3"
    user: int = USER

    @property
    def image(self) -> str:
        """The image as one word, as the chart writes it."""
        joint = "@" if self.tag.startswith("sha256:") else ":"
        return f"{self.repository}{joint}{self.tag}"


def settings(environ: Mapping[str, str]) -> Settings:
    """Read the environment.

    Raises:
        MissingError: the suite can't run with it.
    """
    kubeconfig = _kubeconfig(environ)
    repository, tag = _image(environ)
    return Settings(
        kubeconfig=kubeconfig,
        kubectl=_kubectl(environ),
        helm=_helm(environ),
        repository=repository,
        tag=tag,
        next_tag=environ.get("HEALTHKIT_E2E_NEXT_TAG", ""),
        mount=_mount(environ),
        python=environ.get("HEALTHKIT_E2E_PYTHON", "") or "python3",
        user=_user(environ),
    )


def lacks(environ: Mapping[str, str]) -> Iterator[str]:
    """Say all that is missing or wrong, a line for each variable."""
    readers: tuple[Callable[[Mapping[str, str]], object], ...]
    readers = (_kubeconfig, _image, _kubectl, _helm, _mount, _user)
    for reader in readers:
        try:
            reader(environ)
        except MissingError as exc:
            yield str(exc)


def _needed(environ: Mapping[str, str], name: str, what: str) -> str:
    if not environ.get(name):
        raise MissingError(f"{name} is not set: it must name {what}")
    return environ[name]


def _kubeconfig(environ: Mapping[str, str]) -> str:
    """Return it as it is: kubectl takes several files, with a separator between them."""
    found = _needed(environ, "KUBECONFIG", "the file that says how to reach a cluster")
    for path in filter(None, found.split(os.pathsep)):
        if Path(path).is_file():
            return found
    raise MissingError(f"KUBECONFIG is {found!r}: there is no such file")


def _tool(environ: Mapping[str, str], name: str, variables: tuple[str, ...]) -> str:
    """Find a program: by its variable, in ``.tools``, in PATH."""
    for variable in variables:
        if environ.get(variable):
            return _program(variable, environ[variable], environ.get("PATH", ""))
    names = [*(variable.lower() for variable in variables), name]
    places = [str(ROOT / ".tools"), environ.get("PATH", "")]
    found = (shutil.which(one, path=place) for place in places for one in names)
    path = next(filter(None, found), None)
    if path is None:
        raise MissingError(
            f"{name} is neither in PATH nor in .tools, and {variables[0]} is not set"
        )
    return path


def _kubectl(environ: Mapping[str, str]) -> str:
    return _tool(environ, "kubectl", ("KUBECTL",))


def _helm(environ: Mapping[str, str]) -> str:
    return _tool(environ, "helm", ("HELM4", "HELM3"))


def _program(variable: str, found: str, path: str) -> str:
    """Return a program that a variable names, as a path or as a name in PATH."""
    program = shutil.which(found, path=path)
    if program is None:
        raise MissingError(f"{variable} is {found!r}: there is no such program")
    return program


def _image(environ: Mapping[str, str]) -> tuple[str, str]:
    """Split an image's name where its tag begins: a colon after the last slash.

    Without a tag it is ``latest``, as everywhere; a digest is a tag to the chart.
    """
    reference = _needed(environ, "HEALTHKIT_E2E_IMAGE", "an image, as name:tag")
    tagged, _, digest = reference.partition("@")
    head, slash, last = tagged.rpartition("/")
    name, colon, tag = last.partition(":")
    if not name or (colon and not tag) or ("@" in reference and not digest):
        raise MissingError(f"HEALTHKIT_E2E_IMAGE is {reference!r}, expected name:tag")
    return f"{head}{slash}{name}", digest or tag or "latest"


def _mount(environ: Mapping[str, str]) -> str:
    path = environ.get("HEALTHKIT_E2E_MOUNT", "")
    if path and not path.startswith("/"):
        raise MissingError(
            f"HEALTHKIT_E2E_MOUNT is {path!r}, expected an absolute path of the node"
        )
    return path


def _user(environ: Mapping[str, str]) -> int:
    text = environ.get("HEALTHKIT_E2E_USER", "") or str(USER)
    if not text.isdecimal() or int(text) == ROOT_USER:
        raise MissingError(f"HEALTHKIT_E2E_USER is {text!r}, expected a user's number, not root's")
    return int(text)


if __name__ == "__main__":
    missing = [f"tests/cluster can't run: {line}" for line in lacks(os.environ)]
    if missing:
        sys.exit("\n".join(missing))
