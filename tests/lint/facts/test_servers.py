"""The options of servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.lint._facts.servers import server

_NAMES = st.sampled_from(["uvicorn", "gunicorn", "hypercorn", "granian", "daphne"])
_VARIABLES = st.sampled_from(["GUNICORN_CMD_ARGS", "UVICORN_PORT", "WEB_CONCURRENCY", "PORT"])


@given(_NAMES, st.lists(st.text()), st.dictionaries(_VARIABLES, st.text()))
def test_any_options_are_read(name: str, words: list[str], env: dict[str, str]) -> None:
    """Nonsense is as if it weren't said."""
    found = server([name, *words], env)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("words", "workers", "port", "graceful"),
    [
        ("uvicorn a:b", None, None, None),
        ("uvicorn a:b --workers 4 --port 80 --timeout-graceful-shutdown 9", 4, 80, 9),
        ("uvicorn a:b --workers=4 --port=80 --timeout-graceful-shutdown=9", 4, 80, 9),
        ("gunicorn -w 4 -b 0.0.0.0:80 --graceful-timeout 9 a:b", 4, 80, 9),
        ("gunicorn -w4 -b:80 -k uvicorn.workers.UvicornWorker a:b", 4, 80, None),
        ("gunicorn -w=4 --bind [::]:80 a:b", 4, 80, None),
        ("gunicorn --bind unix:/run/x a:b", None, None, None),
        ("gunicorn -b :80 -b :81 a:b", None, None, None),
        ("gunicorn -b :80 -b [::]:80 a:b", None, 80, None),
        ("hypercorn -w 2 --bind 0.0.0.0:80 --graceful-timeout 9 a:b", 2, 80, 9),
        ("granian --workers 2 --port 80 --workers-kill-timeout 9 a:b", 2, 80, 9),
        ("daphne -p 80 -b 0.0.0.0 a:b", None, 80, None),
        ("uvicorn a:b --workers 2 --workers 3", 3, None, None),
        ("uvicorn a:b --workers", None, None, None),
        ("uvicorn a:b --workers many --port 70000 --timeout-graceful-shutdown soon", *[None] * 3),
        ("uvicorn a:b --workers 0 --port -1 --timeout-graceful-shutdown -1", *[None] * 3),
        ("uvicorn a:b --port $PORT", None, None, None),
        ("uvicorn a:b --port ²", None, None, None),
    ],
)
def test_options_are_read(
    words: str, workers: int | None, port: int | None, graceful: float | None
) -> None:
    """In each way in which they can be written."""
    found = server(words.split(), {})
    assert found is not None
    assert (found.workers, found.port, found.graceful_timeout) == (workers, port, graceful)


@pytest.mark.parametrize(
    ("name", "env", "workers", "port"),
    [
        ("uvicorn", {"UVICORN_PORT": "80", "UVICORN_WORKERS": "2"}, 2, 80),
        ("uvicorn", {"WEB_CONCURRENCY": "3"}, 3, None),
        ("uvicorn", {"UVICORN_WORKERS": "2", "WEB_CONCURRENCY": "3", "PORT": "80"}, 2, None),
        ("gunicorn", {"WEB_CONCURRENCY": "3", "PORT": "80"}, 3, 80),
        ("gunicorn", {"GUNICORN_CMD_ARGS": "-w 4 --bind=:81", "PORT": "80"}, 4, 81),
        ("gunicorn", {"GUNICORN_CMD_ARGS": "-w '4"}, None, None),
        ("hypercorn", {"WEB_CONCURRENCY": "3", "PORT": "80"}, None, None),
        ("granian", {"GRANIAN_WORKERS": "2", "GRANIAN_PORT": "80"}, 2, 80),
        ("daphne", {"PORT": "80"}, None, None),
    ],
)
def test_variables_stand_for_options(
    name: str, env: dict[str, str], workers: int | None, port: int | None
) -> None:
    """Those that the server reads, and no others."""
    found = server([name], env)
    assert found is not None
    assert (found.workers, found.port) == (workers, port)


def test_the_command_line_wins() -> None:
    """Over every variable."""
    env = {"GUNICORN_CMD_ARGS": "-w 4", "WEB_CONCURRENCY": "3"}
    found = server(["gunicorn", "-w", "2"], env)
    assert found is not None
    assert found.workers == 2


@pytest.mark.parametrize(
    ("words", "default"),
    [
        ("uvicorn a", None),
        ("gunicorn a", 30),
        ("gunicorn -c conf.py a", None),
        ("hypercorn a", 3),
        ("hypercorn --config=file:conf.py a", None),
        ("granian a", None),
        ("daphne a", 0),
    ],
)
def test_defaults_are_those_of_the_server(words: str, default: float | None) -> None:
    """A file of settings may say something else."""
    found = server(words.split(), {})
    assert found is not None
    assert (found.graceful_timeout, found.default_graceful_timeout) == (None, default)


def test_what_stands_before_it_is_told() -> None:
    """A shell that keeps its signals, and healthkit's own parent."""
    in_shell = server(["sh", "-c", "uvicorn a"], {})
    in_run = server(["healthkit", "run", "--", "uvicorn", "a"], {})
    assert in_shell is not None
    assert in_run is not None
    assert (in_shell.in_shell, in_shell.in_healthkit_run) == (True, False)
    assert (in_run.in_shell, in_run.in_healthkit_run) == (False, True)
    assert server(["nginx"], {}) is None
