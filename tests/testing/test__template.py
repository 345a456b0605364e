"""What a Deployment makes its pods of."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from healthkit.errors import ConfigError
from healthkit.manifests._spec import Container, PodSpec
from healthkit.testing._described import Described, Life
from healthkit.testing._template import Image, Template, tagged

if TYPE_CHECKING:
    from healthkit.testing._process import App
    from healthkit.testing._template import Runnable

SPEC = PodSpec("shop", (Container("shop", image="shop:1"), Container("proxy", image="proxy:7")))


def build(app: Runnable) -> App | None:
    """Take described ones as they are, and another for none of the test's business."""
    return app if isinstance(app, Described) else None


async def asgi(scope: object, receive: object, send: object) -> None:
    """Stand for an ASGI app."""


def test_a_described_app_is_each_pods_own() -> None:
    """Each begins with its first life."""
    image = Image(Described(Life()), build, factory=False)
    first, second = image.app(), image.app()
    assert isinstance(first, Described)
    assert first is not second
    assert not image.single
    assert repr(image) == "<Image of an app for each pod>"


def test_a_factory_is_called_for_each_pod() -> None:
    """Once too for what is wrong to be found at once, and that one is the first pod's."""
    made: list[Described] = []

    def factory() -> Described:
        made.append(Described())
        return made[-1]

    image = Image(factory, build, factory=True)
    assert len(made) == 1
    assert [image.app(), image.app()] == made
    image.allow("two")


def test_an_app_object_is_for_one_pod() -> None:
    """Beside another one it would share its state."""
    image = Image(asgi, build, factory=False)
    assert image.single
    assert repr(image) == "<Image of one app>"
    with pytest.raises(ConfigError, match="two runs pods side by side.*factory=True"):
        image.allow("two")


def test_a_missing_image_is_missing_for_all() -> None:
    """None is no app."""
    image = Image(None, build, factory=False)
    assert image.app() is None
    image.allow("two")


@pytest.mark.parametrize("app", [Described(), None, 5])
def test_a_factory_is_a_function(app: object) -> None:
    """What is none is refused, in one line."""
    with pytest.raises(ConfigError, match="factory=True: expected a function that makes an app"):
        Image(cast("Runnable", app), build, factory=True)


@pytest.mark.parametrize("app", [asgi, sorted])
def test_a_factory_needs_no_arguments(app: object) -> None:
    """An app that is taken for one is found before it is called."""
    with pytest.raises(ConfigError, match="factory=True: expected a function that makes an app"):
        Image(cast("Runnable", app), build, factory=True)


def test_a_factory_may_say_nothing_of_its_parameters() -> None:
    """Then it is called."""

    class Silent:
        __signature__ = "none"

        def __call__(self) -> Described:
            return Described()

    assert not Image(cast("Runnable", Silent()), build, factory=True).single


def test_a_factory_that_nobody_calls_one_is_found() -> None:
    """A function without a parameter can be no ASGI application."""

    def factory() -> Described:
        return Described()

    with pytest.raises(ConfigError, match="takes no argument: expected an ASGI application, or"):
        Image(cast("Runnable", factory), build, factory=False)


def test_what_says_nothing_of_its_parameters_is_taken_as_it_is() -> None:
    """Some callables of C have no signature."""
    assert Image(cast("Runnable", type), build, factory=False).single


def test_a_version_has_a_hash_and_its_pods_have_names() -> None:
    """The hash is the same in each run, another for each image and each restart."""
    image = Image(None, build, factory=False)
    first = Template(SPEC, image)
    other, again = Template(tagged(SPEC, "shop:2"), image), Template(SPEC, image, restarts=1)
    assert len({first.hash, other.hash, again.hash}) == 3
    assert first.hash == Template(SPEC, image).hash
    assert (first.tag, other.tag) == ("shop:1", "shop:2")
    pod = first.pod("shop-1")
    assert pod.name == "shop-1"
    assert pod.labels == {"pod-template-hash": first.hash}
    assert other.spec.containers[1] == SPEC.containers[1]


def test_no_two_pods_have_one_name() -> None:
    """Suffixes look like those of Kubernetes."""
    template = Template(SPEC, Image(None, build, factory=False))
    suffixes = {template.suffix(number) for number in range(10_000)}
    assert len(suffixes) == 10_000
    assert {len(one) for one in suffixes} == {5}
    assert not set("".join(suffixes)) & set("aeiou013")
