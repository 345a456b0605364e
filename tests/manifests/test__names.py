"""How Kubernetes lets things be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit.manifests import _names
from healthkit.manifests._names import (
    dns_1035_label,
    dns_label,
    dns_subdomain,
    header,
    label_key,
    label_value,
    percent,
    port,
    port_name,
    port_number,
    variable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._names import Problem

GOOD: list[tuple[Callable[[str], Problem], list[str]]] = [
    (dns_label, ["a", "0", "my-name", "123-abc", "a" * 63]),
    (dns_1035_label, ["a", "my-name", "abc-123", "a" * 63]),
    (dns_subdomain, ["a", "a.b-c.d", "a" * 253]),
    (label_key, ["a", "A_b.c-d", "example.com/MyName", "a" * 63, "a/" + "b" * 63]),
    (label_value, ["", "a", "v1.2_3-x", "1" * 63]),
    (port_name, ["http", "a", "a-b-c", "8080a", "a" * 15]),
    (header, ["X-Header-Name", "-", "5"]),
    (percent, ["0%", "25%", "1000%"]),
    (variable, ["A", "a.b-c", "1 2", "~"]),
]

BAD: list[tuple[Callable[[str], Problem], str, str]] = [
    (dns_label, "", "a lowercase RFC 1123 label must consist of"),
    (dns_label, "Web", "a lowercase RFC 1123 label must consist of"),
    (dns_label, "web_1", "a lowercase RFC 1123 label must consist of"),
    (dns_label, "-a", "a lowercase RFC 1123 label must consist of"),
    (dns_label, "a-", "a lowercase RFC 1123 label must consist of"),
    (dns_label, "a\n", "a lowercase RFC 1123 label must consist of"),
    (dns_label, "a.b", "must not contain dots"),
    (dns_label, "a" * 64, "must be no more than 63 bytes"),
    (dns_1035_label, "", "a DNS-1035 label must consist of"),
    (dns_1035_label, "1a", "a DNS-1035 label must consist of"),
    (dns_1035_label, "a\n", "a DNS-1035 label must consist of"),
    (dns_1035_label, "a" * 64, "must be no more than 63 bytes"),
    (dns_subdomain, "a..b", "a lowercase RFC 1123 subdomain must consist of"),
    (dns_subdomain, "A", "a lowercase RFC 1123 subdomain must consist of"),
    (dns_subdomain, "a" * 254, "must be no more than 253 bytes"),
    (label_key, "", "name part must be non-empty"),
    (label_key, "a/", "name part must be non-empty"),
    (label_key, "/a", "prefix part must be non-empty"),
    (label_key, "A/a", "prefix part a lowercase RFC 1123 subdomain must consist of"),
    (label_key, "a/b/c", "a valid label key must consist of"),
    (label_key, "a" * 64, "name part must be no more than 63 bytes"),
    (label_key, "a b", "name part must consist of alphanumeric characters"),
    (label_value, "a b", "a valid label must be an empty string or consist of"),
    (label_value, "-", "a valid label must be an empty string or consist of"),
    (label_value, "ü" * 32, "must be no more than 63 bytes"),
    (port_name, "", "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
    (port_name, "HTTP", "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
    (port_name, "1:30", "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
    (port_name, "8080", "must contain at least one letter (a-z)"),
    (port_name, "a--b", "must not contain consecutive hyphens"),
    (port_name, "-a", "must not begin or end with a hyphen"),
    (port_name, "a-", "must not begin or end with a hyphen"),
    (port_name, "a" * 16, "must be no more than 15 bytes"),
    (header, "", "a valid HTTP header must consist of"),
    (header, "X_Y", "a valid HTTP header must consist of"),
    (percent, "25", "a valid percent string must be a numeric string followed by an ending '%'"),
    (percent, "-1%", "a valid percent string must be a numeric string followed by"),
    (percent, "2.5%", "a valid percent string must be a numeric string followed by"),
    (percent, "%", "a valid percent string must be a numeric string followed by"),
    (variable, "a=b", "a valid environment variable name must consist only of printable ASCII"),
    (variable, "ä", "a valid environment variable name must consist only of printable ASCII"),
    (variable, "a\t", "a valid environment variable name must consist only of printable ASCII"),
]


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, names in GOOD for name in names])
def test_good_names_are_let_through(rule: Callable[[str], Problem], name: str) -> None:
    """Up to the longest of them."""
    assert rule(name) is None


@pytest.mark.parametrize(("rule", "name", "problem"), BAD)
def test_bad_names_are_told_why(rule: Callable[[str], Problem], name: str, problem: str) -> None:
    """The first reason that the API server gives."""
    assert (rule(name) or "").startswith(problem)


def test_a_rule_is_told_with_its_expression() -> None:
    """And with names that fit it."""
    assert dns_label("A") == (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
        "must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    )
    assert label_key("a/b/c") == (
        "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must "
        "start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', "
        "regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an "
        "optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
    )


@pytest.mark.parametrize("number", [1, 80, 65_535])
def test_ports_have_sixteen_bits(number: int) -> None:
    """All of them but 0."""
    assert port_number(number) is None
    assert port(number) is None
    assert port("http") is None


@pytest.mark.parametrize("number", [-1, 0, 65_536])
def test_other_numbers_are_no_ports(number: int) -> None:
    """0 is what a port that was left out has become."""
    assert port(number) == "must be between 1 and 65535, inclusive"
    assert port("") == port_name("")


@given(st.text(max_size=300), st.sampled_from([rule for rule, _ in GOOD]))
def test_every_name_is_judged(name: str, rule: Callable[[str], Problem]) -> None:
    """At once, whatever is in it."""
    assert rule(name) is None or rule(name)


@given(st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True))
def test_a_label_is_a_subdomain(name: str) -> None:
    """And a subdomain without a dot is a label."""
    assert (dns_label(name) is None) == (dns_subdomain(name) is None and "." not in name)
    assert _names.label_value(name) is None or dns_subdomain(name) is not None
