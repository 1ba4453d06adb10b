"""Raw JWT -> AccessToken. RFC 9068 section 4, RFC 8725 section 3.

Order: header rules, key, signature, claims. The claims of a token whose key nobody
knows are checked first all the same: only a token that would otherwise be good may
cost a fetch.
"""

from __future__ import annotations

from .access_token import AccessToken
from .claims import (
    ClaimFacts,
    check_age,
    check_claims,
    check_expiry,
    check_not_before,
    to_access_token,
)
from .clock import Clock
from .errors import BadSignature, KeyUnusable, UnknownKey
from .issuers import IssuerPolicy
from .jwk import VerificationKey, VerificationKeys
from .jws import KnownHeaders, UnverifiedJws, check_header
from .keys import KeySource
from .project_validators import run_validators
from .token_kind import check_token_type

__all__ = ["JwtValidator"]


class JwtValidator:
    """Validates the JWTs of one issuer."""

    def __init__(self, policy: IssuerPolicy, *, keys: KeySource, clock: Clock) -> None:
        """Take the issuer's policy and keys, and the clock."""
        self.policy = policy
        self.keys = keys
        self.clock = clock
        self._headers = KnownHeaders[tuple[str, str | None]]()

    def validate(self, jws: UnverifiedJws, *, wait: bool) -> AccessToken:
        """Return the access token, every check passed.

        Raises:
            InvalidToken: the token is bad; the subclass says why.
            KeysUnavailable: nobody can tell now.
            KeysPending: telling takes waiting, and ``wait`` is false.
        """
        facts, _keys = self.check(jws, wait=wait)
        return self.access_token(jws, facts)

    def check(
        self, jws: UnverifiedJws, *, wait: bool
    ) -> tuple[ClaimFacts, VerificationKeys]:
        """Run every check but the project's; raises as ``validate`` does.

        Returns what was found, and the keys that one of verified the signature.
        """
        known = self._headers.get(jws.encoded_header)
        algorithm, key_id = self.check_header(jws) if known is None else known
        keys = self.verify(jws, algorithm, key_id, wait=wait)
        facts = check_claims(jws.unverified_claims, self.policy, self.clock.now())
        if known is None:
            self._headers.remember(jws.encoded_header, (algorithm, key_id))
        return facts, keys

    def check_again(
        self, access_token: AccessToken, keys: VerificationKeys, *, wait: bool
    ) -> AccessToken | None:
        """Return a token that ``keys`` verified before, if nothing has changed since.

        Judged again are its times and what the project's validators say; None where
        other keys are in force by now. Raises as ``validate``.
        """
        if self.keys.snapshot(wait=wait).keys is not keys:
            return None
        claims, now = access_token.claims, self.clock.now()
        check_expiry(claims, self.policy, now)
        check_not_before(claims, self.policy, now)
        check_age(claims, self.policy, now)
        return run_validators(access_token, self.policy)

    def check_header(self, jws: UnverifiedJws) -> tuple[str, str | None]:
        """Return ``(alg, kid)`` of a header this issuer may send."""
        checked = check_header(jws.header, algorithms=self.policy.algorithms)
        check_token_type(jws.header, self.policy)
        return checked

    def verify(
        self, jws: UnverifiedJws, algorithm: str, key_id: str | None, *, wait: bool
    ) -> VerificationKeys:
        """Verify the signature with one of the issuer's keys; return all of them.

        Raises:
            BadSignature: the named key did not sign this; never a reason to fetch.
            KeyUnusable: the named key is refused, or is for another algorithm.
            UnknownKey: no such key, after a completed fetch or an exhausted budget.
        """
        keys = self.keys.snapshot(wait=wait).keys
        candidates = keys.matching(key_id, algorithm)
        if _any_verifies(candidates, algorithm, jws):
            return keys
        if key_id is not None:
            if candidates:
                raise BadSignature
            if keys.knows(key_id):
                raise KeyUnusable(claim="kid", reason="unusable")
        # JC-13: garbage must not cost a fetch.
        check_claims(jws.unverified_claims, self.policy, self.clock.now())

        tried = keys

        def wanted(keys: VerificationKeys) -> bool:
            if keys is tried:
                # Each signature is work that anybody can order.
                return False
            candidates = keys.matching(key_id, algorithm)
            return bool(candidates) and (
                key_id is not None or _any_verifies(candidates, algorithm, jws)
            )

        keys = self.keys.snapshot_with(wanted, wait=wait).keys
        candidates = keys.matching(key_id, algorithm)
        if not candidates:
            raise UnknownKey(claim="kid", reason="unknown")
        if keys is tried or not _any_verifies(candidates, algorithm, jws):
            raise BadSignature
        return keys

    def access_token(self, jws: UnverifiedJws, facts: ClaimFacts) -> AccessToken:
        """Return the access token of a JWT that passed; run the project's validators.

        Raises:
            InvalidToken: a function of ``VALIDATORS`` refused it.
        """
        access_token = to_access_token(
            jws.unverified_claims, self.policy, facts, validated_by="jwt"
        )
        if self.policy.validators:
            run_validators(access_token, self.policy)
        return access_token


def _any_verifies(
    keys: tuple[VerificationKey, ...], algorithm: str, jws: UnverifiedJws
) -> bool:
    for key in keys:  # noqa: SIM110 -- every request comes here
        if key.verify(algorithm, jws.signing_input, jws.signature):
            return True
    return False
