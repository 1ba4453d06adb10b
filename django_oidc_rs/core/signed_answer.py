"""Signed introspection answers. RFC 9701 section 5.

An answer that was not signed by the issuer for this very resource server, just now, is
worth nothing: it may be another server's, or last week's.
"""

from __future__ import annotations

from .errors import InvalidToken, KeysUnavailable, excerpt
from .issuers import IssuerPolicy
from .jwk import ASYMMETRIC_ALGORITHMS, VerificationKeys
from .jws import UnverifiedJws, check_header, parse_jws
from .keys import KeySource

__all__ = ["SIGNED_ANSWER", "UntrustedAnswer", "read_signed_answer"]

SIGNED_ANSWER = "application/token-introspection+jwt"
"""The media type of signed answers; without its first word, their ``typ``."""


class UntrustedAnswer(Exception):
    """The answer cannot be believed, whatever it says."""


def read_signed_answer(
    body: bytes,
    policy: IssuerPolicy,
    *,
    client_id: str,
    keys: KeySource,
    asked_at: float,
    now: float,
) -> dict[str, object]:
    """Return the members of ``token_introspection``, the signature verified.

    Demanded besides: ``typ`` exactly, ``iss`` ours, ``aud`` holding ``client_id``, and
    ``iat`` between the question and now, give or take the leeway. ``asked_at``
    and ``now`` are seconds since the epoch.

    Raises:
        UntrustedAnswer: any of that is missing or wrong, the answer is encrypted, or
            the issuer's keys are not to be had.
    """
    try:
        jws = parse_jws(body.decode("ascii").strip())
        algorithm, key_id = check_header(
            jws.header, algorithms=policy.algorithms & ASYMMETRIC_ALGORITHMS
        )
        _verify(jws, algorithm, key_id, keys)
    except UnicodeDecodeError:
        raise UntrustedAnswer("it is no JWT") from None
    except (InvalidToken, KeysUnavailable) as error:
        raise UntrustedAnswer(f"the signed answer: {error}") from None
    kind = jws.header.get("typ")
    if not isinstance(kind, str) or (
        kind.lower().removeprefix("application/") != "token-introspection+jwt"
    ):
        # The issuer signs access tokens with the same keys.
        raise UntrustedAnswer(f"its typ is {excerpt(kind)}")
    return _answer(jws.unverified_claims, policy, client_id, asked_at=asked_at, now=now)


def _verify(
    jws: UnverifiedJws, algorithm: str, key_id: str | None, source: KeySource
) -> None:
    def verifies(keys: VerificationKeys) -> bool:
        return any(
            key.verify(algorithm, jws.signing_input, jws.signature)
            for key in keys.matching(key_id, algorithm)
        )

    def wanted(keys: VerificationKeys) -> bool:
        # Without a name, only the signature tells that the key is a newer one.
        return bool(keys.matching(key_id, algorithm)) and (
            key_id is not None or verifies(keys)
        )

    if not verifies(source.snapshot_with(wanted, wait=True).keys):
        raise UntrustedAnswer("no key of the issuer signed it")


def _answer(
    claims: dict[str, object],
    policy: IssuerPolicy,
    client_id: str,
    *,
    asked_at: float,
    now: float,
) -> dict[str, object]:
    if claims.get("iss") != policy.issuer:
        raise UntrustedAnswer(f"its iss is {excerpt(claims.get('iss'))}")
    audience = claims.get("aud")
    if client_id not in (
        audience if isinstance(audience, list | tuple) else [audience]
    ):
        raise UntrustedAnswer(f"its aud is {excerpt(audience)}, not our client ID")
    issued_at, leeway = claims.get("iat"), policy.leeway
    if (
        type(issued_at) not in (int, float)
        or not asked_at - leeway <= issued_at <= now + leeway  # type: ignore[operator]  # narrowed by type()
    ):
        raise UntrustedAnswer(f"its iat is {excerpt(issued_at)}: not issued just now")
    answer = claims.get("token_introspection")
    if not isinstance(answer, dict):
        raise UntrustedAnswer("it has no token_introspection")
    return dict(answer)
