"""JWK Set -> keys: what is refused singly, and that the rest keeps working."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from functools import cache

import pytest

from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS
from django_oidc_rs.core.jwk import (
    ASYMMETRIC_ALGORITHMS,
    SYMMETRIC_ALGORITHMS,
    JwkSetError,
    VerificationKeys,
    parse_jwk_set,
    shared_secret_keys,
)
from django_oidc_rs.core.weak_keys import check_rsa
from django_oidc_rs.testing.signing import SigningKey, encode

MESSAGE = b"header.payload"


@cache
def _made(algorithm: str, name: str) -> SigningKey:
    return SigningKey(algorithm, key_id=f"{algorithm}{name}")


def signing_key(algorithm: str, name: str = "") -> SigningKey:
    return _made(algorithm, name)


def jwk(algorithm: str, name: str = "", **members: object) -> dict[str, object]:
    """A public JWK; a member given as None is left out."""
    made = {**signing_key(algorithm, name).public_jwk(), **members}
    return {key: value for key, value in made.items() if value is not None}


def number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def little_endian(value: int, length: int) -> str:
    return encode(value.to_bytes(length, "little"))


def parse(*keys: object, algorithms=DEFAULT_ALGORITHMS) -> VerificationKeys:
    return parse_jwk_set({"keys": list(keys)}, algorithms=algorithms)


ROCA_PRIMES = [
    n for n in range(3, 168) if all(n % d for d in range(2, math.isqrt(n) + 1))
]


def roca_modulus() -> int:
    """An odd number of 2,048 bits that has the fingerprint of the broken generator."""
    product = math.prod(ROCA_PRIMES)
    modulus = pow(65537, 12345, product) + product * ((1 << 2047) // product + 1)
    return modulus if modulus % 2 else modulus + product


def test_names_that_nobody_has_leave_nothing_behind():
    keys = parse(signing_key("ES256").public_jwk())
    found = keys.matching(signing_key("ES256").key_id, "ES256")
    assert keys.matching(signing_key("ES256").key_id, "ES256") is found
    kept = dict(keys._matching)
    for number in range(20):
        assert keys.matching(f"made up {number}", "ES256") == ()
    assert keys.matching(found[0].key_id, "RS256") == ()
    assert keys._matching == kept


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC_ALGORITHMS))
def test_a_good_key_of_each_algorithm_verifies(algorithm):
    key = signing_key(algorithm)
    keys = parse(key.public_jwk(), algorithms=ASYMMETRIC_ALGORITHMS)
    (found,) = keys.matching(key.key_id, algorithm)
    assert keys.matching(key.key_id, algorithm) == (found,)
    assert found.verify(algorithm, MESSAGE, key.signature(MESSAGE))
    assert not found.verify(algorithm, MESSAGE + b"x", key.signature(MESSAGE))
    assert keys.refused == ()


P25519 = 2**255 - 19
P448 = 2**448 - 2**224 - 1
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SIGN_25519, SIGN_448 = 1 << 255, 1 << 455

# reason, is it alarming, how the key differs from a good one
REFUSED = {
    "no object": ("not_an_object", True, lambda: "key"),
    "null": ("not_an_object", True, lambda: None),
    "A117 oct": ("symmetric_key", True, lambda: {"kty": "oct", "k": encode(b"x" * 32)}),
    "KS-08 oct without k": ("symmetric_key", True, lambda: {"kty": "oct"}),
    **{
        f"A115 private member {name}": (
            "private_key",
            True,
            lambda name=name: jwk("ES256", "x", **{name: "AQAB"}),
        )
        for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")
    },
    "A115 private member null": (
        "private_key",
        True,
        lambda: {**jwk("ES256", "x"), "d": None},
    ),
    "A115 private AKP": (
        "private_key",
        True,
        lambda: {"kty": "AKP", "alg": "ML-DSA-44", "priv": "AQAB"},
    ),
    "no kty": ("unsupported_key_type", False, lambda: jwk("ES256", "x", kty=None)),
    "kty no text": ("unsupported_key_type", False, lambda: jwk("ES256", kty=["EC"])),
    "44 kty AKP": (
        "unsupported_key_type",
        False,
        lambda: {"kty": "AKP", "alg": "ML-DSA-44", "kid": "x", "pub": "AQAB"},
    ),
    "JW-09 kid a number": ("invalid_key_id", True, lambda: jwk("ES256", "x", kid=1)),
    "kid an object": ("invalid_key_id", True, lambda: jwk("ES256", "x", kid={})),
    "46 use enc": ("not_for_signatures", False, lambda: jwk("ES256", "x", use="enc")),
    "use a list": ("not_for_signatures", False, lambda: jwk("ES256", "x", use=["sig"])),
    "use in capitals": ("not_for_signatures", False, lambda: jwk("ES256", use="SIG")),
    "JW-08 key_ops without verify": (
        "not_for_signatures",
        False,
        lambda: jwk("ES256", "x", use=None, key_ops=["encrypt"]),
    ),
    "47 use sig beside key_ops encrypt": (
        "not_for_signatures",
        True,
        lambda: jwk("ES256", "x", key_ops=["encrypt"]),
    ),
    "key_ops empty": (
        "not_for_signatures",
        False,
        lambda: jwk("ES256", "x", use=None, key_ops=[]),
    ),
    "key_ops twice": (
        "invalid_key_ops",
        True,
        lambda: jwk("ES256", "x", key_ops=["verify", "verify"]),
    ),
    "key_ops a text": ("invalid_key_ops", True, lambda: jwk("ES256", key_ops="verify")),
    "key_ops of numbers": ("invalid_key_ops", True, lambda: jwk("ES256", key_ops=[1])),
    "alg a number": ("invalid_algorithm", True, lambda: jwk("ES256", "x", alg=1)),
    "A119 alg nobody knows": (
        "algorithm_does_not_fit_key",
        False,
        lambda: jwk("ES256", "x", alg="ES521"),
    ),
    "alg for encryption": (
        "algorithm_does_not_fit_key",
        False,
        lambda: jwk("RS256", "x", use=None, alg="RSA-OAEP"),
    ),
    "alg of another family": (
        "algorithm_does_not_fit_key",
        True,
        lambda: jwk("ES256", "x", alg="RS256"),
    ),
    "alg HS256 on a public key": (
        "algorithm_does_not_fit_key",
        True,
        lambda: jwk("RS256", "x", alg="HS256"),
    ),
    "56 ES256 on P-384": (
        "algorithm_does_not_fit_key",
        True,
        lambda: jwk("ES384", "x", alg="ES256"),
    ),
    "A119 RSA with the members of EC": (
        "invalid_coordinates",
        True,
        lambda: jwk("ES256", "x", kty="RSA", alg="RS256"),
    ),
    "no crv": (
        "algorithm_does_not_fit_key",
        False,
        lambda: jwk("ES256", "x", crv=None, alg=None),
    ),
    "crv a list": (
        "algorithm_does_not_fit_key",
        False,
        lambda: jwk("ES256", "x", crv=["P-256"], alg=None),
    ),
    "60 secp256k1": (
        "algorithm_does_not_fit_key",
        True,
        lambda: jwk("ES256", "x", crv="secp256k1"),
    ),
    "59 X25519": (
        "algorithm_does_not_fit_key",
        False,
        lambda: jwk("EdDSA", "x", crv="X25519", alg=None),
    ),
    "59 X448 as EdDSA": (
        "algorithm_does_not_fit_key",
        True,
        lambda: jwk("EdDSA", "x", crv="X448"),
    ),
    "EC curve on OKP": (
        "algorithm_does_not_fit_key",
        False,
        lambda: jwk("EdDSA", "x", crv="P-256", alg=None),
    ),
    "algorithm the policy lacks": (
        "algorithm_not_allowed",
        False,
        lambda: jwk("Ed448", "x"),
    ),
    "54 RSA of 2,047 bits": (
        "weak_key",
        True,
        # Minus one would be refused as prime: Fermat's test takes it for one.
        lambda: jwk("RS256", "x", n=number((1 << 2047) - 3)),
    ),
    "54 RSA of 1,024 bits": (
        "weak_key",
        True,
        lambda: jwk("RS256", "x", n=number((1 << 1024) - 1)),
    ),
    "RSA modulus 0": ("weak_key", True, lambda: jwk("RS256", "x", n="AA")),
    "51 RSA of 16,384 bits": (
        "oversized_key",
        True,
        lambda: jwk("RS256", "x", n=number((1 << 16384) - 1)),
    ),
    "RSA of 8,193 bits": (
        "oversized_key",
        True,
        lambda: jwk("RS256", "x", n=number((1 << 8193) - 1)),
    ),
    "51 RSA n even": (
        "weak_key",
        True,
        lambda: jwk("RS256", "x", n=number((1 << 2048) - 2)),
    ),
    "51 RSA e 1": ("weak_key", True, lambda: jwk("RS256", "x", e="AQ")),
    "51 RSA e even": ("weak_key", True, lambda: jwk("RS256", "x", e=number(65536))),
    "51 RSA e huge": ("weak_key", True, lambda: jwk("RS256", "x", e=number(2**64 + 1))),
    "51 ROCA": ("roca_key", True, lambda: jwk("RS256", "x", n=number(roca_modulus()))),
    "44 RSA without n": (
        "invalid_coordinates",
        True,
        lambda: jwk("RS256", "x", n=None),
    ),
    "RSA n a number": ("invalid_coordinates", True, lambda: jwk("RS256", "x", n=5)),
    "RSA n padded": (
        "invalid_coordinates",
        True,
        lambda: jwk("RS256", "x", n=str(jwk("RS256", "x")["n"]) + "=="),
    ),
    "RSA n no ASCII": ("invalid_coordinates", True, lambda: jwk("RS256", n="\u00fc")),
    "EC without y": ("invalid_coordinates", True, lambda: jwk("ES256", "x", y=None)),
    "EC off the curve": (
        "invalid_coordinates",
        True,
        lambda: jwk("ES256", "x", y=encode(b"\x01" * 32)),
    ),
    "EC at infinity": (
        "invalid_coordinates",
        True,
        lambda: jwk("ES256", "x", x=encode(bytes(32)), y=encode(bytes(32))),
    ),
    "51 EC x short": (
        "invalid_coordinates",
        True,
        lambda: jwk("ES256", "x", x=encode(b"\x01" * 31)),
    ),
    "51 EC x long": (
        "invalid_coordinates",
        True,
        lambda: jwk("ES256", "x", x=encode(b"\0" + b"\x01" * 32)),
    ),
    "51 Ed25519 short": (
        "invalid_coordinates",
        True,
        lambda: jwk("EdDSA", "x", x=encode(b"\x05" * 31)),
    ),
    "51 Ed25519 long": (
        "invalid_coordinates",
        True,
        lambda: jwk("EdDSA", "x", x=encode(b"\x05" * 33)),
    ),
    **{
        f"Ed25519 of small order {name}": (
            "weak_key",
            True,
            lambda y=y: jwk("EdDSA", "x", x=little_endian(y, 32)),
        )
        for name, y in {
            "1": 1,
            "1 with sign": 1 | SIGN_25519,
            "2": P25519 - 1,
            "4": 0,
            "4 with sign": SIGN_25519,
            "8": ORDER_8,
            "8 with sign": ORDER_8 | SIGN_25519,
            "8 mirrored": P25519 - ORDER_8,
            "8 mirrored with sign": (P25519 - ORDER_8) | SIGN_25519,
        }.items()
    },
    "Ed25519 not canonical 0": (
        "weak_key",
        True,
        lambda: jwk("EdDSA", "x", x=little_endian(P25519, 32)),
    ),
    "Ed25519 not canonical 1": (
        "weak_key",
        True,
        lambda: jwk("EdDSA", "x", x=little_endian(P25519 + 1, 32)),
    ),
    "Ed25519 not canonical, all ones": (
        "weak_key",
        True,
        lambda: jwk("EdDSA", "x", x=encode(b"\xff" * 32)),
    ),
}


@pytest.mark.parametrize(("reason", "alarming", "make"), REFUSED.values(), ids=REFUSED)
def test_a_bad_key_is_refused_and_the_rest_keeps_working(reason, alarming, make):
    good = signing_key("RS256", "good")
    keys = parse(make(), good.public_jwk())
    assert [(key.reason, key.alarming) for key in keys.refused] == [(reason, alarming)]
    (found,) = keys.keys
    assert found.key_id == good.key_id
    assert found.verify("RS256", MESSAGE, good.signature(MESSAGE))


@pytest.mark.parametrize(("reason", "alarming", "make"), REFUSED.values(), ids=REFUSED)
def test_a_set_of_bad_keys_alone_is_no_set(reason, alarming, make):
    with pytest.raises(JwkSetError) as caught:
        parse(make())
    assert caught.value.code == "no_usable_key"
    assert reason in str(caught.value)


ED448 = {
    "of order 1": 1,
    "of order 2": P448 - 1,
    "of order 4": 0,
    "of order 4 with sign": SIGN_448,
    "not canonical": P448,
    "with low bits in the sign byte": 5 | 1 << 448,
    "with the bit beside the sign": 5 | 1 << 454,
}


@pytest.mark.parametrize("y", ED448.values(), ids=ED448)
def test_an_ed448_key_of_small_order_or_not_canonical_is_refused(y):
    with pytest.raises(JwkSetError, match="weak_key"):
        parse(jwk("Ed448", "x", x=little_endian(y, 57)), algorithms=["Ed448"])


CANONICAL = {
    "Ed25519": ("EdDSA", P25519 - 2, 32),
    "Ed25519 with sign": ("EdDSA", P25519 - 2 | SIGN_25519, 32),
    "Ed448": ("Ed448", P448 - 2, 57),
    "Ed448 with sign": ("Ed448", P448 - 2 | SIGN_448, 57),
}


@pytest.mark.parametrize(
    ("algorithm", "y", "length"), CANONICAL.values(), ids=CANONICAL
)
def test_the_largest_canonical_coordinate_is_kept(algorithm, y, length):
    point = jwk(algorithm, x=little_endian(y, length))
    assert len(parse(point, algorithms=[algorithm]).keys) == 1


@pytest.mark.parametrize("exponent", [3, 17, 65537, 2**32 + 1, 2**64 - 1])
def test_an_ordinary_exponent_is_kept(exponent):
    assert len(parse(jwk("RS256", e=number(exponent))).keys) == 1


@pytest.mark.parametrize("prime", [3, 167])
def test_51_the_roca_fingerprint_is_one_of_all_its_primes(prime):
    # Twice the product of the others: the modulus stays odd, and theirs.
    others = 2 * math.prod(ROCA_PRIMES) // prime
    residues = {pow(65537, power, prime) for power in range(prime)}
    moduli = (roca_modulus() + others * step for step in range(prime))
    modulus = next(each for each in moduli if each % prime not in residues)
    assert check_rsa(modulus, 65537) is None


@pytest.mark.parametrize("bits", [2048, 8192])
def test_51_54_the_shortest_and_the_longest_modulus_are_kept(bits):
    assert check_rsa((1 << bits) - 1, 65537) is None


def test_52_a_secret_is_as_long_as_its_hash():
    assert SYMMETRIC_ALGORITHMS == {"HS256": 32, "HS384": 48, "HS512": 64}


@pytest.mark.parametrize("length", [56, 58])
def test_an_ed448_key_of_another_length_is_refused(length):
    x = encode((5).to_bytes(length, "little"))
    with pytest.raises(JwkSetError, match="invalid_coordinates"):
        parse(jwk("Ed448", "x", x=x), algorithms=["Ed448"])


NO_SET = {
    "45 no keys": ({}, "no_keys_array"),
    "45 keys an object": ({"keys": {}}, "no_keys_array"),
    "45 keys a text": ({"keys": "x"}, "no_keys_array"),
    "JC-21 keys null": ({"keys": None}, "no_keys_array"),
    "JC-22 A127 empty": ({"keys": []}, "no_usable_key"),
    "JC-21 a null key": ({"keys": [None]}, "no_usable_key"),
    "A122 over 100 keys": ({"keys": [{}] * 101}, "too_many_keys"),
}


@pytest.mark.parametrize(("document", "code"), NO_SET.values(), ids=NO_SET)
def test_what_is_no_jwk_set_is_refused_whole(document, code):
    with pytest.raises(JwkSetError) as caught:
        parse_jwk_set(document, algorithms=DEFAULT_ALGORITHMS)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "the set is empty"),
        (
            [None, jwk("Ed448")],
            "none of 2 keys can be used: algorithm_not_allowed, not_an_object",
        ),
    ],
)
def test_an_operator_reads_why_no_key_is_usable(keys, message):
    with pytest.raises(JwkSetError) as caught:
        parse(*keys)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "the document has no array named keys"),
        ({"keys": [{}] * 101}, "the set holds over 100 keys"),
    ],
)
def test_an_operator_reads_why_a_document_is_no_set(document, message):
    with pytest.raises(JwkSetError) as caught:
        parse_jwk_set(document, algorithms=DEFAULT_ALGORITHMS)
    assert str(caught.value) == message


def test_a_set_of_100_keys_is_read():
    keys = parse(jwk("ES256"), *[{}] * 99)
    assert len(keys.keys) == 1
    assert len(keys.refused) == 99


def test_43_unknown_members_are_ignored():
    document = {"keys": [jwk("ES256", x5c=["MIIB"], x5t="AQAB", exp=1)], "more": 1}
    keys = parse_jwk_set(document, algorithms=iter(["RS256", "ES256"]))
    assert [key.key_id for key in keys.keys] == ["ES256"]


@pytest.mark.parametrize("use", ["sig", None])
@pytest.mark.parametrize("operations", [["verify"], ["sign", "verify"], None])
def test_a_key_for_verifying_is_kept(use, operations):
    assert len(parse(jwk("ES256", use=use, key_ops=operations)).keys) == 1


def test_algorithms_may_be_read_once_only():
    keys = parse_jwk_set(
        {"keys": [jwk("ES256"), jwk("ES384")]}, algorithms=iter(["ES256", "ES384"])
    )
    assert len(keys.keys) == 2


def test_a117_equal_kid_kty_and_alg_are_refused_both():
    keys = parse(
        jwk("ES256", "1", kid="same"), jwk("ES256", "2", kid="same"), jwk("ES256")
    )
    assert [key.key_id for key in keys.keys] == ["ES256"]
    assert [(key.key_id, key.reason, key.alarming) for key in keys.refused] == [
        ("same", "ambiguous_key_id", True)
    ] * 2
    assert keys.matching("same", "ES256") == ()


def test_a117_equal_rsa_keys_without_alg_are_refused_both():
    twice = (
        jwk("RS256", kid="same", alg=None),
        jwk("RS256", "good", kid="same", alg=None),
    )
    with pytest.raises(JwkSetError, match="ambiguous_key_id"):
        parse(*twice)


def test_a_key_listed_twice_is_one_key():
    """Issuers do that while they rotate; nothing is ambiguous about it."""
    for members in ({"kid": "same"}, {"kid": None}):
        keys = parse(jwk("ES256", **members), jwk("ES256", **members, x5t="differs"))
        assert len(keys.keys) == 1
        assert keys.refused == ()
        assert len(keys.matching(members["kid"], "ES256")) == 1


def test_a_key_listed_with_and_without_alg_is_not_ambiguous():
    keys = parse(jwk("RS256", kid="same", alg=None), jwk("RS256", kid="same"))
    assert keys.refused == ()
    assert len(keys.matching("same", "RS256")) == 2
    assert len(keys.matching("same", "PS256")) == 1


def test_a117_a_key_without_alg_collides_with_one_that_has_it():
    with pytest.raises(JwkSetError, match="ambiguous_key_id"):
        parse(jwk("RS256", kid="same", alg=None), jwk("RS256", "good", kid="same"))


def test_a117_two_names_of_one_algorithm_collide():
    with pytest.raises(JwkSetError, match="ambiguous_key_id"):
        parse(
            jwk("EdDSA", "1", kid="same", alg="EdDSA"),
            jwk("EdDSA", "2", kid="same", alg="Ed25519"),
        )


def test_a116_equal_kid_on_another_curve_is_kept_and_told_apart():
    keys = parse(jwk("ES256", kid="same", alg=None), jwk("ES384", kid="same", alg=None))
    for algorithm in ("ES256", "ES384"):
        (key,) = keys.matching("same", algorithm)
        assert key.fits(algorithm)


def test_a121_a_prime_modulus_is_no_secret():
    """Whoever knows that n is prime knows d = 1/e mod (n - 1)."""
    prime = 2**2203 - 1
    weak = jwk("RS256", kid="weak", n=number(prime))
    keys = parse(weak, jwk("RS256"))
    assert [key.key_id for key in keys.keys] == ["RS256"]
    assert [(key.key_id, key.reason) for key in keys.refused] == [("weak", "weak_key")]


def test_a_modulus_of_over_4096_bits_is_not_tested_for_primality():
    """A hundred of them would take minutes."""
    assert check_rsa(2**4096 - 2549, 65537) == "weak_key"
    # No prime, but Fermat's test takes it for one.
    assert check_rsa(2**4096 + 1, 65537) is None
    assert check_rsa(2**4423 - 1, 65537) is None


def test_a116_equal_kid_with_another_kty_is_kept_and_told_apart():
    keys = parse(jwk("ES256", kid="same"), jwk("RS256", kid="same"))
    assert [key.key_type for key in keys.matching("same", "ES256")] == ["EC"]
    assert [key.key_type for key in keys.matching("same", "RS256")] == ["RSA"]


def test_equal_kid_with_another_alg_is_kept():
    keys = parse(
        jwk("RS256", kid="same"), jwk("RS256", "good", kid="same", alg="PS256")
    )
    assert len(keys.matching("same", "RS256")) == 1
    assert len(keys.matching("same", "PS256")) == 1


def test_an_unusable_double_leaves_the_usable_one():
    keys = parse(jwk("ES256", "1", kid="same", use="enc"), jwk("ES256", kid="same"))
    assert len(keys.matching("same", "ES256")) == 1


def test_keys_without_kid_are_never_ambiguous():
    assert len(parse(jwk("ES256", "1", kid=None), jwk("ES256", kid=None)).keys) == 2


def test_ks_05_a_kid_finds_keys_of_that_name_alone():
    keys = parse(jwk("ES256"))
    assert len(keys.matching("ES256", "ES256")) == 1
    assert keys.matching("other", "ES256") == ()
    assert keys.matching("es256", "ES256") == ()


def test_a_kid_does_not_find_a_key_without_one():
    assert parse(jwk("ES256", kid=None)).matching("x", "ES256") == ()


def test_ks_04_without_kid_at_most_four_keys_that_fit_are_tried():
    several = [jwk("ES256", str(number)) for number in range(6)]
    keys = parse(jwk("RS256"), *several)
    assert [key.key_id for key in keys.matching(None, "ES256")] == [
        key["kid"] for key in several[:4]
    ]


def test_ks_03_without_kid_the_only_fitting_key_is_found():
    keys = parse(jwk("RS256"), jwk("ES256"), jwk("ES384"))
    assert [key.key_id for key in keys.matching(None, "ES384")] == ["ES384"]


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
)
def test_an_rsa_key_without_alg_serves_the_whole_family(algorithm):
    key = signing_key("RS256")
    (found,) = parse(jwk("RS256", alg=None)).matching(None, algorithm)
    assert found.verify(algorithm, MESSAGE, key.signature(MESSAGE, algorithm))


def test_48_the_alg_of_a_key_pins_it():
    keys = parse(jwk("RS256"))
    assert keys.matching("RS256", "PS256") == ()
    assert keys.matching(None, "RS512") == ()
    assert len(keys.matching("RS256", "RS256")) == 1


@pytest.mark.parametrize("of_key", ["EdDSA", "Ed25519", None])
@pytest.mark.parametrize("of_token", ["EdDSA", "Ed25519"])
def test_eddsa_and_ed25519_name_the_same_algorithm(of_key, of_token):
    key = signing_key("EdDSA")
    (found,) = parse(jwk("EdDSA", alg=of_key)).matching("EdDSA", of_token)
    assert found.verify(of_token, MESSAGE, key.signature(MESSAGE))


@pytest.mark.parametrize("of_token", ["EdDSA", "Ed25519", "ES512"])
def test_an_ed448_key_serves_ed448_alone(of_token):
    keys = parse(jwk("Ed448", alg=None), algorithms=["Ed448", "EdDSA", "Ed25519"])
    assert keys.matching(None, of_token) == ()


def test_a_set_knows_the_names_of_usable_and_refused_keys():
    keys = parse(jwk("ES256"), jwk("ES256", "x", use="enc"), jwk("RS256", kid=None))
    assert keys.knows("ES256")
    assert keys.knows("ES256x")
    assert not keys.knows("other")
    assert not keys.knows(None)


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC_ALGORITHMS))
@pytest.mark.parametrize("signature", [b"", b"\0", b"\0" * 64, b"\xff" * 512])
def test_55_an_odd_signature_is_false_and_no_error(algorithm, signature):
    (key,) = parse(jwk(algorithm), algorithms=ASYMMETRIC_ALGORITHMS).keys
    assert not key.verify(algorithm, MESSAGE, signature)


@pytest.mark.parametrize("algorithm", SYMMETRIC_ALGORITHMS)
def test_a_shared_secret_verifies_whatever_kid_the_issuer_writes(algorithm):
    secret = b"s" * 64
    keys = shared_secret_keys(secret)
    signature = SigningKey(algorithm, secret=secret).signature(MESSAGE)
    for key_id in (None, "any"):
        (key,) = keys.matching(key_id, algorithm)
        assert key.verify(algorithm, MESSAGE, signature)
        assert not key.verify(algorithm, MESSAGE, signature[:-1])
    assert keys.matching(None, "RS256") == ()


def test_what_was_read_of_a_set_cannot_change():
    keys = parse(jwk("ES256"), None)
    for member in (keys.keys[0], keys.refused[0]):
        with pytest.raises(FrozenInstanceError):
            member.key_id = "other"


def test_no_key_material_in_a_repr():
    secret = b"do not show this, whoever asks!!"
    assert "do not show" not in repr(shared_secret_keys(secret).keys)
