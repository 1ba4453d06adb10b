"""Fuzz the Authorization header, and the challenge that answers it.

An input is a realm, a line end, and the header's value as WSGI gives it (Latin-1).
Findings: an exception that is no refusal, credentials that are not what stands in the
header, bearer credentials that are overlooked, an ill-formed challenge.
"""

from __future__ import annotations

import string

from .harness import Target, instrumented, main

with instrumented(__name__):
    from django_oidc_rs.core.challenges import Challenge
    from django_oidc_rs.core.credentials import Credentials
    from django_oidc_rs.core.errors import (
        InsufficientScope,
        InvalidRequest,
        InvalidToken,
        ResourceServerError,
    )
    from django_oidc_rs.core.scopes import ScopeRequirement

    from .issuers import SERVER
    from .oracle import demand, demand_good
from tests.http_syntax import parse_challenge

__all__ = ["TARGET"]

_B64TOKEN = frozenset(string.ascii_letters + string.digits + "-._~+/=")


def run(data: bytes) -> None:
    """Try one realm and one header."""
    realm, _, value = data.decode("latin-1").partition("\n")
    try:
        credentials = SERVER.parse(value)
    except (InvalidRequest, InvalidToken) as error:
        _demand_challenge(realm, error, value)
        return
    if credentials is None:
        first = value.strip(" \t").replace("\t", " ").partition(" ")[0].lower()
        demand(first != "bearer", "bearer credentials are overlooked")
        _demand_challenge(realm, None, value)
        return
    _demand_exact(value, credentials)
    try:
        access_token = SERVER.validate(credentials.raw_token)
    except InvalidToken as error:
        _demand_challenge(realm, error, value)
    else:
        demand_good(credentials.raw_token, access_token)
        _demand_challenge(realm, InsufficientScope(), value)


def _demand_exact(value: str, credentials: Credentials) -> None:
    raw_token = credentials.raw_token
    demand(value[:7].lower() == "bearer ", "credentials of another scheme")
    demand(value[7:] == raw_token, "a token that is not what was sent")
    demand(_B64TOKEN.issuperset(raw_token), "a token outside b64token")
    demand(0 < len(raw_token) <= SERVER.max_token_length, "a token of any length")
    demand(repr(credentials) == "Credentials(scheme='Bearer')", "repr shows the token")


def _demand_challenge(realm: str, error: ResourceServerError | None, text: str) -> None:
    """Demand a well-formed challenge, whatever realm, error and scopes it has."""
    try:
        scope = ScopeRequirement.all_of(text.split()).challenge
    except ValueError:
        scope = None
    challenge = Challenge(
        realm=realm,
        error=error.error if error else None,
        error_description=error.description if error else None,
        scope=scope,
    )
    parsed = parse_challenge(str(challenge))
    demand(next(iter(parsed.parameters)) == "realm", "the realm does not come first")
    demand(parsed.parameters.get("scope") == scope, "other scopes than were demanded")


TARGET = Target(name="authorization", run=run)

if __name__ == "__main__":
    main(TARGET)
