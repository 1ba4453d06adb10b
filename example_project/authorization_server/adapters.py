"""What this authorization server does otherwise than django-allauth by default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from allauth.account.adapter import DefaultAccountAdapter
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.internal.private_keys import filter_keys
from allauth.idp.oidc.models import Client, PrivateKey
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from . import signing_keys

__all__ = ["AccountAdapter", "OIDCAdapter"]


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up here: the users are seeded."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False."""
        return False


class OIDCAdapter(DefaultOIDCAdapter):
    """Keys from ``signing_keys``, and peculiarities that a client can ask for.

    ``Client.data`` may hold ``access_token_seconds``: how long its access tokens live;
    ``access_token_age``: they are dated back by so many seconds; and
    ``id_token_audience``: added to ``aud`` of its ID tokens.
    """

    scope_display = {
        **DefaultOIDCAdapter.scope_display,
        "orders:read": "Read your orders",
        "orders:write": "Place and change orders",
        "orders:import": "Import orders",
        "orders:admin": "See the orders of everybody",
    }

    def list_private_keys(
        self,
        *,
        did_activate: Literal[True] | None = None,
        is_active: Literal[True] | None = None,
    ) -> list[PrivateKey]:
        """Return the keys of the signing key directory."""
        return filter_keys(
            signing_keys.published(), did_activate=did_activate, is_active=is_active
        )

    def populate_access_token(
        self,
        access_token: dict[str, Any],
        *,
        client: Client,
        scopes: Iterable[str],
        user: AbstractBaseUser | None,
        **kwargs: Any,
    ) -> None:
        """Shorten the token's life, or date it back, if its client is registered so."""
        lifetime = settings.IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN.of(client)
        access_token["exp"] = access_token["iat"] + lifetime
        age = (client.data or {}).get("access_token_age", 0)
        access_token["iat"] -= age
        access_token["exp"] -= age

    def populate_id_token(
        self,
        id_token: dict[str, Any],
        client: Client,
        scopes: Iterable[str],
        **kwargs: Any,
    ) -> None:
        """Name the API in ``aud`` as well, as some issuers do, if so registered."""
        audience = (client.data or {}).get("id_token_audience")
        if audience:
            id_token["aud"] = [client.id, audience]
