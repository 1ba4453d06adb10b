"""FakeIssuer: tokens that the project's settings accept, and every misbehaviour."""

from __future__ import annotations

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_oidc_rs import wiring
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.errors import (
    BadSignature,
    InvalidClaim,
    KeysUnavailable,
    UnknownKey,
)
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS, PROFILES
from django_oidc_rs.testing import FakeIssuer, SigningKey, install

ISSUER = "https://issuer.test"
JWKS_URI = f"{ISSUER}/jwks"
SECRET = "s" * 64


@pytest.fixture
def configure(settings):
    def apply(**issuer):
        settings.OIDC_RS = {
            "AUDIENCE": ["https://api.test", "https://other-name.test"],
            "ISSUERS": {"default": {"ISSUER": ISSUER, **issuer}},
        }

    return apply


def validate(raw_token: str):
    return wiring.get_resource_server().validate(raw_token)


SETTINGS = {
    **{name: {"PROFILE": name} for name in PROFILES},
    **{f"signs with {name}": {"ALGORITHMS": [name]} for name in DEFAULT_ALGORITHMS},
    "signs with Ed448": {"ALGORITHMS": ["Ed448"]},
    "shared secret": {"SHARED_SECRET": SECRET},
    "shared secret, HS512": {"SHARED_SECRET": SECRET, "ALGORITHMS": ["HS512"]},
    "word for a name": {"ISSUER": "atm", "JWKS_URI": "https://keys.test/jwks"},
    "trailing slash": {"ISSUER": ISSUER + "/"},
    "path": {"ISSUER": ISSUER + "/realms/acme"},
    "metadata elsewhere": {"METADATA_URL": "https://issuer.test/policy/metadata"},
    "JWT alone": {"TOKEN_TYPES": ["JWT"]},
    "no typ alone": {"TOKEN_TYPES": [None]},
    "a typ of its own": {"TOKEN_TYPES": ["application/acme+jwt"]},
    "nested scopes": {"SCOPE_CLAIMS": ["realm_access.roles"]},
    "scopes under a URL": {"SCOPE_CLAIMS": ["https://x.example/roles"]},
    "nested subject": {"SUBJECT_CLAIM": "user.id"},
    "nested client": {"CLIENT_ID_CLAIMS": ["app.id"]},
    "nested audience": {"AUDIENCE_CLAIMS": ["grant.audience"]},
    "more required": {"REQUIRED_CLAIMS": ["exp", "iat", "jti", "tenant.id", "tier"]},
    "scopes required": {"REQUIRED_CLAIMS": ["exp", "scope"]},
    "young tokens": {"MAX_TOKEN_AGE": 60, "LEEWAY": 0},
}


@pytest.mark.parametrize("issuer", SETTINGS.values(), ids=SETTINGS)
def test_its_tokens_are_accepted_under_the_settings(configure, issuer):
    configure(**issuer)
    fake = FakeIssuer()
    with install(fake):
        found = validate(fake.access_token("auth0|alice", ["a:read", "b:write"]))
        assert found.subject == "auth0|alice"
        assert found.scopes == {"a:read", "b:write"}
        assert found.issuer == fake.issuer == get_config().issuers[0].issuer
        assert found.client_id in {"test-client", "https://api.test"}
        assert not found.is_machine
        plain = validate(fake.access_token("bob"))
        assert plain.subject == "bob"
        assert plain.scopes == frozenset()


LANDS = {
    "default": ("scope", {"PROFILE": "default"}),
    "auth0": ("scope", {"PROFILE": "auth0"}),
    "keycloak": ("scope", {"PROFILE": "keycloak"}),
    "cognito": ("scope", {"PROFILE": "cognito"}),
    "okta": ("scp", {"PROFILE": "okta"}),
    "entra": ("scp", {"PROFILE": "entra"}),
    "azure_b2c": ("scp", {"PROFILE": "azure_b2c"}),
    "a URL": ("https://x.example/roles", {"SCOPE_CLAIMS": ["https://x.example/roles"]}),
}


@pytest.mark.parametrize(("claim", "issuer"), LANDS.values(), ids=LANDS)
def test_scopes_land_where_the_policy_reads_them(configure, claim, issuer):
    configure(**issuer)
    claims = FakeIssuer().claims("alice", ["a", "b"])
    assert claims[claim] == "a b"
    assert not {"scope", "scp"} - {claim} & claims.keys()


def test_dotted_claims_are_nested(configure):
    configure(SUBJECT_CLAIM="user.id", SCOPE_CLAIMS=["user.roles"])
    assert FakeIssuer().claims("alice", ["a"])["user"] == {"id": "alice", "roles": "a"}


def test_an_issuer_of_user_fields_grants_no_scopes(configure):
    configure(SUBJECT_CLAIM="scope.id")
    fake = FakeIssuer()
    assert fake.claims("alice")["scope"] == {"id": "alice"}
    with install(fake):
        found = validate(fake.access_token("alice"))
    assert (found.subject, found.scopes) == ("alice", frozenset())
    with pytest.raises(ValueError, match="scope"):
        fake.claims("alice", ["a"])


def test_what_a_policy_demands_is_there_and_may_be_left_out(configure):
    configure(PROFILE="cognito")
    fake = FakeIssuer()
    assert fake.claims()["token_use"] == "access"
    assert fake.claims()["client_id"] == "https://api.test"
    with install(fake), pytest.raises(InvalidClaim):
        validate(fake.access_token("alice", token_use=None))


def test_claims_may_be_overridden_and_left_out(configure):
    configure()
    claims = FakeIssuer().claims("alice", ["a"], iss="https://evil.test", jti=None)
    assert claims["iss"] == "https://evil.test"
    assert "jti" not in claims
    assert "sub" not in FakeIssuer().claims(None)


def test_a_token_without_subject_is_a_machines(configure):
    configure()
    fake = FakeIssuer()
    with install(fake):
        assert validate(fake.access_token(None)).is_machine


def test_the_clock_may_be_given(configure, clock):
    configure()
    claims = FakeIssuer(clock=clock).claims()
    assert (claims["iat"], claims["exp"]) == (clock.now(), clock.now() + 300)


def test_the_header_may_be_replaced(configure):
    configure()
    fake = FakeIssuer()
    header = {"alg": fake.algorithm, "typ": "JWT"}
    with install(fake):
        assert validate(fake.access_token("alice", header=header))


def test_the_algorithm_may_be_chosen(configure):
    configure()
    fake = FakeIssuer(algorithm="RS512")
    assert fake.published[0]["alg"] == "RS512"
    with install(fake):
        assert validate(fake.access_token())


def test_keys_in_settings_cannot_be_played(configure):
    configure(JWKS={"keys": [SigningKey().public_jwk()]})
    with pytest.raises(ImproperlyConfigured, match="default"):
        FakeIssuer()


def test_the_policy_may_be_another_than_the_first(settings):
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {
            "one": {"ISSUER": "https://one.test"},
            "two": {"ISSUER": "https://two.test", "PROFILE": "okta"},
        },
    }
    one, two = (FakeIssuer(policy) for policy in get_config().issuers)
    with install(one, two):
        assert validate(one.access_token()).issuer_alias == "one"
        assert validate(two.access_token()).issuer_alias == "two"
        with pytest.raises(UnknownKey):
            validate(two.access_token(iss="https://one.test"))


def test_an_issuer_nobody_plays_cannot_be_asked(settings):
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {
            "one": {"ISSUER": "https://one.test"},
            "two": {"ISSUER": "https://two.test"},
        },
    }
    one = FakeIssuer()
    with install(one), pytest.raises(KeysUnavailable):
        validate(one.access_token(iss="https://two.test"))
    assert one.fetches == []


class TestMisbehaviour:
    @pytest.fixture(autouse=True)
    def issuer(self, configure, clock):
        configure()
        fake = FakeIssuer(clock=clock)
        with install(fake, clock=clock):
            yield fake

    def test_discovery_and_keys_are_asked_once(self, issuer):
        validate(issuer.access_token())
        validate(issuer.access_token())
        metadata = f"{ISSUER}/.well-known/openid-configuration"
        assert issuer.fetches == [metadata, JWKS_URI]

    def test_rotate_refuses_the_old_key(self, issuer, clock):
        old = issuer.access_token()
        validate(old)
        before = issuer.key
        assert issuer.rotate() is before
        assert validate(issuer.access_token()).subject == "alice"
        with pytest.raises(UnknownKey):
            validate(old)

    def test_rotate_may_keep_the_old_key(self, issuer):
        old = issuer.access_token()
        issuer.rotate(keep_old=True)
        assert len(issuer.published) == 2
        assert validate(old)
        assert validate(issuer.access_token())

    def test_a_key_may_be_published_and_another_sign(self, issuer):
        validate(issuer.access_token())
        issuer.key = SigningKey(issuer.algorithm, key_id=issuer.key.key_id)
        with pytest.raises(BadSignature):
            validate(issuer.access_token())

    @pytest.mark.parametrize("how", ["fail", "status", "hang", "lie", "empty"])
    def test_failing_is_503_and_recovery_is_200(self, issuer, clock, how):
        {
            "fail": issuer.fail,
            "status": lambda: issuer.fail("status", status=500),
            "hang": issuer.hang,
            "lie": lambda: issuer.lie(b"<html>"),
            "empty": lambda: issuer.lie(b'{"keys": []}'),
        }[how]()
        with pytest.raises(KeysUnavailable):
            validate(issuer.access_token())
        issuer.recover()
        clock.advance(5)
        assert validate(issuer.access_token())

    def test_known_keys_outlive_a_failure(self, issuer, clock):
        validate(issuer.access_token())
        issuer.fail()
        clock.advance(3600)
        assert validate(issuer.access_token())

    def test_any_address_may_lie(self, issuer):
        metadata, _ = issuer._metadata_urls()
        issuer.bodies[metadata] = b'{"issuer": "https://evil.test"}'
        with pytest.raises(KeysUnavailable):
            validate(issuer.access_token())

    def test_it_may_send_headers(self, issuer, clock):
        issuer.headers = {"cache-control": "max-age=3600"}
        validate(issuer.access_token())
        clock.advance(2000)
        validate(issuer.access_token())
        assert issuer.fetches.count(JWKS_URI) == 1

    def test_an_unknown_address_of_its_own_is_404(self, issuer):
        _, second = issuer._metadata_urls()
        assert issuer.knows(second)
        with pytest.raises(FetchError) as caught:
            issuer.fetch(second, trusted_address=True)
        assert caught.value.status == 404


def test_a_shared_secret_does_not_rotate(configure):
    configure(SHARED_SECRET=SECRET)
    fake = FakeIssuer()
    key = fake.key
    assert fake.published == []
    with pytest.raises(ValueError, match="HS256"):
        fake.rotate()
    assert fake.key is key


def test_no_thread_is_started_and_nothing_stays(configure):
    """And no query is made: the database is out of bounds for this test."""
    configure()
    before = wiring.get_seams()
    fake = FakeIssuer()
    threads = threading.active_count()
    with install(fake):
        assert wiring.get_seams() != before
        validate(fake.access_token())
        fake.rotate()
        validate(fake.access_token())
        assert threading.active_count() == threads
    assert wiring._substitutes == []


def test_installing_twice_starts_afresh(configure):
    configure()
    first, second = FakeIssuer(), FakeIssuer()
    with install(first):
        validate(first.access_token())
        with install(second):
            validate(second.access_token())
            with pytest.raises(UnknownKey):
                validate(first.access_token())
        validate(first.access_token())
    assert first.fetches.count(JWKS_URI) == 1


def test_settings_may_change_while_installed(configure, settings):
    configure()
    fake = FakeIssuer()
    with install(fake):
        validate(fake.access_token())
        settings.OIDC_RS = {**settings.OIDC_RS, "AUDIENCE": "https://new.test"}
        with pytest.raises(InvalidClaim):
            validate(fake.access_token())
        assert validate(fake.access_token(aud="https://new.test"))


@pytest.mark.parametrize("name", ["audience", "expires_in", "issuer"])
def test_a_near_miss_is_no_claim(fake_issuer, name):
    """Taken for a claim, it would leave the token as good as it was."""
    with pytest.raises(TypeError):
        fake_issuer.access_token(**{name: "x"})


def test_install_yields_the_first_issuer():
    issuer = FakeIssuer()
    with install(issuer) as installed:
        assert installed is issuer
    with install() as nobody:
        assert nobody is None
