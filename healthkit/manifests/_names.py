"""How Kubernetes lets things be called: one function per rule, which returns what is wrong.

The rules and their words are those of kubernetes 1.36 apimachinery: pkg/api/validate/content
(kube.go, dns.go, errors.go) and pkg/util/validation/validation.go. Lengths are in bytes there.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

_NOT_EMPTY: Final = "must be non-empty"
_PORTS: Final = 65_535

#: What is wrong with a name; None if nothing is.
Problem: TypeAlias = "str | None"

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_LETTER_FIRST: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_HEADER: Final = "[-A-Za-z0-9]+"
_PERCENT: Final = "[0-9]+%"

_LABEL_RULE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_LETTER_FIRST_RULE: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character"
)
_KEY_RULE: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
_VALUE_RULE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character"
)
_HEADER_RULE: Final = "a valid HTTP header must consist of alphanumeric characters or '-'"
_PERCENT_RULE: Final = "a valid percent string must be a numeric string followed by an ending '%'"
_VARIABLE_RULE: Final = (
    "a valid environment variable name must consist only of "
    "printable ASCII characters other than '='"
)


def dns_label(name: str) -> Problem:
    """Containers, namespaces (IsDNS1123Label)."""
    if too_long := _longer(name, 63):
        return too_long
    if re.fullmatch(_LABEL, name):
        return None
    if re.fullmatch(_SUBDOMAIN, name):
        return "must not contain dots"
    return _breaks(_LABEL_RULE, _LABEL, "my-name", "123-abc")


def dns_1035_label(name: str) -> Problem:
    """Services (IsDNS1035Label), but for RelaxedServiceNameValidation (KEP-5311, beta in 1.36)."""
    if too_long := _longer(name, 63):
        return too_long
    if _fits(_LETTER_FIRST, name):
        return None
    return _breaks(_LETTER_FIRST_RULE, _LETTER_FIRST, "my-name", "abc-123")


def dns_subdomain(name: str) -> Problem:
    """Most objects (IsDNS1123Subdomain)."""
    if too_long := _longer(name, 253):
        return too_long
    return None if _fits(_SUBDOMAIN, name) else _breaks(_SUBDOMAIN_RULE, _SUBDOMAIN, "example.com")


def label_key(name: str) -> Problem:
    """Keys of labels and annotations, condition types (IsLabelKey, once IsQualifiedName)."""
    prefix, slash, rest = name.rpartition("/")
    if "/" in prefix:
        rule = _breaks(f"a valid label key {_KEY_RULE}", _KEY, "MyName", "my.name", "123-abc")
        return f"{rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
    problem = _NOT_EMPTY if slash and not prefix else dns_subdomain(prefix) if slash else None
    if problem is not None:
        return f"prefix part {problem}"
    problem = _key_name(rest)
    return None if problem is None else f"name part {problem}"


def _key_name(name: str) -> Problem:
    if not name:
        return _NOT_EMPTY
    if too_long := _longer(name, 63):
        return too_long
    return None if _fits(_KEY, name) else _breaks(_KEY_RULE, _KEY, "MyName", "my.name", "123-abc")


def label_value(value: str) -> Problem:
    """Values of labels (IsLabelValue)."""
    if too_long := _longer(value, 63):
        return too_long
    if not value or _fits(_KEY, value):
        return None
    return _breaks(_VALUE_RULE, f"({_KEY})?", "MyValue", "my_value", "12345")


def port_name(name: str) -> Problem:
    """Names of ports: RFC 6335's service names, in lower case (IsValidPortName)."""
    if too_long := _longer(name, 15):
        return too_long
    if not _fits("[-a-z0-9]+", name):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", name):
        return "must contain at least one letter (a-z)"
    if "--" in name:
        return "must not contain consecutive hyphens"
    if name.startswith("-") or name.endswith("-"):
        return "must not begin or end with a hyphen"
    return None


def port_number(number: int) -> Problem:
    """Numbers of ports (IsValidPortNum)."""
    return None if 1 <= number <= _PORTS else f"must be between 1 and {_PORTS}, inclusive"


def port(found: int | str) -> Problem:
    """A port by number or by name (ValidatePortNumOrName)."""
    return port_number(found) if isinstance(found, int) else port_name(found)


def header(name: str) -> Problem:
    """Names of HTTP headers (IsHTTPHeaderName)."""
    return None if _fits(_HEADER, name) else _breaks(_HEADER_RULE, _HEADER, "X-Header-Name")


def percent(text: str) -> Problem:
    """Percentages (IsValidPercent)."""
    return None if _fits(_PERCENT, text) else _breaks(_PERCENT_RULE, _PERCENT, "1%", "93%")


def variable(name: str) -> Problem:
    """Names of environment variables (IsRelaxedEnvVarName)."""
    return None if _fits("[ -<>-~]+", name) else _VARIABLE_RULE


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def _longer(text: str, most: int) -> Problem:
    return (
        f"must be no more than {most} bytes" if len(text.encode(errors="replace")) > most else None
    )


def _breaks(rule: str, pattern: str, *examples: str) -> str:
    shown = "".join(f"'{one}', or " for one in examples).removesuffix("or ")
    return f"{rule} (e.g. {shown}regex used for validation is '{pattern}')"
