"""Who and what the authorization server knows. Plain data; the demo reads it too."""

from __future__ import annotations

import os
from typing import Any

__all__ = [
    "API",
    "CLIENTS",
    "PAGE_SECONDS",
    "PASSWORD",
    "REDIRECT_URI",
    "SECRETS",
    "USERS",
    "context",
]

API = "https://orders.example/"
REDIRECT_URI = "http://127.0.0.1/callback"
# On any port, as RFC 8252 section 7.3 has it for loopback addresses.
PAGE = "http://127.0.0.1/"
PAGE_SECONDS = int(os.environ.get("EXAMPLE_TOKEN_SECONDS", "90"))

USERS = ("alice", "bob", "carol")
PASSWORD = "correct horse battery staple"

_WEB: dict[str, Any] = {
    "type": "public",
    "grant_types": "authorization_code",
    "redirect_uris": REDIRECT_URI,
    "scopes": "openid\norders:read\norders:write\norders:import\norders:admin",
}
CLIENTS: tuple[dict[str, Any], ...] = (
    {
        **_WEB,
        "id": "orders-web",
        "name": "Orders in the browser",
        "data": {"id_token_audience": API},
    },
    {
        **_WEB,
        "id": "orders-web-yesterday",
        "name": "A browser that kept its token for a day",
        "data": {"access_token_age": 86400},
    },
    {
        "id": "orders-page",
        "name": "Orders",
        "type": "public",
        "grant_types": "authorization_code\nrefresh_token",
        "redirect_uris": PAGE,
        "scopes": "openid\nprofile\norders:read\norders:write\norders:admin",
        "data": {
            # Short enough to watch one expire.
            "access_token_seconds": PAGE_SECONDS,
            "client_metadata": {"post_logout_redirect_uris": [PAGE]},
        },
    },
    {
        "id": "orders-importer",
        "name": "The nightly import",
        "type": "confidential",
        "grant_types": "client_credentials",
        "scopes": "orders:read\norders:import",
    },
    {
        # It asks about the tokens that it is sent; a grant and a scope must be named.
        "id": "orders-api",
        "name": "The API itself",
        "type": "confidential",
        "grant_types": "client_credentials",
        "scopes": "openid",
    },
)
SECRETS = {
    "orders-importer": "orders-importer-secret",
    "orders-api": "orders-api-secret",
}


def context(request: object) -> dict[str, Any]:
    """Let the login page tell whom one may sign in as, the consent page where."""
    return {
        "seeded_users": USERS,
        "seeded_password": PASSWORD,
        "named_site": {"name": "demo"},
    }
