"""gunicorn's configuration for the WSGI endings: the gate is closed once the worker is there."""

from __future__ import annotations

import importlib

post_worker_init = importlib.import_module("healthkit.wsgi").post_worker_init
