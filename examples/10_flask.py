"""Flask: wrap the WSGI application. The warm-up begins before the worker's first request.

One line in ``gunicorn.conf.py`` begins it, and has SIGTERM held back until the drain is over::

    from healthkit.wsgi import post_worker_init

Run it with that line, ask while it warms up, then send SIGTERM to gunicorn::

    gunicorn --chdir examples --threads 4 10_flask:app
    curl 'http://127.0.0.1:8000/readyz?verbose'
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import Flask

from healthkit import Health
from healthkit.wsgi import HealthMiddleware

if TYPE_CHECKING:
    from healthkit import Progress

#: Seconds that a price takes to be read.
READING = 0.02

health = Health()
web = Flask(__name__)
prices: dict[int, int] = {}


@health.warmup(timeout=60)
def price_list(progress: Progress) -> None:
    """Read the prices: in a thread of healthkit's, while the port is open."""
    for number in range(20):
        time.sleep(READING)
        prices[number] = 100 + number
        progress(len(prices), 20)


@web.get("/prices/<int:number>")
def price(number: int) -> str:
    """Say a price."""
    return f"{prices.get(number, 0)} cents\n"


app = HealthMiddleware(web.wsgi_app, health=health)
