"""How this API proves to an issuer which client it is. RFC 6749 2.3, 7523, 8705, 6750.

RFC 7662 section 2.1 has every introspection request authenticated.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote_plus

from .client_assertion import (
    AssertionKey,
    ClientAuthenticationError,
    load_private_key,
    load_secret,
    make_assertion,
)
from .errors import excerpt

__all__ = [
    "METHODS",
    "AuthenticatedForm",
    "ClientAuthenticationError",
    "ClientCredentials",
    "authenticate",
    "choose_method",
]

# Method -> the credential it needs; those of one credential in order of preference.
# Every server of RFC 6749 section 2.3.1 knows Basic.
_NEEDS = {
    "client_secret_basic": "client_secret",
    "client_secret_post": "client_secret",
    "client_secret_jwt": "client_secret",
    "private_key_jwt": "private_key",
    "tls_client_auth": "certificate",
    "bearer": "bearer_token",
}
# What metadata may call a method besides its own name: for RFC 8705 section 2.2 the
# request is the same.
_SYNONYMS = {"tls_client_auth": "self_signed_tls_client_auth"}
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SURROGATE = re.compile("[\ud800-\udfff]")
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")

METHODS = tuple(_NEEDS)
"""The client authentication methods by their registered names, and ``bearer``."""


class _Unpicklable:
    """Secrets that must reach neither a cache nor another process's memory."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials(_Unpicklable):
    """Who this API is to an issuer, and the one thing that proves it. RFC 6749 2.3.

    Attributes:
        client_id: the client identifier; a bearer token needs none.
        client_secret: a password (RFC 6749 section 2.3.1) or an HMAC key (RFC 7523).
        private_key: PEM text without a password (RFC 7523).
        key_id: the ``kid`` that names the private key to the issuer.
        bearer_token: an access token for the endpoint (RFC 6750 section 2.1).
        certificate: a PEM file, and its key's unless one file holds both (RFC 8705).
        method: one of ``METHODS``; None leaves the choice to the metadata.

    Secrets show neither in ``repr`` nor in a pickle, which is refused.

    Raises:
        ClientAuthenticationError: they cannot authenticate anybody.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    key_id: str | None = None
    bearer_token: str | None = field(default=None, repr=False)
    certificate: tuple[str, str | None] | None = None
    method: str | None = None
    _private: AssertionKey | None = field(
        default=None, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Check what can be checked without asking anybody."""
        needed = {name for name in _NEEDS.values() if getattr(self, name)}
        if len(needed) != 1:
            # RFC 6749 section 2.3: no more than one method in each request.
            raise ClientAuthenticationError(
                "several_credentials" if needed else "no_credentials",
                "one of a secret, a private key, a certificate and a bearer token",
            )
        if not self.client_id and not self.bearer_token:
            raise ClientAuthenticationError("no_client_id", "a client has an ID")
        # Looked for, not tried: an error of encoding holds the text it failed at.
        if _SURROGATE.search(f"{self.client_id}{self.client_secret}{self.private_key}"):
            raise ClientAuthenticationError("not_unicode", "a lone surrogate")
        # A line break would add a header of its own.
        if self.bearer_token and not _B64TOKEN.fullmatch(self.bearer_token):
            raise ClientAuthenticationError(
                "malformed_bearer_token", "characters outside b64token"
            )
        if self.private_key:
            object.__setattr__(self, "_private", load_private_key(self.private_key))
        if self.method is not None:
            self.check(self.method)

    def check(self, method: str) -> None:
        """Check that ``method`` can authenticate with these credentials.

        Raises:
            ClientAuthenticationError: no such method (``unknown_method``), it needs
                another credential (``method_does_not_fit``), or a longer secret
                (``short_secret``).
        """
        if method not in METHODS:
            raise ClientAuthenticationError(
                "unknown_method", f"{excerpt(method)} is none of {', '.join(METHODS)}"
            )
        if not getattr(self, _NEEDS[method]):
            raise ClientAuthenticationError(
                "method_does_not_fit", f"{method} needs a {_NEEDS[method]}"
            )
        if method == "client_secret_jwt":
            load_secret(str(self.client_secret))

    def assertion_key(self) -> AssertionKey:
        """Return what signs assertions: the private key, else the secret. RFC 7523."""
        return self._private or load_secret(str(self.client_secret))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatedForm(_Unpicklable):
    """What makes a form request this client's: RFC 6749 2.3.1, 7521 4.2, 8705 2.

    Attributes:
        headers: to be sent with the request.
        fields: to be added to the form, not yet encoded.
        certificate: to be shown in the TLS handshake, as ``Post`` takes it.
    """

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    fields: dict[str, str] = field(default_factory=dict, repr=False)
    certificate: tuple[str, str | None] | None = None


def choose_method(
    credentials: ClientCredentials, supported: Sequence[str] | None
) -> str:
    """Return the method to authenticate with.

    ``credentials.method`` wins. Else the first that the credentials allow and the
    metadata lists: ``supported`` is ``introspection_endpoint_auth_methods_supported``,
    RFC 8414 section 2. Where it is missing or empty, any will do.

    Raises:
        ClientAuthenticationError: none of them does; code ``no_method_fits``.
    """
    if credentials.method is not None:
        return credentials.method
    if credentials.bearer_token:
        # No client authentication: servers take it without listing it (RFC 7662 2.1).
        return "bearer"
    for method in METHODS:
        names = {method, _SYNONYMS.get(method, method)}
        if supported and names.isdisjoint(supported):
            continue
        if method == "client_secret_basic" and _is_misread(credentials, supported):
            continue
        with suppress(ClientAuthenticationError):
            credentials.check(method)
            return method
    raise ClientAuthenticationError(
        "no_method_fits", "the issuer's metadata lists no method for these credentials"
    )


def _is_misread(
    credentials: ClientCredentials, supported: Sequence[str] | None
) -> bool:
    """Whether a server that does not decode Basic would read another ID or secret.

    django-allauth does not, and its own secrets are full of such characters. There is
    one way to read what stands in the form.
    """
    pair = (credentials.client_id, str(credentials.client_secret))
    return "client_secret_post" in (supported or ()) and any(
        quote_plus(text) != text for text in pair
    )


def authenticate(
    credentials: ClientCredentials, method: str, *, audience: str, now: float
) -> AuthenticatedForm:
    """Return what authenticates one request by ``method``.

    ``audience`` is the issuer identifier, ``now`` is in seconds since the epoch; both
    go into assertions (RFC 7523 section 3), which must not be used twice.

    Raises:
        ClientAuthenticationError: the credentials do not fit the method.
    """
    credentials.check(method)
    client_id, secret = credentials.client_id, str(credentials.client_secret)
    if method == "client_secret_basic":
        return AuthenticatedForm(headers={"Authorization": _basic(client_id, secret)})
    if method == "bearer":
        authorization = f"Bearer {credentials.bearer_token}"
        return AuthenticatedForm(headers={"Authorization": authorization})
    fields = {"client_id": client_id}
    if method == "tls_client_auth":
        return AuthenticatedForm(fields=fields, certificate=credentials.certificate)
    if method == "client_secret_post":
        return AuthenticatedForm(fields={**fields, "client_secret": secret})
    assertion = make_assertion(
        credentials.assertion_key(),
        key_id=credentials.key_id,
        client_id=client_id,
        audience=audience,
        now=now,
    )
    proof = {"client_assertion_type": _JWT_BEARER, "client_assertion": assertion}
    return AuthenticatedForm(fields={**fields, **proof})


def _basic(client_id: str, secret: str) -> str:
    # Form-encoded first, or a ":" in the ID moves into the secret. RFC 6749 2.3.1.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
