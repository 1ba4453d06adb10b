"""The fuzz targets, over their corpus and some mutations, without atheris."""

from __future__ import annotations

import json
import time
from importlib import import_module
from random import Random

import pytest

from django_oidc_rs.core.errors import InvalidToken
from fuzz import authorization, jwks, metadata, mutators, oracle, token
from fuzz.answers import Answers, read_answer
from fuzz.harness import Finding, Target, corpus, instrumented, try_out
from fuzz.issuers import CLAIMS, HEADER, SERVER
from fuzz.keys import SIGNERS, encode, is_signed

TARGETS = {
    each.TARGET.name: each.TARGET for each in (authorization, jwks, metadata, token)
}
INPUTS = [(name, path) for name in TARGETS for path in corpus(name)]


def blind(random):
    """Return what stands in for libFuzzer's mutator: a few octets changed."""

    def mutate(data, most):
        octets = bytearray(data or b"x")
        for _ in range(random.randrange(1, 4)):
            octets[random.randrange(len(octets))] = random.randrange(256)
        return bytes(octets)[:most]

    return mutate


@pytest.mark.parametrize(
    ("name", "path"), INPUTS, ids=[f"{name}-{path.stem}" for name, path in INPUTS]
)
def test_the_corpus_holds_no_finding(name, path):
    try_out(TARGETS[name], path.read_bytes())


def test_the_corpus_is_small():
    for name, target in TARGETS.items():
        sizes = [path.stat().st_size for path in corpus(name)]
        assert 20 < len(sizes) < 60
        assert max(sizes) <= target.max_length


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_the_corpus_hold_no_finding(name):
    target, random = TARGETS[name], Random(7)
    mutate = blind(random)
    for path in corpus(name):
        data = path.read_bytes()
        for _ in range(6):
            if target.mutate is not None and random.random() < 0.7:
                data = target.mutate(data, random, mutate, target.max_length)
            else:
                data = mutate(data, target.max_length)
            try_out(target, data)


def test_mutated_tokens_reach_every_kind_of_verdict():
    # What is signed anew must get past the signature, or claims are never fuzzed.
    random, codes = Random(11), set()
    mutate = blind(random)
    good = next(path for path in corpus("token") if path.stem == "good-eddsa")
    for _ in range(600):
        raw = mutators.resign(good.read_bytes(), random, mutate, 4096).decode()
        verdict = token.judge(raw)
        codes.add(verdict.code if isinstance(verdict, InvalidToken) else "accepted")
    assert codes >= {
        *("accepted", "malformed_token", "algorithm_not_allowed", "untrusted_issuer"),
        *("bad_signature", "invalid_claim", "expired_token", "token_not_yet_valid"),
        *("not_an_access_token", "unconfirmed_token", "unknown_key"),
    }


# The harness finds what it is there to find


def crafted(claims, header=None, *, signer=None):
    head = ".".join(
        encode(json.dumps(part).encode())
        for part in ({**HEADER, **(header or {})}, claims)
    )
    signature = (signer or SIGNERS["EdDSA"])(head.encode())
    return f"{head}.{encode(signature)}"


GOOD = crafted(CLAIMS)


def test_the_oracle_lets_good_tokens_pass():
    oracle.demand_good(GOOD, SERVER.validate(GOOD))


@pytest.mark.parametrize(
    "raw_token",
    [
        pytest.param(crafted(CLAIMS, signer=lambda _: b"\0" * 64), id="unsigned"),
        pytest.param(crafted(CLAIMS, {"alg": "none"}), id="none"),
        pytest.param(crafted(CLAIMS, {"crit": ["x"]}), id="crit"),
        pytest.param(crafted(CLAIMS, {"typ": "logout+jwt"}), id="typ"),
        pytest.param(crafted({**CLAIMS, "iss": "https://evil.test"}), id="issuer"),
        pytest.param(crafted({**CLAIMS, "exp": oracle.NOW - 30}), id="expired"),
        pytest.param(crafted({**CLAIMS, "exp": True}), id="odd-date"),
        pytest.param(crafted({**CLAIMS, "nbf": oracle.NOW + 31}), id="not-yet"),
        pytest.param(crafted({**CLAIMS, "cnf": {}}), id="bound"),
        pytest.param(crafted({**CLAIMS, "x": 1}), id="other-claims"),
        pytest.param(GOOD + "=", id="padded"),
    ],
)
def test_the_oracle_objects_where_a_bad_token_is_accepted(raw_token):
    # As if the library had taken it for the good one.
    with pytest.raises(Finding):
        oracle.demand_good(raw_token, SERVER.validate(GOOD))


def test_every_signer_has_a_verifier_of_its_own():
    for algorithm, signer in SIGNERS.items():
        assert is_signed(algorithm, b"text", signer(b"text"))
        assert not is_signed(algorithm, b"other", signer(b"text"))
        assert not is_signed(algorithm, b"text", b"")
    assert not is_signed("RS256", b"text", b"\0" * 256)


def test_an_exception_nobody_declared_is_a_finding(monkeypatch):
    def broken(*_args, **_options):
        raise KeyError("x")

    for module, name in (
        (token, "explain"),
        (jwks, "parse_jwk_set"),
        (metadata, "discover"),
    ):
        monkeypatch.setattr(module, name, broken)
        with pytest.raises(KeyError):
            try_out(module.TARGET, b"{}")


def test_a_lenient_library_is_a_finding(monkeypatch):
    monkeypatch.setattr(token, "judge", lambda _: SERVER.validate(GOOD))
    with pytest.raises(Finding):
        token.run(GOOD[:-4].encode())
    monkeypatch.setattr(metadata, "check_url", lambda *_: None)
    answer = '{"issuer": "https://issuer.test", "jwks_uri": "https://a.test#@b.test/"}'
    with pytest.raises((Finding, ValueError)):
        metadata.run(answer.encode())


def test_what_takes_too_long_is_a_finding():
    def busy(_data):
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass

    with pytest.raises(Finding, match="CPU"):
        try_out(Target(name="busy", run=busy, cpu_seconds=0.01), b"")
    try_out(Target(name="busy", run=busy, cpu_seconds=60), b"")


def test_an_answer_is_headers_and_a_body():
    answer = read_answer(b"ETag: a\nx\x01y: \xff\nDate:  b \n\nc\n\n{}")
    assert answer.body == b"{}"
    assert answer.headers["etag"] == "a"
    assert answer.headers["date"] == "b"
    assert all(value.isascii() for value in answer.headers.values())
    assert read_answer(b"{}").body == b"{}"


def test_nobody_answers_where_the_answers_end():
    with pytest.raises(Exception, match="dns"):
        Answers()("https://issuer.test/", trusted_address=True)


def test_tests_are_not_instrumented():
    with instrumented("fuzz.token"):
        assert import_module("fuzz.token") is token
