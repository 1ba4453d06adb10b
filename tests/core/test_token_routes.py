"""Which way a token goes hangs on its form and the settings alone (A149)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    ExpiredToken,
    InactiveToken,
    IntrospectionUnavailable,
    InvalidClaim,
    InvalidToken,
    MalformedToken,
    NotAnAccessToken,
    Pending,
    TokenTooLong,
    UnconfirmedToken,
    UntrustedIssuer,
)
from django_oidc_rs.core.resource_server import ResourceServer
from django_oidc_rs.core.token_cache import TokenCache, TokenCachePolicy
from django_oidc_rs.testing.signing import encode

from .asking import OPAQUE, Asking, document
from .builders import (
    ABSENT,
    ISSUER,
    NOW,
    FakeKeys,
    claims,
    header,
    key,
    key_set,
    policy,
    sign,
    validator,
)

OTHER = "https://other.test"


def yes(**edits):
    return document({"active": True, **claims(**edits)})


NO = document({"active": False})


class Kit:
    """A resource server of issuers, each of them ``Asking`` or a plain policy."""

    def __init__(self, *issuers, max_token_length=16384, cache=None):
        self.issuers = issuers
        self.server = ResourceServer(
            {
                each.policy.issuer: validator(each.policy, FakeKeys(key_set()))
                for each in issuers
            },
            introspection={
                each.policy.issuer: each.validator
                for each in issuers
                if isinstance(each, Asking)
            },
            max_token_length=max_token_length,
            cache=cache,
        )

    def validate(self, raw_token=None, **options):
        return self.server.validate(raw_token or sign(), **options)

    @property
    def questions(self):
        return [
            form["token"]
            for each in self.issuers
            if isinstance(each, Asking)
            for form in each.post.forms
        ]


def kit(validation, said=None, **options):
    opaque = validation != "local"
    return Kit(
        Asking(said or yes(), validation=validation, opaque_tokens=opaque, **options)
    )


class Plain:
    """An issuer that cannot be asked."""

    def __init__(self, issuer=ISSUER, alias="default"):
        self.policy = policy(issuer=issuer, alias=alias)


# A JWT.

JWTS = {"local": "jwt", "auto": "jwt", "introspection": "introspection"}


@pytest.mark.parametrize("validation", JWTS)
def test_a_jwt_goes_where_validation_says(validation):
    one = kit(validation)
    assert one.validate().validated_by == JWTS[validation]
    assert len(one.questions) == (validation == "introspection")


BAD_JWTS = {
    "expired": (sign(claims(exp=1)), ExpiredToken),
    "alg-none": (
        ".".join(
            map(encode, (b'{"alg":"none"}', b'{"iss":"%s"}' % ISSUER.encode(), b"x"))
        ),
        AlgorithmNotAllowed,
    ),
    "forged": (sign(signer=key("ES256", "mallory")), BadSignature),
    "unknown-issuer": (sign(claims(iss=OTHER)), UntrustedIssuer),
    "no-issuer": (sign(claims(iss=ABSENT)), UntrustedIssuer),
    "id-token": (sign(claims(at_hash="x")), NotAnAccessToken),
    "typ": (sign(None, header(typ="id_token+jwt")), NotAnAccessToken),
    "no-signature": (sign().rpartition(".")[0] + ".", MalformedToken),
    "padding": (sign() + "=", MalformedToken),
    "payload-no-json": (
        ".".join(map(encode, (b'{"alg":"ES256"}', b"x", b"x"))),
        MalformedToken,
    ),
    "header-cut": (encode(b'{"alg":') + ".e30.eA", MalformedToken),
    "header-with-white-space": (encode(b' \n{"a":') + ".e30.eA", MalformedToken),
    # Decoded as if the underscore were not there, this would be no object.
    "header-url-alphabet": ("eyJhIjoi_yJ9.e30.eA", MalformedToken),
    "header-standard-alphabet": ("eyJhIjoi_-8ifQ.e30.eA", MalformedToken),
}


@pytest.mark.parametrize("introspect", [False, True])
@pytest.mark.parametrize("fault", BAD_JWTS)
@pytest.mark.parametrize("validation", ["local", "auto"])
def test_a_jwt_that_fails_here_is_never_asked_about(validation, fault, introspect):
    raw_token, raises = BAD_JWTS[fault]
    one = kit(validation)
    with pytest.raises(raises):
        one.validate(raw_token, introspect=introspect)
    assert one.questions == []


@pytest.mark.parametrize(
    "fault",
    [
        *("unknown-issuer", "no-issuer", "typ", "no-signature", "padding"),
        *("payload-no-json", "header-cut", "header-with-white-space"),
        "header-standard-alphabet",
    ],
)
def test_what_is_no_jwt_of_the_issuer_is_not_asked_about_either(fault):
    raw_token, raises = BAD_JWTS[fault]
    one = kit("introspection")
    with pytest.raises(raises):
        one.validate(raw_token)
    assert one.questions == []


AGAINST_ITSELF = {
    "expired": ({"exp": NOW - 31}, ExpiredToken),
    "id-token": ({"at_hash": "x"}, NotAnAccessToken),
    "nonce": ({"nonce": "n"}, NotAnAccessToken),
    "bound-to-a-key": ({"cnf": {"jkt": "x"}}, UnconfirmedToken),
    "another-api": ({"aud": OTHER}, InvalidClaim),
}


@pytest.mark.parametrize("fault", AGAINST_ITSELF)
def test_what_a_jwt_says_against_itself_costs_no_question(fault):
    edits, raises = AGAINST_ITSELF[fault]
    one = kit("introspection")
    with pytest.raises(raises):
        one.validate(sign(claims(**edits)))
    assert one.questions == []


@pytest.mark.parametrize(
    "edits",
    [
        {"aud": ABSENT},
        {"exp": ABSENT},
        {"exp": NOW - 29},
        {"nbf": NOW + 99},
        {"sub": 7},
    ],
    ids=str,
)
def test_what_a_jwt_leaves_out_the_answer_says(edits):
    raw_token, one = sign(claims(**edits)), kit("introspection")
    assert one.validate(raw_token).validated_by == "introspection"
    assert one.questions == [raw_token]


def test_a_jwt_the_issuer_calls_inactive_is_never_checked_here():
    one = kit("introspection", NO)
    for introspect in (False, True):
        with pytest.raises(InactiveToken) as caught:
            one.validate(introspect=introspect)
        assert caught.value.issuer_alias == "default"


def test_an_opaque_token_the_issuer_cannot_tell_is_no_jwt():
    one = kit("auto", document("<html>", "text/html"))
    with pytest.raises(IntrospectionUnavailable) as caught:
        one.validate(OPAQUE)
    assert caught.value.issuer_alias == "default"


@pytest.mark.parametrize("validation", ["local", "auto"])
def test_a_high_risk_view_asks_after_all_checks_here(validation):
    one = kit(validation)
    token = one.validate(introspect=True)
    assert token.validated_by == "introspection"
    assert len(one.questions) == 1
    one.issuers[0].post.says = [NO]
    with pytest.raises(InactiveToken):
        one.validate(introspect=True)
    assert one.validate().validated_by == "jwt"


def test_a_high_risk_view_and_an_issuer_that_cannot_be_asked():
    one = Kit(Plain())
    assert one.validate()
    with pytest.raises(IntrospectionUnavailable) as caught:
        one.validate(introspect=True)
    assert (caught.value.retry_after, caught.value.issuer_alias) == (60, "default")


def test_a_high_risk_view_asks_past_the_cache():
    one, raw_token = kit("introspection", cache_seconds=30), sign()
    for introspect in (False, False, True, True):
        one.validate(raw_token, introspect=introspect)
    assert len(one.questions) == 3


def test_tokens_that_are_kept_do_not_answer_for_the_issuer():
    asking = Asking(yes(), validation="auto")
    cache = TokenCache(TokenCachePolicy(size=10), clock=asking.clock)
    one, raw_token = Kit(asking, cache=cache), sign()
    # What was asked about is not kept.
    for token in (OPAQUE, OPAQUE):
        one.validate(token)
    one.validate(raw_token, introspect=True)
    assert (len(cache), len(one.questions)) == (0, 3)
    one.validate(raw_token)
    assert len(cache) == 1
    asking.post.says = [NO]
    with pytest.raises(InactiveToken):
        one.validate(raw_token, introspect=True)
    with pytest.raises(InactiveToken):
        one.validate(OPAQUE)


# An opaque token.

OPAQUES = {
    "plain": OPAQUE,
    "one-dot": "abcdefgh.ijklmnopq",
    "two-dots": "abcdefgh.ijklmnop.qrstuvwx",
    "three-dots": "aaaa.bbbb.cccc.dddd",
    "jwe": "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn",
    "header-no-object": encode(b'["alg"]') + ".e30.eA1234567",
    "header-no-base64": "a.bcdefghij.klmnopqrst",
    "empty-header": ".abcdefgh.ijklmnopqr",
    "only-dots": "." * 20,
}


@pytest.mark.parametrize("form", OPAQUES)
def test_an_opaque_token_is_asked_about_or_refused(form):
    for validation in ("auto", "introspection"):
        one = kit(validation)
        token = one.validate(OPAQUES[form])
        assert (token.subject, token.validated_by) == ("alice", "introspection")
        assert one.questions == [OPAQUES[form]]
        assert one.server.policy_of(OPAQUES[form]) is one.issuers[0].policy
    for one in (kit("local"), Kit(Plain())):
        for introspect in (False, True):
            with pytest.raises(MalformedToken):
                one.validate(OPAQUES[form], introspect=introspect)
        with pytest.raises(InvalidToken):
            one.server.policy_of(OPAQUES[form])
        assert one.questions == []


@pytest.mark.parametrize(
    "raw_token", ["", ".", "x", "short.but.dots", "\ud800" * 30, "é.b.c" * 9, "\0" * 9]
)
def test_what_is_neither_is_malformed(raw_token):
    one = kit("auto")
    with pytest.raises(MalformedToken):
        one.server.validate(raw_token)
    assert one.questions == []


def test_a_token_too_long_is_neither_parsed_nor_asked_about():
    one = Kit(Asking(yes(), validation="auto"), max_token_length=len(OPAQUE))
    assert one.validate(OPAQUE)
    with pytest.raises(TokenTooLong):
        one.validate(OPAQUE + "x")
    assert one.questions == [OPAQUE]


@pytest.mark.parametrize(
    ("validation", "introspect"),
    [("introspection", False), ("introspection", True), ("auto", True)],
)
def test_who_cannot_wait_is_told_to(validation, introspect):
    one = kit(validation)
    with pytest.raises(Pending):
        one.validate(wait=False, introspect=introspect)
    with pytest.raises(Pending):
        one.validate(OPAQUE, wait=False, introspect=introspect)
    assert one.questions == []


def test_who_cannot_wait_is_refused_at_once_where_nothing_is_asked():
    one = kit("auto")
    with pytest.raises(ExpiredToken):
        one.validate(sign(claims(exp=1)), wait=False, introspect=True)
    assert one.validate(wait=False)


# Several issuers.


def several():
    """One issuer of opaque tokens, one asked about JWTs, one that cannot be asked."""
    here = Asking(yes(), validation="auto")
    there = Asking(
        yes(iss=OTHER),
        validation="introspection",
        opaque_tokens=False,
        policy={"issuer": OTHER, "alias": "other"},
    )
    third = Plain("https://third.test", "third")
    return Kit(there, third, here), here, there


def test_each_token_goes_to_one_issuer():
    one, here, there = several()
    assert one.validate(OPAQUE).issuer_alias == "default"
    theirs = sign(claims(iss=OTHER))
    assert one.validate(theirs).issuer_alias == "other"
    assert one.validate().validated_by == "jwt"
    third = sign(claims(iss="https://third.test"))
    assert one.validate(third).issuer_alias == "third"
    assert [form["token"] for form in here.post.forms] == [OPAQUE]
    assert [form["token"] for form in there.post.forms] == [theirs]


def test_a_token_of_nobody_we_know_leaves_this_machine_for_nobody():
    one, _here, _there = several()
    for introspect in (False, True):
        with pytest.raises(UntrustedIssuer):
            one.validate(sign(claims(iss="https://evil.test")), introspect=introspect)
    with pytest.raises(IntrospectionUnavailable):
        one.validate(sign(claims(iss="https://third.test")), introspect=True)
    assert one.questions == []


def test_an_issuer_speaks_for_itself_alone():
    one, here, there = several()
    there.post.says = [yes(iss=ISSUER)]
    with pytest.raises(InvalidToken) as caught:
        one.validate(sign(claims(iss=OTHER)))
    assert (caught.value.claim, caught.value.issuer_alias) == ("iss", "other")
    here.post.says = [yes(iss=OTHER)]
    with pytest.raises(InvalidToken):
        one.validate(OPAQUE)


def test_who_is_asked_can_be_looked_up():
    one, here, there = several()
    assert one.server.introspection_of(here.policy) is here.validator
    assert one.server.introspection_of(there.policy) is there.validator
    third = one.server.validators[1].policy
    assert one.server.introspection_of(third) is None
    assert one.server.opaque is here.validator


def test_keys_are_not_looked_at_for_what_is_asked_about():
    asking = Asking(yes(), validation="introspection")
    one = Kit(asking)
    forged = sign(claims(exp=NOW + 1), signer=key("ES256", "mallory"))
    # The issuer's word counts, not the token's.
    assert one.validate(forged).expires_at == NOW + 300
    assert replace(asking.policy).uses_keys is False
