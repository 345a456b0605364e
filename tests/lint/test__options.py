"""What a lint is told beside the manifests."""

from __future__ import annotations

import pytest

from healthkit.errors import ConfigError
from healthkit.lint import Options, version


@pytest.mark.parametrize("text", ["1.34", "v1.34", "1.34.2", "v1.34.0"])
def test_a_version_has_a_major_and_a_minor_number(text: str) -> None:
    """What more it has is not looked at."""
    assert version("--kube-version", text) == (1, 34)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.24", "1.38", "2.0", "1.34.1.2", "1.x", "latest", "1.\u0663\u0664", "1.0034"],
)
def test_another_version_is_refused(text: str) -> None:
    """In one line, with those that are known."""
    with pytest.raises(ConfigError) as refused:
        version("--kube-version", text)
    assert str(refused.value) == (
        f"--kube-version={text!r}: expected a Kubernetes version from 1.25 to 1.37, as in 1.34"
    )


def test_the_default_is_the_version_that_was_measured() -> None:
    """And all rules are asked, of no app."""
    options = Options()
    assert options.kube_version == (1, 36)
    assert (options.app, options.only, options.ignore) == (None, None, frozenset())
