"""What a Deployment makes its pods of: a template, an image with an app for each pod, and names.

Pods of one version run side by side, so each needs an app of its own. A `Described` one is
described anew for each pod; an ASGI app has state in its module, so a function has to make it:
``factory=True``, as in uvicorn.
"""

from __future__ import annotations

import inspect
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from healthkit._validate import shown
from healthkit.errors import ConfigError
from healthkit.testing._described import Described

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import PodSpec
    from healthkit.testing._exchange import Asgi3
    from healthkit.testing._process import App

    #: What can be run: an ASGI application, or a description of one; None is no image at all.
    Runnable = Asgi3 | Described | None

    #: The same, or with ``factory=True`` what makes one.
    Deployable = Runnable | Callable[[], Runnable]

#: What generated names are made of: no vowels, and nothing that looks like one
#: (k8s.io/apimachinery pkg/util/rand/rand.go).
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"

#: The length of a pod's suffix, and how many there are.
_SUFFIX: Final = 5
_SUFFIXES: Final = len(_ALPHABET) ** _SUFFIX

#: Has no divisor in common with `_SUFFIXES`, so that no two of so many numbers share a suffix.
_STEP: Final = 6_700_417


class Image:
    """What stands in an image: an app for each pod."""

    def __init__(
        self, app: Deployable, build: Callable[[Runnable], App | None], *, factory: bool
    ) -> None:
        """Make one; a factory is called once now, so that what is wrong is said here.

        Args:
            app: what can be run, or a function that returns it.
            build: makes what the kubelet starts.
            factory: whether it is such a function.

        Raises:
            ConfigError: it is not what it is said to be.
        """
        self._build = build
        self._make = _checked(app, factory=factory)
        #: Whether there is one app only, for whatever number of pods.
        self.single = app is not None and not factory and not isinstance(app, Described)
        self._first = [build(self._make())]

    def __repr__(self) -> str:
        return f"<Image of {'one app' if self.single else 'an app for each pod'}>"

    def app(self) -> App | None:
        """Return the app of one more pod; None if there is no such image."""
        return self._first.pop() if self._first else self._build(self._make())

    def allow(self, what: str) -> None:
        """Refuse a single app where there are to be two pods at once.

        Raises:
            ConfigError: there is one app only.
        """
        if self.single:
            raise ConfigError(
                f"{what} runs pods side by side, and found one app object, whose state they would"
                " share: expected a function that makes one for each pod, with factory=True"
            )


def _checked(app: Deployable, *, factory: bool) -> Callable[[], Runnable]:
    """Return what is called for each pod."""
    if factory:
        if isinstance(app, Described) or not callable(app) or _needs_something(app):
            raise ConfigError(
                f"app={shown(app)} with factory=True: expected a function that makes an app"
            )
        return cast("Callable[[], Runnable]", app)  # `build` judges what it returns
    if isinstance(app, Described):
        return app.twin
    if callable(app) and _takes_nothing(app):
        raise ConfigError(
            f"app={shown(app)} takes no argument: expected an ASGI application,"
            " or with factory=True a function that makes one"
        )
    single = cast("Runnable", app)
    return lambda: single


def _needs_something(function: Callable[..., object]) -> bool:
    """Whether a function can't be called without arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # it says nothing of its parameters
        return False
    try:
        signature.bind()
    except TypeError:
        return True
    return False


def _takes_nothing(function: Callable[..., object]) -> bool:
    """Whether a function can be called without arguments only."""
    try:
        return not inspect.signature(function).parameters
    except (TypeError, ValueError):  # it says nothing of its parameters
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One version of a Deployment's pods."""

    spec: PodSpec
    image: Image
    #: Makes the version's hash another one: how often the pods were told to restart.
    restarts: int = 0

    @property
    def tag(self) -> str:
        """The container's image, by its name."""
        return self.spec.containers[0].image

    @property
    def hash(self) -> str:
        """The ``pod-template-hash``, which is the same in each run."""
        digest = zlib.crc32(f"{self.spec!r} {self.restarts}".encode())
        return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in f"{digest:010}")

    def suffix(self, number: int) -> str:
        """Return five letters for the n-th pod's name, the same in each run, no two alike."""
        rest = (number * _STEP + zlib.crc32(self.hash.encode())) % _SUFFIXES
        letters = ""
        for _ in range(_SUFFIX):
            rest, digit = divmod(rest, len(_ALPHABET))
            letters += _ALPHABET[digit]
        return letters

    def pod(self, name: str) -> PodSpec:
        """Return the pod of it that has a name."""
        labels = {**self.spec.labels, "pod-template-hash": self.hash}
        return replace(self.spec, name=name, labels=labels)


def tagged(spec: PodSpec, tag: str) -> PodSpec:
    """Return a pod whose first container has another image."""
    first, *others = spec.containers
    return replace(spec, containers=(replace(first, image=tag), *others))
