"""What a container starts, behind what stands before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.lint._facts.launch import launch

_WORDS = [
    *["sh", "-c", "bash", "exec", "env", "A=1", "tini", "--", "python", "-m", "uvicorn", "-X"],
    *["$B -c $C", "$C", "sh -c $C", "busybox", "healthkit", "run", "fastapi", "x.sh", "$(A)"],
    *["sh -c 'sh -c uvicorn'", "'"],
]


@given(st.lists(st.sampled_from(_WORDS) | st.text(), max_size=8))
def test_any_words_are_read(words: list[str]) -> None:
    """Whatever they are."""
    found = launch(words, {"A": "$A", "B": "sh", "C": "$B -c $C; sh -c $C; env $C"})
    assert found.is_python or not found.is_server


@pytest.mark.parametrize(
    "words",
    [
        ["uvicorn", "a"],
        ["/venv/bin/uvicorn", "a"],
        ["python", "-m", "uvicorn", "a"],
        ["python3.12", "-u", "-X", "dev", "-m", "uvicorn", "a"],
        ["python", "/venv/bin/uvicorn", "a"],
        ["tini", "-g", "-e", "143", "--", "uvicorn", "a"],
        ["dumb-init", "uvicorn", "a"],
        ["env", "-i", "A=1", "uvicorn", "a"],
        ["A=1", "uvicorn", "a"],
        ["gosu", "app", "uvicorn", "a"],
        ["poetry", "run", "uvicorn", "a"],
        ["uv", "run", "--frozen", "--", "uvicorn", "a"],
        ["/docker-entrypoint.sh", "uvicorn", "a"],
        ["/entrypoint", "uvicorn", "a"],
        ["sh", "-c", "exec uvicorn a"],
        ["sh", "-c", "migrate && if x; then exec uvicorn a; fi"],
        ["healthkit", "run", "--drain-delay", "5", "--", "uvicorn", "a"],
        ["python", "-m", "healthkit", "run", "--", "uvicorn", "a"],
        ["fastapi", "run", "a"],
    ],
)
def test_the_server_is_found(words: list[str]) -> None:
    """Behind whatever passes its signals on, or becomes it."""
    found = launch(words, {})
    assert (found.name, found.words[1:], found.in_shell) == ("uvicorn", ("a",), False)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], ""),
        (["--workers", "4"], "--workers"),
        (["sh", "start.sh"], ""),
        (["sh", "-c", ""], ""),
        (["python", "app.py"], "python"),
        (["python", "-m", "app"], "python"),
        (["python", "-m"], "python"),
        (["python"], "python"),
        (["tini", "--", "/app/server"], "tini"),
        (["healthkit", "run", "uvicorn"], ""),
        (["healthkit", "probe"], "healthkit"),
        (["busybox", "httpd"], "busybox"),
        (["sh", "-c", "python prepare.py; nginx"], "nginx"),
    ],
)
def test_what_is_no_server_stays_what_it_is(words: list[str], name: str) -> None:
    """And is empty where nobody can tell."""
    found = launch(words, {})
    assert (found.name, found.is_server) == (name, False)


@pytest.mark.parametrize(
    "text",
    ["uvicorn a", "cd /app && uvicorn a", "uvicorn a & wait", "sh -c 'exec uvicorn a'; true"],
)
def test_a_shell_keeps_the_signals(text: str) -> None:
    """Without exec, and without a trap."""
    assert launch(["sh", "-c", text], {}).in_shell
    assert not launch(["sh", "-c", f"trap x TERM; {text}"], {}).in_shell


def test_kubernetes_fills_in_what_it_knows() -> None:
    """``$(NAME)`` before anything is started, and ``$$`` is a dollar."""
    found = launch(["uvicorn", "--port=$(PORT)", "$(NO)", "$$(PORT)"], {"PORT": "80"})
    assert found.words == ("uvicorn", "--port=80", "$(NO)", "$(PORT)")


def test_variables_before_a_command_are_its_own() -> None:
    """They win over those of the container."""
    found = launch(["sh", "-c", "A=2 exec uvicorn $A"], {"A": "1"})
    assert found.env["A"] == "2"
    assert found.words == ("uvicorn", "1")


def test_the_options_of_healthkit_run_are_kept() -> None:
    """There are none without it."""
    assert launch(["healthkit", "run", "--drain-delay", "5", "--", "x"], {}).run_options == (
        "--drain-delay",
        "5",
    )
    assert launch(["x"], {}).run_options is None


@pytest.mark.parametrize("text", ["sh -c $A", "$B -c $A", "env sh -c $A; $A"])
def test_a_text_that_names_itself_ends(text: str) -> None:
    """Nothing is read twice."""
    assert not launch(["sh", "-c", text], {"A": f"{text};" * 5, "B": "sh"}).is_server


def test_there_is_an_end_to_what_stands_before_it() -> None:
    """However much there is."""
    assert launch([*["exec"] * 10, "uvicorn"], {}).is_server
    assert not launch([*["exec"] * 100_000, "uvicorn"], {}).is_server


def test_long_variables_are_not_filled_in() -> None:
    """A hundred thousand references to a megabyte would be a hundred gigabytes."""
    found = launch(["uvicorn", "$(A)" * 100_000], {"A": "a" * 1_000_000})
    assert found.words[1].startswith("$(A)$(A)")
