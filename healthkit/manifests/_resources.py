"""What containers ask for and may use: cpu, memory and others, by their names.

The rules are those of kubernetes 1.36 pkg/apis/core/validation/validation.go
(ValidateContainerResourceRequirements). Names of resources are not looked at, and neither are huge
pages, devices and claims: which of them there are is the cluster's to say.

The surprising fact: a number without quotes is a quantity like any other (``cpu: 1``); the API
server writes it down as a string.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.manifests._quantity import quantity
from healthkit.manifests._spec import Resources

if TYPE_CHECKING:
    from healthkit.manifests._fields import Fields

#: Those of which a request may be less than its limit, and may not be more.
_OVERCOMMITTED: Final = ("cpu", "memory", "ephemeral-storage")


def resources(fields: Fields) -> Resources:
    """Return what a container, or a pod as a whole, asks for and may use."""
    for name in ("limits", "requests"):
        for resource, text in fields.table(name).items():
            if quantity(text) < 0:
                spot = fields / name / resource
                raise spot.invalid(text, "must be greater than or equal to 0")
    found = Resources(fields.table("requests"), fields.table("limits"))
    _within(fields, found)
    return found


def _within(fields: Fields, found: Resources) -> None:
    """Refuse a request for more than the limit."""
    for name in _OVERCOMMITTED:
        request, limit = found.requests.get(name), found.limits.get(name)
        if request and limit and quantity(request) > quantity(limit):
            rule = f"must be less than or equal to {name} limit of {limit}"
            spot = fields / "requests"
            raise (spot / name).invalid(request, rule, named=spot)
