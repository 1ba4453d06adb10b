"""How long access tokens live."""

from __future__ import annotations

from typing import Any

__all__ = ["Lifetime"]


class Lifetime(int):
    """Seconds; fewer for a client whose ``Client.data`` holds ``access_token_seconds``.

    django-allauth adds it to the time of day, and oauthlib calls it with its request to
    tell the client ``expires_in``: both must come to the same.
    """

    def of(self, client: Any) -> int:
        """Return the lifetime of this client's access tokens."""
        return (client.data or {}).get("access_token_seconds", int(self))

    def __call__(self, request: Any) -> int:
        """Return the lifetime of the access token that ``request`` asks for."""
        return self.of(request.client)
