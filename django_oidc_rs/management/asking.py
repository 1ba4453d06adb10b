"""Whether an issuer can be asked about tokens: what the doctor tries."""

from __future__ import annotations

import secrets

from ..core.errors import InactiveToken, IntrospectionUnavailable
from ..core.introspection_validator import IntrospectionValidator

__all__ = ["try_asking"]

_REMEDIES = {
    "introspection_unauthorized": "Correct CLIENT_ID, its secret or key, AUTH_METHOD "
    "in INTROSPECTION, and let this client introspect at the authorization server.",
    "introspection_failed": "Bring the endpoint up, or correct ENDPOINT in "
    "INTROSPECTION; the detail says what went wrong.",
    "introspection_untrusted": "Have the issuer answer as SIGNED_RESPONSES in "
    "INTROSPECTION demands: application/json, or signed for this CLIENT_ID.",
    "introspection_refused": "The endpoint refuses to look at a token: see its log.",
}
_GULLIBLE = (
    "The endpoint calls a random token active: nothing it says can be relied on. Set "
    'VALIDATION "local".'
)


def try_asking(asker: IntrospectionValidator) -> tuple[str, str]:
    """Ask the issuer about a random token; return what came of it, and what to do.

    What to do is empty where all is well: the endpoint knows our credentials, and does
    not know the token.
    """
    try:
        asker.ask(secrets.token_urlsafe(32), live=True)
    except InactiveToken:
        return "our credentials work; a random token is not active", ""
    except IntrospectionUnavailable as error:
        remedy = _REMEDIES.get(error.reason or "", "See the log of this command.")
        return f"{error.reason}: {error.detail}", remedy
    return "a random token is active", _GULLIBLE
