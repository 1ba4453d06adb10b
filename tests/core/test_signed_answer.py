"""Signed answers: a good one, then one fault each. RFC 9701 section 5."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.core.errors import IntrospectionUnavailable, KeysUnavailable
from django_oidc_rs.core.jwk import shared_secret_keys
from django_oidc_rs.core.signed_answer import SIGNED_ANSWER
from django_oidc_rs.testing.signing import SigningKey, encode

from .asking import CLIENT_ID, Asking, document
from .builders import ABSENT, ISSUER, NOW, FakeKeys, claims, edited, key, key_set, sign

ANSWER = {"active": True, **claims()}
LEEWAY = 30


def outer(**edits):
    """Return the claims of a good signed answer, with ``edits`` made."""
    made = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "iat": NOW,
        "token_introspection": ANSWER,
    }
    return edited(made, edits)


def header(**edits):
    made = {"alg": "ES256", "kid": "k1", "typ": "token-introspection+jwt"}
    return edited(made, edits)


def signed(claims_=None, header_=None, **options):
    body = sign(outer() if claims_ is None else claims_, header_ or header(), **options)
    return document(body, SIGNED_ANSWER)


def asking(said, **options):
    return Asking(said, signed_responses=True, **options)


@pytest.mark.parametrize(
    ("claims_", "header_"),
    [
        pytest.param(outer(), header(), id="plain"),
        pytest.param(outer(aud=[CLIENT_ID]), header(), id="aud-list"),
        pytest.param(outer(aud=["x", CLIENT_ID]), header(), id="aud-among"),
        pytest.param(outer(iat=NOW - LEEWAY), header(), id="iat-old-within-leeway"),
        pytest.param(outer(iat=NOW + LEEWAY), header(), id="iat-ahead-within-leeway"),
        pytest.param(outer(iat=NOW + 0.5), header(), id="iat-fraction"),
        pytest.param(
            outer(), header(typ="application/token-introspection+jwt"), id="typ-long"
        ),
        pytest.param(outer(), header(typ="Token-Introspection+JWT"), id="typ-case"),
        pytest.param(outer(), header(kid=ABSENT), id="no-kid"),
        pytest.param(outer(exp=1, sub="other"), header(), id="outer-claims-unused"),
    ],
)
def test_a_good_answer_gives_its_members(claims_, header_):
    assert asking(signed(claims_, header_)).ask() == claims()


def test_white_space_around_it_is_no_fault():
    body = b"\n" + signed().body + b"\r\n"
    assert asking(document(body, SIGNED_ANSWER)).ask() == claims()


def test_a_signed_no_is_a_no():
    said = signed(outer(token_introspection={"active": False}))
    assert asking(said).ask() is None


MALLORY = key("ES256", "mallory")
TAMPERED = bytearray(signed().body)
TAMPERED[-2] = ord("A") if TAMPERED[-2] != ord("A") else ord("B")
HMAC = SigningKey("HS256", key_id="k1", secret=b"s" * 32)
UNSECURED = ".".join(
    (
        encode(json.dumps(header(alg="none")).encode()),
        encode(json.dumps(outer()).encode()),
        "",
    )
)
FAULTS = {
    "typ-absent": signed(None, header(typ=ABSENT)),
    "typ-access-token": signed(None, header(typ="at+jwt")),
    "typ-jwt": signed(None, header(typ="JWT")),
    "typ-null": signed(None, header(typ=None)),
    "typ-list": signed(None, header(typ=["token-introspection+jwt"])),
    "typ-other-application": signed(
        None, header(typ="application/application/token-introspection+jwt")
    ),
    "alg-none": document(UNSECURED, SIGNED_ANSWER),
    "alg-hs256": signed(None, header(alg="HS256"), signer=HMAC),
    "alg-absent": signed(None, header(alg=ABSENT)),
    "crit": signed(None, header(crit=["x"], x=1)),
    "signature": document(bytes(TAMPERED), SIGNED_ANSWER),
    "another-key-of-that-name": signed(signer=MALLORY),
    "another-key-without-name": signed(None, header(kid=ABSENT), signer=MALLORY),
    "unknown-kid": signed(None, header(kid="mallory"), signer=MALLORY),
    **{
        f"iss-{value!r}": signed(outer(iss=value))
        for value in (ABSENT, None, f"{ISSUER}/", [ISSUER], "https://evil.test")
    },
    **{
        f"aud-{value!r}": signed(outer(aud=value))
        for value in (
            *(ABSENT, None, "", [], "other", ["other"], {CLIENT_ID: 1}, True),
            *(f"{CLIENT_ID} other", CLIENT_ID[:-1], [[CLIENT_ID]]),
        )
    },
    **{
        f"iat-{value!r}": signed(outer(iat=value))
        for value in (
            *(ABSENT, None, True, str(NOW), [NOW], NOW - LEEWAY - 1),
            *(NOW + LEEWAY + 1, -1, 10**400),
        )
    },
    **{
        f"answer-{value!r}": signed(outer(token_introspection=value))
        for value in (ABSENT, None, [ANSWER], json.dumps(ANSWER), True)
    },
    "jwe": document("e30.e30.e30.e30.e30", SIGNED_ANSWER),
    "plain-json": document(ANSWER),
    "plain-json-called-signed": document(ANSWER, SIGNED_ANSWER),
    "signed-called-json": document(signed().body),
    "signed-called-jwt": document(signed().body, "application/jwt"),
    "not-ascii": document(b"\xff" + signed().body, SIGNED_ANSWER),
    "empty": document(b"", SIGNED_ANSWER),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_with_one_fault_it_is_worth_nothing(fault, caplog):
    good = asking(FAULTS[fault])
    with pytest.raises(IntrospectionUnavailable) as caught:
        good.ask()
    assert caught.value.reason == "introspection_untrusted"
    assert len(caplog.messages[0]) < 350
    assert caplog.messages[0].isprintable()
    assert good.reports == [("default", "introspection_untrusted")]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("typ-jwt", "its typ is 'JWT'"),
        ("signature", "no key of the issuer signed it"),
        ("crit", "the signed answer: malformed_token: crit: not_understood"),
        ("not-ascii", "it is no JWT"),
        ("iss-'https://evil.test'", "its iss is 'https://evil.test'"),
        ("aud-'other'", "its aud is 'other', not our client ID"),
        ("iat-True", "its iat is True: not issued just now"),
        ("answer-None", "it has no token_introspection"),
        (
            "signed-called-jwt",
            f"the answer is no {SIGNED_ANSWER} but 'application/jwt'",
        ),
    ],
)
def test_an_operator_reads_what_is_wrong_with_it(fault, words):
    with pytest.raises(IntrospectionUnavailable) as caught:
        asking(FAULTS[fault]).ask()
    assert caught.value.detail == words


@pytest.mark.parametrize("edit", [{}, {"kid": ABSENT}])
def test_newer_keys_are_asked_for_where_they_may_help(edit):
    old = key_set(key("ES256", "old").public_jwk())
    keys = FakeKeys(old, newer=key_set())
    if edit:
        # Without a name, the old key looks as good as any: only signatures tell.
        keys = Turning(old, key_set())
    assert asking(signed(None, header(**edit)), keys=keys).ask() == claims()


@pytest.mark.parametrize("edit", [{}, {"kid": ABSENT}])
def test_the_keys_asked_for_are_those_that_help(edit):
    old, new = key_set(key("ES256", "old").public_jwk()), key_set()
    wishes = []

    class Asked(FakeKeys):
        def snapshot_with(self, wanted, *, wait):
            wishes.append((wanted(old), wanted(new)))
            return super().snapshot_with(wanted, wait=wait)

    asking(signed(None, header(**edit)), keys=Asked(new)).ask()
    assert wishes == [(False, True)]


def test_only_the_key_that_it_names_may_have_signed_it():
    keys = FakeKeys(key_set(key().public_jwk(), MALLORY.public_jwk()))
    with pytest.raises(IntrospectionUnavailable):
        asking(signed(signer=MALLORY), keys=keys).ask()


class Turning(FakeKeys):
    """Has newer keys for whom the old ones are not what was wanted."""

    def __init__(self, keys, newer):
        super().__init__(keys)
        self._next = newer

    def snapshot_with(self, wanted, *, wait):
        assert wait
        if not wanted(self.keys):
            self.keys = self._next
        return super().snapshot_with(wanted, wait=wait)


def test_an_algorithm_the_policy_leaves_out_is_refused():
    narrowed = asking(signed(), policy={"algorithms": frozenset(("RS256",))})
    with pytest.raises(IntrospectionUnavailable):
        narrowed.ask()


def test_a_shared_secret_never_signs_an_answer():
    # Everybody who checks tokens with it could have made it.
    said = signed(None, header(alg="HS256"), signer=HMAC)
    hmac = asking(
        said,
        policy={"algorithms": frozenset(("HS256", "ES256"))},
        keys=FakeKeys(shared_secret_keys(b"s" * 32)),
    )
    with pytest.raises(IntrospectionUnavailable):
        hmac.ask()


def test_without_keys_nobody_can_tell():
    class Down(FakeKeys):
        def snapshot_with(self, wanted, *, wait):
            raise KeysUnavailable("down", retry_after=9)

    with pytest.raises(IntrospectionUnavailable) as caught:
        asking(signed(), keys=Down(None)).ask()
    assert caught.value.reason == "introspection_untrusted"


def test_iat_is_measured_from_the_question():
    said = []
    slow = asking(lambda: said[0])
    said.append(signed())

    def late():
        slow.clock.advance(5 + LEEWAY)
        return said[0]

    slow.post.says = [late]
    assert slow.ask() == claims()
