"""Every step of one token's validation, for a person to read.

Runs the very functions the request path runs, one after another, and says which one
refused and which setting governs it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from .access_token import AccessToken
from .claims import CLAIM_CHECKS, ClaimFacts, check_claims
from .clock import Clock
from .errors import (
    BadSignature,
    InvalidClaim,
    NotAnAccessToken,
    ResourceServerError,
    TokenTooLong,
    UnconfirmedToken,
    UnknownKey,
)
from .introspection_validator import IntrospectionValidator
from .issuers import IssuerPolicy
from .jws import UnverifiedJws, check_header, parse_jws
from .jwt_validator import JwtValidator
from .resource_server import ResourceServer
from .token_kind import check_token_type

__all__ = ["Explanation", "Step", "explain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule, and what became of it.

    ``outcome`` is ``passed``, ``failed`` or ``not reached``; ``setting`` names what
    governs a failed rule, and is empty where no setting does.
    """

    name: str
    outcome: str
    detail: str = ""
    setting: str = ""


_CLAIMS = tuple(check.__name__.removeprefix("check_") for check in CLAIM_CHECKS)
_HEAD = ("length", "grammar", "trusted_issuer")
_LOCAL = (*_HEAD, "algorithm", "type", "key", "signature", *_CLAIMS, "validators")
_ASKED_JWT = (*_HEAD, "type", "introspection", *_CLAIMS, "validators")
_ASKED = (*_HEAD, "introspection", *_CLAIMS, "validators")
_BOTH = (*_LOCAL, "introspection")
_NOT_FETCHED = "unknown here; no key is fetched for a token that fails otherwise"


@dataclass(slots=True)
class Explanation:
    """The steps in order, and the access token or the error they led to.

    ``names`` are those of all steps on this token's way. ``asked_error`` is what views
    that ask the issuer besides make of a token that is accepted here.
    """

    names: tuple[str, ...] = _LOCAL
    steps: list[Step] = field(default_factory=list)
    access_token: AccessToken | None = None
    error: ResourceServerError | None = None
    asked_error: ResourceServerError | None = None
    issuer_alias: str | None = None

    def add(self, outcome: str, detail: str = "", setting: str = "") -> None:
        """Add the next step; a failed one leaves those after it unreached."""
        name = self.names[len(self.steps)]
        self.steps.append(
            Step(name=name, outcome=outcome, detail=detail, setting=setting)
        )

    def passed(self, detail: str = "") -> None:
        """Add the next step as passed."""
        self.add("passed", detail)

    def failed(self, error: ResourceServerError) -> None:
        """Add the next step as failed, and those after it."""
        self.add("failed", str(error), error.setting)
        while len(self.steps) < len(self.names):
            self.add("not reached")


def explain(server: ResourceServer, raw_token: str) -> Explanation:
    """Return every step for ``raw_token``; the first failing one ends it.

    Never raises for a bad token. It may fetch keys or ask the issuer, as a request
    would; what is kept of earlier answers is not looked at. An issuer that can be asked
    is asked about a JWT that passed here as well, as by views that ``introspect``.
    """
    explanation = Explanation()
    try:
        explanation.access_token, asker = _run(server, raw_token, explanation)
    except ResourceServerError as error:
        explanation.error = error
        explanation.failed(error)
        return explanation
    if asker is not None:
        _confirm(asker, raw_token, explanation)
    return explanation


def _run(
    server: ResourceServer, raw_token: str, explanation: Explanation
) -> tuple[AccessToken, IntrospectionValidator | None]:
    """Return the access token, and who can be asked besides about one checked here."""
    passed = explanation.passed
    if len(raw_token) > server.max_token_length:
        raise TokenTooLong
    passed(f"{len(raw_token)} characters")
    opaque = server.opaque_issuer(raw_token)
    if opaque is not None:
        explanation.names = _ASKED
        passed("an opaque token")
        explanation.issuer_alias = opaque.policy.alias
        passed(opaque.policy.alias)
        return _ask(opaque, raw_token, passed), None
    jws = parse_jws(raw_token)
    passed("a JWT")
    validator = server.select(jws)
    policy, explanation.issuer_alias = validator.policy, validator.policy.alias
    passed(policy.alias)
    asker = server.introspection_of(policy)
    if asker is not None and policy.validation == "introspection":
        explanation.names = _ASKED_JWT
        asker.check_unasked(jws)
        passed()
        return _ask(asker, raw_token, passed), None
    if asker is not None:
        explanation.names = _BOTH
    algorithm, key_id = check_header(jws.header, algorithms=policy.algorithms)
    passed(algorithm)
    check_token_type(jws.header, policy)
    passed()
    _verify(validator, jws, algorithm, key_id, explanation)
    facts = _check_claims(jws.unverified_claims, policy, validator.clock, passed)
    access_token = validator.access_token(jws, facts)
    passed()
    return access_token, asker


def _confirm(
    asker: IntrospectionValidator, raw_token: str, explanation: Explanation
) -> None:
    """Ask about a JWT that passed here, as a view that ``introspect``s does."""
    claims = parse_jws(raw_token).unverified_claims
    try:
        asker.confirm(raw_token, claims, wait=True)
    except ResourceServerError as error:
        explanation.asked_error = error
        explanation.failed(error)
    else:
        explanation.passed("active; views that introspect accept it too")


def _ask(
    asker: IntrospectionValidator, raw_token: str, passed: Callable[..., None]
) -> AccessToken:
    claims = asker.ask(raw_token, live=True)
    passed("active")
    facts = _check_claims(claims, asker.answer_policy, asker.clock, passed)
    access_token = asker.access_token(claims, facts)
    passed()
    return access_token


def _check_claims(
    claims: dict[str, object],
    policy: IssuerPolicy,
    clock: Clock,
    passed: Callable[..., None],
) -> ClaimFacts:
    for check in CLAIM_CHECKS:
        check(claims, policy, clock.now())
        passed()
    return check_claims(claims, policy, clock.now())


def _verify(
    validator: JwtValidator,
    jws: UnverifiedJws,
    algorithm: str,
    key_id: str | None,
    explanation: Explanation,
) -> None:
    try:
        validator.verify(jws, algorithm, key_id, wait=True)
    except BadSignature:
        explanation.passed()
        raise
    except UnknownKey as error:
        error.setting = _source_of_keys(validator.policy)
        raise
    except (InvalidClaim, NotAnAccessToken, UnconfirmedToken):
        # An unknown key: the issuer is asked only for tokens whose claims are good.
        explanation.add("not reached", _NOT_FETCHED)
        explanation.add("not reached")
        with suppress(ResourceServerError):
            _check_claims(
                jws.unverified_claims,
                validator.policy,
                validator.clock,
                explanation.passed,
            )
        raise
    explanation.passed()
    explanation.passed()


def _source_of_keys(policy: IssuerPolicy) -> str:
    """Return the setting that says where the keys come from."""
    if policy.jwks is not None:
        return "JWKS"
    return "KEYS" if policy.keys.by_command else "JWKS_URI"
