"""ResourceServer: credentials -> issuer -> validator -> AccessToken."""

from __future__ import annotations

from collections.abc import Mapping

from .access_token import AccessToken
from .credentials import Credentials, parse_authorization
from .errors import ResourceServerError, TokenTooLong, UntrustedIssuer, excerpt
from .jws import KnownHeaders, UnverifiedJws, parse_jws
from .jwt_validator import JwtValidator
from .strict_json import FrozenDict

__all__ = ["ResourceServer"]


class ResourceServer:
    """Tells what an ``Authorization`` header is worth.

    Args:
        validators: issuer identifier -> its validator; exact strings.
        max_token_length: characters; a longer token is refused unparsed.
    """

    def __init__(
        self, validators: Mapping[str, JwtValidator], *, max_token_length: int
    ) -> None:
        """Take the validators; nothing is fetched."""
        self._validators = dict(validators)
        self._headers = KnownHeaders[FrozenDict]()
        self.max_token_length = max_token_length

    @property
    def validators(self) -> tuple[JwtValidator, ...]:
        """The validators, one per issuer, in the order of the settings."""
        return tuple(self._validators.values())

    def parse(self, authorization: str | None) -> Credentials | None:
        """Parse the header's value; see ``parse_authorization``."""
        return parse_authorization(
            authorization, max_token_length=self.max_token_length
        )

    def validate(self, raw_token: str, *, wait: bool = True) -> AccessToken:
        """Return the access token, every check passed.

        Raises:
            InvalidToken: the token is bad; the subclass says why.
            KeysUnavailable: nobody can tell now.
            KeysPending: telling takes waiting, and ``wait`` is false.
        """
        if len(raw_token) > self.max_token_length:
            raise TokenTooLong
        jws = parse_jws(raw_token, self._headers)
        validator = self.select(jws)
        try:
            access_token = validator.validate(jws, wait=wait)
        except ResourceServerError as error:
            error.issuer_alias = validator.policy.alias
            raise
        if jws.encoded_header not in self._headers:
            self._headers.remember(jws.encoded_header, jws.header)
        return access_token

    def select(self, jws: UnverifiedJws) -> JwtValidator:
        """Return the validator of the issuer the token names.

        An exact look-up among those configured, before any key work: a token can choose
        no issuer, no address and no key (RFC 8725 sections 3.8 to 3.10).

        Raises:
            UntrustedIssuer: ``iss`` is missing, no string, or none of ours.
        """
        issuer = jws.unverified_claims.get("iss")
        validator = self._validators.get(issuer) if isinstance(issuer, str) else None
        if validator is None:
            raise UntrustedIssuer(excerpt(issuer), claim="iss", reason="mismatch")
        return validator
