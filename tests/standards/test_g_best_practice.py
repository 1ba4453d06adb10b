"""G: the best current practice for JSON Web Tokens."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    InvalidClaim,
    KeyUnusable,
    MalformedToken,
    NotAnAccessToken,
    UnknownKey,
    UntrustedIssuer,
)
from django_oidc_rs.models import FederatedIdentity
from tests.attacks.harness import no_network
from tests.core.builders import (
    ABSENT,
    ISSUER,
    FakeKeys,
    claims,
    header,
    key,
    key_set,
    policy,
    server,
    sign,
    validator,
)
from tests.core.faults.crafting import (
    RSA,
    encode,
    flipped,
    jwe,
    named,
    part,
    published,
    resigned,
)
from tests.core.faults.records import Fault
from tests.settings_faults import issuer as issuer_settings

from .http import asks_views, send
from .support import accept, faults, refuse, renumbered, requirement, rows

OTHER = "https://other.test"
ONLY_RS256 = {"algorithms": frozenset(("RS256",))}
RSA_WITHOUT_ALG = {"good_signer": RSA, "jwks": published(RSA, alg=ABSENT)}
OTHER_KINDS = (
    *("secevent+jwt", "logout+jwt", "dpop+jwt", "token-introspection+jwt"),
    *("statuslist+jwt", "dc+sd-jwt", "oauth-authz-req+jwt", "id_token", "x+jwt"),
)
# What else the same issuer signs, as its claims differ from an access token's.
OTHER_TOKENS = {
    "ID-token": ("at_hash", {"at_hash": "x", "scope": ABSENT}),
    "ID-token-of-code": ("c_hash", {"c_hash": "x"}),
    "ID-token-with-nonce": ("nonce", {"nonce": "n"}),
    "ID-token-by-use": ("token_use", {"token_use": "id"}),
    "ID-token-by-typ": ("typ", {"typ": "ID"}),
    "refresh-token": ("typ", {"typ": "Refresh"}),
    "offline-token": ("typ", {"typ": "Offline"}),
    "logout-token": ("events", {"events": {"backchannel-logout": {}}}),
    "security-event": ("events", {"events": {}, "sub": ABSENT}),
    "introspection": ("token_introspection", {"token_introspection": {"active": True}}),
}

UNTYPED_HEADER = b'{"alg":"ES256","kid":"k1"}'
OTHER_CLAIMS = json.dumps(claims(sub="admin")).encode()

FAULTS = [
    Fault(
        "G76-valid-but-not-listed",
        AlgorithmNotAllowed,
        "alg",
        policy=ONLY_RS256,
        algorithm="PS512",
        **RSA_WITHOUT_ALG,
    ),
    Fault(
        "G79-alg-of-the-key",
        KeyUnusable,
        "kid",
        good_signer=RSA,
        algorithm="PS256",
    ),
    *(
        Fault(
            f"G79-strict-{name}",
            AlgorithmNotAllowed,
            "alg",
            good="rfc9068",
            algorithm=name,
            **RSA_WITHOUT_ALG,
        )
        for name in ("RS384", "RS512", "PS256", "PS384", "PS512")
    ),
    *(
        Fault(f"G83-{name}", error, mangle=mangle)
        for name, error, mangle in [
            ("header", BadSignature, part(0, lambda _: encode(UNTYPED_HEADER))),
            ("claims", BadSignature, part(1, lambda _: encode(OTHER_CLAIMS))),
            ("signature", BadSignature, resigned(flipped)),
            ("no-signature", MalformedToken, part(2, lambda _: "")),
        ]
    ),
    *(
        Fault(f"G91-{index}", UnknownKey, "kid", header={"kid": kid}, asks=True)
        for index, kid in enumerate(
            [
                "k1' OR '1'='1",
                "*)(uid=*",
                "../../../../dev/null",
                "k1\0",
                "k1\n",
                "{{7*7}}%s",
                '{"$gt":""}',
                f"{ISSUER}:k1",
                "",
            ]
        )
    ),
    *(
        Fault(f"G95-{typ}", NotAnAccessToken, "typ", header={"typ": typ})
        for typ in (*OTHER_KINDS, "", None, ["at+jwt"])
    ),
    *(
        Fault(
            f"{id_}-{name}",
            NotAnAccessToken,
            claim,
            # The type, the key and the audience are an access token's.
            header={"typ": "JWT"},
            claims=edits,
        )
        for id_ in ("G96", "H111")
        for name, (claim, edits) in OTHER_TOKENS.items()
    ),
    Fault(
        "G96-client-assertion",
        UntrustedIssuer,
        "iss",
        header={"typ": "JWT"},
        claims={"iss": "app", "sub": "app"},
    ),
    Fault(
        "G96-userinfo",
        InvalidClaim,
        "exp",
        header={"typ": "JWT"},
        claims={"exp": ABSENT, "email": "a@b.test"},
    ),
    *(
        Fault(f"{id_}-{name}", MalformedToken, raw=jwe(**members))
        for id_, name, members in [
            ("G97", "many-rounds", {"alg": "PBES2-HS256+A128KW", "p2c": 2**31 - 1}),
            ("G99", "compressed", {"zip": "DEF"}),
            ("G84", "encrypted", {}),
        ]
    ),
]


@faults([*FAULTS, *renumbered(FAULTS, "G83", "H106")])
def test_one_fault_is_refused(fault, monkeypatch):
    with no_network(monkeypatch) as attempts:
        refuse(fault)
    assert attempts == []


@pytest.mark.parametrize("algorithms", [[], None, ["none"], ["all"], "RS256", ["*"]])
@requirement("G76")
def test_algorithms_are_an_explicit_list(algorithms):
    _, problems = parse(issuer_settings(ALGORITHMS=algorithms))
    assert [problem.id for problem in problems][:1] in (["E009"], ["E003"])


def two_issuers(**second):
    """Return a server of two issuers, whose keys have the same name."""
    ours = policy(algorithms=frozenset(("ES256",)))
    theirs = policy(alias="other", issuer=OTHER, **second)
    rsa = {**RSA().public_jwk(), "kid": "k1"}
    return server(
        validator(ours, FakeKeys(key_set())),
        validator(theirs, FakeKeys(key_set(rsa))),
    )


@requirement("G78", "G88")
def test_each_issuer_has_its_own_algorithms_and_keys():
    ours = two_issuers(algorithms=frozenset(("RS256",)))
    theirs = claims(iss=OTHER)
    rs256 = header(alg="RS256")
    assert ours.validate(sign()).issuer == ISSUER
    assert ours.validate(sign(theirs, rs256, signer=RSA())).issuer == OTHER
    for claims_, header_, signer, error in [
        (theirs, header(), key(), AlgorithmNotAllowed),
        (claims(), rs256, RSA(), AlgorithmNotAllowed),
    ]:
        with pytest.raises(error):
            ours.validate(sign(claims_, header_, signer=signer))


@pytest.mark.parametrize("kid", ["k1", ABSENT])
@requirement("G88")
def test_a_key_of_another_issuer_does_not_serve(kid):
    ours = two_issuers(algorithms=frozenset(("ES256", "RS256")))
    forged = sign(claims(iss=OTHER), header(kid=kid), signer=key())
    with pytest.raises((BadSignature, KeyUnusable, UnknownKey)):
        ours.validate(forged)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
@requirement("G79")
def test_without_alg_and_profile_the_list_of_the_settings_decides(algorithm):
    keys = FakeKeys(key_set({**RSA().public_jwk(), "alg": None}))
    raw_token = sign(
        header_=header(alg=algorithm, kid="r1"), signer=RSA(), algorithm=algorithm
    )
    assert server(validator(keys=keys)).validate(raw_token)
    pinned = server(validator(policy(**ONLY_RS256), keys))
    if algorithm == "RS256":
        assert pinned.validate(raw_token)
    else:
        with pytest.raises(AlgorithmNotAllowed):
            pinned.validate(raw_token)


@pytest.mark.parametrize(
    "name", ["RS256", "ES256", "ES384", "PS512", "Ed25519", "Ed448"]
)
@requirement("G81")
def test_another_algorithm_is_a_matter_of_settings(name):
    config, problems = parse(issuer_settings(ALGORITHMS=[name]))
    assert problems == []
    signer = named(name, "k1")()
    keys = FakeKeys(key_set(signer.public_jwk(), algorithms=[name]))
    ours = server(validator(config.issuers[0], keys))
    raw_token = sign(header_=header(alg=name), signer=signer)
    assert ours.validate(raw_token).subject == "alice"
    with pytest.raises(AlgorithmNotAllowed):
        ours.validate(
            sign(header_=header(alg="RS384"), signer=RSA(), algorithm="RS384")
        )


@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
@requirement("G82")
def test_fully_specified_names_are_known(name):
    _, problems = parse(issuer_settings(ALGORITHMS=[name]))
    assert problems == []


@pytest.mark.parametrize("typ", ["at+jwt", "JWT", ABSENT])
@requirement("G95")
def test_the_types_of_the_default_profile(typ):
    accept({"header": {"typ": typ}})


SUBJECTS = {
    "G89-empty": "",
    "G89-blank": "  ",
    "G89-control": "a\x00b",
    "G89-reordered": "\u202eecila",
    "G89-long": "a" * 256,
}


@asks_views
@rows("subject", SUBJECTS)
def test_a_malformed_subject_makes_no_user(subject, fake_issuer):
    assert who(fake_issuer, subject) == 401
    assert not get_user_model().objects.exists()


@asks_views
@requirement("G89")
def test_an_unknown_or_blocked_subject_is_refused(fake_issuer, settings):
    assert who(fake_issuer, "alice") == 200
    get_user_model().objects.update(is_active=False)
    assert who(fake_issuer, "alice") == 401
    settings.OIDC_RS = {**settings.OIDC_RS, "USERS": {"RESOLVER": "existing_user"}}
    assert who(fake_issuer, "bob") == 401
    assert FederatedIdentity.objects.count() == 1


def who(issuer, subject):
    raw_token = issuer.access_token(subject)
    return send("/whoami", f"Bearer {raw_token}").status_code
