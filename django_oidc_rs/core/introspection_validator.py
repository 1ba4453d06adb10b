"""Raw token -> AccessToken by asking the issuer. RFC 7662.

The answer's claims pass the very checks that a JWT's pass.
"""

from __future__ import annotations

from dataclasses import replace

from .access_token import AccessToken, lookup
from .answers import Answers
from .breaker import FloodGuard
from .claims import (
    ClaimFacts,
    check_audience,
    check_claims,
    check_confirmation,
    check_expiry,
    to_access_token,
)
from .clock import Clock
from .errors import (
    InactiveToken,
    IntrospectionUnavailable,
    MalformedToken,
    Pending,
)
from .introspection import Answer
from .issuers import IntrospectionPolicy, IssuerPolicy
from .jws import UnverifiedJws
from .project_validators import run_validators
from .token_kind import check_access_token, check_token_type

__all__ = ["IntrospectionValidator"]

_LEAST_LENGTH = 16
# Claims that name the token or its owner, beside those of the policy: an answer that
# differs is about another.
_IDENTITY = ("iss", "sub", "jti", "client_id", "azp")


class IntrospectionValidator:
    """Validates the tokens of one issuer by asking it."""

    def __init__(
        self,
        policy: IssuerPolicy,
        asked: IntrospectionPolicy,
        *,
        answers: Answers,
        clock: Clock,
    ) -> None:
        """Take the issuer's policies, the answers, and the clock."""
        self.policy = policy
        self.clock = clock
        self._answers = answers
        self._guard = FloodGuard()
        # What a JWT must say for itself, an issuer's answer to us may leave out.
        self._silent_policy = replace(policy, audience_optional=True)
        self.answer_policy = replace(
            policy,
            audience_optional=asked.audience_optional,
            username_optional=policy.subject_claim == "username",
        )

    def check_unasked(self, jws: UnverifiedJws) -> None:
        """Refuse a JWT for what it says against itself; that needs no signature.

        The answer may leave it out: a token bound to a key, of another kind or for
        another API must not pass as this API's. What has expired costs no question.

        Raises:
            InvalidToken: a check refused it.
        """
        check_token_type(jws.header, self.policy)
        claims, now = jws.unverified_claims, self.clock.now()
        check_access_token(claims, self.policy, now)
        check_confirmation(claims, self.policy, now)
        check_audience(claims, self._silent_policy, now)
        if "exp" in claims:
            check_expiry(claims, self.policy, now)

    def validate(self, raw_token: str, *, live: bool, wait: bool) -> AccessToken:
        """Return the access token that the issuer calls active, every check passed.

        ``live`` asks the issuer now, whatever is cached.

        Raises:
            InvalidToken: it is not active, or its claims do not open this API.
            IntrospectionUnavailable: nobody can tell now.
            Pending: telling takes waiting, and ``wait`` is false.
        """
        if not wait:
            raise Pending
        claims = self.ask(raw_token, live=live)
        facts = check_claims(claims, self.answer_policy, self.clock.now())
        return self.access_token(claims, facts)

    def ask(self, raw_token: str, *, live: bool) -> Answer:
        """Return the claims of an active token, of which none is checked yet.

        Raises:
            InvalidToken: it is not active, or too short for a token.
            IntrospectionUnavailable: nobody can tell now.
        """
        if not raw_token.isascii():
            raise MalformedToken("not ASCII")
        if len(raw_token) < _LEAST_LENGTH:
            # Nobody issues tokens that can be guessed: RFC 6749 section 10.10.
            raise MalformedToken("too short for an opaque token")
        key = self._answers.key(raw_token)
        kept = None if live else self._answers.kept(key)
        if kept is not None:
            answer = kept or None
        else:
            ask = self._answers.live if live else self._answers.shared
            answer = ask(key, raw_token, self._guard)
        if answer is None:
            raise InactiveToken
        return {"iss": self.policy.issuer, **answer}

    def confirm(
        self, raw_token: str, claims: dict[str, object], *, wait: bool
    ) -> AccessToken:
        """Return the access token of a JWT that was verified, and is active now.

        What the issuer says goes over what the JWT says; about whom, they must agree.
        Raises as ``validate``.
        """
        if not wait:
            raise Pending
        key = self._answers.key(raw_token)
        # No guard: nobody makes such tokens up, and one that was revoked, sent over and
        # over, would use up what those of others need.
        answer = self._answers.live(key, raw_token)
        if answer is None:
            raise InactiveToken
        # The JWT has an audience of its own: the answer need not repeat it.
        merged = {**claims, **answer}
        self._demand_one_token(claims, merged)
        facts = check_claims(merged, self.policy, self.clock.now())
        return self.access_token(merged, facts)

    def _demand_one_token(self, claims: Answer, merged: Answer) -> None:
        """Demand that an answer leaves alone what a verified JWT says of its owner."""
        policy = self.policy
        names = (*_IDENTITY, policy.subject_claim, *policy.client_id_claims)
        told = [(name, lookup(claims, name), lookup(merged, name)) for name in names]
        # The first one that is there counts, and the answer may have put one before it.
        clients = (_first(each, policy.client_id_claims) for each in (claims, merged))
        for name, verified, said in (*told, ("the client", *clients)):
            if verified is not None and said != verified:
                raise IntrospectionUnavailable(
                    f"the answer is about another token: {name} differs", retry_after=1
                )

    def access_token(self, claims: Answer, facts: ClaimFacts) -> AccessToken:
        """Return the access token of ``claims``, which gave ``facts``.

        Raises:
            InvalidToken: a function of ``VALIDATORS`` refused it.
        """
        policy = self.answer_policy
        token = to_access_token(claims, policy, facts, validated_by="introspection")
        return run_validators(token, policy)


def _first(claims: Answer, names: tuple[str, ...]) -> object:
    found = (lookup(claims, name) for name in names)
    return next((each for each in found if each is not None), None)
