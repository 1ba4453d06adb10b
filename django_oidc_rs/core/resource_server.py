"""ResourceServer: credentials -> issuer -> validator -> AccessToken."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from types import MappingProxyType

from .access_token import AccessToken
from .credentials import Credentials, parse_authorization
from .errors import (
    IntrospectionUnavailable,
    ResourceServerError,
    TokenTooLong,
    UntrustedIssuer,
    excerpt,
)
from .introspection_validator import IntrospectionValidator
from .issuers import IssuerPolicy
from .jwk import VerificationKeys
from .jws import KnownHeaders, UnverifiedJws, parse_jws
from .jwt_validator import JwtValidator
from .strict_json import FrozenDict
from .token_cache import MAX_LENGTH, KeptToken, TokenCache

__all__ = ["ResourceServer"]


class ResourceServer:
    """Tells what an ``Authorization`` header is worth.

    Args:
        validators: issuer identifier -> its validator; exact strings.
        introspection: issuer identifier -> who asks it, where it can be asked.
        cache: keeps JWTs that were verified here; None keeps none.
        max_token_length: characters; a longer token is refused unparsed.
    """

    def __init__(
        self,
        validators: Mapping[str, JwtValidator],
        *,
        introspection: Mapping[str, IntrospectionValidator] = MappingProxyType({}),
        cache: TokenCache | None = None,
        max_token_length: int,
    ) -> None:
        """Take the validators; nothing is fetched."""
        self._validators = dict(validators)
        self._introspection = dict(introspection)
        self._headers = KnownHeaders[FrozenDict]()
        self._cache = cache
        self.max_token_length = max_token_length
        self.opaque = next(
            (
                each
                for each in introspection.values()
                if each.policy.takes_opaque_tokens
            ),
            None,
        )

    @property
    def validators(self) -> tuple[JwtValidator, ...]:
        """The validators, one per issuer, in the order of the settings."""
        return tuple(self._validators.values())

    def introspection_of(self, policy: IssuerPolicy) -> IntrospectionValidator | None:
        """Return who asks the issuer of ``policy``, None where it cannot be asked."""
        return self._introspection.get(policy.issuer)

    def parse(self, authorization: str | None) -> Credentials | None:
        """Parse the header's value; see ``parse_authorization``."""
        return parse_authorization(
            authorization, max_token_length=self.max_token_length
        )

    def validate(
        self, raw_token: str, *, wait: bool = True, introspect: bool = False
    ) -> AccessToken:
        """Return the access token, every check passed.

        ``introspect`` asks the issuer now, besides whatever its policy says. Which way
        a token goes hangs on its form and the policy alone: what fails one way is never
        tried the other (A149).

        Raises:
            InvalidToken: the token is bad; the subclass says why.
            TemporarilyUnavailable: nobody can tell now.
            Pending: telling takes waiting, and ``wait`` is false.
        """
        if len(raw_token) > self.max_token_length:
            raise TokenTooLong
        cache = None if introspect or len(raw_token) > MAX_LENGTH else self._cache
        if cache is None:
            return self._judge(raw_token, wait=wait, introspect=introspect)[0]
        digest = cache.digest(raw_token)
        kept = cache.get(digest)
        access_token = None if kept is None else self._judge_again(kept, wait=wait)
        if access_token is None:
            access_token, keys = self._judge(raw_token, wait=wait, introspect=False)
            if keys is not None:
                cache.keep(digest, access_token, keys)
        return access_token

    def _judge_again(self, kept: KeptToken, *, wait: bool) -> AccessToken | None:
        validator = self._validators[kept.access_token.issuer]
        try:
            return validator.check_again(kept.access_token, kept.keys, wait=wait)
        except ResourceServerError as error:
            error.issuer_alias = validator.policy.alias
            raise

    def _judge(
        self, raw_token: str, *, wait: bool, introspect: bool
    ) -> tuple[AccessToken, VerificationKeys | None]:
        """Return the access token, and the keys where they alone vouch for it."""
        opaque = None if self.opaque is None else self.opaque_issuer(raw_token)
        if opaque is not None:
            try:
                return opaque.validate(raw_token, live=introspect, wait=wait), None
            except ResourceServerError as error:
                error.issuer_alias = opaque.policy.alias
                raise
        jws = parse_jws(raw_token, self._headers)
        validator = self.select(jws)
        try:
            if introspect or validator.policy.validation == "introspection":
                asked = self._ask(raw_token, jws, validator, live=introspect, wait=wait)
                return asked, None
            facts, keys = validator.check(jws, wait=wait)
            access_token = validator.access_token(jws, facts)
        except ResourceServerError as error:
            error.issuer_alias = validator.policy.alias
            raise
        if jws.encoded_header not in self._headers:
            self._headers.remember(jws.encoded_header, jws.header)
        return access_token, keys

    def _ask(
        self,
        raw_token: str,
        jws: UnverifiedJws,
        validator: JwtValidator,
        *,
        live: bool,
        wait: bool,
    ) -> AccessToken:
        policy = validator.policy
        asker = self._introspection.get(policy.issuer)
        if asker is None:
            # A high-risk view, and an issuer that cannot be asked: never a local yes.
            raise IntrospectionUnavailable(
                f"issuer {policy.alias!r} has no INTROSPECTION",
                reason="introspection_not_configured",
                retry_after=60,
            )
        if policy.validation == "introspection":
            asker.check_unasked(jws)
            return asker.validate(raw_token, live=live, wait=wait)
        # First here: what is no token of the issuer costs it no question.
        validator.check(jws, wait=wait)
        return asker.confirm(raw_token, jws.unverified_claims, wait=wait)

    def opaque_issuer(self, raw_token: str) -> IntrospectionValidator | None:
        """Return who is asked about ``raw_token`` because it names no issuer itself.

        None for what looks like a JWT, and where no issuer takes opaque tokens.
        """
        if self.opaque is None or _looks_like_jws(raw_token):
            return None
        return self.opaque

    def policy_of(self, raw_token: str) -> IssuerPolicy:
        """Return the policy that ``raw_token`` will be judged by.

        Raises:
            InvalidToken: it is malformed, or names none of our issuers.
        """
        opaque = self.opaque_issuer(raw_token)
        if opaque is not None:
            return opaque.policy
        return self.select(parse_jws(raw_token)).policy

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


def _looks_like_jws(raw_token: str) -> bool:
    """Whether ``raw_token`` has three parts, the first of them a JSON object.

    More generous than the parser: what is nearly a JWT is a bad JWT, and no opaque
    token.
    """
    parts = raw_token.split(".", 3)
    if len(parts) != 3:
        return False
    try:
        header = binascii.a2b_base64(
            parts[0].translate(_STANDARD) + "=" * (-len(parts[0]) % 4)
        )
    except ValueError:
        return False
    return header.lstrip()[:1] == b"{"


_STANDARD = str.maketrans("-_", "+/")
