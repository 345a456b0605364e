"""The example manifests, and what `healthkit render` says of the command at their top."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import yaml

from healthkit import _render_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

EXAMPLES: Final = Path(__file__).parents[1] / "examples" / "manifests"
KUSTOMIZE: Final = EXAMPLES / "kustomize"

#: A YAML object.
Object = dict[str, Any]


def objects(text: str) -> list[Object]:
    """Return the objects of a text."""
    return [cast("Object", one) for one in yaml.safe_load_all(text) if one is not None]


def one(found: list[Object], kind: str) -> Object:
    """Return the one object of a kind."""
    (match,) = (each for each in found if each["kind"] == kind)
    return match


def read(name: str) -> str:
    """Return an example's text."""
    return (EXAMPLES / name).read_text(encoding="utf-8")


def pod_of(found: list[Object]) -> Object:
    """Return the Deployment's pod."""
    spec: Object = one(found, "Deployment")["spec"]["template"]["spec"]
    return spec


def environment(found: list[Object]) -> dict[str, str]:
    """Return the environment of the only container."""
    (container,) = pod_of(found)["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def comments(text: str) -> str:
    """Return all comments in a row, with single spaces."""
    return " ".join(re.sub(r"^ *# ?", "", line) for line in _commented(text))


def blocks(text: str) -> Iterator[str]:
    """Return the comments that stand together, each in a row."""
    for is_comment, lines in itertools.groupby(text.splitlines(), lambda x: x.strip()[:1] == "#"):
        if is_comment:
            yield " ".join(line.strip().removeprefix("# ") for line in lines)


def _commented(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.strip().startswith("#"))


def command(text: str) -> list[str]:
    """Return the options of ``healthkit render`` that a comment names."""
    match = re.search(r"^# +healthkit render .*\n(?:(?<=\\\n)#.*\n)*", text, re.MULTILINE)
    assert match is not None, "the comment names no command"
    words = shlex.split(re.sub(r"\\?\n# *", " ", match[0]).removeprefix("#"))
    assert words[:2] == ["healthkit", "render"]
    return words[2:]


def rendered(capsys: pytest.CaptureFixture[str], options: list[str]) -> str:
    """Return what ``healthkit render`` writes for the examples' app, without its title."""
    app = ["--name", "shop", "--image", "registry.example/shop:1.0.0"]
    assert _render_manifest.main([*app, *options]) == 0
    return capsys.readouterr().out.partition("\n")[2]


def contains(whole: object, part: object, where: str = "") -> None:
    """Assert that a part is in the whole: of mappings each key, of named things each name."""
    if isinstance(part, dict):
        assert isinstance(whole, dict), where
        for key, value in cast("Object", part).items():
            assert key in whole, f"{where}.{key}"
            contains(cast("Object", whole)[key], value, f"{where}.{key}")
    elif _is_named(part):
        contains(_by_name(whole), _by_name(part), where)
    else:
        assert whole == part, where


def _is_named(part: object) -> bool:
    return isinstance(part, list) and all("name" in each for each in cast("list[str]", part))


def _by_name(named: object) -> dict[str, object]:
    return {each["name"]: each for each in cast("list[dict[str, str]]", named)}
