"""Signature and claims against the issuer's keys: which key, and what costs a fetch."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.core.errors import (
    BadSignature,
    ExpiredToken,
    InvalidToken,
    KeysUnavailable,
    KeyUnusable,
    UnknownKey,
)
from django_oidc_rs.core.http import FetchedDocument
from django_oidc_rs.core.jwk import VerificationKey
from django_oidc_rs.core.jws import parse_jws
from django_oidc_rs.core.keys import KeyRing, KeysPending, MemoryKeyStore, StaticKeys

from .builders import (
    ABSENT,
    NOW,
    FakeKeys,
    StoppedClock,
    claims,
    header,
    key,
    key_set,
    policy,
    sign,
    validator,
)

OLD, NEW, OTHER = key("ES256", "k1"), key("ES256", "k2"), key("ES256", "k3")


def published(*keys):
    return key_set(*(each.public_jwk() for each in keys))


def validate(raw_token, keys, **fields):
    checked = validator(policy(**fields), keys)
    return checked.validate(parse_jws(raw_token), wait=True)


def test_a_known_key_asks_nobody():
    keys = FakeKeys(published(OLD))
    assert validate(sign(), keys).validated_by == "jwt"
    assert keys.asked == 0


def test_jc_06_a_newer_key_is_found_in_the_same_request():
    keys = FakeKeys(published(OLD), newer=published(OLD, NEW))
    assert validate(sign(signer=NEW, header_=header(kid="k2")), keys)
    assert keys.asked == 1


def test_a_newer_key_is_found_without_a_key_id_too():
    keys = FakeKeys(published(OLD), newer=published(OLD, NEW))
    assert validate(sign(signer=NEW, header_=header(kid=ABSENT)), keys)
    assert keys.asked == 1


@pytest.mark.parametrize(
    ("newer", "kid", "raises"),
    [
        pytest.param(published(OLD), "k2", UnknownKey, id="still-unknown"),
        pytest.param(published(OTHER), "k2", UnknownKey, id="replaced-by-others"),
        pytest.param(published(OTHER), ABSENT, BadSignature, id="no-kid-none-verifies"),
        pytest.param(
            key_set({**OTHER.public_jwk(), "kid": "k2"}),
            "k2",
            BadSignature,
            id="another-key-of-that-name",
        ),
        pytest.param(
            published(key("RS256", "r1")), ABSENT, UnknownKey, id="no-kid-none-fits"
        ),
    ],
)
def test_newer_keys_that_do_not_help(newer, kid, raises):
    keys = FakeKeys(published(OLD), newer=newer)
    with pytest.raises(InvalidToken) as caught:
        validate(sign(signer=NEW, header_=header(kid=kid)), keys)
    assert type(caught.value) is raises
    assert keys.asked == 1


@pytest.mark.parametrize(
    ("raw_token", "keys", "raises"),
    [
        pytest.param(
            lambda: sign(signer=NEW), lambda: published(OLD), BadSignature, id="JC-15"
        ),
        pytest.param(
            lambda: sign(signer=NEW, header_=header(kid="k2")),
            lambda: key_set(OLD.public_jwk(), {**NEW.public_jwk(), "use": "enc"}),
            KeyUnusable,
            id="known-but-unusable",
        ),
        pytest.param(
            lambda: sign(claims(exp=1), header(kid="k2"), signer=NEW),
            lambda: published(OLD),
            ExpiredToken,
            id="JC-13-unknown-kid-and-expired",
        ),
        pytest.param(
            lambda: sign(claims(exp=1), header(kid=ABSENT), signer=NEW),
            lambda: published(OLD),
            ExpiredToken,
            id="JC-13-no-kid-and-expired",
        ),
    ],
)
def test_what_never_costs_a_fetch(raw_token, keys, raises):
    source = FakeKeys(keys(), newer=published(OLD, NEW))
    with pytest.raises(InvalidToken) as caught:
        validate(raw_token(), source)
    assert type(caught.value) is raises
    assert source.asked == 0


@pytest.mark.parametrize(
    ("usable", "raises", "reason"),
    [
        pytest.param(False, KeyUnusable, "unusable", id="published-for-encryption"),
        pytest.param(None, UnknownKey, "unknown", id="not-published"),
    ],
)
def test_the_refusal_names_the_key_id(usable, raises, reason):
    others = [] if usable is None else [{**NEW.public_jwk(), "use": "enc"}]
    keys = FakeKeys(key_set(OLD.public_jwk(), *others))
    with pytest.raises(raises) as caught:
        validate(sign(signer=NEW, header_=header(kid="k2")), keys)
    assert (caught.value.claim, caught.value.reason) == ("kid", reason)


@pytest.mark.parametrize(
    ("newer", "tried"),
    [(None, 4), (published(OTHER), 5)],
    ids=["nothing-new", "new-set"],
)
def test_each_set_is_tried_once_without_kid(monkeypatch, newer, tried):
    """Signatures are work that anybody can order."""
    keys = [key("ES256", f"n{number}") for number in range(6)]
    verified = []
    # It only counts: what it returns is what a signature that does not fit returns.
    monkeypatch.setattr(
        VerificationKey, "verify", lambda *args: bool(verified.append(args))
    )
    source = FakeKeys(published(*keys), newer=newer)
    with pytest.raises(BadSignature):
        validate(sign(signer=NEW, header_=header(kid=ABSENT)), source)
    assert len(verified) == tried
    assert source.asked == 1


def test_the_newer_keys_asked_for_are_those_that_help():
    asked = []

    class Asked(FakeKeys):
        def snapshot_with(self, wanted, *, wait):
            asked.append((wanted(published(OLD)), wanted(published(NEW)), wait))
            return super().snapshot_with(wanted, wait=wait)

    for kid in ("k2", ABSENT):
        keys = Asked(published(OLD), newer=published(NEW))
        jws = parse_jws(sign(signer=NEW, header_=header(kid=kid)))
        assert validator(keys=keys).validate(jws, wait=False)
    assert asked == [(False, True, False)] * 2


def test_keys_that_were_tried_are_not_the_ones_wanted():
    """They would end the search, and the newer ones would never be fetched."""
    wishes = []

    class Asked(FakeKeys):
        def snapshot_with(self, wanted, *, wait):
            wishes.append(wanted(self.keys))
            return super().snapshot_with(wanted, wait=wait)

    for kid in ("k2", ABSENT):
        keys = Asked(published(OLD), newer=published(NEW))
        assert validate(sign(signer=NEW, header_=header(kid=kid)), keys)
    assert wishes == [False, False]


@pytest.mark.parametrize("wait", [True, False])
def test_the_keys_hear_whether_they_may_wait(wait):
    heard = []

    class Heard(FakeKeys):
        def snapshot(self, *, wait):
            heard.append(wait)
            return super().snapshot(wait=wait)

    checked = validator(keys=Heard(published(OLD)))
    access_token = checked.validate(parse_jws(sign()), wait=wait)
    assert heard == [wait]
    assert checked.check_again(access_token, checked.keys.keys, wait=wait)
    assert heard == [wait] * 2


@pytest.mark.parametrize(
    "raises", [KeysUnavailable("down", retry_after=3), KeysPending()]
)
def test_cannot_tell_is_not_no(raises):
    class Down(FakeKeys):
        def snapshot(self, *, wait):
            raise raises

    with pytest.raises(type(raises)):
        validate(sign(), Down(None))


def test_keys_from_settings_are_never_asked_for():
    keys = StaticKeys(published(OLD))
    assert validate(sign(), keys)
    with pytest.raises(UnknownKey):
        validate(sign(header_=header(kid="k9")), keys)


def test_project_rules_come_last_and_see_the_verified_token():
    seen = []
    validate(sign(), FakeKeys(published(OLD)), validators=(seen.append,))
    assert [token.subject for token in seen] == ["alice"]
    with pytest.raises(ExpiredToken):
        validate(
            sign(claims(exp=NOW - 999)),
            FakeKeys(published(OLD)),
            validators=(seen.append,),
        )
    assert len(seen) == 1


@pytest.mark.parametrize("answer", [False, True])
def test_a_project_rule_that_answers_instead_of_raising_is_a_fault(answer):
    """Taken for a yes, it would never refuse anybody."""
    with pytest.raises(
        TypeError, match=r"^a validator refuses by raising InvalidToken$"
    ):
        validate(sign(), FakeKeys(published(OLD)), validators=(lambda token: answer,))


def test_ks_02_a_cold_cache_costs_one_fetch_and_ks_01_a_warm_one_none():
    hits = []

    def fetch(url, *, trusted_address, headers=None):
        hits.append(url)
        body = json.dumps({"keys": [OLD.public_jwk()]}).encode()
        return FetchedDocument(
            url=url, status=200, body=body, headers={}, public_address=True
        )

    clock = StoppedClock()
    ring_policy = policy(jwks_uri="https://issuer.test/jwks")
    keys = KeyRing(
        ring_policy,
        clock=clock,
        fetch=fetch,
        store=MemoryKeyStore(),
        spawn=lambda work: work(),
    )
    checked = validator(ring_policy, keys)
    for _ in range(5):
        assert checked.validate(parse_jws(sign()), wait=True)
    assert hits == ["https://issuer.test/jwks"]
