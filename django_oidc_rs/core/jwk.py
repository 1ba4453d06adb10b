"""JWK Set -> keys that may verify signatures. RFC 7517, 7518 section 6, 8037, 9864.

A key is refused singly, with a reason an operator can read, and the rest of the set
keeps working. Refused are weak keys, private and symmetric ones, keys for other uses,
and two that cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import InvalidKeyError

from . import base64url
from .ecdsa import PreparedEcdsa
from .weak_keys import check_edwards_point, check_rsa

__all__ = [
    "ASYMMETRIC_ALGORITHMS",
    "PRIVATE_MEMBERS",
    "SYMMETRIC_ALGORITHMS",
    "JwkSetError",
    "RefusedKey",
    "VerificationKey",
    "VerificationKeys",
    "parse_jwk_set",
    "shared_secret_keys",
]

_PYJWT = get_default_algorithms()

# Algorithm name -> (kty, crv, implementation). "EdDSA" means Ed25519 here; RFC 9864
# gives both curves names of their own.
_ALGORITHMS: dict[str, tuple[str, str | None, Algorithm]] = {
    **{name: ("RSA", None, _PYJWT[name]) for name in ("RS256", "RS384", "RS512")},
    **{name: ("RSA", None, _PYJWT[name]) for name in ("PS256", "PS384", "PS512")},
    "ES256": ("EC", "P-256", PreparedEcdsa(SHA256, SECP256R1)),
    "ES384": ("EC", "P-384", PreparedEcdsa(SHA384, SECP384R1)),
    "ES512": ("EC", "P-521", PreparedEcdsa(SHA512, SECP521R1)),
    "EdDSA": ("OKP", "Ed25519", _PYJWT["EdDSA"]),
    "Ed25519": ("OKP", "Ed25519", _PYJWT["EdDSA"]),
    "Ed448": ("OKP", "Ed448", _PYJWT["EdDSA"]),
    **{name: ("oct", None, _PYJWT[name]) for name in ("HS256", "HS384", "HS512")},
}

SYMMETRIC_ALGORITHMS: Mapping[str, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""HMAC algorithm -> the least length of its secret in bytes. RFC 7518 section 3.2."""

ASYMMETRIC_ALGORITHMS = frozenset(_ALGORITHMS) - frozenset(SYMMETRIC_ALGORITHMS)
"""The signature algorithms this library can verify with a published key."""

_MAX_KEYS = 100
_MAX_TRIED = 4
PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"))
"""JWK members that hold secrets; a key with one of them was given away."""

_COORDINATES = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",)}
_SAME_ALGORITHM = {"EdDSA": "Ed25519"}


class JwkSetError(ValueError):
    """The document is no JWK Set, or none of its keys can be used.

    ``code`` is stable; the message is for operators.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep the stable ``code`` beside the message."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedKey:
    """A member of the set that verifies nothing, and why.

    ``alarming`` marks what somebody should act on: key material that should never
    have been published, weak or ambiguous keys.
    """

    key_id: str | None
    reason: str
    alarming: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """One public key (or shared secret), ready to verify.

    Attributes:
        key_id: ``kid``, if the key has one.
        key_type, curve: ``kty`` and ``crv``.
        algorithm: the JWK's own ``alg``; it pins the key to that algorithm.
    """

    key_id: str | None
    key_type: str
    curve: str | None
    algorithm: str | None
    material: object = field(repr=False)

    def fits(self, algorithm: str) -> bool:
        """Whether a token signed with ``algorithm`` may be checked with this key."""
        key_type, curve, _ = _ALGORITHMS[algorithm]
        if (key_type, curve) != (self.key_type, self.curve):
            return False
        return self.algorithm is None or _same(self.algorithm, algorithm)

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``signing_input``. Never raises."""
        return _ALGORITHMS[algorithm][2].verify(signing_input, self.material, signature)


def _same(one: str, other: str) -> bool:
    return _SAME_ALGORITHM.get(one, one) == _SAME_ALGORITHM.get(other, other)


class VerificationKeys:
    """The usable keys of one issuer, and what was refused of its set."""

    __slots__ = ("_by_key_id", "_known", "_matching", "keys", "refused")

    def __init__(
        self, keys: Iterable[VerificationKey], refused: Iterable[RefusedKey] = ()
    ) -> None:
        """Index ``keys`` by key ID, so that a look-up does not grow with the set."""
        self.keys = tuple(keys)
        self.refused = tuple(refused)
        by_key_id: dict[str | None, list[VerificationKey]] = {}
        for key in self.keys:
            by_key_id.setdefault(key.key_id, []).append(key)
        self._by_key_id = by_key_id
        named = {key.key_id for key in self.keys}
        self._known = named | {key.key_id for key in self.refused}
        self._matching: dict[tuple[str | None, str], tuple[VerificationKey, ...]] = {}

    def matching(
        self, key_id: str | None, algorithm: str
    ) -> tuple[VerificationKey, ...]:
        """Return the keys to try for a token with that ``kid`` and ``alg``.

        With a key ID only keys of that name, never "the only other one". Without one,
        at most four keys that fit: more would be work an attacker can order.
        """
        found = self._matching.get((key_id, algorithm))
        if found is None:
            named = self.keys if key_id is None else self._by_key_id.get(key_id, ())
            found = tuple(key for key in named if key.fits(algorithm))[:_MAX_TRIED]
            if found:
                # Never for a name that nobody has: callers can make up any number.
                self._matching[key_id, algorithm] = found
        return found

    def knows(self, key_id: str | None) -> bool:
        """Whether the set names ``key_id``, usable or not: then no fetch can help."""
        return key_id is not None and key_id in self._known


def shared_secret_keys(secret: bytes) -> VerificationKeys:
    """Return the key set of an issuer that signs with a shared secret. RFC 7518 3.2."""
    key = VerificationKey(
        key_id=None, key_type="oct", curve=None, algorithm=None, material=secret
    )
    return _SecretKeys((key,))


class _SecretKeys(VerificationKeys):
    """One secret, whatever ``kid`` the issuer writes: there is nothing to select."""

    __slots__ = ()

    def matching(
        self, key_id: str | None, algorithm: str
    ) -> tuple[VerificationKey, ...]:
        del key_id
        return super().matching(None, algorithm)


def parse_jwk_set(
    document: Mapping[str, object], *, algorithms: Iterable[str]
) -> VerificationKeys:
    """Return the keys of ``document`` that may verify one of ``algorithms``.

    Unknown members and unknown key types are skipped, as RFC 7517 section 5 wants.

    Raises:
        JwkSetError: ``keys`` is no array, holds over 100 keys, or none is usable.
    """
    members = document.get("keys")
    if not isinstance(members, list | tuple):
        raise JwkSetError("no_keys_array", "the document has no array named keys")
    if len(members) > _MAX_KEYS:
        raise JwkSetError("too_many_keys", f"the set holds over {_MAX_KEYS} keys")
    allowed = frozenset(algorithms)
    usable: list[VerificationKey] = []
    refused: list[RefusedKey] = []
    for jwk in members:
        try:
            usable.append(_parse_jwk(jwk, allowed))
        except _Refused as refusal:
            refused.append(refusal.of(jwk))
    usable, ambiguous = _without_ambiguous(usable)
    if not usable:
        raise JwkSetError("no_usable_key", _why_none([*refused, *ambiguous]))
    return VerificationKeys(usable, [*refused, *ambiguous])


def _why_none(refused: list[RefusedKey]) -> str:
    if not refused:
        return "the set is empty"
    reasons = sorted({key.reason for key in refused})
    return f"none of {len(refused)} keys can be used: {', '.join(reasons)}"


class _Refused(Exception):
    def __init__(self, reason: str, *, alarming: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.alarming = alarming

    def of(self, jwk: object) -> RefusedKey:
        key_id = jwk.get("kid") if isinstance(jwk, dict) else None
        return RefusedKey(
            key_id=key_id if isinstance(key_id, str) else None,
            reason=self.reason,
            alarming=self.alarming,
        )


def _without_ambiguous(
    keys: list[VerificationKey],
) -> tuple[list[VerificationKey], list[RefusedKey]]:
    """Refuse keys that one ``kid`` and ``alg`` would both select.

    The same key listed twice is no ambiguity: issuers do that while they rotate.
    """

    distinct: list[VerificationKey] = []
    for key in keys:
        if key not in distinct:
            distinct.append(key)
    ambiguous = [
        key for key in distinct if any(_collide(key, other) for other in distinct)
    ]
    return [key for key in distinct if key not in ambiguous], [
        RefusedKey(key_id=key.key_id, reason="ambiguous_key_id", alarming=True)
        for key in ambiguous
    ]


def _collide(one: VerificationKey, other: VerificationKey) -> bool:
    """Whether there is a ``kid`` and an ``alg`` that name both, and they differ."""
    if one.key_id is None or one.material == other.material:
        return False
    if (one.key_id, one.key_type, one.curve) != (
        other.key_id,
        other.key_type,
        other.curve,
    ):
        return False
    if one.algorithm is None or other.algorithm is None:
        return True
    return _same(one.algorithm, other.algorithm)


def _parse_jwk(jwk: object, algorithms: frozenset[str]) -> VerificationKey:
    if not isinstance(jwk, dict):
        raise _Refused("not_an_object")
    key_id, key_type, curve = jwk.get("kid"), jwk.get("kty"), jwk.get("crv")
    if key_type == "oct":
        raise _Refused("symmetric_key")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        # Whoever reads the set can sign with it: RFC 7517 section 9.2.
        raise _Refused("private_key")
    if not isinstance(key_type, str) or key_type not in _COORDINATES:
        raise _Refused("unsupported_key_type", alarming=False)
    if key_id is not None and not isinstance(key_id, str):
        raise _Refused("invalid_key_id")
    _check_use(jwk)
    algorithm = jwk.get("alg")
    if algorithm is not None and not isinstance(algorithm, str):
        raise _Refused("invalid_algorithm")
    key = VerificationKey(
        key_id=key_id,
        key_type=key_type,
        curve=None if key_type == "RSA" else curve,
        algorithm=algorithm,
        material=None,
    )
    fitting = [name for name in _ALGORITHMS if key.fits(name)]
    if not fitting:
        raise _Refused("algorithm_does_not_fit_key", alarming=algorithm in _ALGORITHMS)
    if not any(name in algorithms for name in fitting):
        raise _Refused("algorithm_not_allowed", alarming=False)
    material = _public_key(jwk, key_type, fitting[0])
    return VerificationKey(
        key_id=key_id,
        key_type=key_type,
        curve=key.curve,
        algorithm=algorithm,
        material=material,
    )


def _check_use(jwk: dict[str, object]) -> None:
    use, operations = jwk.get("use"), jwk.get("key_ops")
    if use is not None and use != "sig":
        raise _Refused("not_for_signatures", alarming=False)
    if operations is None:
        return
    if not isinstance(operations, list | tuple) or not all(
        isinstance(operation, str) for operation in operations
    ):
        raise _Refused("invalid_key_ops")
    if len(set(operations)) != len(operations):
        raise _Refused("invalid_key_ops")
    if "verify" not in operations:
        raise _Refused("not_for_signatures", alarming=use == "sig")


def _public_key(jwk: dict[str, object], key_type: str, algorithm: str) -> object:
    octets = [_octets(jwk.get(name)) for name in _COORDINATES[key_type]]
    weakness = None
    if key_type == "RSA":
        weakness = check_rsa(*(int.from_bytes(octet, "big") for octet in octets))
    if key_type == "OKP":
        weakness = check_edwards_point(octets[0], str(jwk["crv"]))
    if weakness is not None:
        raise _Refused(weakness)
    try:
        return _ALGORITHMS[algorithm][2].from_jwk(jwk)
    except (InvalidKeyError, ValueError, UnsupportedAlgorithm):
        # Wrong coordinate length, a point off the curve, a curve this OpenSSL lacks.
        raise _Refused("invalid_coordinates") from None


def _octets(value: object) -> bytes:
    if not isinstance(value, str):
        raise _Refused("invalid_coordinates")
    try:
        return base64url.decode(value.encode("ascii"))
    except ValueError:
        raise _Refused("invalid_coordinates") from None
