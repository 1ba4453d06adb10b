"""Catalogue, section 4: tokens that are no access tokens, and whose they are."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.core.errors import (
    BadSignature,
    InvalidClaim,
    InvalidToken,
    NotAnAccessToken,
    UntrustedIssuer,
)
from tests.attacks.apis import PATHS
from tests.attacks.harness import HANDLERS, Sent, strike
from tests.attacks.staging import (
    OK,
    faults_of,
    merged,
    on_every_handler,
    staged,
    strike_fault,
)
from tests.core.builders import ABSENT, AUDIENCE, ISSUER, NOW, claims, key, sign
from tests.core.faults import Fault
from tests.core.faults.claims import deny_client
from tests.core.faults.crafting import mallory
from tests.settings_faults import issuer as settings_of_issuer

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

METADATA = "http://169.254.169.254/latest/meta-data"


def kind(claims_, at, raises=NotAnAccessToken, typ="JWT", **more):
    """Another kind of JWT, by the issuer's own key and for our audience."""
    return Fault("", raises, at, header={"typ": typ}, claims=claims_, **more)


EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}
ROWS = merged(
    faults_of(81),
    {
        "A81-real": kind({"aud": "app", "nonce": "n", "at_hash": "x"}, "at_hash"),
        "A81-for-our-audience-too": kind(
            {"aud": ["app", AUDIENCE], "azp": "app", "nonce": "n", "auth_time": NOW},
            "nonce",
        ),
        "A81-typ-at+jwt": kind({"nonce": "n"}, "nonce", typ="at+jwt"),
        "A81-null-nonce": kind({"nonce": None}, "nonce"),
        "A81-typ-id_token": kind({"aud": "app"}, "typ", typ="id_token+jwt"),
        "A81-strict": Fault(
            "",
            NotAnAccessToken,
            "typ",
            good="rfc9068",
            header={"typ": "JWT"},
            claims={"aud": [AUDIENCE], "azp": "app"},
        ),
    },
    faults_of(82),
    {
        "A82-logout-token": kind(
            {"events": EVENT, "sid": "s"}, "typ", typ="logout+jwt"
        ),
        "A82-logout-token-without-typ": kind({"events": EVENT}, "events", typ=ABSENT),
        "A82-security-event": kind(
            {"events": {"urn:x": {}}}, "typ", typ="secevent+jwt"
        ),
        "A82-status-list": kind(
            {"status_list": {"bits": 1, "lst": "eNoB"}}, "typ", typ="statuslist+jwt"
        ),
        "A82-introspection-response": kind(
            {"token_introspection": {"active": True, "scope": "read"}},
            "typ",
            typ="token-introspection+jwt",
        ),
        "A82-DPoP-proof": kind(
            {"htm": "GET", "htu": "https://api.test/drf"}, "typ", typ="dpop+jwt"
        ),
        "A82-DPoP-proof-as-JWT": kind(
            {"iss": ABSENT, "aud": ABSENT, "exp": ABSENT, "htm": "GET", "ath": "x"},
            "iss",
            UntrustedIssuer,
        ),
        "A82-JARM": kind(
            {"aud": "app", "sub": ABSENT, "client_id": ABSENT, "code": "c"},
            "aud",
            InvalidClaim,
        ),
        "A82-request-object": kind({"aud": ISSUER}, "typ", typ="oauth-authz-req+jwt"),
        "A82-client-assertion-typ": kind(
            {"iss": "app", "sub": "app", "aud": ISSUER},
            "iss",
            UntrustedIssuer,
            typ="client-authentication+jwt",
        ),
        "A82-userinfo-response": kind(
            {"aud": "app", "exp": ABSENT, "email": "a@b.test"}, "exp", InvalidClaim
        ),
        "A82-entity-statement": kind(
            {"jwks": {"keys": []}}, "typ", typ="entity-statement+jwt"
        ),
        "A82-verifiable-credential": kind({"vct": "x"}, "typ", typ="dc+sd-jwt"),
    },
    faults_of(83),
    {
        f"A83-{name}": kind({}, "typ", typ=typ)
        for name, typ in {
            "blank": " at+jwt",
            "trailing": "at+jwt ",
            "text": "text/at+jwt",
            "application-twice": "application/application/at+jwt",
            "slash": "/at+jwt",
            "plus-lost": "at jwt",
            "object": {"at+jwt": 1},
            "true": True,
            "turkish": "at+jwt".replace("t", "\u0442"),
            "both": "at+jwt,JWT",
        }.items()
    },
    {
        "A83-absent-strict": Fault(
            "", NotAnAccessToken, "typ", good="rfc9068", header={"typ": ABSENT}
        )
    },
    faults_of(86),
    {
        "A86-azp": Fault(
            "",
            InvalidToken,
            policy={"validators": (deny_client,)},
            claims={"client_id": ABSENT, "azp": "blocked"},
        ),
        "A86-client-credentials": Fault(
            "",
            InvalidToken,
            policy={"validators": (deny_client,)},
            claims={"client_id": "blocked", "sub": "blocked"},
        ),
        "A88-forged": Fault(
            "",
            BadSignature,
            signer=mallory(),
            claims={"status": {"status_list": {"idx": 1, "uri": METADATA}}},
        ),
        # What nobody signed says nothing: not even that it is too old.
        "A88-forged-and-expired": Fault(
            "",
            BadSignature,
            signer=mallory(),
            claims={
                "exp": NOW - 999,
                "status": {"status_list": {"idx": 1, "uri": METADATA}},
            },
        ),
        "A88-forged-untrusted": Fault(
            "",
            UntrustedIssuer,
            "iss",
            signer=mallory(),
            claims={
                "iss": METADATA,
                "status": {"status_list": {"idx": 1, "uri": METADATA}},
            },
        ),
        "A88-file": Fault(
            "",
            BadSignature,
            signer=mallory(),
            claims={"status": {"status_list": {"idx": 1, "uri": "file:///etc/passwd"}}},
        ),
    },
)


@pytest.mark.parametrize("row", ROWS)
def test_another_kind_of_token_is_none(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


@on_every_handler
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param({"client_id": "admin", "sub": "admin"}, id="A85-same"),
        pytest.param({"client_id": "admin", "sub": ABSENT}, id="A85-no-subject"),
        pytest.param(
            {"client_id": ABSENT, "azp": "admin", "sub": "admin"}, id="A85-azp"
        ),
    ],
)
def test_a_client_is_no_user_of_its_name(edits, handler, caplog, monkeypatch):
    admin = sign(claims(sub="admin"))
    settings = settings_of_issuer()
    with staged(settings, [key().public_jwk()]) as (issuer,):
        send = HANDLERS[handler]
        user = json.loads(send(PATHS[handler], Sent((f"Bearer {admin}",))).body)
        assert user["is_row"]
        answer = strike(
            Sent((f"Bearer {sign(claims(**edits))}",)),
            OK,
            url=PATHS[handler],
            handler=handler,
            issuer=issuer,
            good=admin,
            caplog=caplog,
            monkeypatch=monkeypatch,
        )
    client = json.loads(answer.body)
    assert not client["is_row"]
    assert client["name"] != user["name"]
