"""What a user writes into ``gunicorn.conf.py``."""

from healthkit.wsgi import post_worker_init

__all__ = ["post_worker_init"]
