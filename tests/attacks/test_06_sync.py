"""Catalogue, section 6: documents that ``sync_oidc_keys`` must not believe."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.core.clock import SystemClock
from django_oidc_rs.stores import DatabaseKeyStore
from django_oidc_rs.testing import FakeClock, FakeIssuer
from tests.attacks.apis import PATHS
from tests.attacks.forging import number, roca_modulus
from tests.attacks.harness import EVIL, HANDLERS, Sent
from tests.attacks.sites import METADATA, asked_nobody, assert_failed, metadata, stored
from tests.commands import database_store, run
from tests.core.builders import ISSUER, key
from tests.core.faults.crafting import ENC, MALLORY, RSA, private_jwk

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

URL = f"{ISSUER}{METADATA}"


@pytest.fixture
def issuer():
    """An issuer whose keys have been stored once, by the command."""
    issuer = FakeIssuer(clock=SystemClock())
    issuer.key = key()
    issuer.published = [key().public_jwk()]
    with database_store(issuer):
        assert run("sync_oidc_keys").code == 0
        yield issuer


def says(**members):
    return lambda issuer: issuer.bodies.update({URL: metadata(**members)})


def is_text(text):
    return lambda issuer: issuer.bodies.update({URL: text})


def publishes(*jwks):
    return lambda issuer: issuer.lie(json.dumps({"keys": list(jwks)}).encode())


def serves(body):
    return lambda issuer: issuer.lie(body)


def weak(**members):
    return {**RSA().public_jwk(), **members}


# name -> (what the issuer does, code of the failure)
LIES = {
    **{
        f"A107-{name}": (says(issuer=value), "issuer_mismatch")
        for name, value in {
            "slash": f"{ISSUER}/",
            "case": "https://ISSUER.test",
            "scheme-case": "HTTPS://issuer.test",
            "other-host": f"https://{EVIL}.test",
            "suffix": f"{ISSUER}.{EVIL}.test",
            "prefix": ISSUER[:-1],
            "port": f"{ISSUER}:443",
            "path": f"{ISSUER}/tenant",
            "http": "http://issuer.test",
            "missing": None,
            "list": [ISSUER],
            "object": {"0": ISSUER},
            "empty": "",
            "number": 1,
            "true": True,
            "blank": f" {ISSUER}",
            "nul": f"{ISSUER}\0",
        }.items()
    },
    "A107-null": (
        is_text(json.dumps({"issuer": None, "jwks_uri": f"{ISSUER}/jwks"}).encode()),
        "issuer_mismatch",
    ),
    "A107-twice": (
        is_text(f'{{"issuer":"{ISSUER}","issuer":"x","jwks_uri":"x"}}'.encode()),
        "not_json",
    ),
    "A107-escaped-twice": (
        is_text(f'{{"issuer":"x","\\u0069ssuer":"{ISSUER}","jwks_uri":"x"}}'.encode()),
        "not_json",
    ),
    "A115-alone": (publishes(private_jwk(ENC())), "no_usable_key"),
    "A115-symmetric-alone": (
        publishes({"kty": "oct", "k": "c2VjcmV0"}),
        "no_usable_key",
    ),
    "A117-twins-alone": (
        publishes(*[{**each().public_jwk(), "kid": "x"} for each in (ENC, MALLORY)]),
        "no_usable_key",
    ),
    "A118-use-enc-alone": (
        publishes({**ENC().public_jwk(), "use": "enc"}),
        "no_usable_key",
    ),
    "A119-alone": (publishes({**ENC().public_jwk(), "alg": "ES521"}), "no_usable_key"),
    **{
        f"A121-{name}-alone": (publishes(weak(**members)), "no_usable_key")
        for name, members in {
            "1024-bits": {"n": number((1 << 1024) - 1)},
            "e-1": {"e": "AQ"},
            "e-even": {"e": number(65536)},
            "n-even": {"n": number((1 << 2048) - 2)},
            "n-prime": {"n": number((1 << 2203) - 1)},
            "ROCA": {"n": number(roca_modulus())},
            "16384-bits": {"n": number((1 << 16384) - 1)},
        }.items()
    },
    "A122-101-keys": (publishes(*[key().public_jwk()] * 101), "too_many_keys"),
    "A122-deep": (serves(b'{"keys":' + b"[" * 100_000), "not_json"),
    "A125-null": (serves(b"null"), "not_json"),
    "A125-array": (serves(json.dumps([key().public_jwk()]).encode()), "not_json"),
    "A125-text": (serves(b'"keys"'), "not_json"),
    "A125-a-JWT": (serves(key().sign({}).encode()), "not_json"),
    "A125-PEM": (serves(b"-----BEGIN PUBLIC KEY-----"), "not_json"),
    "A125-BOM": (serves(b'\xef\xbb\xbf{"keys": []}'), "not_json"),
    "A125-utf-16": (
        serves(json.dumps({"keys": [key().public_jwk()]}).encode("utf-16")),
        "not_json",
    ),
    "A125-no-keys": (serves(b"{}"), "no_keys_array"),
    "A125-keys-an-object": (serves(b'{"keys": {"0": {}}}'), "no_keys_array"),
    "A125-keys-null": (serves(b'{"keys": null}'), "no_keys_array"),
    "A125-one-bare-key": (
        serves(json.dumps(key().public_jwk()).encode()),
        "no_keys_array",
    ),
    "A125-metadata-array": (is_text(b"[]"), "not_json"),
    "A125-metadata-deep": (is_text(b'{"x":' * 100_000), "not_json"),
    "A127-empty": (serves(b'{"keys": []}'), "no_usable_key"),
    "A127-of-null": (serves(b'{"keys": [null]}'), "no_usable_key"),
    "A127-of-unknown-types": (publishes({"kty": "AKP", "pub": "AA"}), "no_usable_key"),
    "A127-of-other-algorithms": (
        publishes({**RSA().public_jwk(), "alg": "RSA-OAEP"}),
        "no_usable_key",
    ),
    **{
        f"A136-jwks_uri-{name}": (says(jwks_uri=value), "no_jwks_uri")
        for name, value in {
            "missing": None,
            "list": [f"{ISSUER}/jwks"],
            "object": {"url": f"{ISSUER}/jwks"},
            "number": 1,
            "true": True,
        }.items()
    },
    **{
        # Where the address leads is for the client of the network to judge.
        f"A136-jwks_uri-{name}": (says(jwks_uri=value), "connect")
        for name, value in {
            "elsewhere": f"https://{EVIL}.test/jwks",
            "empty": "",
        }.items()
    },
    **{
        f"A129-{name}": (
            lambda issuer, how=how: issuer.fail(*how[0], **how[1]),
            how[0][0],
        )
        for name, how in {
            "500": (("status",), {"status": 500}),
            "404": (("status",), {"status": 404}),
            "timeout": (("timeout",), {}),
            "reset": (("connect",), {}),
        }.items()
    },
    "A133-tls": (lambda issuer: issuer.fail("tls"), "tls"),
}


@pytest.mark.parametrize("row", LIES)
def test_a_lie_leaves_the_keys(row, issuer):
    lie, code = LIES[row]
    before = stored()
    issuer.rotate()
    lie(issuer)
    issuer.fetches.clear()
    assert_failed(run("sync_oidc_keys"), code, before)
    assert all(issuer.knows(url) for url in issuer.fetches)


IGNORED = {
    "introspection": {"introspection_endpoint": f"https://{EVIL}.test/introspect"},
    "introspection-internal": {"introspection_endpoint": "http://169.254.169.254/"},
    "userinfo": {"userinfo_endpoint": "file:///etc/passwd"},
    "types": {"introspection_endpoint": [1], "scopes_supported": {"a": None}},
    "algorithms": {"id_token_signing_alg_values_supported": ["none", "HS256"]},
    "signed": {"signed_metadata": "e30.e30.AA"},
}


@pytest.mark.parametrize(
    "members", [pytest.param(each, id=f"A136-{name}") for name, each in IGNORED.items()]
)
def test_what_is_not_used_of_metadata_leads_nowhere(members, issuer):
    says(**members)(issuer)
    issuer.fetches.clear()
    assert run("sync_oidc_keys").code == 0
    assert issuer.fetches == [URL, f"{ISSUER}/jwks"]
    assert EVIL not in str(stored())


def opens(token):
    """The status of either handler's answer, with what is stored alone."""
    with asked_nobody():
        sent = Sent((f"Bearer {token}",))
        return {HANDLERS[name](url, sent).status for name, url in PATHS.items()}


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://keys.elsewhere.test/set", id="A113-other-host"),
        pytest.param("https://issuer.test:8443/jwks", id="A113-other-port"),
    ],
)
def test_keys_may_lie_on_another_origin(url, issuer):
    issuer.bodies[URL] = metadata(jwks_uri=url)
    issuer.bodies[url] = json.dumps({"keys": [ENC().public_jwk()]}).encode()
    assert run("sync_oidc_keys").code == 0
    assert stored()[0]["jwks_uri"] == url
    made = issuer.claims("alice", ["read"])
    assert opens(ENC().sign(made)) == {200}
    # A key that is absent from the new set is gone.
    assert opens(key().sign(made)) == {503}


LEAKS = {
    "A115-EC": ({"d": "c2VjcmV0"}, "private_key"),
    "A115-RSA": ({"p": "c2VjcmV0", "q": "c2VjcmV0", "dp": "c2VjcmV0"}, "private_key"),
    "A115-post-quantum": ({"kty": "AKP", "priv": "c2VjcmV0"}, "private_key"),
    "A115-symmetric": ({"kty": "oct", "k": "c2VjcmV0"}, "symmetric_key"),
    "A115-other-primes": ({"oth": [{"d": "c2VjcmV0"}]}, "private_key"),
}


@pytest.mark.parametrize("row", LEAKS)
def test_a_leak_is_reported_and_never_stored(row, issuer):
    members, reason = LEAKS[row]
    issuer.published.append({**ENC().public_jwk(), **members})
    done = run("sync_oidc_keys")
    assert done.code == 0
    assert f"default: key enc is not used: {reason}" in done.lines
    assert "c2VjcmV0" not in str(stored()) + done.out + done.err
    made = issuer.claims("alice", ["read"])
    assert opens(ENC().sign(made)) == {401}
    assert opens(key().sign(made)) == {200}


@pytest.mark.parametrize("twins", [pytest.param(("twin", "twin"), id="A117-reported")])
def test_twins_are_reported(twins, issuer):
    issuer.published += [
        {**each().public_jwk(), "kid": kid}
        for each, kid in zip((ENC, MALLORY), twins, strict=True)
    ]
    done = run("sync_oidc_keys")
    assert done.lines.count("default: key twin is not used: ambiguous_key_id") == 2


class Interrupted(DatabaseKeyStore):
    """A store to which somebody else publishes just before we do."""

    def __init__(self, meanwhile):
        self.meanwhile = meanwhile

    def publish(self, record, *, replacing):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().publish(record, replacing=replacing)


def published_by(issuer, signer):
    issuer.published = [signer.public_jwk(), {**signer.public_jwk(), "kid": "second"}]
    return run("sync_oidc_keys").code


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(0, id="A135-same-second"), pytest.param(9, id="A135-later")],
)
def test_of_two_commands_one_whole_set_wins(seconds, db):
    clock = FakeClock()
    issuer = FakeIssuer(clock=clock)

    def other():
        clock.advance(seconds)
        with database_store(issuer, clock=clock):
            assert published_by(issuer, MALLORY()) == 0

    with database_store(issuer, clock=clock, store=Interrupted(other)):
        assert published_by(issuer, ENC()) == 0
    (row,) = stored()
    names = [jwk["kid"] for jwk in json.loads(row["jwks"])["keys"]]
    # Which of two answers is newer cannot be told: the issuer is asked again.
    assert names == [MALLORY().key_id, "second"]


@pytest.mark.parametrize("times", [pytest.param(9, id="A135-others-never-rest")])
def test_whoever_never_gets_to_write_says_so(times, db):
    issuer = FakeIssuer(clock=FakeClock())

    class Busy(DatabaseKeyStore):
        def publish(self, record, *, replacing):
            DatabaseKeyStore().publish(record, replacing=replacing)

    with database_store(issuer, clock=issuer.clock, store=Busy()):
        done = run("sync_oidc_keys")
    assert done.code == 1
    assert "default: store: " in done.err
    assert len(stored()) == 1
