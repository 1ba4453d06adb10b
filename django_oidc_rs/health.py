"""How the issuers' keys stand: for probes, dashboards and alerts. Asks no issuer."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .core.keys import KeyStatus
from .decorators import access_token_not_required
from .wiring import get_resource_server

__all__ = ["Health", "IssuerHealth", "status", "view"]

_WORST_FIRST = ("no_keys", "stale", "healthy")


@dataclass(frozen=True, slots=True)
class IssuerHealth:
    """One issuer's alias and identifier, and how its keys stand."""

    alias: str
    issuer: str
    keys: KeyStatus


@dataclass(frozen=True, slots=True)
class Health:
    """How the keys of all issuers stand, in the order of the settings."""

    issuers: tuple[IssuerHealth, ...]

    @property
    def state(self) -> str:
        """``"no_keys"``, ``"stale"`` or ``"healthy"``: the worst of all issuers."""
        states = {each.keys.state for each in self.issuers}
        return next(state for state in _WORST_FIRST if state in states)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: no key, no secret, times in whole seconds."""
        return {
            "state": self.state,
            "issuers": [
                {"alias": each.alias, "issuer": each.issuer, **_rounded(each.keys)}
                for each in self.issuers
            ],
        }


def _rounded(keys: KeyStatus) -> dict[str, Any]:
    # Up: 0 is "with the next request".
    return {
        name: math.ceil(value) if isinstance(value, float) else value
        for name, value in asdict(keys).items()
    }


def status() -> Health:
    """Return how the keys of every issuer stand, as this process sees them.

    Reads the key store where this process has nothing fresh; never the network.

    Raises:
        ImproperlyConfigured: ``OIDC_RS`` has errors.
    """
    return Health(
        tuple(
            IssuerHealth(
                alias=validator.policy.alias,
                issuer=validator.policy.issuer,
                keys=validator.keys.status(),
            )
            for validator in get_resource_server().validators
        )
    )


@access_token_not_required
@never_cache
@require_safe
def view(request: HttpRequest) -> HttpResponse:
    """Answer ``status()`` as JSON: 503 if an issuer has no keys, else 200.

    Opt in by adding it to your URLs. It needs no token and tells issuers and error
    codes: put it where your probes reach it and others do not.
    """
    del request
    health = status()
    code = 503 if health.state == "no_keys" else 200
    return JsonResponse(health.as_dict(), status=code)
