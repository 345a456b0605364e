"""What `healthkit lint` is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import _lint_options, lint
from healthkit._lint_options import FORMATS, HELP, Options
from healthkit.errors import ConfigError

RULES = [rule.id for rule in lint.rules()]


def read(*words: str) -> Options:
    """Read a command line that asks for something."""
    options = _lint_options.read(words)
    assert options is not None
    return options


def refused(*words: str) -> str:
    """Return the one line that a command line is refused with."""
    with pytest.raises(ConfigError) as caught:
        _lint_options.read(words)
    line = str(caught.value)
    assert line.splitlines() == [line]
    return line


def test_paths_are_all_that_is_needed() -> None:
    """Several, stdin among them, and after -- whatever they begin with."""
    assert read("a.yaml", "-", "dir", "--", "-b", "--c") == Options(
        paths=("a.yaml", "-", "dir", "-b", "--c")
    )


def test_everything_can_be_said() -> None:
    """Wherever it stands."""
    found = read(
        *("--kube-version", "1.34", "a.yaml", "--format=sarif", "--strict", "--skip-others"),
        "--schemas",
        *("--against", "main:health", "--port", "8000", "--workload=web", "--container", "c"),
        *("--dependency-words", "DB, Cache", "--dependency-words", ","),
    )
    assert (found.format, found.strict, found.skip_others) == ("sarif", True, True)
    assert (found.against, found.port) == ("main:health", 8000)
    assert found.rules == lint.Options(
        kube_version=(1, 34),
        app_workload="web",
        app_container="c",
        dependency_words=("db", "cache"),
        schemas=True,
    )


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["a.yaml", "--help", "--nonsense"]])
def test_somebody_may_ask_what_it_is_for(words: list[str]) -> None:
    """The help names each option."""
    assert _lint_options.read(words) is None
    expected = refused("--nonsense").partition("expected ")[2]
    for name in expected.split(", ")[1:-1]:
        assert f"  {name.split()[0]}" in HELP


def test_the_help_says_the_formats_and_the_default_version() -> None:
    """As they are."""
    major, minor = lint.Options().kube_version
    assert f"the default is {major}.{minor}" in HELP
    assert all(one in HELP for one in FORMATS)
    assert max(len(line) for line in HELP.splitlines()) <= 100


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["HK202"], {"HK202"}),
        (["hk202"], {"HK202"}),
        (["HK202,HK107"], {"HK202", "HK107"}),
        (["HK202", " HK107 ,"], {"HK202", "HK107"}),
        (["HK2"], {one for one in RULES if one.startswith("HK2")}),
        (["HK00"], {"HK001", "HK002", "HK003", "HK004", "HK005"}),
    ],
)
def test_rules_are_named_by_their_ids(words: list[str], ids: set[str]) -> None:
    """Or by how these begin; in several words, and several times."""
    for name in ("--only", "--ignore"):
        found = read("a.yaml", *(each for word in words for each in (name, word))).rules
        assert set((found.only if name == "--only" else found.ignore) or ()) == ids


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("HK299", "--only='HK299': expected a rule, such as HK2"),
        ("HK", "--only='HK': expected a rule, such as HK"),
        ("HK202,probe", "--only='probe': expected a rule, such as HK"),
        ("", "--only='': expected rules, as in HK202,HK3"),
        (",", "--only=',': expected rules, as in HK202,HK3"),
    ],
)
def test_an_unknown_rule_is_refused(word: str, line: str) -> None:
    """With the nearest."""
    assert refused("a.yaml", "--only", word).startswith(line)


@pytest.mark.parametrize("word", ["HK202", "hk202", "all"])
def test_a_rule_can_be_explained(word: str) -> None:
    """Without anything to look at."""
    assert read("--explain", word).explain in {"HK202", "all"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            [],
            (
                "found nothing to look at, expected a file, a directory or - for stdin, "
                "as in: healthkit lint deploy.yaml"
            ),
        ),
        ([""], "found nothing to look at, expected a file, a directory or - for stdin"),
        (["--explain", "HK2"], "--explain='HK2': expected a rule, such as HK"),
        (["a", "--format", "xml"], "--format='xml': expected one of text, json, sarif, github"),
        (["a", "--kube-version", "1.9"], "--kube-version='1.9': expected a Kubernetes version"),
        (["a", "--against", "m:h", "--port", "0"], "--port=0: expected a whole number from 1 to"),
        (["a", "--against", "m:h", "--port", "9" * 9], "--port='999999999': expected a whole"),
        (["a", "--against", "m:h", "--port", "http"], "--port='http': expected a whole number"),
        (["a", "--port", "80"], "found --port without --against, expected both: it is of the app"),
        (["a", "--workload", "w"], "found --workload without --against, expected both"),
        (["a", "--container", "c"], "found --container without --against, expected both"),
        (["a", "--explain"], "found --explain without a value, expected --explain ID|all"),
        (["a", "--only"], "found --only without a value, expected --only IDS"),
        (["-x"], "found '-x', expected FILE|DIR|-, --kube-version V, --format FORMAT, "),
        (["a", "--strict=1"], "found '--strict=1', expected FILE|DIR|-, "),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], line: str) -> None:
    """What was found, and what was expected."""
    assert refused(*words).startswith(line)


_WORDS = st.one_of(
    st.text(),
    st.sampled_from(["--", "-", "--only", "--ignore=HK2", "--format", "--port=1", "--explain"]),
)


@given(st.lists(_WORDS))
def test_any_command_line_is_read_or_refused_in_one_line(words: list[str]) -> None:
    """Nothing else comes of it."""
    message = ""
    try:
        _lint_options.read(words)
    except ConfigError as exc:
        message = str(exc)
    assert len(message.splitlines()) <= 1
