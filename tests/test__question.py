"""What a probe request asks for: content negotiation and the query."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthkit._question import ORDINARY, Question, accept_of, question_of
from healthkit._render import Form
from tests.servers import http_scope

#: Headers as they are sent.
KUBELET = b"*/*"
FIREFOX = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
CHROME = FIREFOX + b",application/signed-exchange;v=b3;q=0.7"
AXIOS = b"application/json, text/plain, */*"


def _asked(query: bytes = b"", *accept: bytes) -> Question:
    headers = [(b"host", b"pod"), *((b"accept", value) for value in accept)]
    return question_of(http_scope("/readyz", query_string=query, headers=headers))


# -- Accept ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        pytest.param([], Form.PLAIN, id="absent"),
        pytest.param([b""], Form.PLAIN, id="empty"),
        pytest.param([KUBELET], Form.PLAIN, id="kubelet"),
        pytest.param([FIREFOX], Form.PLAIN, id="Firefox"),
        pytest.param([CHROME], Form.PLAIN, id="Chrome"),
        pytest.param([AXIOS], Form.JSON, id="axios"),
        pytest.param([b"application/json"], Form.JSON, id="json"),
        pytest.param([b"application/health+json"], Form.JSON, id="health+json"),
        pytest.param([b"APPLICATION/JSON"], Form.JSON, id="uppercase"),
        pytest.param([b"Application/Health+Json"], Form.JSON, id="mixed case"),
        pytest.param([b" application/json ; charset=utf-8 "], Form.JSON, id="with a parameter"),
        pytest.param([b"application/json;charset=utf-8;q=0"], Form.PLAIN, id="refused last"),
        pytest.param([b"text/html;q=0.9,application/json;q=0.1"], Form.JSON, id="little"),
        pytest.param([b"application/json;q=0"], Form.PLAIN, id="refused"),
        pytest.param([b"application/json;Q=0"], Form.PLAIN, id="refused in capitals"),
        pytest.param([b"application/json;q=0, */*"], Form.PLAIN, id="refused, anything else"),
        pytest.param([b"application/json;q=0.5, text/plain"], Form.PLAIN, id="text liked better"),
        pytest.param([b"application/json;q=0.5, text/*;q=0.6"], Form.PLAIN, id="any text better"),
        pytest.param([b"text/plain;q=0.5, application/json"], Form.JSON, id="json liked better"),
        pytest.param([b"text/plain;q=0.5, application/json;q=0.5"], Form.JSON, id="liked alike"),
        pytest.param([b"application/json;q=0.5, */*"], Form.JSON, id="by name at all"),
        pytest.param([b"text/plain", b"application/json"], Form.JSON, id="several headers"),
        pytest.param([KUBELET, b"application/json"], Form.PLAIN, id="one is the kubelet's"),
        pytest.param([b"text/plain", b"application/json;q=0.1"], Form.PLAIN, id="headers joined"),
        pytest.param(
            [b"application/json;q=0.1, application/health+json, text/plain;q=0.5"],
            Form.JSON,
            id="the better of two",
        ),
        pytest.param([b"application/jsonfoo"], Form.PLAIN, id="another type"),
        pytest.param([b"application/problem+json"], Form.PLAIN, id="another JSON"),
        pytest.param([b"text/json"], Form.PLAIN, id="not its name"),
        pytest.param([b"application/*"], Form.PLAIN, id="by a wildcard"),
        pytest.param([b"json"], Form.PLAIN, id="no type"),
    ],
)
@pytest.mark.parametrize("query", [b"", b"nothing=known"], ids=["", "query"])
def test_json_is_for_whoever_asks_for_it_by_name(
    accept: list[bytes], form: Form, query: bytes
) -> None:
    """And likes text no better. The kubelet's */* is no such name."""
    assert _asked(query, *accept) == Question(form)


@pytest.mark.parametrize(
    "quality",
    [b"", b"high", b"nan", b"0,5", b"--1", b"-1", b"-inf", b"\xff", b"1e", b"0x1", b"0.0"],
)
def test_a_weight_that_can_not_be_read_counts_for_nothing(quality: bytes) -> None:
    """Who sends garbage gets what everybody gets."""
    assert _asked(b"", b"application/json;q=" + quality).form is Form.PLAIN


def test_accept_is_read_in_whole() -> None:
    """In the order of the headers."""
    headers = [(b"accept", b"a/b"), (b"host", b"pod"), (b"accept", b"c/d;q=0.5")]
    assert accept_of(http_scope(headers=headers)) == "a/b,c/d;q=0.5"
    assert accept_of(http_scope()) == ""


# -- the query ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", Question()),
        (b"verbose", Question(Form.VERBOSE)),
        (b"verbose=", Question(Form.VERBOSE)),
        (b"verbose=1", Question(Form.VERBOSE)),
        (b"verbose=false", Question(Form.VERBOSE)),
        (b"verbose&verbose", Question(Form.VERBOSE)),
        (b"x=1&verbose&y", Question(Form.VERBOSE)),
        (b"%76erbose", Question(Form.VERBOSE)),
        (b"Verbose", Question()),
        (b"verbosely=1", Question()),
        (b"x=verbose", Question()),
        (b"x=1", Question()),
        (b"&&&", Question()),
        (b"=", Question()),
        (b"exclude=db", Question(exclude=("db",))),
        (b"exclude=b&exclude=a", Question(exclude=("b", "a"))),
        (b"exclude=a&exclude=b&exclude=a", Question(exclude=("a", "b"))),
        (b"exclude=a&verbose&exclude=b", Question(Form.VERBOSE, ("a", "b"))),
        (b"exclude=a,b", Question(exclude=("a,b",))),
        (b"exclude=a;exclude=b", Question(exclude=("a;exclude=b",))),
        (b"exclude=", Question(exclude=("",))),
        (b"exclude", Question(exclude=("",))),
        (b"exclude=%64b", Question(exclude=("db",))),
        (b"%65xclude=db", Question(exclude=("db",))),
        (b"exclude=a+b%20c", Question(exclude=("a b c",))),
        (b"exclude=%C3%BC", Question(exclude=("ü",))),
        (b"exclude=%0A%5B%2B%5D", Question(exclude=("\n[+]",))),
        (b"exclude=%", Question(exclude=("%",))),
        (b"exclude=%zz", Question(exclude=("%zz",))),
        (b"exclude=%ff", Question(exclude=("\N{REPLACEMENT CHARACTER}",))),
        (b"exclude==db", Question(exclude=("=db",))),
    ],
)
def test_the_query_is_read_as_the_api_server_reads_it(query: bytes, expected: Question) -> None:
    """`verbose` with any value or none, `exclude` as often as one likes, and nothing else."""
    assert _asked(query) == expected


def test_json_is_verbose_anyway() -> None:
    """Who asks for both gets JSON; what is left out is left out of it too."""
    question = _asked(b"verbose&exclude=db", b"application/json")
    assert question == Question(Form.JSON, ("db",))


def test_the_ordinary_question_is_always_the_same() -> None:
    """So that the kubelet is recognised by looking at one thing."""
    assert _asked(b"", KUBELET) is ORDINARY
    assert _asked() is ORDINARY


def test_a_scope_may_have_no_query() -> None:
    """It is optional in ASGI, and empty then."""
    scope = http_scope("/readyz")
    del scope["query_string"]
    assert question_of(scope) is ORDINARY
    scope["headers"] = [(b"accept", b"application/json")]
    assert question_of(scope) == Question(Form.JSON)


@pytest.mark.parametrize("query", [b"&" * 64_000, b"exclude=a&" * 10_000, b"%" * 64_000])
def test_a_long_query_is_read_quickly(query: bytes) -> None:
    """It is longer than any server takes."""
    began = time.thread_time()
    assert len(_asked(query).exclude) <= 1
    assert time.thread_time() - began < 1


def test_a_long_question_is_not_read() -> None:
    """Up to 4 KiB are; whoever sends more gets the plain answer, at no cost."""
    names = tuple(f"n{number:02}" for number in range(100))
    query = urlencode([("exclude", name) for name in names]).encode()
    padded = query + b"&" + b"x" * (4_096 - len(query) - 1)
    assert _asked(padded).exclude == names
    assert _asked(padded + b"x") == Question()
    assert _asked(b"", b"application/json" + b" " * (4_096 - 16)).form is Form.JSON
    assert _asked(b"", b"application/json" + b" " * (4_096 - 15)).form is Form.PLAIN


@settings(deadline=None, database=None)
@given(st.binary(max_size=200), st.lists(st.binary(max_size=100), max_size=3))
def test_garbage_is_a_question_too(query: bytes, accept: list[bytes]) -> None:
    """No bytes make a probe fail."""
    question = _asked(query, *accept)
    assert question.form in Form
    assert len(set(question.exclude)) == len(question.exclude)


@settings(deadline=None, database=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.booleans())
def test_any_names_can_be_left_out(names: list[str], verbose: bool) -> None:
    """As a client's library writes them."""
    pairs = [("exclude", name) for name in names] + [("verbose", "")] * verbose
    form = Form.VERBOSE if verbose else Form.PLAIN
    assert _asked(urlencode(pairs).encode()) == Question(form, tuple(dict.fromkeys(names)))
