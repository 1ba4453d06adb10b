"""Public test vectors: Wycheproof, RFC 7515, RFC 7520 and RFC 8037.

They are not part of this repository. ``DJANGO_OIDC_RS_VECTORS`` names a folder with
``wycheproof/`` (C2SP/wycheproof, testvectors_v1), ``jose-cookbook/``
(ietf-jose/cookbook) and ``rfc-examples/``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from django_oidc_rs.core import base64url
from django_oidc_rs.core.errors import InvalidToken, MalformedToken, NotAnAccessToken
from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS
from django_oidc_rs.core.jwk import (
    SYMMETRIC_ALGORITHMS,
    JwkSetError,
    parse_jwk_set,
    shared_secret_keys,
)
from django_oidc_rs.core.jws import check_header, parse_jws
from django_oidc_rs.core.token_kind import check_token_type
from django_oidc_rs.testing.signing import encode

from .builders import policy

VECTORS = Path(os.environ.get("DJANGO_OIDC_RS_VECTORS", ""))

pytestmark = pytest.mark.skipif(
    "DJANGO_OIDC_RS_VECTORS" not in os.environ,
    reason="DJANGO_OIDC_RS_VECTORS names no folder with the public vectors",
)

# Wycheproof labels that a strict verifier must differ from, and why.
WRONG_LABELS = {
    346: "header PS384, key PS256",
    350: "header PS384, key PS256",
    347: "ES521 is no algorithm",
    351: "ES521 is no algorithm",
    367: "the same octets as 357, which is valid",
    370: "the same octets as 357, which is valid",
    372: "? is not base64url",
    373: "? is not base64url",
}


def load(name):
    return json.loads((VECTORS / name).read_text("utf-8"))


def keys_and_algorithms(jwk):
    """Return what an issuer with that key (or shared secret) is configured with."""
    if jwk.get("kty") == "oct":
        keys = shared_secret_keys(base64url.decode(jwk["k"].encode()))
        return keys, frozenset((jwk["alg"],) if "alg" in jwk else SYMMETRIC_ALGORITHMS)
    algorithms = frozenset((*DEFAULT_ALGORITHMS, "Ed448"))
    return parse_jwk_set({"keys": [jwk]}, algorithms=algorithms), algorithms


def verifies(raw, jwk):
    """Whether we take ``raw`` for a JWS of that key, whatever its payload is.

    Most payloads here are no JSON, which no access token may have; so the payload is
    replaced for the parser, and checked and signed for as it stands.
    """
    head, _, rest = raw.partition(".")
    payload, _, signature = rest.partition(".")
    try:
        keys, algorithms = keys_and_algorithms(jwk)
        jws = parse_jws(f"{head}.e30.{signature}")
        base64url.decode(payload.encode("ascii"))
        algorithm, key_id = check_header(jws.header, algorithms=algorithms)
    except (InvalidToken, JwkSetError, ValueError):
        return False
    return any(
        key.verify(algorithm, f"{head}.{payload}".encode(), jws.signature)
        for key in keys.matching(key_id, algorithm)
    )


def as_text(token):
    return token if isinstance(token, str) else json.dumps(token)


def public_part(jwk):
    """Return a key as an issuer publishes it; sets with secrets are refused."""
    secret = ("d", "p", "q", "dp", "dq", "qi")
    return {name: value for name, value in jwk.items() if name not in secret}


def test_wycheproof_jws():
    agree, differ = [], []
    for group in load("wycheproof/json_web_signature_test.json")["testGroups"]:
        jwk = group.get("public") or group["private"]
        for test in group["tests"]:
            same = verifies(test["jws"], jwk) is (test["result"] == "valid")
            (agree if same else differ).append(test["tcId"])
    assert sorted(differ) == sorted(WRONG_LABELS)
    assert len(agree) == 393


def test_wycheproof_jwk_sets():
    """Sets of asymmetric keys; a set with a symmetric one is no JWK Set of ours."""
    counts = Counter()
    for group in load("wycheproof/json_web_key_test.json")["testGroups"]:
        document = group.get("public") or group["private"]
        for test in group["tests"]:
            if any(jwk["kty"] == "oct" for jwk in document["keys"]):
                with pytest.raises(JwkSetError):
                    parse_jwk_set(
                        {"keys": [k for k in document["keys"] if k["kty"] == "oct"]},
                        algorithms=DEFAULT_ALGORITHMS,
                    )
                counts["symmetric"] += 1
                continue
            (jwk,) = document["keys"]
            assert verifies(test["jws"], jwk) is (test["result"] == "valid"), test
            counts[test["result"]] += 1
    assert counts == {"symmetric": 15, "valid": 1, "invalid": 10}


@pytest.mark.parametrize(
    ("name", "count"),
    [("json_web_encryption_test", 139), ("json_web_crypto_test", 34)],
)
def test_wycheproof_jwe_is_refused(name, count):
    refused = 0
    for group in load(f"wycheproof/{name}.json")["testGroups"]:
        for test in group["tests"]:
            if "jwe" in test:
                with pytest.raises(MalformedToken):
                    parse_jws(as_text(test["jwe"]))
                refused += 1
    assert refused == count


@pytest.mark.parametrize(
    ("name", "algorithm", "count"),
    [
        ("ecdsa_secp256r1_sha256_p1363_test", "ES256", 252),
        ("ecdsa_secp384r1_sha384_p1363_test", "ES384", 270),
        ("ecdsa_secp521r1_sha512_p1363_test", "ES512", 308),
        ("ed25519_test", "Ed25519", 151),
        ("ed448_test", "Ed448", 87),
        ("rsa_signature_2048_sha256_test", "RS256", 259),
        ("rsa_signature_3072_sha256_test", "RS256", 259),
        ("rsa_signature_2048_sha384_test", "RS384", 258),
        ("rsa_signature_2048_sha512_test", "RS512", 259),
        ("rsa_signature_4096_sha512_test", "RS512", 259),
        ("rsa_pss_2048_sha256_mgf1_32_test", "PS256", 108),
        ("rsa_pss_3072_sha256_mgf1_32_test", "PS256", 108),
        ("rsa_pss_2048_sha384_mgf1_48_test", "PS384", 141),
        ("rsa_pss_4096_sha384_mgf1_48_test", "PS384", 141),
        ("rsa_pss_4096_sha512_mgf1_64_test", "PS512", 179),
    ],
)
def test_wycheproof_signatures(name, algorithm, count):
    tried = 0
    for group in load(f"wycheproof/{name}.json")["testGroups"]:
        jwk = group.get("publicKeyJwk") or group.get("keyJwk")
        if jwk is None:
            continue
        keys = parse_jwk_set({"keys": [jwk]}, algorithms=[algorithm])
        for test in group["tests"]:
            octets = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            good = any(
                key.verify(algorithm, *octets) for key in keys.matching(None, algorithm)
            )
            assert test["result"] in ("acceptable", "valid" if good else "invalid"), (
                test
            )
            tried += 1
    assert tried == count


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_wycheproof_hmac(bits):
    tried = 0
    for group in load(f"wycheproof/hmac_sha{bits}_test.json")["testGroups"]:
        if group["tagSize"] != bits or group["keySize"] < bits:
            continue
        for test in group["tests"]:
            (key,) = shared_secret_keys(bytes.fromhex(test["key"])).keys
            message, tag = bytes.fromhex(test["msg"]), bytes.fromhex(test["tag"])
            assert key.verify(f"HS{bits}", message, tag) is (test["result"] == "valid")
            tried += 1
    assert tried == 84


def test_secp256k1_is_not_spoken():
    group = load("wycheproof/ecdsa_secp256k1_sha256_p1363_test.json")["testGroups"][0]
    with pytest.raises(JwkSetError):
        parse_jwk_set({"keys": [group["publicKeyJwk"]]}, algorithms=DEFAULT_ALGORITHMS)


def test_rfc_7515_and_8037_examples():
    counts = Counter()
    for case in load("rfc-examples/jws_examples.json")["cases"]:
        if case.get("result") == "valid":
            assert verifies(case["jws"], case["jwk"]), case["id"]
        elif case.get("result") == "invalid":
            with pytest.raises(InvalidToken):
                parse_jws(case["jws"])
        counts[case["result"]] += 1
    assert counts == {"valid": 8, "invalid": 2, "unverifiable": 2, "example": 2}


def test_rfc_9449_proofs_and_rfc_9701_answers_are_no_access_tokens():
    anything = policy()
    refused = set()
    for case in load("rfc-examples/jws_examples.json")["cases"]:
        if case.get("jws") is None:
            continue
        head = case["jws"].partition(".")[0]
        header = parse_jws(f"{head}.e30.AAAA").header
        if header.get("typ") in ("dpop+jwt", "token-introspection+jwt"):
            with pytest.raises(NotAnAccessToken):
                check_token_type(header, anything)
            refused.add(case["id"])
    assert len(refused) == 4


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("jws/4_1.rsa_v15_signature", True),
        ("jws/4_2.rsa-pss_signature", True),
        ("jws/4_3.ecdsa_signature", True),
        ("jws/4_4.hmac-sha2_integrity_protection", True),
        ("jws/4_5.signature_with_detached_content", False),
        ("curve25519/jws", True),
        ("rfc7797/hmac-sha2_b64_false", False),
    ],
)
def test_rfc_7520_and_8037_cookbook(name, good):
    example = load(f"jose-cookbook/{name}.json")
    raw, jwk = example["output"]["compact"], public_part(example["input"]["key"])
    assert verifies(raw, jwk) is good
    tampered = f"{raw.rpartition('.')[0]}.{encode(bytes(64))}"
    assert not verifies(tampered, jwk)


def test_json_serializations_and_encryption_of_the_cookbook_are_refused():
    refused = 0
    for path in sorted((VECTORS / "jose-cookbook").glob("*/*.json")):
        for name, value in (
            json.loads(path.read_text("utf-8")).get("output", {}).items()
        ):
            if name in ("json", "json_flat") or path.parent.name == "jwe":
                with pytest.raises(MalformedToken):
                    parse_jws(as_text(value))
                refused += 1
    assert refused == 57
