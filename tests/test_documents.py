"""What the documents point at is there: files, headings, and the commands that the Makefile has."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")

DOCUMENTS: Final = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("examples/manifests/**/*.md"),
        *ROOT.glob("helm/**/*.md"),
    ]
)

#: A block of code, in which nothing is a link or a heading.
_CODE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)|\bsrc=\"([^\"]+)\"")
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)


def prose(document: Path) -> str:
    """Return a document without its code."""
    return _CODE.sub("", document.read_text(encoding="utf-8"))


def links(text: str) -> list[str]:
    """Return where links and pictures lead, but for those that lead out of the project."""
    found = [one[1] or one[2] for one in _LINK.finditer(text)]
    return [link for link in found if not link.startswith("http")]


def anchors(text: str) -> set[str]:
    """Return what GitHub makes of headings: small letters, digits, hyphens."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(text)
    }


def broken(document: Path) -> list[str]:
    """Return the links of a document that lead nowhere."""
    found: list[str] = []
    for link in links(prose(document)):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(prose(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """To a file that is there, and to a heading that it has."""
    assert broken(document) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """A file that is not there, and a heading, here and in another document."""
    (tmp_path / "other.md").write_text("# `healthkit run`, and more\n\n```sh\n# no heading\n```\n")
    document = tmp_path / "one.md"
    document.write_text(
        "# One\n\n[a](#one) [b](#two) [c](other.md#healthkit-run-and-more) [d](other.md#no-heading)"
        ' [e](gone.md) <img src="gone.svg"> [f](https://example.com/gone)\n'
    )
    assert broken(document) == ["#two", "other.md#no-heading", "gone.md", "gone.svg"]


def test_the_readme_has_links() -> None:
    """Else nothing would be tested."""
    assert len(links(README)) > 30


def test_every_example_is_named() -> None:
    """A program that nobody is told of is not found."""
    programs = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
    assert len(programs) > 15
    assert [name for name in programs if name not in README] == []


@pytest.mark.skipif(shutil.which("make") is None, reason="no make: its targets are its own")
def test_make_help_lists_every_target() -> None:
    """Each, with what it does."""
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert phony is not None
    said = subprocess.run(
        ["make", "--no-print-directory", "help"],  # noqa: S607  # whichever there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = [line.split(": ", 1)[0] for line in said.splitlines()]
    assert sorted(listed) == sorted(phony[1].split())


def test_the_sdist_has_what_its_tests_read() -> None:
    """All that the tests of the wheel are run with, and all that the README leads to."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    script = (ROOT / "tests/integration/on_wheel.sh").read_text(encoding="utf-8")
    copied = re.search(r'^cp -R (.*) "\$work"$', script, re.MULTILINE)
    assert copied is not None
    led_to = {link.partition("#")[0].split("/")[0] for link in links(prose(ROOT / "README.md"))}
    # pyproject.toml is in each sdist, whatever is said.
    needed = {*copied[1].split(), *led_to} - {"", "pyproject.toml"}
    assert sorted(name for name in needed if f"/{name}" not in included) == []


def test_nobody_is_sent_to_an_index_that_has_no_healthkit() -> None:
    """Before the release a stranger could have the name there."""
    assert "healthkit is on no package index yet" in README
    installed = re.findall(r"pip install (?:-\S+ )*['\"]?([^\s'\"`]+)", README)
    assert installed
    assert not [name for name in installed if name.startswith("healthkit")]
