"""Every step of one token's validation, for a person to read.

Runs the very functions the request path runs, one after another, and says which one
refused and which setting governs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .access_token import AccessToken
from .claims import CLAIM_CHECKS
from .errors import (
    BadSignature,
    InvalidClaim,
    NotAnAccessToken,
    ResourceServerError,
    TokenTooLong,
    UnconfirmedToken,
)
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


@dataclass(slots=True)
class Explanation:
    """The steps in order, and the access token or the error they led to."""

    steps: list[Step] = field(default_factory=list)
    access_token: AccessToken | None = None
    error: ResourceServerError | None = None
    issuer_alias: str | None = None


_NAMES = (
    "length",
    "grammar",
    "issuer",
    "algorithm",
    "type",
    "key",
    "signature",
    *(check.__name__.removeprefix("check_") for check in CLAIM_CHECKS),
    "validators",
)


def explain(server: ResourceServer, raw_token: str) -> Explanation:
    """Return every step for ``raw_token``; the first failing one ends it.

    Never raises for a bad token. It may fetch keys, as a request would.
    """
    explanation = Explanation()
    try:
        explanation.access_token = _run(server, raw_token, explanation)
    except ResourceServerError as error:
        explanation.error = error
        reached = len(explanation.steps)
        explanation.steps.append(
            Step(
                name=_NAMES[reached],
                outcome="failed",
                detail=str(error),
                setting=error.setting,
            )
        )
        explanation.steps.extend(
            Step(name=name, outcome="not reached") for name in _NAMES[reached + 1 :]
        )
    return explanation


def _run(
    server: ResourceServer, raw_token: str, explanation: Explanation
) -> AccessToken:
    def passed(detail: str = "") -> None:
        name = _NAMES[len(explanation.steps)]
        explanation.steps.append(Step(name=name, outcome="passed", detail=detail))

    if len(raw_token) > server.max_token_length:
        raise TokenTooLong
    passed(f"{len(raw_token)} characters")
    jws = parse_jws(raw_token)
    passed("a JWT")
    validator = server.select(jws)
    policy = explanation.issuer_alias = validator.policy.alias
    passed(policy)
    algorithm, key_id = check_header(jws.header, algorithms=validator.policy.algorithms)
    passed(algorithm)
    check_token_type(jws.header, validator.policy)
    passed()
    _verify(validator, jws, algorithm, key_id, passed)
    for check in CLAIM_CHECKS:
        check(jws.unverified_claims, validator.policy, validator.clock.now())
        passed()
    access_token = validator.access_token(jws, validator.check_claims(jws))
    passed()
    return access_token


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
    except (InvalidClaim, NotAnAccessToken, UnconfirmedToken) as error:
        # An unknown key: the issuer is asked only for tokens whose claims are good.
        error.detail = f"unknown key, not asked for: {error.detail}".rstrip(": ")
        raise
    passed()
    passed()
