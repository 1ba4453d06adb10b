"""Times and claims: C and D of the cases, 4 of the attacks."""

from __future__ import annotations

import json

from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    InvalidToken,
    MalformedToken,
    NotAnAccessToken,
    TokenNotYetValid,
    UnconfirmedToken,
    UntrustedIssuer,
)

from ..builders import ABSENT, AUDIENCE, ISSUER, NOW
from .crafting import (
    payload_with,
)
from .records import Fault

HOUR = 3600
NOT_DATES = ["1800000300", "", None, True, False, [], {}, [NOW + 9], -1, 1e300]
INSTANTS = [
    Fault("TM-01", ExpiredToken, "exp", policy={"leeway": 0}, claims={"exp": NOW - 1}),
    Fault(
        "TM-01-equal", ExpiredToken, "exp", policy={"leeway": 0}, claims={"exp": NOW}
    ),
    Fault("TM-03", ExpiredToken, "exp", claims={"exp": NOW - 30}),
    Fault("TM-03-past", ExpiredToken, "exp", claims={"exp": NOW - 31}),
    Fault("A65-TM-04", InvalidClaim, "exp", claims={"exp": ABSENT}),
    Fault(
        "A65-TM-04-not-even-if-not-required",
        InvalidClaim,
        "exp",
        policy={"required_claims": ()},
        claims={"exp": ABSENT},
    ),
    *(
        Fault(
            f"A67-TM-06-{claim}-{value!r}", InvalidClaim, claim, claims={claim: value}
        )
        for claim in ("exp", "nbf", "iat")
        for value in NOT_DATES
    ),
    *(
        Fault(
            f"A67-TM-06-{text}", MalformedToken, claims=payload_with(f'"exp": {text}')
        )
        for text in ("NaN", "Infinity", "-Infinity", "1e400")
    ),
    Fault("A68", InvalidClaim, "exp", claims={"exp": 253402300800}),
    *(
        Fault(
            f"A70-{id_}-{ahead}", TokenNotYetValid, claim, claims={claim: NOW + ahead}
        )
        for id_, claim in (("TM-07", "nbf"), ("TM-10", "iat"))
        for ahead in (31, 61, HOUR)
    ),
    Fault(
        "TM-11",
        ExpiredToken,
        "iat",
        policy={"max_token_age": 600},
        claims={"iat": NOW - 601 - 30},
    ),
    Fault(
        "TM-12",
        InvalidClaim,
        "iat",
        policy={"max_token_age": 600},
        claims={"iat": ABSENT},
    ),
    Fault(
        "TM-13",
        ExpiredToken,
        "iat",
        policy={"max_token_age": 0},
        claims={"iat": NOW - 30},
    ),
]


def refuse_gold(access_token):
    if access_token.claim("tier") == "gold":
        raise InvalidToken("no gold", claim="tier", reason="tier_rule")


def deny_client(access_token):
    if access_token.client_id == "blocked":
        raise InvalidToken("blocked client")


CLAIMS = [
    *(
        Fault(id_, UntrustedIssuer, "iss", claims={"iss": issuer})
        for id_, issuer in {
            "CL-01": f"{ISSUER}/",
            "CL-01-case": "https://ISSUER.test",
            "CL-01-port": f"{ISSUER}:443",
            "CL-01-scheme": "http://issuer.test",
            "CL-02-A74-missing": ABSENT,
            "CL-02-A74-null": None,
            "CL-02-number": 1,
            "CL-02-bool": True,
            "CL-02-empty": "",
            "A73-suffix": f"{ISSUER}.evil.test",
            "A73-prefix": ISSUER[:-5],
            "A73-path": f"{ISSUER}/tenant",
            "A74-list": [ISSUER, "https://evil.test"],
            "A74-list-of-one": [ISSUER],
            "A74-object": {ISSUER: 1},
            "A75": "https://evil.test",
            "A76-template": "https://issuer.test/{tenantid}/v2.0",
            "MI-05": '"><script>\r\nSet-Cookie: a=b',
        }.items()
    ),
    *(
        Fault(id_, InvalidClaim, "aud", claims={"aud": aud})
        for id_, aud in {
            "CL-05": ["https://a.test", "https://b.test"],
            "CL-07-A77": ABSENT,
            "CL-09-A77-empty-list": [],
            "CL-09-number-in-list": [1],
            "CL-09-object": {},
            "A77-null": None,
            "A77-empty": "",
            "A79-suffix": f"{AUDIENCE}2",
            "A79-prefix": f"x{AUDIENCE}",
            "A79-case": AUDIENCE.upper(),
            "A79-slash": f"{AUDIENCE}/",
            "A79-list-in-list": [[AUDIENCE]],
            "A79-object": {AUDIENCE: 1},
            "A79-words": f"{AUDIENCE} other",
            "A79-mixed-list": [AUDIENCE, 1],
            "A79-number": 1,
            "A79-bool": True,
        }.items()
    ),
    Fault(
        "CL-10",
        InvalidClaim,
        "aud",
        policy={"audience": frozenset((f"{AUDIENCE}/",))},
        good_claims={"aud": f"{AUDIENCE}/"},
        claims={"aud": AUDIENCE},
    ),
    Fault(
        "A81-CL-13-nonce",
        NotAnAccessToken,
        "nonce",
        header={"typ": "JWT"},
        claims={"nonce": "n"},
    ),
    *(
        Fault(
            f"A81-CL-13-{name}",
            NotAnAccessToken,
            name,
            header={"typ": "JWT"},
            claims={name: "x", "scope": ABSENT},
        )
        for name in ("at_hash", "c_hash", "s_hash")
    ),
    Fault(
        "A81-CL-13-audience",
        InvalidClaim,
        "aud",
        header={"typ": "JWT"},
        claims={"aud": "app", "azp": "app"},
    ),
    Fault(
        "A81-lemonldap",
        NotAnAccessToken,
        "at_hash",
        header={"typ": "JWT"},
        claims={
            "aud": ["app", AUDIENCE],
            "azp": "app",
            "at_hash": "x",
            "nonce": "n",
            "scope": ABSENT,
            "client_id": ABSENT,
        },
    ),
    Fault(
        "A81-nonce-allowed-but-at-hash",
        NotAnAccessToken,
        "at_hash",
        policy={"allow_nonce": True},
        good_claims={"nonce": "n"},
        claims={"at_hash": "x"},
    ),
    Fault(
        "A82-logout",
        NotAnAccessToken,
        "events",
        header={"typ": "JWT"},
        claims={"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    ),
    Fault(
        "A82-introspection",
        NotAnAccessToken,
        "token_introspection",
        header={"typ": "JWT"},
        claims={"token_introspection": {"active": True}},
    ),
    Fault(
        "A82-authorization-response",
        InvalidClaim,
        "sub",
        header={"typ": "JWT"},
        claims=json.dumps(
            {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 9, "code": "c", "state": "s"}
        ).encode(),
    ),
    Fault(
        "A82-client-assertion",
        UntrustedIssuer,
        "iss",
        header={"typ": "JWT"},
        claims={"iss": "app", "sub": "app"},
    ),
    Fault(
        "A82-userinfo",
        InvalidClaim,
        "exp",
        header={"typ": "JWT"},
        claims={"exp": ABSENT, "iat": ABSENT, "jti": ABSENT, "email": "a@b.test"},
    ),
    *(
        Fault(f"A82-{name}-{value!r}", NotAnAccessToken, name, claims={name: value})
        for name, values in {
            "typ": ("ID", "Refresh", "Offline", "Logout", "", None, 1, ["Bearer"]),
            "token_use": ("id", "refresh", None),
            "type": ("id_token", "refresh_token"),
            "token_type": ("refresh_token", "id_token", "refresh", "DPoP"),
        }.items()
        for value in values
    ),
    Fault(
        "A86",
        InvalidToken,
        policy={"validators": (deny_client,)},
        claims={"client_id": "blocked"},
    ),
    Fault(
        "CL-15",
        InvalidToken,
        "tier",
        policy={"validators": (deny_client, refuse_gold)},
        claims={"tier": "gold"},
    ),
    *(
        Fault(
            f"CL-17-{value!r}",
            InvalidClaim,
            "tier",
            policy={"required_claims": ("exp", "tier")},
            good_claims={"tier": "gold"},
            claims={"tier": ABSENT if value == "absent" else None},
        )
        for value in ("absent", "null")
    ),
    *(
        Fault(f"A157-{index}", InvalidClaim, "sub", claims={"sub": sub})
        for index, sub in enumerate(
            ["", " ", "a\x00", "x" * 256, "a\nb", "a\u202eb", "\u2066a", 1, True, []]
        )
    ),
    Fault("A157-lone-surrogate", MalformedToken, claims={"sub": "a\ud800"}),
    Fault("nobody", InvalidClaim, "sub", claims={"sub": ABSENT, "client_id": ABSENT}),
    Fault("CL-14-client", InvalidClaim, "client_id", claims={"client_id": 5}),
    Fault("CL-14-token-id", InvalidClaim, "jti", claims={"jti": 5}),
    *(
        Fault(f"A172-{scope!r}", InvalidClaim, "scope", claims={"scope": scope})
        for scope in (1, True, [1], ["a", None])
    ),
    *(
        Fault(f"A211-{index}", UnconfirmedToken, "cnf", claims={"cnf": cnf})
        for index, cnf in enumerate(
            [{"jkt": "x"}, {"x5t#S256": "x"}, {"jwk": {}}, {}, None, "x"]
        )
    ),
]
