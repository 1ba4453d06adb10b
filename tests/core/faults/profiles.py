"""What the profile of one issuer refuses, where another accepts it."""

from __future__ import annotations

from django_oidc_rs.core.errors import (
    InvalidClaim,
    MalformedToken,
    NotAnAccessToken,
    UntrustedIssuer,
)

from ..builders import ABSENT
from .crafting import jwe
from .issuers import AUTH0, ENTRA_1
from .records import Fault

PROFILES = [
    *(
        Fault(
            f"CL-12-rfc9068-without-{claim}",
            UntrustedIssuer if claim == "iss" else InvalidClaim,
            claim,
            good="rfc9068",
            claims={claim: ABSENT},
        )
        for claim in ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
    ),
    *(
        Fault(
            f"CL-14-rfc9068-{claim}",
            InvalidClaim,
            claim,
            good="rfc9068",
            claims={claim: 5},
        )
        for claim in ("sub", "jti", "client_id")
    ),
    *(
        Fault(
            f"CL-13-rfc9068-typ-{index}",
            NotAnAccessToken,
            "typ",
            good="rfc9068",
            header={"typ": typ},
        )
        for index, typ in enumerate(
            ["JWT", "jwt", "id_token", "application/jwt", "", ABSENT]
        )
    ),
    Fault(
        "rfc9068-client-elsewhere",
        InvalidClaim,
        "client_id",
        good="rfc9068",
        claims={"client_id": ABSENT, "azp": "app"},
    ),
    Fault(
        "auth0-id-token",
        NotAnAccessToken,
        "nonce",
        good="auth0",
        claims={"aud": "app", "nonce": "n"},
    ),
    Fault(
        "auth0-id-token-without-nonce",
        InvalidClaim,
        "aud",
        good="auth0",
        claims={"aud": "app"},
    ),
    Fault("auth0-opaque", MalformedToken, good="auth0", raw=lambda: "xKq3vT0nM2bR7pLw"),
    Fault("auth0-encrypted", MalformedToken, good="auth0", raw=jwe(iss=AUTH0)),
    Fault(
        "auth0-issuer-without-slash",
        UntrustedIssuer,
        "iss",
        good="auth0",
        claims={"iss": AUTH0[:-1]},
    ),
    Fault(
        "auth0-typ-absent",
        NotAnAccessToken,
        "typ",
        good="auth0",
        header={"typ": ABSENT},
    ),
    *(
        Fault(
            f"keycloak-{typ.lower()}-token",
            NotAnAccessToken,
            "typ",
            good="keycloak",
            claims={"typ": typ},
        )
        for typ in ("ID", "Refresh", "Offline", "Logout", "DPoP", "verify-email")
    ),
    Fault(
        "keycloak-other-realm",
        UntrustedIssuer,
        "iss",
        good="keycloak",
        claims={"iss": "https://sso.test/realms/other"},
    ),
    Fault(
        "keycloak-for-account-alone",
        InvalidClaim,
        "aud",
        good="keycloak",
        claims={"aud": "account"},
    ),
    Fault(
        "A76-entra-other-tenant",
        UntrustedIssuer,
        "iss",
        good="entra-v2-machine",
        claims={"iss": "https://login.microsoftonline.test/9999/v2.0"},
    ),
    Fault(
        "entra-v1-token-at-a-v2-issuer",
        UntrustedIssuer,
        "iss",
        good="entra-v2-machine",
        claims={"iss": ENTRA_1},
    ),
    Fault(
        "entra-v1-id-token",
        InvalidClaim,
        "azp|appid",
        good="entra-v1",
        claims={"appid": ABSENT, "scp": ABSENT},
    ),
    Fault(
        "entra-v2-id-token",
        InvalidClaim,
        "azp|appid",
        good="entra-v2-machine",
        claims={"azp": None, "roles": ABSENT, "idtyp": ABSENT},
    ),
    Fault(
        "keycloak-without-subject",
        InvalidClaim,
        "sub",
        good="keycloak",
        claims={"sub": ABSENT},
    ),
    *(
        Fault(
            f"azure-b2c-id-token-without-{claim}",
            InvalidClaim,
            claim,
            good="azure-b2c",
            claims={claim: ABSENT},
        )
        for claim in ("azp", "scp")
    ),
    Fault(
        "okta-id-token",
        NotAnAccessToken,
        "at_hash",
        good="okta",
        claims={"aud": "app", "scp": ABSENT, "cid": ABSENT, "at_hash": "x"},
    ),
    Fault(
        "okta-org-server",
        UntrustedIssuer,
        "iss",
        good="okta",
        claims={"iss": "https://acme.okta.test", "aud": "https://acme.okta.test"},
    ),
    Fault(
        "cognito-id-token",
        NotAnAccessToken,
        "token_use",
        good="cognito",
        claims={"token_use": "id", "aud": "app"},
    ),
    Fault(
        "cognito-token-use-absent",
        InvalidClaim,
        "token_use",
        good="cognito",
        claims={"token_use": ABSENT},
    ),
    Fault(
        "cognito-other-client",
        InvalidClaim,
        "client_id",
        good="cognito",
        claims={"client_id": "other"},
    ),
    *(
        Fault(
            f"bare-word-scope-{index}",
            InvalidClaim,
            "scope.id",
            good="bare-word",
            claims={"scope": scope},
        )
        for index, scope in enumerate(
            ["read", None, ABSENT, [], {}, {"id": None}, {"id": 7}, {"id": ""}, 7]
        )
    ),
    Fault(
        "bare-word-client-without-user",
        InvalidClaim,
        "scope.id",
        good="bare-word",
        claims={"scope": {"email": "a@b.test"}, "azp": "app"},
    ),
    Fault(
        "bare-word-other-audience",
        InvalidClaim,
        "aud",
        good="bare-word",
        claims={"aud": "other"},
    ),
]
