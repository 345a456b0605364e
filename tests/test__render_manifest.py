"""``healthkit render``: the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from healthkit import _render_manifest, render
from healthkit.errors import ConfigError
from healthkit.lint import AppSettings
from healthkit.render import Wanted
from healthkit.render._wanted import with_given
from tests.render.documents import APP

Lines = pytest.CaptureFixture[str]


def read_app(name: str) -> AppSettings:
    """Stand for the import of an app."""
    if name != "main:health":
        raise ConfigError(f"--app={name!r}: found no such app")
    return APP


def call(*arguments: str) -> int:
    """Call the command."""
    return _render_manifest.main(arguments, read_app)


def test_without_options_it_writes_a_whole_manifest(capsys: Lines) -> None:
    """For an app of which nothing is known."""
    assert call() == 0
    assert capsys.readouterr() == (render.manifest(Wanted()), "")


def test_all_options_count(capsys: Lines) -> None:
    """Each for its own field."""
    words = {
        "--boot": "90s",
        "--warm-up": "2m",
        "--drain": "10",
        "--longest-request": "20s",
        "--name": "shop",
        "--image": "s/shop:2",
        "--port": "9000",
        "--replicas": "5",
        "--workers": "2",
        "--kube-version": "v1.34.1",
        "--pre-stop": "sleep",
        "--command": "uvicorn main:app --log 'a b'",
    }
    options = [word for pair in words.items() for word in pair]
    assert call(*options, "--part=deployment") == 0
    wanted = Wanted(
        boot=90,
        warm_up=120,
        drain_delay=10,
        longest_request=20,
        name="shop",
        image="s/shop:2",
        port=9000,
        replicas=5,
        workers=2,
        kube_version=(1, 34),
        pre_stop="sleep",
        command=("uvicorn", "main:app", "--log", "a b"),
    )
    assert capsys.readouterr().out == render.manifest(wanted, "deployment")


def test_an_app_says_what_is_not_given(capsys: Lines) -> None:
    """What is given wins."""
    assert call("--app", "main:health", "--drain", "20", "--name", "shop") == 0
    wanted = render.of_app(APP)
    given = {"drain_delay": 20.0, "name": "shop"}
    expected = render.manifest(with_given(wanted, given))
    assert capsys.readouterr() == (expected, "")


def test_an_app_is_asked_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Lines
) -> None:
    """What it prints is not part of the manifest."""
    monkeypatch.chdir(tmp_path)
    source = "from healthkit import Health\nprint('hello')\nhealth = Health(drain_delay=7)\n"
    Path("shop.py").write_text(source)
    assert _render_manifest.main(["--app", "shop:health"]) == 0
    out, err = capfd.readouterr()
    assert err == "hello\n"
    assert out == render.manifest(render.of_app(AppSettings("shop:health", drain_delay=7.0)))


def test_help_is_no_mistake(capsys: Lines) -> None:
    """It names each option."""
    assert call("--boot", "9", "--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    for option in ("--app", "--warm-up", "--kube-version", "--pre-stop", "--part"):
        assert f"  {option} " in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--boot", "soon"], "--boot='soon': expected seconds, or a number with a unit"),
        (["--boot", "2h"], "boot=7200.0: expected seconds above 0 to 3600"),
        (["--boot", "0"], "boot=0.0: expected seconds above 0 to 3600"),
        (["--drain", "61m"], "drain=3660.0: expected seconds from 0 to 3600"),
        (["--port", "http"], "--port='http': expected a whole number"),
        (["--port", "9" * 9], "port=999999999: expected a whole number from 1 to 65535"),
        (["--port", "9" * 10], "--port='9999999999': expected a whole number"),
        (["--port", "99999"], "port=99999: expected a whole number from 1 to 65535"),
        (["--workers", "-1"], "--workers='-1': expected a whole number"),
        (["--replicas", "\u0663"], "--replicas='\u0663': expected a whole number"),
        (["--part", "some"], "--part='some': expected all, deployment, container"),
        (["--pre-stop", "wait"], "pre-stop='wait': expected exec, sleep or none"),
        (["--kube-version", "1.99"], "--kube-version='1.99': expected a Kubernetes version"),
        (
            ["--kube-version", "1.29", "--pre-stop", "sleep"],
            "found pre-stop=sleep for Kubernetes 1.29, which has no sleep action",
        ),
        (["--command", "'a"], '--command="\'a": No closing quotation; expected a command in one'),
        (["--command", " "], "--command=' ': expected a command in one word"),
        (["--name", "A"], "name='A': expected the name of a Service"),
        (["--app", "other:health"], "--app='other:health': found no such app"),
        (["deploy.yaml"], "found 'deploy.yaml', expected --app MODULE:HEALTH, --boot S"),
        (["--", "x"], "found 'x' after '--', expected options only"),
        (["--boot"], "found --boot without a value, expected --boot S"),
    ],
)
def test_what_can_t_be_is_one_line(arguments: list[str], line: str, capsys: Lines) -> None:
    """On stderr, and nothing else."""
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (said,) = err.splitlines()
    assert said.startswith(f"healthkit render: {line}")


def test_the_readme_shows_real_output(capsys: Lines) -> None:
    """Of the command that it names."""
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (command,) = re.findall(r"This is `healthkit render (.*)`:", readme)
    assert call(*command.split()) == 0
    assert f"```yaml\n{capsys.readouterr().out}```" in readme
