"""force_access_token: requests of a test client carry a verified token, no crypto."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest

from ..conf import get_config
from ..core.access_token import AccessToken
from ..core.issuers import IssuerPolicy
from ..core.scopes import scope_tokens
from ..core.strict_json import freeze
from ..outcome import preset
from ..token_user import TokenUser

__all__ = ["access_token", "force_access_token", "unforce_access_token"]


def access_token(
    *,
    scopes: Iterable[str] = (),
    subject: str | None = "test-subject",
    issuer: str | None = None,
    client_id: str | None = "test-client",
    claims: Mapping[str, object] | None = None,
    is_machine: bool | None = None,
) -> AccessToken:
    """Return an ``AccessToken`` as the validator would.

    Args:
        scopes: the scopes granted.
        subject: None makes it a machine's token.
        issuer: an alias of ``ISSUERS``, or an identifier; the first by default.
        client_id: the client.
        claims: further claims; they do not change what the arguments say.
        is_machine: by default, whether there is no subject, or it equals the client.

    Raises:
        ValueError: ``OIDC_RS`` has no such issuer, or there is neither subject nor
            client, which no validator lets through.
    """
    if isinstance(scopes, str):
        raise TypeError("scopes must be a list or tuple of strings, not a string")
    if subject is None and client_id is None:
        raise ValueError("name a subject or a client_id")
    policy = _policy(issuer)
    now = int(time.time())
    audience = tuple(sorted(policy.audience))
    granted = scope_tokens(scopes)
    made = freeze(
        {
            "iss": policy.issuer,
            "aud": list(audience),
            "iat": now,
            "exp": now + 300,
            **({"sub": subject} if subject else {}),
            **({"client_id": client_id} if client_id else {}),
            **({"scope": " ".join(sorted(granted))} if granted else {}),
            **(claims or {}),
        }
    )
    return AccessToken(
        issuer=policy.issuer,
        issuer_alias=policy.alias,
        subject=subject,
        audience=audience,
        client_id=client_id,
        scopes=granted,
        issued_at=now,
        expires_at=now + 300,
        token_id=None,
        claims=made,
        confirmation=None,
        validated_by="test",
        is_machine=(subject in (None, client_id) if is_machine is None else is_machine),
    )


def _policy(issuer: str | None) -> IssuerPolicy:
    policies = get_config().issuers
    for policy in policies:
        if issuer in (None, policy.alias, policy.issuer):
            return policy
    known = ", ".join(policy.alias for policy in policies)
    raise ValueError(f"no issuer {issuer!r} in OIDC_RS; there are: {known}")


def force_access_token(
    client: Any,
    user: Any = None,
    *,
    scopes: Iterable[str] = (),
    subject: str | None = "test-subject",
    issuer: str | None = None,
    client_id: str | None = "test-client",
    claims: Mapping[str, object] | None = None,
    is_machine: bool | None = None,
) -> AccessToken:
    """Let every request of ``client`` carry a verified access token.

    No cryptography, no issuer, no query. The token travels on the request object, where
    no header can reach.

    Args:
        client: Django's ``Client`` or ``AsyncClient``, REST framework's ``APIClient``,
            or a request of a ``RequestFactory``.
        user: ``request.user``; without one a ``TokenUser``.
        scopes, subject, issuer, client_id, claims, is_machine: see ``access_token``.
    """
    token = access_token(
        scopes=scopes,
        subject=subject,
        issuer=issuer,
        client_id=client_id,
        claims=claims,
        is_machine=is_machine,
    )
    principal = TokenUser(token) if user is None else user
    if isinstance(client, HttpRequest):
        preset(client, token, principal)
        return token
    unforce_access_token(client)
    handler = client.handler
    for name in _METHODS:
        vars(handler)[name] = _presetting(getattr(handler, name), token, principal)
    return token


_METHODS = ("get_response", "get_response_async")


def _presetting(get_response: Any, token: AccessToken, user: Any) -> Any:
    def respond(request: HttpRequest) -> Any:
        preset(request, token, user)
        return get_response(request)

    return respond


def unforce_access_token(client: Any) -> None:
    """Undo ``force_access_token``."""
    for name in _METHODS:
        vars(client.handler).pop(name, None)
