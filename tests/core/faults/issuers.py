"""One good token of every issuer."""

from __future__ import annotations

from django_oidc_rs.testing.signing import SigningKey

from ..builders import ABSENT, AUDIENCE, ISSUER, NOW, claims
from .records import Good

SECRET = b"0123456789abcdef0123456789abcdef"


def hmac_key():
    return SigningKey("HS256", key_id="h1", secret=SECRET)


TIMES = {"iat": NOW - 10, "exp": NOW + 300}
AUTH0 = "https://acme.eu.auth0.test/"
KEYCLOAK = "https://sso.test/realms/acme"
ENTRA_1 = "https://sts.windows.test/2f1c/"
ENTRA_2 = "https://login.microsoftonline.test/2f1c/v2.0"
B2C = "https://acme.b2clogin.test/2f1c/v2.0/"
OKTA = "https://acme.okta.test/oauth2/default"
COGNITO = "https://cognito-idp.eu-west-1.amazonaws.test/eu-west-1_a"
GUID = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
READ_WRITE = frozenset(("read", "write"))

GOOD = {
    "default": Good(
        settings={"ISSUER": ISSUER}, claims=claims(), typ="at+jwt", scopes=READ_WRITE
    ),
    "rfc9068": Good(
        settings={"ISSUER": ISSUER, "PROFILE": "rfc9068"},
        claims=claims(),
        typ="at+jwt",
        scopes=READ_WRITE,
    ),
    "shared-secret": Good(
        settings={"ISSUER": ISSUER, "SHARED_SECRET": SECRET},
        claims=claims(),
        signer=hmac_key,
        scopes=READ_WRITE,
    ),
    "auth0": Good(
        settings={"ISSUER": AUTH0, "PROFILE": "auth0"},
        claims={
            **TIMES,
            "iss": AUTH0,
            "sub": "auth0|5f7c8",
            "aud": [AUDIENCE, AUTH0 + "userinfo"],
            "azp": "app",
            "scope": "openid read",
        },
        subject="auth0|5f7c8",
        scopes=frozenset(("openid", "read")),
    ),
    "auth0-machine": Good(
        settings={"ISSUER": AUTH0, "PROFILE": "auth0"},
        claims={
            **TIMES,
            "iss": AUTH0,
            "sub": "app@clients",
            "aud": AUDIENCE,
            "azp": "app",
            "gty": "client-credentials",
        },
        subject="app@clients",
        is_machine=True,
    ),
    "keycloak": Good(
        settings={"ISSUER": KEYCLOAK, "PROFILE": "keycloak"},
        claims={
            **TIMES,
            "iss": KEYCLOAK,
            "sub": "f:1:alice",
            "aud": [AUDIENCE, "account"],
            "azp": "app",
            "typ": "Bearer",
            "jti": "onrtac:1",
            "sid": "s",
            "acr": "1",
            "scope": "read write",
            "realm_access": {"roles": ["offline_access"]},
            "preferred_username": "alice",
        },
        subject="f:1:alice",
        scopes=READ_WRITE,
    ),
    "keycloak-machine": Good(
        settings={"ISSUER": KEYCLOAK, "PROFILE": "keycloak"},
        claims={
            **TIMES,
            "iss": KEYCLOAK,
            "sub": "f:1:robot",
            "aud": AUDIENCE,
            "azp": "app",
            "typ": "Bearer",
            "preferred_username": "service-account-app",
        },
        subject="f:1:robot",
        is_machine=True,
    ),
    "entra-v1": Good(
        settings={"ISSUER": ENTRA_1, "PROFILE": "entra"},
        claims={
            **TIMES,
            "iss": ENTRA_1,
            "sub": "AAAA",
            "aud": AUDIENCE,
            "nbf": NOW - 10,
            "appid": "app",
            "scp": "read write",
            "ver": "1.0",
        },
        subject="AAAA",
        scopes=READ_WRITE,
    ),
    "entra-v2-machine": Good(
        settings={"ISSUER": ENTRA_2, "PROFILE": "entra", "AUDIENCE": GUID},
        claims={
            **TIMES,
            "iss": ENTRA_2,
            "sub": "BBBB",
            "aud": GUID,
            "azp": "app",
            "roles": ["read"],
            "idtyp": "app",
            "ver": "2.0",
        },
        subject="BBBB",
        scopes=frozenset(("read",)),
        is_machine=True,
    ),
    "azure-b2c": Good(
        settings={
            "ISSUER": B2C,
            "PROFILE": "azure_b2c",
            "AUDIENCE": GUID,
            "METADATA_URL": "https://acme.b2clogin.test/p/.well-known/openid-configuration",
        },
        claims={
            **TIMES,
            "iss": B2C,
            "sub": "CCCC",
            "aud": GUID,
            "nonce": "n",
            "azp": "app",
            "scp": "read",
            "tfp": "B2C_1_signin",
        },
        subject="CCCC",
        scopes=frozenset(("read",)),
    ),
    "okta": Good(
        settings={"ISSUER": OKTA, "PROFILE": "okta", "AUDIENCE": "api://default"},
        claims={
            **TIMES,
            "iss": OKTA,
            "sub": "alice@a.test",
            "aud": "api://default",
            "cid": "app",
            "uid": "00u1",
            "scp": ["read", "write"],
        },
        typ=ABSENT,
        subject="alice@a.test",
        scopes=READ_WRITE,
    ),
    "cognito": Good(
        settings={"ISSUER": COGNITO, "PROFILE": "cognito", "AUDIENCE": "app"},
        claims={
            **TIMES,
            "iss": COGNITO,
            "sub": "DDDD",
            "client_id": "app",
            "token_use": "access",
            "scope": "read",
        },
        typ=ABSENT,
        subject="DDDD",
        scopes=frozenset(("read",)),
    ),
    "bare-word": Good(
        settings={
            "ISSUER": "atm",
            "JWKS_URI": "https://keys.test/jwks",
            "AUDIENCE": "app",
            "SUBJECT_CLAIM": "scope.id",
        },
        claims={
            **TIMES,
            "iss": "atm",
            "aud": "app",
            "scope": {"id": "7", "email": "a@b.test", "firstName": "A"},
        },
        subject="7",
        client_id=None,
    ),
}
