"""Django in one file. ``ALLOWED_HOSTS`` stays as strict as it is.

The kubelet asks by the pod's address, which no ``ALLOWED_HOSTS`` names. healthkit stands in front
of Django, so that its host check never sees a probe. Run it, and compare ``/livez`` with ``/``::

    uvicorn --app-dir examples 03_django:app
"""

# Django has no types of its own:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, cast

from django.conf import settings  # type: ignore[import-untyped]
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp

settings.configure(
    ALLOWED_HOSTS=["shop.example"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(),
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)


async def hello(_request: HttpRequest) -> HttpResponse:
    """Say hello, to those who know the host's name."""
    return HttpResponse(b"hello\n", content_type="text/plain")


urlpatterns = [path("", hello)]

health = Health()
app = HealthMiddleware(cast("ASGIApp", get_asgi_application()), health=health)
