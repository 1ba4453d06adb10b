"""Tokens kept after they were verified: what is saved, and what is judged again."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from django_oidc_rs.core.errors import (
    BadSignature,
    ExpiredToken,
    InvalidToken,
    KeysUnavailable,
    ResourceServerError,
    TokenNotYetValid,
)
from django_oidc_rs.core.jwk import VerificationKeys
from django_oidc_rs.core.jwt_validator import JwtValidator
from django_oidc_rs.core.token_cache import MAX_LENGTH, TokenCache, TokenCachePolicy
from django_oidc_rs.testing import FakeClock

from .builders import (
    ABSENT,
    NOW,
    FakeKeys,
    claims,
    header,
    key_set,
    policy,
    server,
    sign,
)

MAX_AGE = 60


class Counting:
    """A public key that counts its verifications."""

    def __init__(self, material):
        self.material = material
        self.curve = material.curve
        self.count = 0

    def verify(self, *arguments):
        self.count += 1
        self.material.verify(*arguments)


class Site:
    """A resource server with a cache, and what can happen to it."""

    def __init__(self, *, size=10, keys=None, **fields):
        self.clock = FakeClock(NOW)
        (key,) = (keys or key_set()).keys
        self.material = Counting(key.material)
        self.keys = FakeKeys(
            VerificationKeys((dataclasses.replace(key, material=self.material),))
        )
        self.cache = TokenCache(
            TokenCachePolicy(size=size, max_age=MAX_AGE), clock=self.clock
        )
        checked = JwtValidator(policy(**fields), keys=self.keys, clock=self.clock)
        self.server = server(checked, cache=self.cache)

    def verifications(self, raw_token, times=1):
        """Return how many signatures were verified for so many good answers."""
        before = self.material.count
        for _ in range(times):
            assert self.server.validate(raw_token).subject == "alice"
        return self.material.count - before


@pytest.fixture
def site():
    return Site()


def test_the_signature_of_a_token_is_verified_once(site):
    first = site.server.validate(sign())
    assert site.verifications(sign(claims(jti="other")), times=3) == 1
    assert len(site.cache) == 2
    assert first == Site().server.validate(sign())


def test_what_is_kept_says_the_same(site):
    raw_token = sign(claims(deep={"a": [1]}))
    assert site.server.validate(raw_token) == site.server.validate(raw_token)
    assert site.material.count == 1


def test_it_ends_with_max_age(site):
    raw_token = sign()
    assert site.verifications(raw_token) == 1
    site.clock.time = NOW + MAX_AGE - 1
    assert site.verifications(raw_token) == 0
    # A hit does not lengthen its time.
    site.clock.time = NOW + MAX_AGE
    assert site.cache.get(site.cache.digest(raw_token)) is None
    assert len(site.cache) == 0
    assert site.verifications(raw_token) == 1


@pytest.mark.parametrize(
    ("edits", "fields", "later", "raises"),
    [
        pytest.param({"exp": NOW + 5}, {}, 36, ExpiredToken, id="exp"),
        pytest.param({"nbf": NOW}, {}, -31, TokenNotYetValid, id="nbf"),
        pytest.param({"iat": NOW}, {}, -31, TokenNotYetValid, id="iat"),
        pytest.param(
            {"iat": NOW}, {"max_token_age": 10}, 41, ExpiredToken, id="MAX_TOKEN_AGE"
        ),
    ],
)
def test_times_are_judged_on_every_hit(edits, fields, later, raises):
    site = Site(**fields)
    raw_token = sign(claims(**{"iat": ABSENT, **edits}))
    assert site.verifications(raw_token, times=2) == 1
    site.clock.time += later
    with pytest.raises(raises) as caught:
        site.server.validate(raw_token)
    assert caught.value.issuer_alias == "default"
    assert site.material.count == 1


def test_without_its_key_a_kept_token_is_refused(site):
    raw_token = sign()
    assert site.verifications(raw_token) == 1
    from .builders import key

    site.keys.keys = key_set({**key("ES256", "other").public_jwk(), "kid": "k1"})
    with pytest.raises(BadSignature):
        site.server.validate(raw_token)


def test_with_newer_keys_it_is_verified_anew(site):
    raw_token = sign()
    assert site.verifications(raw_token, times=2) == 1
    site.keys.keys = VerificationKeys(site.keys.keys.keys)
    assert site.verifications(raw_token, times=2) == 1


def test_without_usable_keys_nobody_can_tell(site, monkeypatch):
    raw_token = sign()
    assert site.verifications(raw_token) == 1

    def unavailable(*, wait):
        raise KeysUnavailable(retry_after=1)

    monkeypatch.setattr(site.keys, "snapshot", unavailable)
    with pytest.raises(KeysUnavailable):
        site.server.validate(raw_token)


def test_the_projects_validators_are_asked_on_every_hit():
    asked, verdicts = [], iter([None, None, InvalidToken("revoked")])

    def validator(access_token):
        asked.append(access_token)
        verdict = next(verdicts)
        if verdict is not None:
            raise verdict

    site = Site(validators=(validator,))
    raw_token = sign()
    assert site.verifications(raw_token, times=2) == 1
    with pytest.raises(InvalidToken) as caught:
        site.server.validate(raw_token)
    assert caught.value.issuer_alias == "default"
    assert len(asked) == 3


@pytest.mark.parametrize(
    "bad",
    [
        lambda: sign(claims(exp=1)),
        lambda: sign(claims(iss="https://else.test")),
        lambda: sign(claims(aud="else")),
        lambda: sign(None, header(kid="unknown")),
        lambda: sign()[:-4] + "AAAA",
        lambda: "no token",
        lambda: "\ud800\xe4",
    ],
)
def test_bad_tokens_are_not_kept(site, bad):
    for _ in range(3):
        with pytest.raises(ResourceServerError):
            site.server.validate(bad())
    assert len(site.cache) == 0


@pytest.mark.parametrize("part", [0, 1, 2])
def test_nothing_but_the_whole_token_is_kept(site, part):
    """Nor is what agrees with it but for a few characters."""
    raw_token = sign()
    assert site.verifications(raw_token) == 1
    parts = raw_token.split(".")
    for position in (0, len(parts[part]) // 2, len(parts[part]) - 1):
        other = "A" if parts[part][position] != "A" else "B"
        changed = parts[part][:position] + other + parts[part][position + 1 :]
        with pytest.raises(InvalidToken):
            site.server.validate(".".join([*parts[:part], changed, *parts[part + 1 :]]))


def test_a_token_that_a_validator_refuses_is_not_kept():
    def refuse(access_token):
        raise InvalidToken

    site = Site(validators=(refuse,))
    with pytest.raises(InvalidToken):
        site.server.validate(sign())
    assert len(site.cache) == 0


@pytest.mark.parametrize("over", [0, 1])
def test_long_tokens_are_verified_every_time(site, over):
    # Three characters of text make four of the token.
    shortest = len(sign(claims(fill="")))
    fill = "x" * ((MAX_LENGTH - shortest) * 3 // 4 - 3)
    while len(raw_token := sign(claims(fill=fill))) < MAX_LENGTH + over:
        fill += "x"
    assert (len(raw_token) > MAX_LENGTH) is bool(over)
    assert site.verifications(raw_token, times=2) == 1 + over
    assert len(site.cache) == 1 - over


def test_the_least_recently_used_goes_first():
    site = Site(size=2)
    one, two, three = (sign(claims(jti=jti)) for jti in ("1", "2", "3"))
    assert site.verifications(one) == site.verifications(two) == 1
    assert site.verifications(one) == 0
    assert site.verifications(three) == 1
    assert len(site.cache) == 2
    assert site.verifications(one) == site.verifications(three) == 0
    assert site.verifications(two) == 1


def test_nothing_of_a_token_is_in_the_cache(site):
    raw_token = sign()
    site.server.validate(raw_token)
    (kept,) = site.cache._kept.items()
    digest, entry = kept
    assert len(digest) == 32
    shown = f"{vars(site.server)} {kept!r} {entry.access_token.claims!r}"
    assert not any(part in shown for part in raw_token.split("."))


def test_threads_never_get_another_tokens_answer():
    site = Site(size=3)
    raw_tokens = {sign(claims(jti=str(n))): str(n) for n in range(6)}
    wrong = []

    def work():
        for _ in range(40):
            for raw_token, jti in raw_tokens.items():
                if site.server.validate(raw_token).token_id != jti:
                    wrong.append(jti)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(site.cache) <= 3


def test_an_entry_too_old_may_have_been_thrown_out_meanwhile(site):
    raw_token = sign()
    site.server.validate(raw_token)

    class Losing(type(site.cache._kept)):
        def get(self, digest):
            return super().pop(digest, None)

    site.cache._kept = Losing(site.cache._kept)
    site.clock.time = NOW + MAX_AGE
    assert site.cache.get(site.cache.digest(raw_token)) is None


def test_an_entry_thrown_out_meanwhile_is_still_good(site, monkeypatch):
    raw_token = sign()
    site.server.validate(raw_token)

    class Losing(type(site.cache._kept)):
        def move_to_end(self, digest):
            raise KeyError(digest)

        def popitem(self, last):
            self.clear()
            raise KeyError

    site.cache._kept = Losing(site.cache._kept)
    assert site.verifications(raw_token) == 0
    for number in range(20):
        assert site.verifications(sign(claims(jti=str(number)))) == 1
