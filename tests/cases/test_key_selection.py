"""Section E: which key verifies a token, and what that costs."""

from __future__ import annotations

import pytest

from django_oidc_rs import wiring
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.errors import BadSignature, KeyUnusable, UnknownKey
from django_oidc_rs.core.jwk import parse_jwk_set
from django_oidc_rs.testing import FakeIssuer, install
from tests.attacks.harness import HANDLERS, Sent, no_network
from tests.attacks.surface import everywhere
from tests.cases.trying import Case, check, problems_of
from tests.core.builders import FakeKeys, key, key_set, server, sign, validator
from tests.core.faults.crafting import (
    MALLORY,
    RSA,
    mallory,
    named,
    private_jwk,
    published,
    without_kid,
)

OTHERS = [named("ES256", f"e{number}") for number in range(2, 8)]
SPARE = named("ES256", "spare")


def beside(*jwks):
    """Return a set with the good key behind ``jwks``."""
    return lambda: [*jwks, key().public_jwk()]


UNUSABLE = {
    "unknown-type": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "x"},
    "no-modulus": {"kty": "RSA", "e": "AQAB", "kid": "x"},
    "weak": {"kty": "RSA", "e": "AQAB", "n": "_" * 170 + "w", "kid": "x"},
    "no-object": "text",
    "off-curve": {**SPARE().public_jwk(), "x": "AA", "kid": "x"},
}
SECRETS = {
    "private": private_jwk(SPARE()),
    "symmetric": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "x"},
    "symmetric-for-ours": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "k1"},
}
ADDRESSES = {
    "jku": "https://evil.test/jwks",
    "x5u": "http://169.254.169.254/",
    "jwk": MALLORY().public_jwk(),
    "x5c": ["bm8gY2VydGlmaWNhdGU="],
}

CASES = {
    "KS-03": Case(header=without_kid()),
    "KS-03-another-type-beside": Case(
        header=without_kid(), jwks=published(RSA, named())
    ),
    "KS-03-none-fits": Case(
        raises=UnknownKey, at="kid", header=without_kid(), signer=RSA, hits=1
    ),
    "KS-04": Case(header=without_kid(), jwks=published(*OTHERS[:3], named())),
    "KS-04-none-verifies": Case(
        raises=BadSignature,
        header=without_kid(),
        signer=MALLORY,
        jwks=published(*OTHERS[:3], named()),
        hits=1,
    ),
    # At most four are tried: the fifth is work that an attacker could order.
    "KS-04-bounded": Case(
        raises=BadSignature,
        header=without_kid(),
        jwks=published(*OTHERS, named()),
        hits=1,
    ),
    "KS-05": Case(raises=UnknownKey, at="kid", header={"kid": "k9"}, hits=1),
    "KS-05-empty": Case(raises=UnknownKey, at="kid", header={"kid": ""}, hits=1),
    "KS-05-anothers-name": Case(raises=BadSignature, signer=mallory()),
    **{f"KS-07-{name}": Case(jwks=beside(jwk)) for name, jwk in UNUSABLE.items()},
    "KS-07-all-at-once": Case(jwks=beside(*UNUSABLE.values())),
    **{f"KS-08-{name}": Case(jwks=beside(jwk)) for name, jwk in SECRETS.items()},
    "KS-08-used": Case(
        raises=KeyUnusable,
        at="kid",
        signer=SPARE,
        jwks=beside(SECRETS["private"]),
    ),
    **{
        f"KS-10-{name}": Case(header={name: value}) for name, value in ADDRESSES.items()
    },
    **{
        f"KS-10-{name}-forged": Case(
            raises=BadSignature, header={name: value}, signer=mallory()
        )
        for name, value in ADDRESSES.items()
    },
}


@pytest.mark.parametrize("case", CASES)
def test_key_selection(case):
    check(CASES[case])


@pytest.mark.parametrize(
    ("name", "alarming"),
    [
        *(
            pytest.param(name, name != "unknown-type", id=f"KS-07-{name}")
            for name in UNUSABLE
        ),
        *(pytest.param(name, True, id=f"KS-08-{name}") for name in SECRETS),
    ],
)
def test_what_was_refused_is_reported(name, alarming):
    """``sync_oidc_keys`` prints it; what leaks a secret is for somebody to act on."""
    jwk = {**UNUSABLE, **SECRETS}[name]
    keys = parse_jwk_set({"keys": beside(jwk)()}, algorithms=["ES256", "RS256"])
    [refused] = keys.refused
    assert refused.alarming is alarming
    assert refused.reason.isidentifier()


# Over HTTP, where the issuer counts how often it is asked.


def send_all(handler, url, *raws):
    return [HANDLERS[handler](url, Sent((f"Bearer {raw}",))).status for raw in raws]


@pytest.mark.urls("tests.attacks.surface")
@pytest.mark.django_db
@everywhere
@pytest.mark.parametrize(
    ("warm", "fetched"),
    [
        pytest.param(True, 0, id="KS-01"),
        # Metadata and the JWK Set.
        pytest.param(False, 2, id="KS-02"),
    ],
)
def test_what_a_known_key_costs(warm, fetched, url, handler, issuer):
    raws = [issuer.access_token(name, ["read"]) for name in ("alice", "bob", "carol")]
    if warm:
        wiring.get_resource_server().validate(raws[0])
    issuer.fetches.clear()
    assert send_all(handler, url, *raws) == [200] * 3
    assert len(issuer.fetches) == fetched


@pytest.mark.urls("tests.attacks.surface")
@pytest.mark.django_db
@everywhere
@pytest.mark.parametrize(
    "keys", [pytest.param(lambda jwk: {"keys": [jwk]}, id="KS-09")]
)
def test_keys_in_settings_need_no_network(keys, url, handler, settings, monkeypatch):
    issuer = FakeIssuer()
    default = {
        **settings.OIDC_RS["ISSUERS"]["default"],
        "JWKS": keys(issuer.key.public_jwk()),
    }
    raws = [issuer.access_token("alice", ["read"]), issuer.access_token(exp=1)]
    settings.OIDC_RS = {**settings.OIDC_RS, "ISSUERS": {"default": default}}
    assert get_config().issuers[0].jwks
    with install(), no_network(monkeypatch) as attempts:
        assert send_all(handler, url, *raws) == [200, 401]
    assert not attempts


@pytest.mark.parametrize(
    "jwks",
    [
        pytest.param({"keys": [SECRETS["symmetric"]]}, id="KS-09-oct-alone"),
        pytest.param(beside(SECRETS["symmetric"])(), id="KS-09-list"),
        pytest.param({"keys": beside(SECRETS["symmetric"])()}, id="KS-09-oct-beside"),
        pytest.param({"keys": beside(SECRETS["private"])()}, id="KS-09-private-beside"),
        pytest.param({"keys": [SECRETS["private"]]}, id="KS-09-private-alone"),
        pytest.param({"keys": []}, id="KS-09-empty"),
        pytest.param({}, id="KS-09-no-keys"),
        pytest.param("-----BEGIN PUBLIC KEY-----", id="KS-09-text"),
    ],
)
def test_keys_in_settings_that_are_none_are_an_error(jwks):
    assert problems_of({"JWKS": jwks})


@pytest.mark.parametrize("newer", [pytest.param("k9", id="KS-05-found")])
def test_the_key_that_was_asked_for_is_used(newer):
    """One question, and the request that asked it succeeds."""
    signer = key("ES256", newer)
    keys = FakeKeys(key_set(), newer=key_set(key().public_jwk(), signer.public_jwk()))
    tried = server(validator(keys=keys))
    head = {"alg": "ES256", "kid": newer, "typ": "at+jwt"}
    assert tried.validate(sign(header_=head, signer=signer))
    assert keys.asked == 1
