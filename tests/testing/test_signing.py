"""The keys of issuers that exist in tests alone."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.core.base64url import decode
from django_oidc_rs.core.jwk import (
    ASYMMETRIC_ALGORITHMS,
    SYMMETRIC_ALGORITHMS,
    parse_jwk_set,
    shared_secret_keys,
)
from django_oidc_rs.testing import SigningKey
from django_oidc_rs.testing.signing import encode


def parts(token: str) -> list[bytes]:
    return [decode(part.encode()) for part in token.split(".")]


@pytest.mark.parametrize("algorithm", sorted(ASYMMETRIC_ALGORITHMS))
def test_a_key_signs_what_its_jwk_verifies(algorithm):
    key = SigningKey(algorithm)
    document = {"keys": [key.public_jwk()]}
    (found,) = parse_jwk_set(document, algorithms=[algorithm]).keys
    token = key.sign({"sub": "alice"})
    signing_input, _, _ = token.rpartition(".")
    header, payload, signature = parts(token)
    assert json.loads(header) == {"alg": algorithm, "kid": key.key_id, "typ": "at+jwt"}
    assert json.loads(payload) == {"sub": "alice"}
    assert found.verify(algorithm, signing_input.encode(), signature)
    assert (found.key_id, found.algorithm) == (key.key_id, algorithm)


@pytest.mark.parametrize("algorithm", SYMMETRIC_ALGORITHMS)
def test_a_shared_secret_signs_and_is_never_published(algorithm):
    key = SigningKey(algorithm, secret=b"s" * 64)
    (found,) = shared_secret_keys(b"s" * 64).keys
    assert found.verify(algorithm, b"message", key.signature(b"message"))
    with pytest.raises(ValueError, match=algorithm):
        key.public_jwk()


@pytest.mark.parametrize("algorithm", ["none", "", "Ed25518", "AES"])
def test_no_key_for_an_algorithm_nobody_knows(algorithm):
    with pytest.raises(ValueError, match="no key"):
        SigningKey(algorithm)


def test_an_rsa_key_signs_with_the_whole_family():
    key = SigningKey("RS256")
    jwk = {**key.public_jwk(), "alg": None}
    (found,) = parse_jwk_set({"keys": [jwk]}, algorithms=["RS256"]).keys
    for algorithm in ("RS384", "PS512"):
        token = key.sign(b"{}", algorithm=algorithm)
        header, _, signature = parts(token)
        assert json.loads(header)["alg"] == algorithm
        message = token.rpartition(".")[0].encode()
        assert found.verify(algorithm, message, signature)


def test_two_keys_have_different_names_unless_told():
    assert SigningKey().key_id != SigningKey().key_id
    assert SigningKey(key_id="mine").key_id == "mine"


def test_a_key_may_be_of_another_size():
    jwk = SigningKey("RS256", bits=3072).public_jwk()
    assert len(decode(jwk["n"].encode())) == 384


def test_header_and_payload_may_be_any_bytes():
    header, payload, _ = parts(SigningKey().sign(b"[1]", b"not JSON"))
    assert (header, payload) == (b"not JSON", b"[1]")


def test_a_header_replaces_the_usual_one():
    header, _, _ = parts(SigningKey().sign({}, {"alg": "none"}))
    assert json.loads(header) == {"alg": "none"}


def test_base64url_is_written_without_padding():
    assert encode(b"\xfb\xff") == "-_8"
