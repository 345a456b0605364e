"""Where the readiness gate is: the API server's address, this Pod's name, and its credentials.

Owns what is read of the environment and of the ServiceAccount's volume, and what is refused of it.
The files are read anew for each patch, for the kubelet replaces them: a bound token when four
fifths of its hour are over, ``ca.crt`` when the cluster's CA changes (kubernetes.io, "Managing
Service Accounts", "Bound service account token volume mechanism"). The reads block, and are done in
the gate's own thread.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit import _validate
from healthkit.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Where the kubelet mounts what the ServiceAccount admission adds to a pod.
ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"

_HOST: Final = "KUBERNETES_SERVICE_HOST"
_PORTS: Final = ("KUBERNETES_SERVICE_PORT_HTTPS", "KUBERNETES_SERVICE_PORT")
_DEFAULT_PORT: Final = "443"

#: A DNS subdomain, as a Pod's name is, and a namespace's: it stands in a path.
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.:_-]{1,253}", re.ASCII)
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
#: What may stand behind ``Bearer`` (RFC 6750, 2.1).
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


@dataclass(frozen=True, slots=True)
class InPod:
    """One Pod, and how to get at its status."""

    #: Where its status is patched.
    url: str
    name: str
    namespace: str
    #: The directory of the credentials.
    account: Path

    def token(self) -> str:
        """Read the token of now.

        Raises:
            KubernetesError: it can't be read, or is none. The message does not show it.
        """
        text = _read(self.account / "token")
        if _TOKEN.fullmatch(text) is None:
            message = f"{self.account / 'token'} holds {len(text)} characters that are no token"
            raise KubernetesError(f"{message}: expected what the kubelet writes there")
        return text

    def trust(self) -> ssl.SSLContext:
        """Return what trusts the cluster's CA of now, and nobody else.

        Not strictly by RFC 5280, as Python is by default since 3.13: the CAs of many clusters have
        no key identifiers (kubernetes-client/python issue 2394). Chain, dates and names are checked
        all the same.

        Raises:
            KubernetesError: it can't be read, or is none.
        """
        path = self.account / "ca.crt"
        try:
            context = ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as exc:  # an SSLError is an OSError
            message = f"can't use {path} ({type(exc).__name__}): expected the cluster's CA"
            raise KubernetesError(message) from exc
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def is_outside(environ: Mapping[str, str]) -> bool:
    """Whether this is no pod of a cluster: the kubelet sets the variable in every container."""
    return not environ.get(_HOST)


def has_token(account: Path) -> bool:
    """Whether there is a token. May block."""
    return os.path.exists(account / "token")  # noqa: PTH110  # Path's own may raise before 3.14


def found(environ: Mapping[str, str], account: Path) -> InPod:
    """Return this Pod.

    Args:
        environ: the environment: ``POD_NAME`` and ``POD_NAMESPACE`` by the downward API, else the
            host's name and the account's namespace.
        account: the directory of the credentials.

    Raises:
        KubernetesError: the environment does not tell.
    """
    host = _checked(_HOST, environ.get(_HOST, ""), _ADDRESS, "the API server's address")
    port = next((environ[name] for name in _PORTS if environ.get(name)), _DEFAULT_PORT)
    port = _checked(_PORTS[-1], port, _PORT, "a port")
    name = environ.get("POD_NAME") or environ.get("HOSTNAME", "")
    expected = "the Pod's name: set POD_NAME by the downward API (fieldPath: metadata.name)"
    name = _checked("POD_NAME", name, _NAME, expected)
    namespace = environ.get("POD_NAMESPACE") or _read(account / "namespace")
    expected = "the namespace: set POD_NAMESPACE by the downward API (metadata.namespace)"
    namespace = _checked("POD_NAMESPACE", namespace, _NAME, expected)
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    url = f"{server}/api/v1/namespaces/{namespace}/pods/{name}/status"
    return InPod(url, name, namespace, account)


def _checked(what: str, value: str, pattern: re.Pattern[str], expected: str) -> str:
    if pattern.fullmatch(value) is None:
        raise KubernetesError(f"{what}={_validate.shown(value)}: expected {expected}")
    return value


def _read(path: Path) -> str:
    """Return what a small file says."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as exc:
        found = getattr(exc, "strerror", None) or type(exc).__name__
        expected = "the ServiceAccount's volume: automountServiceAccountToken: true"
        raise KubernetesError(f"can't read {path} ({found}): expected {expected}") from exc
