"""Which Pod it is, by the environment and the ServiceAccount's volume."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from healthkit._gate_pod import found, has_token, is_outside
from healthkit.errors import KubernetesError

if TYPE_CHECKING:
    from pathlib import Path

HERE = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "6443",
    "POD_NAME": "shop-1",
    "POD_NAMESPACE": "shop",
    "HOSTNAME": "host",
}


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({}, "https://10.96.0.1:6443/api/v1/namespaces/shop/pods/shop-1/status"),
        (
            {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT_HTTPS": "443"},
            "https://[fd00::1]:443/api/v1/namespaces/shop/pods/shop-1/status",
        ),
        (
            {"KUBERNETES_SERVICE_PORT": "", "POD_NAME": "", "POD_NAMESPACE": ""},
            "https://10.96.0.1:443/api/v1/namespaces/of-the-account/pods/host/status",
        ),
    ],
)
def test_the_environment_tells_the_url(more: dict[str, str], url: str, tmp_path: Path) -> None:
    """The downward API first; else the host's name, and the account's namespace."""
    (tmp_path / "namespace").write_text("of-the-account\n")
    assert found(HERE | more, tmp_path).url == url


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"POD_NAME": "../../secrets"}, "^POD_NAME='../../secrets': expected the Pod's name: set"),
        ({"POD_NAME": "", "HOSTNAME": ""}, "^POD_NAME='': expected"),
        ({"POD_NAME": "a" * 254}, "^POD_NAME="),
        ({"POD_NAMESPACE": "Shop"}, "^POD_NAMESPACE='Shop': expected"),
        ({"POD_NAMESPACE": ""}, "namespace .*: expected the ServiceAccount's volume"),
        ({"KUBERNETES_SERVICE_PORT": "https"}, "^KUBERNETES_SERVICE_PORT='https': expected a port"),
        ({"KUBERNETES_SERVICE_HOST": "a@b"}, "^KUBERNETES_SERVICE_HOST='a@b': expected the API"),
    ],
)
def test_what_can_t_be_is_refused(more: dict[str, str], message: str, tmp_path: Path) -> None:
    """In one line, with what to do."""
    with pytest.raises(KubernetesError, match=message) as raised:
        found(HERE | more, tmp_path)
    assert "\n" not in str(raised.value)


def test_outside_is_where_no_kubelet_says_otherwise(tmp_path: Path) -> None:
    """The variable, and then the token."""
    assert is_outside({})
    assert not is_outside(HERE)
    assert not has_token(tmp_path)


def test_the_token_is_read_anew_each_time(tmp_path: Path) -> None:
    """What it holds is never shown."""
    pod = found(HERE, tmp_path)
    with pytest.raises(
        KubernetesError, match="can't read .*: expected the ServiceAccount's volume"
    ):
        pod.token()
    token = tmp_path / "token"
    token.write_text("one\n")
    assert pod.token() == "one"
    token.write_text("two")
    assert pod.token() == "two"
    for bad in ("", "se cret", "se\ncret", "sécret"):
        token.write_text(bad)
        with pytest.raises(KubernetesError) as raised:
            pod.token()
        assert "cret" not in str(raised.value)


def test_a_ca_that_is_none_is_refused(tmp_path: Path) -> None:
    """Missing or broken: one line. Nothing else is trusted instead."""
    pod = found(HERE, tmp_path)
    for _ in range(2):
        with pytest.raises(KubernetesError, match="ca.crt .*expected the cluster's CA"):
            pod.trust()
        (tmp_path / "ca.crt").write_text("nonsense")


def test_chain_and_name_are_checked_and_key_identifiers_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python did before 3.13: the CAs of many clusters have no such extension."""

    def created(cafile: Path) -> ssl.SSLContext:
        assert cafile == tmp_path / "ca.crt"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", created)
    context = found(HERE, tmp_path).trust()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
