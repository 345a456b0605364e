"""The app of `pod_app`, or Flask's, with the ServiceAccount's volume where ``ACCOUNT`` says.

The gate itself is switched on by the environment alone, as the chart does it.
"""

from __future__ import annotations

import os

from healthkit import _gate_pod

setattr(_gate_pod, "ACCOUNT", os.environ["ACCOUNT"])  # noqa: B010  # it is Final, but for tests

if os.environ.get("KIND") == "wsgi":
    from tests.integration.wsgi_flask import app
else:
    from tests.integration.pod_app import app  # type: ignore[assignment]

__all__ = ["app"]
