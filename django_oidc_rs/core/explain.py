"""Every step of one token's validation, for a person to read.

Runs the very functions the request path runs, one after another, and says which one
refused and which setting governs it.
"""

from __future__ import annotations

from collections.abc import Callable
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


@dataclass(slots=True)
class Explanation:
    """The steps in order, and the access token or the error they led to.

    ``names`` are those of all steps on this token's way.
    """

    names: tuple[str, ...] = _LOCAL
    steps: list[Step] = field(default_factory=list)
    access_token: AccessToken | None = None
    error: ResourceServerError | None = None
    issuer_alias: str | None = None


def explain(server: ResourceServer, raw_token: str) -> Explanation:
    """Return every step for ``raw_token``; the first failing one ends it.

    Never raises for a bad token. It may fetch keys or ask the issuer, as a request
    would; what is kept of earlier answers is not looked at.
    """
    explanation = Explanation()
    try:
        explanation.access_token = _run(server, raw_token, explanation)
    except ResourceServerError as error:
        explanation.error = error
        reached = len(explanation.steps)
        explanation.steps.append(
            Step(
                name=explanation.names[reached],
                outcome="failed",
                detail=str(error),
                setting=error.setting,
            )
        )
        explanation.steps.extend(
            Step(name=name, outcome="not reached")
            for name in explanation.names[reached + 1 :]
        )
    return explanation


def _run(
    server: ResourceServer, raw_token: str, explanation: Explanation
) -> AccessToken:
    def passed(detail: str = "") -> None:
        name = explanation.names[len(explanation.steps)]
        explanation.steps.append(Step(name=name, outcome="passed", detail=detail))

    if len(raw_token) > server.max_token_length:
        raise TokenTooLong
    passed(f"{len(raw_token)} characters")
    opaque = server.opaque_issuer(raw_token)
    if opaque is not None:
        explanation.names = _ASKED
        passed("an opaque token")
        explanation.issuer_alias = opaque.policy.alias
        passed(opaque.policy.alias)
        return _ask(opaque, raw_token, passed)
    jws = parse_jws(raw_token)
    passed("a JWT")
    validator = server.select(jws)
    policy, explanation.issuer_alias = validator.policy, validator.policy.alias
    passed(policy.alias)
    asker = server.introspection_of(policy)
    if asker is not None and policy.validation == "introspection":
        explanation.names = _ASKED_JWT
        check_token_type(jws.header, policy)
        passed()
        return _ask(asker, raw_token, passed)
    algorithm, key_id = check_header(jws.header, algorithms=policy.algorithms)
    passed(algorithm)
    check_token_type(jws.header, policy)
    passed()
    _verify(validator, jws, algorithm, key_id, passed)
    facts = _check_claims(jws.unverified_claims, policy, validator.clock, passed)
    access_token = validator.access_token(jws, facts)
    passed()
    return access_token


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
    passed: Callable[[], None],
) -> None:
    try:
        validator.verify(jws, algorithm, key_id, wait=True)
    except BadSignature:
        passed()
        raise
    except UnknownKey as error:
        error.setting = _source_of_keys(validator.policy)
        raise
    except (InvalidClaim, NotAnAccessToken, UnconfirmedToken) as error:
        # An unknown key: the issuer is asked only for tokens whose claims are good.
        error.detail = f"unknown key, not asked for: {error.detail}".rstrip(": ")
        raise
    passed()
    passed()


def _source_of_keys(policy: IssuerPolicy) -> str:
    """Return the setting that says where the keys come from."""
    if policy.jwks is not None:
        return "JWKS"
    return "KEYS" if policy.keys.by_command else "JWKS_URI"
