"""Refusals as REST framework exceptions.

They derive from ``APIException`` and not from ``AuthenticationFailed``: REST framework
turns the latter's 401 into 403 when another class stands first.
"""

from __future__ import annotations

from rest_framework.exceptions import APIException

from ..core.errors import ResourceServerError, TemporarilyUnavailable
from ..responses import challenge_for

__all__ = ["CredentialsRequired", "Refused"]


class Refused(APIException):
    """Any refusal of credentials or of scope: 400, 401, 403 or 503.

    ``auth_header`` and ``wait`` are what REST framework's exception handler turns into
    ``WWW-Authenticate`` and ``Retry-After``.
    """

    def __init__(self, error: ResourceServerError, scope: str | None = None) -> None:
        """Take status, code and challenge from ``error``."""
        self.status_code = error.status
        code = error.error or "temporarily_unavailable"
        super().__init__({"detail": error.description, "code": code}, code)
        self.error = error
        challenge = challenge_for(error, scope)
        if challenge is not None:
            self.auth_header = challenge
        if isinstance(error, TemporarilyUnavailable):
            self.wait = error.retry_after


class CredentialsRequired(APIException):
    """No credentials at all: 401 with a challenge that carries no error code."""

    status_code = 401

    def __init__(self, scope: str | None = None) -> None:
        """Name the ``scope`` the view wants, where it wants one."""
        super().__init__(
            {"detail": "An access token is required.", "code": "not_authenticated"},
            "not_authenticated",
        )
        self.auth_header = challenge_for(None, scope) or ""
