"""A readiness gate: what ``/readyz`` says, as a condition of the Pod. It runs alone.

A small API server is started here, the app is in a pod of it, and each patch is printed::

    python examples/16_readiness_gate.py

In a cluster all of this but the gate itself is Kubernetes' part; see "A readiness gate" in the
README for the Role. It needs openssl, for the server's certificate.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from healthkit import Health, HealthMiddleware
from healthkit.kubernetes import ReadinessGate

#: Where the kubelet mounts token and CA. In a pod nobody has to say it.
account = Path(tempfile.mkdtemp())

health = Health(drain_delay=0)
gate = ReadinessGate(health, condition="shop.example/cache-warm", account=account)


@health.warmup
async def catalogue() -> None:
    """Stand for reading it."""
    await asyncio.sleep(0.5)


app = Starlette(middleware=[Middleware(HealthMiddleware, health=health)])


class Api(BaseHTTPRequestHandler):
    """Takes patches, and prints them."""

    def do_PATCH(self) -> None:
        """Print the condition."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        (said,) = json.loads(body)["status"]["conditions"]
        print(f"{said['type']} is {said['status']}: {said['message']}", flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's
        """Print nothing else."""


def api_server() -> HTTPServer:
    """Start an API server, and be in a pod of its cluster."""
    certificate = account / "ca.crt"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=api"
    command += f" -addext subjectAltName=IP:127.0.0.1 -keyout {account}/key -out {certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)  # noqa: S603  # as above
    (account / "token").write_text("a-token")
    server = HTTPServer(("127.0.0.1", 0), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, account / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = {"HOST": "127.0.0.1", "PORT": str(server.server_port)}
    os.environ.update({f"KUBERNETES_SERVICE_{name}": value for name, value in here.items()})
    os.environ.update({"POD_NAME": "shop-1", "POD_NAMESPACE": "shop"})
    return server


def main() -> None:
    """Live a short life."""
    server = api_server()
    with TestClient(app) as client:
        while client.get("/readyz").status_code != HTTPStatus.OK:
            time.sleep(0.1)
        while "published True" not in repr(gate):
            time.sleep(0.1)
        health.drain()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
