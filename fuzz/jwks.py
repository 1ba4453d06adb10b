"""Fuzz what an issuer's JWK Set address answers: headers, and the set.

Findings: an exception that is none of the declared ones, a usable key that is weak or
private or verifies what nobody signed, secrets in the record that is stored, a record
that means other keys than the answer did, a good key that junk beside it takes down.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from .harness import Target, instrumented, main

with instrumented(__name__):
    from django_oidc_rs.core.http import FetchedDocument
    from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS
    from django_oidc_rs.core.jwk import (
        JwkSetError,
        VerificationKey,
        VerificationKeys,
        parse_jwk_set,
    )
    from django_oidc_rs.core.keys import IssuerSource, SourceError
    from django_oidc_rs.core.keys.source import parse_record
    from django_oidc_rs.core.strict_json import StrictJsonError, loads_object

    from .answers import Answers, read_answer
    from .issuers import ISSUER, StoppedClock, make_policy
    from .keys import GOOD_JWKS
    from .mutators import edit_answer
    from .oracle import demand

__all__ = ["TARGET"]

_ALGORITHMS = (*DEFAULT_ALGORITHMS, "Ed448")
_SECRETS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")
_POLICY = make_policy(
    "default",
    ISSUER,
    algorithms=frozenset(_ALGORITHMS),
    jwks_uri="https://issuer.test/jwks",
)
# What verifies under keys of small order, or of a sloppy implementation: zeros, ones,
# R = the neutral element with S = 0.
_FORGERIES = (
    *(b"", b"\0" * 64, b"\xff" * 64, b"\0" * 63 + b"\x01", b"\x01" + b"\0" * 63),
    *(b"\0" * 255 + b"\x01", b"\x01" + b"\0" * 113, b"\0" * 96, b"\x01" * 132),
)


def run(data: bytes) -> None:
    """Try one answer: parsed, fetched, stored, read again, and beside a good key."""
    answer = read_answer(data)
    try:
        document = loads_object(answer.body)
    except StrictJsonError:
        document = None
    keys = None if document is None else _parse(document)
    if keys is not None:
        _demand_sound(document or {}, keys)
    _demand_stored_alike(answer, keys)
    if document is not None:
        _demand_no_harm(document)


def _parse(document: dict[str, object]) -> VerificationKeys | None:
    try:
        return parse_jwk_set(document, algorithms=_ALGORITHMS)
    except JwkSetError as error:
        demand(error.code.isidentifier(), "a code that is no name")
        return None


def _number(value: object) -> int:
    """Return a number from base64url; 0 for anything else."""
    try:
        octets = base64.urlsafe_b64decode(str(value) + "=" * (-len(str(value)) % 4))
    except ValueError:
        return 0
    return int.from_bytes(octets, "big")


def _is_strong(jwk: dict[str, Any]) -> bool:
    modulus, exponent = _number(jwk.get("n")), _number(jwk.get("e"))
    return (
        2**2047 <= modulus < 2**8192
        and 3 <= exponent < 2**64
        and modulus % 2 == exponent % 2 == 1
    )


def _demand_sound(document: dict[str, Any], keys: VerificationKeys) -> None:
    demand(len(document["keys"]) <= 100, "a set of any length")
    demand(keys.keys, "a set without keys")
    told = {key.key_id for key in keys.keys} | {key.key_id for key in keys.refused}
    for jwk in document["keys"]:
        key_id = jwk.get("kid") if isinstance(jwk, dict) else None
        if isinstance(key_id, str):
            demand(key_id in told, "a key that is neither used nor refused")
    names = [(key.key_id, key.key_type, key.curve, key.algorithm) for key in keys.keys]
    demand(
        all(names.count(name) == 1 for name in names if name[0] is not None),
        "two keys of one name",
    )
    for key in keys.keys:
        _demand_source(document["keys"], key)
        for algorithm in filter(key.fits, _ALGORITHMS):
            forged = [
                each
                for each in _FORGERIES
                if key.verify(algorithm, b"nobody signed this", each)
            ]
            demand(not forged, f"{algorithm} verifies what nobody signed")
            if key.key_id is not None:
                found = keys.matching(key.key_id, algorithm)
                demand(key in found, "a key is not found by its name")
                demand(
                    all(each.material == key.material for each in found),
                    "one name and algorithm for two keys",
                )


def _may_verify(operations: object) -> bool:
    return operations is None or (
        isinstance(operations, list)
        and operations.count("verify") == 1
        and len(set(map(str, operations))) == len(operations)
    )


def _demand_source(members: list[Any], key: VerificationKey) -> None:
    """Demand that some member of the set could honestly be this key."""

    def is_it(jwk: Any) -> bool:
        return (
            isinstance(jwk, dict)
            and (jwk.get("kid"), jwk.get("kty"), jwk.get("alg"))
            == (key.key_id, key.key_type, key.algorithm)
            and jwk.get("use") in ("sig", None)
            and _may_verify(jwk.get("key_ops"))
            and not any(name in jwk for name in _SECRETS)
            and (jwk["kty"] != "RSA" or _is_strong(jwk))
        )

    demand(any(map(is_it, members)), "a key from nowhere")


def _named(keys: VerificationKeys) -> list[tuple[object, ...]]:
    return [
        *((key.key_id, key.key_type, key.curve, key.algorithm) for key in keys.keys),
        *((key.key_id, key.reason, key.alarming) for key in keys.refused),
    ]


def _demand_stored_alike(
    answer: FetchedDocument, keys: VerificationKeys | None
) -> None:
    source = IssuerSource(_POLICY, fetch=Answers(answer), clock=StoppedClock())
    try:
        record = source.fetch(None)
    except SourceError:
        demand(keys is None, "a good set is refused where it is fetched")
        return
    again = parse_record(record, _POLICY)
    demand(keys is not None and _named(again) == _named(keys), "other keys are stored")
    demand(300 <= record.lifetime <= 3600, "a lifetime out of bounds")
    stored = [key for key in json.loads(record.jwks)["keys"] if isinstance(key, dict)]
    demand(
        not any(key.get(name) for key in stored for name in _SECRETS),
        "a secret is stored",
    )


def _demand_no_harm(document: dict[str, Any]) -> None:
    good, junk = GOOD_JWKS["keys"][0], document.get("keys")
    if not isinstance(junk, list) or len(junk) > 99:
        return
    if any(isinstance(jwk, dict) and jwk.get("kid") == good["kid"] for jwk in junk):
        return
    keys = parse_jwk_set({"keys": [*junk, good]}, algorithms=_ALGORITHMS)
    demand(keys.matching("ec", "ES256"), "junk took a good key down")


TARGET = Target(name="jwks", run=run, mutate=edit_answer)

if __name__ == "__main__":
    main(TARGET)
