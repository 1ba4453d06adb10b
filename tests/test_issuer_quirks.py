"""What real authorization servers send, and what becomes of it: the decisions.

Each row is one token as its server writes it, the settings a project would write, and
the decision. Every row is signed and validated for real.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache

import pytest

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import ResourceServerError
from django_oidc_rs.core.explain import explain
from django_oidc_rs.core.jwk import parse_jwk_set, shared_secret_keys
from django_oidc_rs.core.jwt_validator import JwtValidator
from django_oidc_rs.core.keys import StaticKeys
from django_oidc_rs.core.resource_server import ResourceServer
from django_oidc_rs.testing import FakeClock, FakeIssuer, SigningKey, install
from django_oidc_rs.testing.signing import encode

NOW = 1_800_000_000
API = "https://api.example.com"
SECRET = "a shared secret of more than 32 bytes"


@cache
def signing_key(algorithm: str) -> SigningKey:
    return SigningKey(algorithm, key_id=f"key-{algorithm}", secret=SECRET.encode())


def published(algorithm: str, *without: str, **members: object) -> dict[str, object]:
    """The key of that algorithm as its issuer publishes it."""
    jwk = {**signing_key(algorithm).public_jwk(), **members}
    return {name: value for name, value in jwk.items() if name not in without}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What an accepted token must say."""

    subject: str | None
    client_id: str | None
    scopes: str = ""
    machine: bool = False


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a token is refused: the stable code, and the claim at fault."""

    code: str
    claim: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A token, the settings, the decision.

    ``claims`` says what differs from the issuer's usual token; None leaves a claim out.
    """

    settings: dict[str, object]
    decision: Facts | Refusal
    claims: dict[str, object]
    header: dict[str, object] = field(default_factory=lambda: {"typ": "JWT"})
    signed: str = "RS256"
    jwks: list[dict[str, object]] | None = None
    audience: str = API
    raw: str | None = None


def sign(row: Row) -> str:
    if row.raw is not None:
        return row.raw
    key = signing_key(row.signed)
    header = {"alg": row.signed, "kid": key.key_id, **row.header}
    header = {name: value for name, value in header.items() if value is not None}
    claims = {name: value for name, value in row.claims.items() if value is not ABSENT}
    family = {"RS", "PS"} if row.signed[:2] == "RS" else set()
    algorithm = header["alg"] if str(header["alg"])[:2] in family else None
    return key.sign(claims, header, algorithm=algorithm)


class _Absent:
    """Leaves a claim out; None is the JSON null that some servers write."""


ABSENT = _Absent()


def server_for(row: Row) -> ResourceServer:
    config, problems = parse(
        {"AUDIENCE": row.audience, "ISSUERS": {"default": row.settings}}
    )
    assert [problem for problem in problems if problem.is_error] == []
    (policy,) = config.issuers
    if policy.shared_secret is not None:
        keys = shared_secret_keys(policy.shared_secret)
    else:
        jwks = row.jwks or [published("RS256"), published("ES256"), published("EdDSA")]
        # As an issuer serves it: JSON text, parsed as the refresher parses it.
        document = json.loads(json.dumps({"keys": jwks}))
        keys = parse_jwk_set(document, algorithms=policy.algorithms)
    validator = JwtValidator(policy, keys=StaticKeys(keys), clock=FakeClock(NOW))
    return ResourceServer(
        {policy.issuer: validator}, max_token_length=config.max_token_length
    )


def decide(row: Row) -> Facts | Refusal:
    try:
        token = server_for(row).validate(sign(row))
    except ResourceServerError as error:
        return Refusal(code=error.code, claim=error.claim)
    return Facts(
        subject=token.subject,
        client_id=token.client_id,
        scopes=" ".join(sorted(token.scopes)),
        machine=token.is_machine,
    )


TIMES = {"iat": NOW, "exp": NOW + 600}
MALFORMED = Refusal(code="malformed_token")

# Auth0.
AUTH0 = {"ISSUER": "https://acme.eu.auth0.com/", "PROFILE": "auth0"}
AUTH0_CLIENT = "awZfdIir8YFdGZWkvCejDoUb7SjTDicx"
AUTH0_USER = {
    "iss": "https://acme.eu.auth0.com/",
    "sub": "google-oauth2|103547991597142817347",
    "aud": [API, "https://acme.eu.auth0.com/userinfo"],
    **TIMES,
    "azp": AUTH0_CLIENT,
    "scope": "openid profile orders:read",
}
AUTH0_MACHINE = {
    "iss": "https://acme.eu.auth0.com/",
    "sub": f"{AUTH0_CLIENT}@clients",
    "aud": API,
    **TIMES,
    "gty": "client-credentials",
    "azp": AUTH0_CLIENT,
    "scope": "orders:read",
}
AUTH0_9068 = {
    "iss": "https://acme.eu.auth0.com/",
    "sub": "auth0|123456",
    "aud": [API, "https://acme.eu.auth0.com/userinfo"],
    "client_id": AUTH0_CLIENT,
    **TIMES,
    "jti": "73WakrfVbNJBaAmhQtEeDv",
    "scope": "orders:read",
}
AUTH0_FACTS = Facts(
    subject="google-oauth2|103547991597142817347",
    client_id=AUTH0_CLIENT,
    scopes="openid orders:read profile",
)
AUTH0_ROWS = {
    "a user": Row(settings=AUTH0, claims=AUTH0_USER, decision=AUTH0_FACTS),
    "aud a string": Row(
        settings=AUTH0, claims={**AUTH0_USER, "aud": API}, decision=AUTH0_FACTS
    ),
    "no scope claim at all": Row(
        settings=AUTH0,
        claims={**AUTH0_USER, "scope": ABSENT},
        decision=Facts(subject=AUTH0_FACTS.subject, client_id=AUTH0_CLIENT),
    ),
    "a machine": Row(
        settings=AUTH0,
        claims=AUTH0_MACHINE,
        decision=Facts(
            subject=f"{AUTH0_CLIENT}@clients",
            client_id=AUTH0_CLIENT,
            scopes="orders:read",
            machine=True,
        ),
    ),
    "a machine without scopes": Row(
        settings=AUTH0,
        claims={**AUTH0_MACHINE, "scope": ABSENT},
        decision=Facts(
            subject=f"{AUTH0_CLIENT}@clients", client_id=AUTH0_CLIENT, machine=True
        ),
    ),
    "a machine, and no profile to know it by": Row(
        settings={"ISSUER": AUTH0["ISSUER"]},
        claims=AUTH0_MACHINE,
        decision=Facts(
            subject=f"{AUTH0_CLIENT}@clients",
            client_id=AUTH0_CLIENT,
            scopes="orders:read",
        ),
    ),
    "password grant, which writes gty too": Row(
        settings=AUTH0,
        claims={**AUTH0_USER, "gty": "password"},
        decision=AUTH0_FACTS,
    ),
    "permissions as scopes": Row(
        settings={**AUTH0, "SCOPE_CLAIMS": ["permissions"]},
        claims={**AUTH0_USER, "permissions": ["orders:read", "orders:write"]},
        decision=Facts(
            subject=AUTH0_FACTS.subject,
            client_id=AUTH0_CLIENT,
            scopes="orders:read orders:write",
        ),
    ),
    "RFC 9068 dialect": Row(
        settings=AUTH0,
        claims=AUTH0_9068,
        header={"typ": "at+jwt"},
        decision=Facts(
            subject="auth0|123456", client_id=AUTH0_CLIENT, scopes="orders:read"
        ),
    ),
    "RFC 9068 dialect, strictly": Row(
        settings={"ISSUER": AUTH0["ISSUER"], "PROFILE": "rfc9068"},
        claims=AUTH0_9068,
        header={"typ": "at+jwt"},
        decision=Facts(
            subject="auth0|123456", client_id=AUTH0_CLIENT, scopes="orders:read"
        ),
    ),
    # That dialect has no gty, so the profile does not know its machines by itself.
    "RFC 9068 dialect, a machine taken for a user": Row(
        settings=AUTH0,
        claims={**AUTH0_9068, "sub": f"{AUTH0_CLIENT}@clients"},
        header={"typ": "at+jwt"},
        decision=Facts(
            subject=f"{AUTH0_CLIENT}@clients",
            client_id=AUTH0_CLIENT,
            scopes="orders:read",
        ),
    ),
    "RFC 9068 dialect, a machine": Row(
        settings={**AUTH0, "MACHINE": {"sub": "*@clients"}},
        claims={**AUTH0_9068, "sub": f"{AUTH0_CLIENT}@clients"},
        header={"typ": "at+jwt"},
        decision=Facts(
            subject=f"{AUTH0_CLIENT}@clients",
            client_id=AUTH0_CLIENT,
            scopes="orders:read",
            machine=True,
        ),
    ),
    "opaque, because no audience was asked for": Row(
        settings=AUTH0,
        claims={},
        raw="9hY3kQ-vT0nB1pZ7sXcW4mLr2dEaJfGu",
        decision=MALFORMED,
    ),
    "encrypted, because no audience was asked for": Row(
        settings=AUTH0,
        claims={},
        raw=".".join(
            [
                encode(
                    b'{"alg":"dir","enc":"A256GCM","iss":"https://acme.eu.auth0.com/"}'
                ),
                "",
                encode(b"iv"),
                encode(b"text"),
                encode(b"tag"),
            ]
        ),
        decision=MALFORMED,
    ),
    "for userinfo alone": Row(
        settings=AUTH0,
        claims={**AUTH0_USER, "aud": ["https://acme.eu.auth0.com/userinfo"]},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "settings without the trailing slash": Row(
        settings={**AUTH0, "ISSUER": "https://acme.eu.auth0.com"},
        claims=AUTH0_USER,
        decision=Refusal(code="untrusted_issuer", claim="iss"),
    ),
    "an ID token": Row(
        settings=AUTH0,
        claims={**AUTH0_USER, "aud": AUTH0_CLIENT, "azp": ABSENT, "scope": ABSENT},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "an ID token with a nonce": Row(
        settings=AUTH0,
        claims={**AUTH0_USER, "aud": AUTH0_CLIENT, "nonce": "n-0S6_WzA2Mj"},
        decision=Refusal(code="not_an_access_token", claim="nonce"),
    ),
    "bound to a certificate": Row(
        settings=AUTH0,
        claims={**AUTH0_USER, "cnf": {"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64Sqz"}},
        decision=Refusal(code="unconfirmed_token", claim="cnf"),
    ),
}

# The issuer whose name is a bare word.
ATM = {
    "ISSUER": "atm",
    "JWKS_URI": "https://keys.elsewhere.example/atm.json",
    "AUDIENCE": "orders-app",
    "SUBJECT_CLAIM": "scope.id",
}
ATM_SCOPE = {
    "email": "ada@example.com",
    "id": "u-1815",
    "firstName": "Ada",
    "lastName": "Lovelace",
}
ATM_USER = {"iss": "atm", "aud": "orders-app", **TIMES, "scope": ATM_SCOPE}
ATM_MISSING = Refusal(code="invalid_claim", claim="scope.id")
ATM_ROWS = {
    "a user": Row(
        settings=ATM,
        claims=ATM_USER,
        decision=Facts(subject="u-1815", client_id=None),
    ),
    **{
        f"scope {name}": Row(
            settings=ATM, claims={**ATM_USER, "scope": value}, decision=ATM_MISSING
        )
        for name, value in {
            "absent": ABSENT,
            "null": None,
            "text": "openid profile",
            "a number": 7,
            "an array of objects": [ATM_SCOPE],
            "empty": {},
            "without id": {"email": "ada@example.com"},
            "with id null": {**ATM_SCOPE, "id": None},
            "with id a number": {**ATM_SCOPE, "id": 1815},
            "with id an object": {**ATM_SCOPE, "id": {"id": "u-1815"}},
            "with id empty": {**ATM_SCOPE, "id": ""},
            "with id blank": {**ATM_SCOPE, "id": "  "},
            "with id over 255 characters": {**ATM_SCOPE, "id": "x" * 256},
        }.items()
    },
    "a sub does not stand in": Row(
        settings=ATM,
        claims={**ATM_USER, "scope": {}, "sub": "u-1815", "client_id": "orders-app"},
        decision=ATM_MISSING,
    ),
    "without SUBJECT_CLAIM": Row(
        settings={**ATM, "SUBJECT_CLAIM": "sub"},
        claims=ATM_USER,
        decision=Refusal(code="invalid_claim", claim="sub"),
    ),
    "an hour-old token of ten minutes": Row(
        settings=ATM,
        claims={**ATM_USER, "iat": NOW - 3600, "exp": NOW - 3000},
        decision=Refusal(code="expired_token", claim="exp"),
    ),
    "another client's": Row(
        settings=ATM,
        claims={**ATM_USER, "aud": "other-app"},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "another spelling of the name": Row(
        settings=ATM,
        claims={**ATM_USER, "iss": "ATM"},
        decision=Refusal(code="untrusted_issuer", claim="iss"),
    ),
}

# Azure AD B2C.
TENANT = "c64a4f7d-3091-4c73-a722-a3f0694ad63e"
B2C_API = "f2a76e08-93f2-4350-833c-965c02483b11"
B2C_CLIENT = "38307aee-303c-4fff-8087-d8d2a1b2c3d4"
B2C_ISSUER = f"https://contoso.b2clogin.com/{TENANT}/v2.0/"
B2C = {
    "ISSUER": B2C_ISSUER,
    "PROFILE": "azure_b2c",
    "AUDIENCE": B2C_API,
    "METADATA_URL": "https://contoso.b2clogin.com/contoso.onmicrosoft.com/"
    "B2C_1_signin/v2.0/.well-known/openid-configuration",
}
B2C_USER = {
    "iss": B2C_ISSUER,
    **TIMES,
    "nbf": NOW,
    "aud": B2C_API,
    "oid": "1558f87f-452b-4757-bcd1-883f00112233",
    "sub": "1558f87f-452b-4757-bcd1-883f00112233",
    "name": "David",
    "tfp": "B2C_1_signin",
    "nonce": "anyRandomValue",
    "scp": "read write",
    "azp": B2C_CLIENT,
    "ver": "1.0",
}
B2C_FACTS = Facts(
    subject="1558f87f-452b-4757-bcd1-883f00112233",
    client_id=B2C_CLIENT,
    scopes="read write",
)
B2C_ID_TOKEN = {
    **B2C_USER,
    "scp": ABSENT,
    "azp": ABSENT,
    "acr": "b2c_1_signin",
    "auth_time": NOW,
}
B2C_ROWS = {
    "a user, nonce and all": Row(settings=B2C, claims=B2C_USER, decision=B2C_FACTS),
    "a user without nonce": Row(
        settings=B2C, claims={**B2C_USER, "nonce": ABSENT}, decision=B2C_FACTS
    ),
    "a user, and no profile that allows a nonce": Row(
        settings={**B2C, "PROFILE": "default"},
        claims=B2C_USER,
        decision=Refusal(code="not_an_access_token", claim="nonce"),
    ),
    # Nothing in it says "machine": sub is the service principal, scp its app roles.
    "client credentials": Row(
        settings=B2C,
        claims={
            **B2C_USER,
            "nonce": ABSENT,
            "name": ABSENT,
            "sub": "9c9f44c8-0000-4000-8000-5d7b9f3c1a2b",
            "scp": "app.read app.write",
        },
        decision=Facts(
            subject="9c9f44c8-0000-4000-8000-5d7b9f3c1a2b",
            client_id=B2C_CLIENT,
            scopes="app.read app.write",
        ),
    ),
    # API and client may be one registration: its ID token has our audience.
    "an ID token for the API's own registration": Row(
        settings=B2C,
        claims=B2C_ID_TOKEN,
        decision=Refusal(code="invalid_claim", claim="azp"),
    ),
    "an ID token with azp": Row(
        settings=B2C,
        claims={**B2C_ID_TOKEN, "azp": B2C_CLIENT},
        decision=Refusal(code="invalid_claim", claim="scp"),
    ),
    "an ID token of the hybrid flow": Row(
        settings=B2C,
        claims={**B2C_USER, "c_hash": "QR2zucfZZraMlJGzM2ZLbg"},
        decision=Refusal(code="not_an_access_token", claim="c_hash"),
    ),
    "another tenant": Row(
        settings=B2C,
        claims={**B2C_USER, "iss": B2C_ISSUER.replace("c64a", "d64a")},
        decision=Refusal(code="untrusted_issuer", claim="iss"),
    ),
}

# Microsoft Entra ID.
ENTRA_API = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
ENTRA_CLIENT = "af8e1f3c-d54d-418a-9d34-ff3d9b3d0a11"
ENTRA_V2 = {
    "ISSUER": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    "PROFILE": "entra",
    "AUDIENCE": ENTRA_API,
}
ENTRA_V2_USER = {
    "aud": ENTRA_API,
    "iss": ENTRA_V2["ISSUER"],
    **TIMES,
    "nbf": NOW,
    "aio": "AXQAi/8IAAAAtAaZLo3ChMif6KOnttRB7eBq4/DccQzjcJGxPYy",
    "azp": ENTRA_CLIENT,
    "azpacr": "0",
    "name": "Abe Lincoln",
    "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    "preferred_username": "abeli@microsoft.com",
    "rh": "I",
    "roles": ["Orders.Admin"],
    "scp": "Orders.Read Orders.Write",
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": TENANT,
    "uti": "fqiBqXLPj0eQa82S-IYFAA",
    "ver": "2.0",
}
ENTRA_V2_APP = {
    **{
        name: value
        for name, value in ENTRA_V2_USER.items()
        if name not in {"name", "preferred_username", "scp"}
    },
    "azpacr": "1",
    "idtyp": "app",
    "oid": "e5f1b0f2-8c2b-4d6f-9a65-7f2f5d0b7a10",
    "roles": ["Orders.Read.All"],
    "sub": "e5f1b0f2-8c2b-4d6f-9a65-7f2f5d0b7a10",
}
ENTRA_V1 = {
    "ISSUER": f"https://sts.windows.net/{TENANT}/",
    "PROFILE": "entra",
    "AUDIENCE": f"api://{ENTRA_API}",
}
ENTRA_V1_USER = {
    "aud": f"api://{ENTRA_API}",
    "iss": ENTRA_V1["ISSUER"],
    **TIMES,
    "nbf": NOW,
    "acr": "1",
    "amr": ["pwd"],
    "appid": ENTRA_CLIENT,
    "appidacr": "0",
    "scp": "access_as_user",
    "sub": "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
    "unique_name": "abeli@microsoft.com",
    "ver": "1.0",
}
ENTRA_APP_FACTS = Facts(
    subject="e5f1b0f2-8c2b-4d6f-9a65-7f2f5d0b7a10",
    client_id=ENTRA_CLIENT,
    scopes="Orders.Read.All",
    machine=True,
)
ENTRA_ID_TOKEN = {
    **{
        name: value
        for name, value in ENTRA_V2_USER.items()
        if name not in {"azp", "azpacr", "scp"}
    },
}
ENTRA_ROWS = {
    # scp, where there is one, is what was granted; roles are the user's own then.
    "v2, a user": Row(
        settings=ENTRA_V2,
        claims=ENTRA_V2_USER,
        decision=Facts(
            subject="HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            client_id=ENTRA_CLIENT,
            scopes="Orders.Read Orders.Write",
        ),
    ),
    "v2, an app": Row(settings=ENTRA_V2, claims=ENTRA_V2_APP, decision=ENTRA_APP_FACTS),
    # idtyp is an optional claim that the API's registration has to ask for.
    "v2, an app, idtyp not asked for": Row(
        settings=ENTRA_V2,
        claims={**ENTRA_V2_APP, "idtyp": ABSENT},
        decision=Facts(
            subject=ENTRA_APP_FACTS.subject,
            client_id=ENTRA_CLIENT,
            scopes="Orders.Read.All",
        ),
    ),
    "v2, a user, idtyp asked for": Row(
        settings=ENTRA_V2,
        claims={**ENTRA_V2_USER, "idtyp": "user"},
        decision=Facts(
            subject="HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            client_id=ENTRA_CLIENT,
            scopes="Orders.Read Orders.Write",
        ),
    ),
    "v1, a user": Row(
        settings=ENTRA_V1,
        claims=ENTRA_V1_USER,
        decision=Facts(
            subject="l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
            client_id=ENTRA_CLIENT,
            scopes="access_as_user",
        ),
    ),
    "v1, an app": Row(
        settings=ENTRA_V1,
        claims={
            **ENTRA_V1_USER,
            "scp": ABSENT,
            "unique_name": ABSENT,
            "roles": ["Orders.Read.All"],
            "idtyp": "app",
            "sub": ENTRA_APP_FACTS.subject,
        },
        decision=ENTRA_APP_FACTS,
    ),
    "a v1 token where v2 is configured": Row(
        settings=ENTRA_V2,
        claims=ENTRA_V1_USER,
        decision=Refusal(code="untrusted_issuer", claim="iss"),
    ),
    "another tenant": Row(
        settings=ENTRA_V2,
        claims={**ENTRA_V2_USER, "iss": ENTRA_V2["ISSUER"].replace("c64a", "d64a")},
        decision=Refusal(code="untrusted_issuer", claim="iss"),
    ),
    "for Microsoft Graph": Row(
        settings=ENTRA_V2,
        claims={**ENTRA_V2_USER, "aud": "00000003-0000-0000-c000-000000000000"},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "an ID token for the API's own registration": Row(
        settings=ENTRA_V2,
        claims={**ENTRA_ID_TOKEN, "nonce": "678910"},
        decision=Refusal(code="invalid_claim", claim="azp|appid"),
    ),
    # Only the client and scp claims, absent, tell it from an access token.
    "the same without nonce": Row(
        settings=ENTRA_V2,
        claims=ENTRA_ID_TOKEN,
        decision=Refusal(code="invalid_claim", claim="azp|appid"),
    ),
    "keys without alg, with x5c and issuer": Row(
        settings=ENTRA_V2,
        claims=ENTRA_V2_USER,
        jwks=[
            published("RS256", "alg", x5t="nOo3", x5c=["MIIC"], issuer="https://x"),
        ],
        decision=Facts(
            subject="HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            client_id=ENTRA_CLIENT,
            scopes="Orders.Read Orders.Write",
        ),
    ),
}

# Keycloak.
KEYCLOAK = {"ISSUER": "https://sso.example.com/realms/acme", "PROFILE": "keycloak"}
KEYCLOAK_USER = {
    **TIMES,
    "jti": "5d1c0a9e-74a5-4b9e-9f10-1f3f1f2b8d3c",
    "iss": "https://sso.example.com/realms/acme",
    "aud": [API, "account"],
    "sub": "f3ad6b9b-4a6c-4c39-9d1c-93e4f2c0b7a1",
    "typ": "Bearer",
    "azp": "web",
    "sid": "d8b7f1f1-6a37-4a5f-8b43-4c1a7d3d0c77",
    "acr": "1",
    "allowed-origins": ["https://web.example.com"],
    "realm_access": {"roles": ["offline_access", "clerk"]},
    "resource_access": {"account": {"roles": ["view-profile"]}},
    "scope": "openid email profile orders",
    "email_verified": True,
    "preferred_username": "alice",
}
KEYCLOAK_FACTS = Facts(
    subject="f3ad6b9b-4a6c-4c39-9d1c-93e4f2c0b7a1",
    client_id="web",
    scopes="email openid orders profile",
)
KEYCLOAK_SERVICE = {
    **KEYCLOAK_USER,
    "sub": "f1905c0c-3454-4fdc-a050-752da8062f80",
    "azp": "svc",
    "sid": ABSENT,
    "scope": "orders",
    "clientHost": "10.0.0.7",
    "clientAddress": "10.0.0.7",
    "client_id": "svc",
    "preferred_username": "service-account-svc",
}
KEYCLOAK_SERVICE_FACTS = Facts(
    subject="f1905c0c-3454-4fdc-a050-752da8062f80",
    client_id="svc",
    scopes="orders",
    machine=True,
)
KEYCLOAK_JWKS = [
    published("ES256", "use", "alg", kid="enc-1", use="enc", alg="ECDH-ES"),
    published("RS256", x5c=["MIICmzCCAYMCBgF"], x5t="Xc9", **{"x5t#S256": "9Jb"}),
]
KEYCLOAK_ROWS = {
    "a user": Row(settings=KEYCLOAK, claims=KEYCLOAK_USER, decision=KEYCLOAK_FACTS),
    "an enc key and x5c in the JWK Set": Row(
        settings=KEYCLOAK,
        claims=KEYCLOAK_USER,
        jwks=KEYCLOAK_JWKS,
        decision=KEYCLOAK_FACTS,
    ),
    "typ at+jwt, as a client may have it": Row(
        settings=KEYCLOAK,
        claims=KEYCLOAK_USER,
        header={"typ": "at+jwt"},
        decision=KEYCLOAK_FACTS,
    ),
    "an Ed25519 realm key": Row(
        settings=KEYCLOAK,
        claims=KEYCLOAK_USER,
        signed="EdDSA",
        decision=KEYCLOAK_FACTS,
    ),
    "realm roles as scopes": Row(
        settings={**KEYCLOAK, "SCOPE_CLAIMS": ["realm_access.roles"]},
        claims=KEYCLOAK_USER,
        decision=Facts(
            subject=KEYCLOAK_FACTS.subject,
            client_id="web",
            scopes="clerk offline_access",
        ),
    ),
    "realm roles as scopes, and none there": Row(
        settings={**KEYCLOAK, "SCOPE_CLAIMS": ["realm_access.roles"]},
        claims={**KEYCLOAK_USER, "realm_access": ABSENT},
        decision=Facts(subject=KEYCLOAK_FACTS.subject, client_id="web"),
    ),
    "a service account": Row(
        settings=KEYCLOAK, claims=KEYCLOAK_SERVICE, decision=KEYCLOAK_SERVICE_FACTS
    ),
    "a service account of an older version": Row(
        settings=KEYCLOAK,
        claims={**KEYCLOAK_SERVICE, "client_id": ABSENT, "clientId": "svc"},
        decision=KEYCLOAK_SERVICE_FACTS,
    ),
    # Users may choose their names; only service accounts carry client_id.
    "a user who calls himself a service account": Row(
        settings={
            **KEYCLOAK,
            "MACHINE": {"preferred_username": "service-account-*", "client_id": "*"},
        },
        claims={**KEYCLOAK_USER, "preferred_username": "service-account-svc"},
        decision=KEYCLOAK_FACTS,
    ),
    "no audience mapper": Row(
        settings=KEYCLOAK,
        claims={**KEYCLOAK_USER, "aud": "account"},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "aud absent": Row(
        settings=KEYCLOAK,
        claims={**KEYCLOAK_USER, "aud": ABSENT},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    # Service accounts always have a sub; a user's light-weight token may lack it, and
    # must not pass for its client's own.
    "a user's light-weight token without sub": Row(
        settings=KEYCLOAK,
        claims={**KEYCLOAK_USER, "sub": ABSENT},
        decision=Refusal(code="invalid_claim", claim="sub"),
    ),
    "an ID token with our audience": Row(
        settings=KEYCLOAK,
        claims={**KEYCLOAK_USER, "typ": "ID"},
        decision=Refusal(code="not_an_access_token", claim="typ"),
    ),
    **{
        f"a token of type {kind}": Row(
            settings=KEYCLOAK,
            claims={**KEYCLOAK_USER, "typ": kind},
            decision=Refusal(code="not_an_access_token", claim="typ"),
        )
        for kind in ("Refresh", "Offline", "Logout", "DPoP")
    },
    # Before version 25 the request's nonce went into every token.
    "nonce of an older version": Row(
        settings=KEYCLOAK,
        claims={**KEYCLOAK_USER, "nonce": "n-0S6_WzA2Mj"},
        decision=Refusal(code="not_an_access_token", claim="nonce"),
    ),
    "nonce of an older version, allowed": Row(
        settings={**KEYCLOAK, "ALLOW_NONCE": True},
        claims={**KEYCLOAK_USER, "nonce": "n-0S6_WzA2Mj"},
        decision=KEYCLOAK_FACTS,
    ),
    "nonce allowed, and an ID token all the same": Row(
        settings={**KEYCLOAK, "ALLOW_NONCE": True},
        claims={**KEYCLOAK_USER, "nonce": "n-0S6_WzA2Mj", "typ": "ID"},
        decision=Refusal(code="not_an_access_token", claim="typ"),
    ),
}

# Okta.
OKTA = {"ISSUER": "https://acme.okta.com/oauth2/default", "PROFILE": "okta"}
OKTA_USER = {
    "ver": 1,
    "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
    "iss": "https://acme.okta.com/oauth2/default",
    "aud": API,
    "sub": "00ujmkLgagxeRrAg20g3",
    **TIMES,
    "cid": "nmdP1fcyvdVO11AL7ECm",
    "uid": "00ujmkLgagxeRrAg20g3",
    "scp": ["openid", "orders.read"],
}
OKTA_FACTS = Facts(
    subject="00ujmkLgagxeRrAg20g3",
    client_id="nmdP1fcyvdVO11AL7ECm",
    scopes="openid orders.read",
)
OKTA_ROWS = {
    "a user, no typ": Row(
        settings=OKTA, claims=OKTA_USER, header={}, decision=OKTA_FACTS
    ),
    "a machine": Row(
        settings=OKTA,
        claims={**OKTA_USER, "sub": "nmdP1fcyvdVO11AL7ECm", "uid": ABSENT},
        header={},
        decision=Facts(
            subject="nmdP1fcyvdVO11AL7ECm",
            client_id="nmdP1fcyvdVO11AL7ECm",
            scopes="openid orders.read",
            machine=True,
        ),
    ),
    # Tokens of the org server are for Okta's own APIs, says Okta, and for nobody else.
    "of the org authorization server": Row(
        settings=OKTA,
        claims=OKTA_USER,
        header={"typ": "application/okta-internal-at+jwt"},
        decision=Refusal(code="not_an_access_token", claim="typ"),
    ),
    "an ID token": Row(
        settings=OKTA,
        claims={
            **OKTA_USER,
            "aud": "nmdP1fcyvdVO11AL7ECm",
            "cid": ABSENT,
            "scp": ABSENT,
            "at_hash": "preyLOqcd_V5A_4Z",
        },
        header={},
        decision=Refusal(code="not_an_access_token", claim="at_hash"),
    ),
}

# Amazon Cognito.
COGNITO_ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE"
COGNITO_CLIENT = "57cbishk4j24pabc1234567890"
COGNITO = {
    "ISSUER": COGNITO_ISSUER,
    "PROFILE": "cognito",
    "AUDIENCE": [COGNITO_CLIENT, "m2m-client"],
}
COGNITO_USER = {
    "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "cognito:groups": ["clerks"],
    "iss": COGNITO_ISSUER,
    "version": 2,
    "client_id": COGNITO_CLIENT,
    "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-ffffffffffff",
    "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
    "token_use": "access",
    "scope": "openid orders/read",
    "auth_time": NOW,
    **TIMES,
    "jti": "aaaaaaaa-bbbb-cccc-dddd-000000000000",
    "username": "alice",
}
COGNITO_FACTS = Facts(
    subject="aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    client_id=COGNITO_CLIENT,
    scopes="openid orders/read",
)
COGNITO_ROWS = {
    "a user, no aud": Row(
        settings=COGNITO, claims=COGNITO_USER, header={}, decision=COGNITO_FACTS
    ),
    "bound to a resource, so with aud": Row(
        settings=COGNITO,
        claims={**COGNITO_USER, "aud": "https://other.example"},
        header={},
        decision=COGNITO_FACTS,
    ),
    "a machine": Row(
        settings=COGNITO,
        claims={
            "sub": "m2m-client",
            "token_use": "access",
            "scope": "orders/read",
            "auth_time": NOW,
            "iss": COGNITO_ISSUER,
            **TIMES,
            "version": 2,
            "jti": "39cdbc77-8743-4e1e-9669-96e62b165f1c",
            "client_id": "m2m-client",
        },
        header={},
        decision=Facts(
            subject="m2m-client",
            client_id="m2m-client",
            scopes="orders/read",
            machine=True,
        ),
    ),
    "another client": Row(
        settings=COGNITO,
        claims={**COGNITO_USER, "client_id": "other"},
        header={},
        decision=Refusal(code="invalid_claim", claim="client_id"),
    ),
    "an ID token": Row(
        settings=COGNITO,
        claims={
            **COGNITO_USER,
            "token_use": "id",
            "aud": COGNITO_CLIENT,
            "client_id": ABSENT,
        },
        header={},
        decision=Refusal(code="invalid_claim", claim="client_id"),
    ),
    "an ID token that names the client": Row(
        settings=COGNITO,
        claims={**COGNITO_USER, "token_use": "id"},
        header={},
        decision=Refusal(code="not_an_access_token", claim="token_use"),
    ),
    "no token_use": Row(
        settings=COGNITO,
        claims={**COGNITO_USER, "token_use": ABSENT},
        header={},
        decision=Refusal(code="invalid_claim", claim="token_use"),
    ),
}

# A shared secret.
SHARED = {"ISSUER": "https://hs.example.com", "SHARED_SECRET": SECRET}
SHARED_USER = {
    "iss": "https://hs.example.com",
    "aud": API,
    "sub": "alice",
    **TIMES,
    "scope": "read",
}
SHARED_FACTS = Facts(subject="alice", client_id=None, scopes="read")
SHARED_ROWS = {
    "HS256": Row(
        settings=SHARED, claims=SHARED_USER, signed="HS256", decision=SHARED_FACTS
    ),
    "HS256 without kid": Row(
        settings=SHARED,
        claims=SHARED_USER,
        header={"kid": None},
        signed="HS256",
        decision=SHARED_FACTS,
    ),
    "an algorithm beside it": Row(
        settings=SHARED,
        claims=SHARED_USER,
        signed="RS256",
        decision=Refusal(code="algorithm_not_allowed", claim="alg"),
    ),
    "another hash": Row(
        settings=SHARED,
        claims=SHARED_USER,
        signed="HS384",
        decision=Refusal(code="algorithm_not_allowed", claim="alg"),
    ),
    "HS256 where keys are published": Row(
        settings={"ISSUER": "https://hs.example.com"},
        claims=SHARED_USER,
        signed="HS256",
        decision=Refusal(code="algorithm_not_allowed", claim="alg"),
    ),
}

# RFC 9068.
STRICT = {"ISSUER": "https://as.example.com/t1", "PROFILE": "rfc9068"}
LENIENT = {"ISSUER": "https://as.example.com/t1"}
RFC_9068 = {
    "iss": "https://as.example.com/t1",
    "sub": "5ba552d67",
    "aud": API,
    **TIMES,
    "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
    "client_id": "s6BhdRkqt3",
    "scope": "openid orders:read",
    "auth_time": NOW,
    "acr": "1",
    "groups": ["admin"],
}
RFC_9068_FACTS = Facts(
    subject="5ba552d67", client_id="s6BhdRkqt3", scopes="openid orders:read"
)
AT_JWT = {"typ": "at+jwt"}
RFC_9068_ROWS = {
    "strictly": Row(
        settings=STRICT, claims=RFC_9068, header=AT_JWT, decision=RFC_9068_FACTS
    ),
    "strictly, the long typ in capitals": Row(
        settings=STRICT,
        claims=RFC_9068,
        header={"typ": "application/AT+JWT"},
        decision=RFC_9068_FACTS,
    ),
    "by default": Row(
        settings=LENIENT, claims=RFC_9068, header=AT_JWT, decision=RFC_9068_FACTS
    ),
    "typ JWT, strictly": Row(
        settings=STRICT,
        claims=RFC_9068,
        decision=Refusal(code="not_an_access_token", claim="typ"),
    ),
    "typ JWT, by default": Row(
        settings=LENIENT, claims=RFC_9068, decision=RFC_9068_FACTS
    ),
    "no typ, strictly": Row(
        settings=STRICT,
        claims=RFC_9068,
        header={},
        decision=Refusal(code="not_an_access_token", claim="typ"),
    ),
    "no typ, by default": Row(
        settings=LENIENT, claims=RFC_9068, header={}, decision=RFC_9068_FACTS
    ),
    **{
        f"no {name}, strictly": Row(
            settings=STRICT,
            claims={**RFC_9068, name: ABSENT},
            header=AT_JWT,
            decision=Refusal(code="invalid_claim", claim=name),
        )
        for name in ("exp", "aud", "sub", "client_id", "iat", "jti")
    },
    **{
        f"no {name}, by default": Row(
            settings=LENIENT,
            claims={**RFC_9068, name: ABSENT},
            header=AT_JWT,
            decision=RFC_9068_FACTS,
        )
        for name in ("iat", "jti")
    },
    "azp for client_id, strictly": Row(
        settings=STRICT,
        claims={**RFC_9068, "client_id": ABSENT, "azp": "s6BhdRkqt3"},
        header=AT_JWT,
        decision=Refusal(code="invalid_claim", claim="client_id"),
    ),
    "a machine": Row(
        settings=STRICT,
        claims={**RFC_9068, "sub": "s6BhdRkqt3"},
        header=AT_JWT,
        decision=Facts(
            subject="s6BhdRkqt3",
            client_id="s6BhdRkqt3",
            scopes="openid orders:read",
            machine=True,
        ),
    ),
    "PS256, which the strict profile leaves out": Row(
        settings=STRICT,
        claims=RFC_9068,
        header={**AT_JWT, "alg": "PS256"},
        decision=Refusal(code="algorithm_not_allowed", claim="alg"),
    ),
}

# LemonLDAP::NG: one key without kid, trailing slash, ID tokens like access tokens.
LEMON = {"ISSUER": "https://auth.example.com/"}
LEMON_JWKS = [published("RS256", "kid", "alg")]
LEMON_USER = {
    "iss": "https://auth.example.com/",
    "sub": "dwho",
    "aud": ["webapp", API],
    **TIMES,
    "client_id": "webapp",
    "scope": "openid profile orders:read",
    "jti": "0b7f",
    "sid": "x",
}
LEMON_ID_TOKEN = {
    "iss": "https://auth.example.com/",
    "sub": "dwho",
    "aud": ["webapp", API],
    **TIMES,
    "azp": "webapp",
    "auth_time": NOW,
    "acr": "loa-2",
    "nonce": "n-0S6",
    "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng",
}
NO_KID = {"typ": "JWT", "kid": None}
LEMON_FACTS = Facts(
    subject="dwho", client_id="webapp", scopes="openid orders:read profile"
)
LEMON_ROWS = {
    "no kid in token and key, no alg in the key": Row(
        settings=LEMON,
        claims=LEMON_USER,
        header=NO_KID,
        jwks=LEMON_JWKS,
        decision=LEMON_FACTS,
    ),
    "kid with a slash, x5c and x5t, after a rotation": Row(
        settings=LEMON,
        claims=LEMON_USER,
        header={"typ": "JWT", "kid": "7La9/wvsNG"},
        jwks=[published("RS256", "alg", kid="7La9/wvsNG", x5c=["MIIC"], x5t="Xc9")],
        decision=LEMON_FACTS,
    ),
    "client credentials, sub is the client": Row(
        settings=LEMON,
        claims={**LEMON_USER, "sub": "webapp"},
        header=NO_KID,
        jwks=LEMON_JWKS,
        decision=Facts(
            subject="webapp",
            client_id="webapp",
            scopes="openid orders:read profile",
            machine=True,
        ),
    ),
    "scopes the API never registered": Row(
        settings={**LEMON, "SCOPES": ["orders:read"]},
        claims={**LEMON_USER, "scope": "openid orders:read superuser"},
        header=NO_KID,
        jwks=LEMON_JWKS,
        decision=Facts(subject="dwho", client_id="webapp", scopes="orders:read"),
    ),
    "an ID token that has our audience": Row(
        settings=LEMON,
        claims=LEMON_ID_TOKEN,
        header=NO_KID,
        jwks=LEMON_JWKS,
        decision=Refusal(code="not_an_access_token", claim="at_hash"),
    ),
    "the same without at_hash": Row(
        settings=LEMON,
        claims={**LEMON_ID_TOKEN, "at_hash": ABSENT},
        header=NO_KID,
        jwks=LEMON_JWKS,
        decision=Refusal(code="not_an_access_token", claim="nonce"),
    ),
    # Where the client sends no nonce either, only what is absent tells: demand it.
    "the same without nonce, scope demanded": Row(
        settings={**LEMON, "REQUIRED_CLAIMS": ["exp", "scope"]},
        claims={**LEMON_ID_TOKEN, "at_hash": ABSENT, "nonce": ABSENT},
        header=NO_KID,
        jwks=LEMON_JWKS,
        decision=Refusal(code="invalid_claim", claim="scope"),
    ),
    "a refresh token by its typ claim": Row(
        settings=LEMON,
        claims={**LEMON_USER, "typ": "refresh_token"},
        header=NO_KID,
        jwks=LEMON_JWKS,
        decision=Refusal(code="not_an_access_token", claim="typ"),
    ),
    "alg none, which its metadata offers": Row(
        settings=LEMON,
        claims=LEMON_USER,
        header={**NO_KID, "alg": "none"},
        jwks=LEMON_JWKS,
        decision=Refusal(code="algorithm_not_allowed", claim="alg"),
    ),
}

# Glewlwyd.
GLEWLWYD = {"ISSUER": "https://glewlwyd.example.com/api/oidc"}
GLEWLWYD_USER = {
    "iss": "https://glewlwyd.example.com/api/oidc",
    "sub": "wFgiJtG8sP1qkLzH",
    "aud": API,
    "client_id": "client1",
    **TIMES,
    "nbf": NOW,
    "jti": "L2hF9XvJ",
    "type": "access_token",
    "scope": "read write",
    "groups": "staff,editors",
}
GLEWLWYD_ROWS = {
    "a user, type access_token, keys without use": Row(
        settings=GLEWLWYD,
        claims=GLEWLWYD_USER,
        header={"typ": "at+jwt"},
        jwks=[published("RS256", "use")],
        decision=Facts(
            subject="wFgiJtG8sP1qkLzH", client_id="client1", scopes="read write"
        ),
    ),
    "aud is the scope without resource": Row(
        settings=GLEWLWYD,
        claims={**GLEWLWYD_USER, "aud": "read write"},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "a machine": Row(
        settings=GLEWLWYD,
        claims={**GLEWLWYD_USER, "sub": "client1", "groups": ABSENT},
        decision=Facts(
            subject="client1", client_id="client1", scopes="read write", machine=True
        ),
    ),
    **{
        f"type {kind}": Row(
            settings=GLEWLWYD,
            claims={**GLEWLWYD_USER, "type": kind},
            decision=Refusal(code="not_an_access_token", claim="type"),
        )
        for kind in ("refresh_token", "id_token")
    },
    "a logout token with typ JWT and no exp": Row(
        settings=GLEWLWYD,
        claims={
            "iss": GLEWLWYD_USER["iss"],
            "sub": "wFgiJtG8sP1qkLzH",
            "aud": API,
            "iat": NOW,
            "jti": "x",
            "sid": "s",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        },
        decision=Refusal(code="invalid_claim", claim="exp"),
    ),
    "a logout token with exp": Row(
        settings=GLEWLWYD,
        claims={
            **GLEWLWYD_USER,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        },
        decision=Refusal(code="not_an_access_token", claim="events"),
    ),
    "bound by DPoP": Row(
        settings=GLEWLWYD,
        claims={**GLEWLWYD_USER, "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2Hg"}},
        decision=Refusal(code="unconfirmed_token", claim="cnf"),
    ),
    "of the other plug-in, whose issuer differs": Row(
        settings=GLEWLWYD,
        claims={**GLEWLWYD_USER, "iss": "https://glewlwyd.example.com/"},
        decision=Refusal(code="untrusted_issuer", claim="iss"),
    ),
}

# Django-oauth-toolkit with oauthlib's signed tokens.
DOT = {"ISSUER": "https://dot.example.com/o"}
DOT_ROWS = {
    "as it comes: iss, scope, exp and nothing else": Row(
        settings=DOT,
        claims={"iss": DOT["ISSUER"], "scope": "read", "exp": NOW + 600},
        header=NO_KID,
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "with an audience and no subject": Row(
        settings=DOT,
        claims={"iss": DOT["ISSUER"], "aud": API, "scope": None, "exp": NOW + 600},
        header=NO_KID,
        decision=Refusal(code="invalid_claim", claim="sub"),
    ),
    "with audience and client, scope null, no iat, no jti": Row(
        settings=DOT,
        claims={
            "iss": DOT["ISSUER"],
            "aud": API,
            "client_id": "c1",
            "scope": None,
            "exp": NOW + 600,
        },
        header=NO_KID,
        decision=Facts(subject=None, client_id="c1", machine=True),
    ),
    "with a primary key for sub": Row(
        settings=DOT,
        claims={
            "iss": DOT["ISSUER"],
            "aud": API,
            "sub": "1",
            "client_id": "c1",
            "scope": "read",
            "exp": NOW + 600,
        },
        header=NO_KID,
        decision=Facts(subject="1", client_id="c1", scopes="read"),
    ),
    "with a number for sub": Row(
        settings=DOT,
        claims={"iss": DOT["ISSUER"], "aud": API, "sub": 1, "exp": NOW + 600},
        header=NO_KID,
        decision=Refusal(code="invalid_claim", claim="sub"),
    ),
    "opaque": Row(
        settings=DOT,
        claims={},
        raw="x7Qb2kP9LmZ4vT1nR8sW3yC6dF0gHj",
        decision=MALFORMED,
    ),
}

# Django-allauth.
ALLAUTH = {"ISSUER": "https://idp.example.com"}
ALLAUTH_USER = {
    "iss": "https://idp.example.com",
    "aud": [API],
    "sub": "1",
    "client_id": "demo",
    **TIMES,
    "jti": "9a1",
    "token_use": "access",
    "scope": "openid orders:read",
}
ALLAUTH_JWKS = [published("RS256", "alg", "use")]
ALLAUTH_ROWS = {
    "a user, keys without alg, use and key_ops": Row(
        settings=ALLAUTH,
        claims=ALLAUTH_USER,
        jwks=ALLAUTH_JWKS,
        decision=Facts(subject="1", client_id="demo", scopes="openid orders:read"),
    ),
    "client credentials, no sub": Row(
        settings=ALLAUTH,
        claims={**ALLAUTH_USER, "sub": ABSENT, "scope": "orders:read"},
        jwks=ALLAUTH_JWKS,
        decision=Facts(
            subject=None, client_id="demo", scopes="orders:read", machine=True
        ),
    ),
    "no resource asked for, so no aud": Row(
        settings=ALLAUTH,
        claims={**ALLAUTH_USER, "aud": ABSENT},
        jwks=ALLAUTH_JWKS,
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "an ID token by its token_use": Row(
        settings=ALLAUTH,
        claims={**ALLAUTH_USER, "token_use": "id"},
        jwks=ALLAUTH_JWKS,
        decision=Refusal(code="not_an_access_token", claim="token_use"),
    ),
}

# Authlib, its RFC 9068 generator.
AUTHLIB = {"ISSUER": "https://authlib.example.com/as/one"}
AUTHLIB_USER = {
    "iss": "https://authlib.example.com/as/one",
    "sub": "1",
    "aud": API,
    "client_id": "c1",
    **TIMES,
    "jti": "qE5x",
    "scope": "read",
}
AUTHLIB_ROWS = {
    "at+jwt, no kid although the key has one": Row(
        settings={**AUTHLIB, "PROFILE": "rfc9068"},
        claims=AUTHLIB_USER,
        header={"typ": "at+jwt", "kid": None},
        decision=Facts(subject="1", client_id="c1", scopes="read"),
    ),
    "scope an empty string": Row(
        settings={**AUTHLIB, "PROFILE": "rfc9068"},
        claims={**AUTHLIB_USER, "scope": ""},
        header={"typ": "at+jwt", "kid": None},
        decision=Facts(subject="1", client_id="c1"),
    ),
    "aud is the client": Row(
        settings={**AUTHLIB, "AUDIENCE": "c1"},
        claims={**AUTHLIB_USER, "aud": "c1"},
        header={"typ": "at+jwt", "kid": None},
        decision=Facts(subject="1", client_id="c1", scopes="read"),
    ),
    "aud is a client that is not ours": Row(
        settings=AUTHLIB,
        claims={**AUTHLIB_USER, "aud": "c1"},
        header={"typ": "at+jwt", "kid": None},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "a machine": Row(
        settings=AUTHLIB,
        claims={**AUTHLIB_USER, "sub": "c1"},
        header={"typ": "at+jwt", "kid": None},
        decision=Facts(subject="c1", client_id="c1", scopes="read", machine=True),
    ),
}

# Oidc-provider (npm).
PANVA = {"ISSUER": "https://op.example.com"}
PANVA_USER = {
    "jti": "wYbjCGHVG",
    "sub": "alice",
    **TIMES,
    "scope": "read write",
    "client_id": "app",
    "iss": "https://op.example.com",
    "aud": API,
}
PANVA_JWKS = [
    {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "use": "sig", "pub": "AAAA"},
    published("RS256", "alg", kid="enc", use="enc"),
    published("RS256", "alg"),
    published("EdDSA", "alg"),
    published("ES256", "alg"),
]
PANVA_FACTS = Facts(subject="alice", client_id="app", scopes="read write")


def panva(decision: Facts | Refusal = PANVA_FACTS, **changes: object) -> Row:
    fields = {"header": AT_JWT, "jwks": PANVA_JWKS, **changes}
    claims = {**PANVA_USER, **fields.pop("claims", {})}
    settings = {**PANVA, **fields.pop("settings", {})}
    return Row(settings=settings, claims=claims, decision=decision, **fields)


PANVA_ROWS = {
    "an enc key and an unknown kind of key beside ours": panva(),
    "no kid": panva(header={**AT_JWT, "kid": None}),
    "one RSA key for PS256": panva(header={**AT_JWT, "alg": "PS256"}, signed="RS256"),
    "EdDSA": panva(signed="EdDSA"),
    "the same key as Ed25519": panva(
        signed="EdDSA", header={**AT_JWT, "alg": "Ed25519"}
    ),
    "ES256": panva(signed="ES256"),
    "typ JWT": panva(header={"typ": "JWT"}),
    "the long typ": panva(header={"typ": "application/at+jwt"}),
    "no typ": panva(header={}),
    "aud a list": panva(claims={"aud": ["https://other", API]}),
    "scope a list": panva(claims={"scope": ["read", "write"]}),
    "scp a list": panva(claims={"scope": ABSENT, "scp": ["read", "write"]}),
    "iat a float": panva(claims={"iat": NOW + 0.5}),
    "no scope": panva(
        Facts(subject="alice", client_id="app"), claims={"scope": ABSENT}
    ),
    "a machine": panva(
        Facts(subject="app", client_id="app", scopes="read write", machine=True),
        claims={"sub": "app"},
    ),
    "members in another order": panva(claims=dict(reversed(PANVA_USER.items()))),
    "lifetime of two seconds, a minute ago": panva(
        Refusal(code="expired_token", claim="exp"),
        claims={"iat": NOW - 60, "exp": NOW - 58},
    ),
    "bound by DPoP, sent as Bearer": panva(
        Refusal(code="unconfirmed_token", claim="cnf"),
        claims={"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
    ),
    "bound by mTLS": panva(
        Refusal(code="unconfirmed_token", claim="cnf"),
        claims={"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}},
    ),
    "a logout token": panva(
        Refusal(code="not_an_access_token", claim="typ"), header={"typ": "logout+jwt"}
    ),
    "an introspection answer": panva(
        Refusal(code="not_an_access_token", claim="typ"),
        header={"typ": "token-introspection+jwt"},
    ),
    "an introspection answer without typ": panva(
        Refusal(code="not_an_access_token", claim="token_introspection"),
        header={},
        claims={"token_introspection": {"active": True}},
    ),
    "an ID token, which has no typ": panva(
        Refusal(code="not_an_access_token", claim="nonce"),
        header={},
        claims={"aud": "app", "nonce": "n", "scope": ABSENT, "client_id": ABSENT},
    ),
    "an ID token without nonce": panva(
        Refusal(code="invalid_claim", claim="aud"),
        header={},
        claims={"aud": "app", "scope": ABSENT, "client_id": ABSENT},
    ),
    "encrypted, with iss and aud in the outer header": panva(
        MALFORMED,
        raw=".".join(
            [
                encode(
                    b'{"alg":"dir","enc":"A128CBC-HS256","iss":"https://op.example.com"}'
                ),
                "",
                encode(b"iv"),
                encode(b"text"),
                encode(b"tag"),
            ]
        ),
    ),
}

# The two mocks.
MOCK = {"ISSUER": "https://mock.example.com"}
MOCK_USER = {
    "iss": "https://mock.example.com",
    "sub": "johndoe",
    "aud": API,
    **TIMES,
    "nbf": NOW - 10,
    "scope": "read",
}
MOCK_ROWS = {
    "oauth2-mock-server: nbf before iat, kid of 78 hex digits": Row(
        settings=MOCK,
        claims=MOCK_USER,
        header={"typ": "JWT", "kid": "ab" * 39},
        jwks=[published("RS256", "use", kid="ab" * 39)],
        decision=Facts(subject="johndoe", client_id=None, scopes="read"),
    ),
    "oauth2-mock-server: client credentials, neither sub nor client": Row(
        settings=MOCK,
        claims={**MOCK_USER, "sub": ABSENT},
        decision=Refusal(code="invalid_claim", claim="sub"),
    ),
    "oauth2-mock-server: no aud": Row(
        settings=MOCK,
        claims={**MOCK_USER, "aud": ABSENT},
        decision=Refusal(code="invalid_claim", claim="aud"),
    ),
    "oauth2-mock-server: asked at 127.0.0.1, it says localhost": Row(
        settings={**MOCK, "ISSUER": "http://127.0.0.1:8080"},
        claims={**MOCK_USER, "iss": "http://localhost:8080"},
        decision=Refusal(code="untrusted_issuer", claim="iss"),
    ),
    "oidc-provider-mock: keys with neither alg nor use": Row(
        settings=MOCK,
        claims=MOCK_USER,
        jwks=[published("RS256", "alg", "use")],
        decision=Facts(subject="johndoe", client_id=None, scopes="read"),
    ),
}

TABLE = {
    f"{issuer}: {name}": row
    for issuer, rows in {
        "Auth0": AUTH0_ROWS,
        "atm": ATM_ROWS,
        "Azure AD B2C": B2C_ROWS,
        "Entra": ENTRA_ROWS,
        "Keycloak": KEYCLOAK_ROWS,
        "Okta": OKTA_ROWS,
        "Cognito": COGNITO_ROWS,
        "shared secret": SHARED_ROWS,
        "RFC 9068": RFC_9068_ROWS,
        "LemonLDAP": LEMON_ROWS,
        "glewlwyd": GLEWLWYD_ROWS,
        "django-oauth-toolkit": DOT_ROWS,
        "django-allauth": ALLAUTH_ROWS,
        "Authlib": AUTHLIB_ROWS,
        "oidc-provider": PANVA_ROWS,
        "mocks": MOCK_ROWS,
    }.items()
    for name, row in rows.items()
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_the_decision(row):
    assert decide(row) == row.decision


@pytest.mark.parametrize(
    "name",
    [
        "Auth0: opaque, because no audience was asked for",
        "Auth0: encrypted, because no audience was asked for",
        "django-oauth-toolkit: opaque",
    ],
)
def test_the_explanation_of_a_token_that_is_no_jwt(name):
    row = TABLE[name]
    explanation = explain(server_for(row), sign(row))
    (failed,) = [step for step in explanation.steps if step.outcome == "failed"]
    assert failed.name == "grammar"
    assert "three parts" in failed.detail
    assert row.raw not in failed.detail


def problems(**issuer: object) -> list[str]:
    _, found = parse({"AUDIENCE": API, "ISSUERS": {"default": issuer}})
    return [problem.id for problem in found if problem.is_error]


def test_settings_that_no_quirk_excuses():
    # A bare word has no discovery.
    assert problems(ISSUER="atm") == ["E006"]
    assert problems(ISSUER="atm", JWKS_URI="https://keys.example/atm") == []
    # HMAC stands alone.
    assert problems(**SHARED, ALGORITHMS=["HS256", "RS256"]) == ["E009"]
    assert problems(ISSUER=API, ALGORITHMS=["HS256"]) == ["E009"]


@pytest.mark.django_db
def test_the_issuer_whose_name_is_a_word_makes_a_user_with_an_email(settings, rf):
    from django_oidc_rs.request import authenticate

    settings.OIDC_RS = {
        "AUDIENCE": "orders-app",
        "ISSUERS": {"atm": ATM},
        "USERS": {"FIELDS": {"email": "scope.email", "first_name": "scope.firstName"}},
    }
    issuer = FakeIssuer(algorithm="RS256")
    with install(issuer):
        token = issuer.access_token("u-1815", scope=ATM_SCOPE, aud="orders-app")
        headers = {"Authorization": f"Bearer {token}"}
        found = authenticate(rf.get("/", headers=headers))
    assert found is not None
    assert found.access_token.scopes == frozenset()
    assert found.user.email == "ada@example.com"
    assert found.user.first_name == "Ada"
    assert not found.user.has_usable_password()
    assert issuer.fetches == [ATM["JWKS_URI"]]
