"""Django without ASGI, in one file. ``ALLOWED_HOSTS`` stays as strict as it is.

healthkit stands in front of Django, so that its host check never sees a probe. The check of the
database runs in healthkit's own thread, with a connection of its own: no view waits for it. Run it
with ``from healthkit.wsgi import post_worker_init`` in ``gunicorn.conf.py``::

    gunicorn --chdir examples 11_django_wsgi:app
    curl http://127.0.0.1:8000/readyz/database
"""

# Django has no types of its own:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, cast

from django.conf import settings  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.db import connection  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

from healthkit import Health
from healthkit.wsgi import HealthMiddleware

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

settings.configure(
    ALLOWED_HOSTS=["shop.example"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(),
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)

health = Health()


@health.check(interval=5, required=False)
def database() -> None:
    """Ask the database. All pods share it: it is told, and takes none of them out."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")


def hello(_request: HttpRequest) -> HttpResponse:
    """Say hello, to those who know the host's name."""
    return HttpResponse(b"hello\n", content_type="text/plain")


urlpatterns = [path("", hello)]

app = HealthMiddleware(cast("WSGIApplication", get_wsgi_application()), health=health)
