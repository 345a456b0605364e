"""What `healthkit run` is told, and what it says when that is wrong."""

from __future__ import annotations

import pytest

from healthkit import _run_options
from healthkit._run_options import Options
from healthkit.errors import ConfigError

COMMAND = ["--", "uvicorn", "main:app"]
DELAY = "HEALTHKIT_DRAIN_DELAY"
DIRECTORY = "HEALTHKIT_STATE_DIR"


def read(*arguments: str, **environ: str) -> Options:
    """Read arguments that are no question for help."""
    options = _run_options.read([*arguments, *COMMAND], environ)
    assert options is not None
    return options


def test_a_command_alone_is_enough() -> None:
    """The workers say how long to serve on, and meet in a private directory."""
    assert read(PATH="/bin") == Options(("uvicorn", "main:app"), {"PATH": "/bin"}, None, None)


def test_what_follows_the_dashes_is_the_commands() -> None:
    """Its options are no concern of ours, and neither are its dashes."""
    words = ["--", "app", "--drain-delay", "x", "-h", "--", "--state-dir"]
    options = _run_options.read(words, {})
    assert options is not None
    assert options.command == tuple(words[1:])


@pytest.mark.parametrize("given", [["--drain-delay", "2.5"], ["--drain-delay=2.5"]])
def test_the_drain_delay_is_also_the_workers(given: list[str]) -> None:
    """They would turn unready for a shorter time otherwise."""
    options = read(*given, **{DELAY: "9"})
    assert options.drain_delay == 2.5
    assert options.environ == {DELAY: "2.5"}


def test_the_environment_says_the_drain_delay_as_it_does_to_the_workers() -> None:
    """One place for both, the deployment."""
    options = read(**{DELAY: "9"})
    assert (options.drain_delay, options.environ) == (9.0, {DELAY: "9"})


@pytest.mark.parametrize("given", ["0", "86400", " 5 ", "1e1"])
def test_a_drain_delay_may_be_none_and_may_be_a_day(given: str) -> None:
    """No delay is a delay of 0: it was said."""
    assert read("--drain-delay", given).drain_delay == float(given)


def test_a_directory_may_be_named() -> None:
    """By an option, or by the environment; the option wins."""
    assert read("--state-dir", "/a").state_dir == "/a"
    assert read(**{DIRECTORY: "/b"}).state_dir == "/b"
    assert read("--state-dir=/a", **{DIRECTORY: "/b"}).state_dir == "/a"
    assert read(**{DIRECTORY: ""}).state_dir is None


@pytest.mark.parametrize(
    "arguments", [["-h"], ["--help"], ["--help", *COMMAND], ["--drain-delay", "1", "-h"]]
)
def test_somebody_may_ask_what_it_is_for(arguments: list[str]) -> None:
    """With or without a command."""
    assert _run_options.read(arguments, {}) is None


EXPECTED_DELAY = "expected seconds as a number from 0 to 86400"
EXPECTED_DIRECTORY = "expected an absolute path"


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        ([], {}, "found no '--', expected -- and the command after it"),
        (["uvicorn", "main:app"], {}, "found no '--', expected -- and the command after it"),
        (["--"], {}, "found no command, expected -- and the command after it"),
        (["--drain-delay", "5", "--"], {}, "found no command"),
        (["--delay", "5", *COMMAND], {}, "found '--delay', expected --drain-delay S, --state-dir"),
        (["-x", *COMMAND], {}, "found '-x', expected --drain-delay S, --state-dir DIR"),
        (["uvicorn", *COMMAND], {}, "found 'uvicorn', expected --drain-delay S"),
        (["--drain-delay", *COMMAND], {}, "found --drain-delay without a value, expected"),
        (["--drain-delay", "nan", *COMMAND], {}, f"--drain-delay=nan: {EXPECTED_DELAY}"),
        (["--drain-delay", "inf", *COMMAND], {}, f"--drain-delay=inf: {EXPECTED_DELAY}"),
        (["--drain-delay", "-1", *COMMAND], {}, f"--drain-delay=-1.0: {EXPECTED_DELAY}"),
        (["--drain-delay", "86401", *COMMAND], {}, f"--drain-delay=86401.0: {EXPECTED_DELAY}"),
        (["--drain-delay", "5s", *COMMAND], {}, f"--drain-delay='5s': {EXPECTED_DELAY}"),
        (["--drain-delay=", *COMMAND], {}, f"--drain-delay='': {EXPECTED_DELAY}"),
        (COMMAND, {DELAY: "soon"}, f"HEALTHKIT_DRAIN_DELAY='soon': {EXPECTED_DELAY}"),
        (["--state-dir", "state", *COMMAND], {}, f"--state-dir='state': {EXPECTED_DIRECTORY}"),
        (["--state-dir=", *COMMAND], {}, f"--state-dir='': {EXPECTED_DIRECTORY}"),
        (["--state-dir", "/a\nb", *COMMAND], {}, r"--state-dir='/a\\nb'"),
        (COMMAND, {DIRECTORY: "state"}, f"HEALTHKIT_STATE_DIR='state': {EXPECTED_DIRECTORY}"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], environ: dict[str, str], message: str
) -> None:
    """What was found, and what was expected."""
    with pytest.raises(ConfigError) as caught:
        _run_options.read(arguments, environ)
    assert message.replace("\\\\", "\\") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_help_names_every_option() -> None:
    """And fits on a narrow terminal."""
    for option in _run_options._OPTIONS.values:
        assert f"  {option} " in _run_options.HELP
    assert max(map(len, _run_options.HELP.splitlines())) <= 100
