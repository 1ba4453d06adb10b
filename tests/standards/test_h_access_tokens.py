"""H: the JWT profile for access tokens."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    NotAnAccessToken,
    UntrustedIssuer,
)
from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS, PROFILES
from django_oidc_rs.models import FederatedIdentity
from tests.core.builders import ABSENT, ISSUER, NOW
from tests.core.faults.records import Fault
from tests.settings_faults import issuer as issuer_settings

from .http import asks_views, challenge, good, send
from .support import accept, faults, refuse, requirement, rows

REQUIRED = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")

FAULTS = [
    *(
        Fault(
            f"H101-{typ!r}",
            NotAnAccessToken,
            "typ",
            good="rfc9068",
            header={"typ": typ},
        )
        for typ in ("JWT", "jwt", "application/jwt", "id_token", "", None)
    ),
    Fault(
        "H101-missing",
        NotAnAccessToken,
        "typ",
        good="rfc9068",
        header={"typ": ABSENT},
    ),
    *(
        Fault(
            f"H102-{name}-{'missing' if value is ABSENT else 'null'}",
            UntrustedIssuer if name == "iss" else InvalidClaim,
            name,
            good="rfc9068",
            claims={name: value},
        )
        for name in REQUIRED
        for value in (ABSENT, None)
    ),
    *(
        Fault(f"{id_}-{index}", UntrustedIssuer, "iss", claims={"iss": iss})
        for id_ in ("H104", "K135")
        for index, iss in enumerate(
            [
                f"{ISSUER}/",
                f"{ISSUER}:443",
                ISSUER.upper(),
                ISSUER.replace("https", "http"),
                ISSUER.replace("i", "%69", 1),
                ISSUER + "?",
                ISSUER + "#",
                ISSUER[:-1],
                ISSUER + " ",
                "https://xn--issuer.test",
            ]
        )
    ),
    Fault("H107-an-hour-late", ExpiredToken, "exp", claims={"exp": NOW - 3600}),
]


@faults(FAULTS)
def test_one_fault_is_refused(fault):
    refuse(fault)


@pytest.mark.parametrize("profile", PROFILES)
@requirement("H100")
def test_rs256_is_supported(profile):
    assert "RS256" in PROFILES[profile].get("ALGORITHMS", DEFAULT_ALGORITHMS)
    config, _ = parse(issuer_settings(PROFILE=profile))
    assert "RS256" in config.issuers[0].algorithms


@pytest.mark.parametrize("typ", ["JWT", ABSENT])
@requirement("H101")
def test_the_default_profile_knows_older_issuers(typ):
    accept({"header": {"typ": typ}})


@requirement("H102")
def test_the_default_profile_requires_what_older_issuers_send():
    accept({"claims": {"iat": ABSENT, "jti": ABSENT, "client_id": ABSENT}})


@asks_views
@rows(
    "edits",
    {
        "H108-iss": {"iss": "https://evil.test"},
        "H108-aud": {"aud": "https://other.test"},
        "H108-expired": {"exp": 1},
        "H108-sub": {"sub": ""},
        "H108-jti": {"jti": 5},
        "H108-scope": {"scope": 5},
        "H108-nonce": {"nonce": "n"},
        "H108-cnf": {"cnf": {"jkt": "x"}},
    },
)
def test_every_failed_check_is_invalid_token(edits, fake_issuer):
    response = send("/drf", f"Bearer {good(fake_issuer, **edits)}")
    assert response.status_code == 401
    assert challenge(response).parameters["error"] == "invalid_token"


@asks_views
@rows(
    "header",
    {
        "H108-typ": {"typ": "logout+jwt"},
        "H108-alg": {"alg": "none"},
        "H108-signature": {"kid": "..."},
    },
)
def test_every_failed_check_of_the_header_is_invalid_token(header, fake_issuer):
    usual = {"alg": fake_issuer.algorithm, "kid": fake_issuer.key.key_id}
    raw_token = fake_issuer.access_token("alice", header={**usual, **header})
    response = send("/drf", f"Bearer {raw_token}")
    assert response.status_code == 401
    assert challenge(response).parameters["error"] == "invalid_token"


@asks_views
@requirement("H109", "V250")
def test_what_the_caller_names_beside_the_token_grants_nothing(fake_issuer):
    raw_token = fake_issuer.access_token("alice", ["other"])
    response = send(
        "/drf?scope=read+list&tier=gold",
        f"Bearer {raw_token}",
        method="POST",
        data="scope=read list",
        content_type="application/x-www-form-urlencoded",
        headers={"Scope": "read list", "X-Scope": "read list"},
    )
    assert response.status_code == 403
    assert send("/gold?tier=gold", f"Bearer {raw_token}").status_code == 403
    gold = fake_issuer.access_token("alice", tier="gold")
    assert send("/gold", f"Bearer {gold}").status_code == 200


@asks_views
@requirement("H110", "V253")
def test_a_client_is_no_user_of_its_name(fake_issuer):
    admin = get_user_model().objects.create_user("admin")
    FederatedIdentity.objects.link(fake_issuer.issuer, "admin", admin)
    for claims in ({"sub": "admin"}, {"sub": None}):
        raw_token = fake_issuer.access_token("x", client_id="admin", **claims)
        seen = send("/whoami", f"Bearer {raw_token}").json()
        assert seen["kind"] == "TokenUser"
        assert seen["pk"] != admin.pk
    person = fake_issuer.access_token("admin", client_id="app")
    assert send("/whoami", f"Bearer {person}").json()["pk"] == admin.pk


@asks_views
@pytest.mark.parametrize(
    "edits", [{}, {"exp": 1}, {"cnf": {}}, {"jti": 5}, {"nonce": "n"}]
)
@requirement("H112")
def test_no_log_tells_who_it_was(edits, fake_issuer, caplog):
    personal = {"email": "alice@a.test", "name": "Alice Example", "phone": "555-0100"}
    raw_token = fake_issuer.access_token("alice-s-subject", **personal, **edits)
    with caplog.at_level("DEBUG", logger="django_oidc_rs"):
        send("/whoami", f"Bearer {raw_token}")
        get_user_model().objects.update(is_active=False)
        send("/whoami", f"Bearer {raw_token}")
    assert caplog.records
    for text in ("alice-s-subject", *personal.values()):
        assert text not in caplog.text
