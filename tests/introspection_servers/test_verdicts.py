"""What becomes of real servers' tokens here, over HTTP and through real views."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.cache import cache
from django.core.management import CommandError, call_command
from jwt.algorithms import ECAlgorithm

from django_oidc_rs.core.keys.records import MemoryKeyStore
from django_oidc_rs.signals import token_rejected
from django_oidc_rs.wiring import get_seams, substitute

from .credentials import AUDIENCE, SCOPE, USER, WEB

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.introspection_servers.urls"),
]

VIEWS = ["drf", "view", "aview", "high-risk"]
# Who the user is to each server.
SUBJECTS = {
    "oidc-provider": USER,
    "django-allauth": "1",
    "django-oauth-toolkit": USER,
}
INACTIVE = ("inactive_token", None)
AUDIENCE_DIFFERS = ("invalid_claim", "aud")
NO_ACCESS_TOKENS = [
    "expired_token",
    "revoked_token",
    "refresh_token",
    "other_audience_token",
]
# All that is wrong with a refresh token, where it is active.
REFRESH = {
    "oidc-provider": AUDIENCE_DIFFERS,
    "django-allauth": ("not_an_access_token", "token_type"),
    "django-oauth-toolkit": INACTIVE,
}


class Api:
    """The resource server under test: its settings and its clients."""

    def __init__(self, server, settings, client):
        self.server = server
        self._settings = settings
        self._client = client
        self.configure()

    def configure(self, validation="introspection", options=None, **asked):
        """Trust the server alone, with changes to its entry and to INTROSPECTION."""
        entry = {**self.server.settings(), "VALIDATION": validation, **(options or {})}
        entry["INTROSPECTION"] = {**entry["INTROSPECTION"], **asked}
        if "PRIVATE_KEY" in asked:
            del entry["INTROSPECTION"]["CLIENT_SECRET"]
        self._settings.OIDC_RS = {
            "AUDIENCE": AUDIENCE,
            "ISSUERS": {"default": entry},
        }

    def get(self, path, token):
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.get(f"/{path}", headers=headers)

    def status(self, path, token):
        return self.get(path, token).status_code


@pytest.fixture(autouse=True)
def world():
    """The real one, but for the database: its threads would outlive the test's own."""
    cache.clear()
    with substitute(replace(get_seams(), store=MemoryKeyStore())):
        yield


@pytest.fixture
def api(server, settings, client):
    return Api(server, settings, client)


@pytest.fixture
def refusals():
    """Return a list of why credentials were refused: code and claim."""
    seen = []

    def note(error, **_):
        seen.append((error.code, error.claim))

    token_rejected.connect(note)
    yield seen
    token_rejected.disconnect(note)


def why(server, kind):
    """Return why the token is refused that ``server`` made: code and claim."""
    reasons = {"other_audience_token": AUDIENCE_DIFFERS, "refresh_token": REFRESH}
    reason = reasons.get(kind, INACTIVE)
    return reason[server.name] if reason is REFRESH else reason


def challenge(answer):
    """Return the error of a refusal's challenge."""
    return re.search(r'error="(\w+)"', answer["WWW-Authenticate"])[1]


@pytest.mark.parametrize("path", VIEWS)
def test_a_users_token_is_admitted(api, path):
    answer = api.get(path, api.server.user_token())
    assert answer.status_code == 200
    assert answer.json() == {
        "issuer": api.server.issuer,
        "subject": SUBJECTS[api.server.name],
        "client_id": WEB,
        "audience": [AUDIENCE],
        "scopes": [SCOPE],
    }


async def test_requests_to_an_asynchronous_server(server, settings, async_client):
    api = Api(server, settings, async_client)
    token = server.user_token()
    assert (await api.get("aview", token)).status_code == 200
    server.revoke(token)
    assert (await api.get("aview", token)).status_code == 401


@pytest.mark.parametrize("kind", NO_ACCESS_TOKENS)
def test_what_is_no_access_token_for_this_api_is_refused(api, kind, refusals):
    token = getattr(api.server, kind)()
    for path in VIEWS:
        answer = api.get(path, token)
        assert (answer.status_code, challenge(answer)) == (401, "invalid_token")
    assert refusals == [why(api.server, kind)] * len(VIEWS)


def test_a_machine_is_admitted_as_one(api):
    machine = api.server.machine_token()
    answer = api.get("machines", machine)
    assert answer.status_code == 200
    assert answer.json()["subject"] in (None, "")
    assert answer.json()["client_id"] == api.server.machine
    assert api.status("machines", api.server.user_token()) == 403


def test_a_revoked_token_ends_at_once(api):
    token = api.server.user_token()
    assert api.status("drf", token) == 200
    api.server.revoke(token)
    assert api.status("drf", token) == 401


def test_a_cached_answer_serves_all_but_high_risk_views(api):
    api.configure(CACHE_SECONDS=60)
    token = api.server.user_token()
    assert api.status("drf", token) == 200
    api.server.revoke(token)
    assert api.status("drf", token) == 200
    assert api.status("high-risk", token) == 401
    assert api.status("drf", token) == 401


def test_a_token_without_audience_wants_a_setting(api):
    token = api.server.unbound_token()
    bound = api.server.name == "oidc-provider"
    assert api.status("drf", token) == (200 if bound else 401)
    api.configure(AUDIENCE_OPTIONAL=True)
    assert api.status("drf", token) == 200
    assert api.status("drf", api.server.other_audience_token()) == 401


def test_settings_may_name_the_endpoint_that_metadata_names(api):
    api.configure(ENDPOINT=api.server.endpoint)
    assert api.status("drf", api.server.user_token()) == 200


def test_opaque_tokens_are_asked_about_where_jwts_are_not(api):
    api.configure("auto")
    assert api.status("drf", api.server.user_token()) == 200
    assert api.status("drf", api.server.revoked_token()) == 401


def test_a_wrong_secret_is_nobodys_fault_but_ours(api):
    api.configure(CLIENT_SECRET="wrong")
    answer = api.get("drf", api.server.user_token())
    assert answer.status_code == 503
    assert "WWW-Authenticate" not in answer
    assert int(answer["Retry-After"]) > 0


def test_the_doctor_tells_good_credentials_from_bad(api, capsys):
    call_command("check_oidc_issuers")
    assert "introspection  ok" in capsys.readouterr().out
    api.configure(CLIENT_SECRET="wrong")
    with pytest.raises(CommandError):
        call_command("check_oidc_issuers")
    assert (
        "introspection  FAILED  introspection_unauthorized" in capsys.readouterr().out
    )


class Signed(Api):
    """The same, with an endpoint that signs its answers (RFC 9701)."""

    def configure(self, validation="introspection", options=None, **asked):
        super().configure(validation, options, **{"SIGNED_RESPONSES": True, **asked})


@pytest.fixture
def signed(oidc_provider, settings, client):
    oidc_provider.control("reset")
    return Signed(oidc_provider, settings, client)


def test_a_signed_answer_is_believed(signed):
    assert signed.status("drf", signed.server.user_token()) == 200
    assert signed.get("machines", signed.server.machine_token()).status_code == 200


@pytest.mark.parametrize("kind", NO_ACCESS_TOKENS)
def test_a_signed_refusal_is_believed(signed, kind, refusals):
    answer = signed.get("drf", getattr(signed.server, kind)())
    assert (answer.status_code, challenge(answer)) == (401, "invalid_token")
    assert refusals == [why(signed.server, kind)]


def test_an_answer_that_is_signed_with_a_new_key_is_believed(signed):
    token = signed.server.user_token()
    assert signed.status("drf", token) == 200
    signed.server.control("rotate")
    assert signed.status("drf", token) == 200


@pytest.mark.parametrize("server", ["django-allauth"], indirect=True)
def test_an_answer_without_signature_is_not_believed(server, settings, client):
    api = Signed(server, settings, client)
    assert api.status("drf", server.user_token()) == 503


@pytest.fixture
def provider(oidc_provider, settings, client):
    return Api(oidc_provider, settings, client)


def test_a_jwt_is_not_asked_about(provider):
    """Nor could it: the provider refuses to be asked about the JWTs that it makes."""
    provider.configure("auto")
    token = provider.server.jwt()
    assert provider.status("drf", token) == 200
    assert provider.status("high-risk", token) == 503


def test_what_the_provider_refuses_to_look_at_is_no_outage(provider):
    assert provider.status("drf", "eyJhbGciOiJub25lIn0.a.b.c.d") == 503
    assert provider.status("drf", provider.server.user_token()) == 200


def test_a_refresh_token_has_no_audience_either(provider):
    """Nor a type: where the one may be missing, the other has to be there."""
    token = provider.server.refresh_token()
    required = {"REQUIRED_CLAIMS": ["exp", "token_type"]}
    provider.configure(options=required, AUDIENCE_OPTIONAL=True)
    assert provider.status("drf", token) == 401
    assert provider.status("drf", provider.server.user_token()) == 200


@pytest.mark.parametrize(
    "method", ["client_secret_post", "client_secret_jwt", "private_key_jwt"]
)
def test_the_api_authenticates_as_told(provider, method):
    metadata, asked = {}, {}
    if method == "private_key_jwt":
        key = ec.generate_private_key(ec.SECP256R1())
        asked["PRIVATE_KEY"] = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()
        public = json.loads(ECAlgorithm(ECAlgorithm.SHA256).to_jwk(key.public_key()))
        metadata["jwks"] = {"keys": [public]}
    client_id = provider.server.register(token_endpoint_auth_method=method, **metadata)
    provider.configure(CLIENT_ID=client_id, AUTH_METHOD=method, **asked)
    assert provider.status("drf", provider.server.user_token()) == 200
