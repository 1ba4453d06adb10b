"""Who and what the authorization server knows. Plain data; the demo reads it too."""

from __future__ import annotations

from typing import Any

__all__ = ["API", "CLIENTS", "PASSWORD", "REDIRECT_URI", "SECRETS", "USERS"]

API = "https://orders.example/"
REDIRECT_URI = "http://127.0.0.1/callback"

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
        "id": "orders-importer",
        "name": "The nightly import",
        "type": "confidential",
        "grant_types": "client_credentials",
        "scopes": "orders:read\norders:import",
    },
)
SECRETS = {"orders-importer": "orders-importer-secret"}
