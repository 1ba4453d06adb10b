"""Catalogue, section 6: keys that come, go and cannot be had, as requests see them."""

from __future__ import annotations

import secrets
import tracemalloc

import pytest

from django_oidc_rs import wiring
from django_oidc_rs.core.errors import InvalidToken, UnknownKey
from django_oidc_rs.core.keys import MemoryKeyStore
from django_oidc_rs.testing import FakeClock
from django_oidc_rs.testing.issuer import FakeIssuer
from tests.attacks.apis import PATHS
from tests.attacks.forging import under
from tests.attacks.harness import HANDLERS, Outcome, Sent, strike
from tests.attacks.staging import IT, on_every_handler, staged
from tests.commands import database_store, run
from tests.core.builders import NOW, claims, key, sign
from tests.core.faults.crafting import ENC, MALLORY, mallory
from tests.core.keys.fakes import Hand, inline
from tests.settings_faults import issuer as settings_of_issuer

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

CANNOT_TELL = Outcome(503)
LIFETIME, STALE = 600, 86400
LONG = claims(exp=NOW + 10**8)


@pytest.fixture
def issuer():
    """An issuer whose keys are known, and which counts from here."""
    with staged(settings_of_issuer(), [key().public_jwk()]) as (issuer,):
        assert send("wsgi", sign(LONG)).status == 200
        issuer.fetches.clear()
        yield issuer


def send(handler, token):
    return HANDLERS[handler](PATHS[handler], Sent((f"Bearer {token}",)))


def forged(kid):
    """A token that is good but for its key, which nobody has."""
    return under(MALLORY(), kid).sign(LONG)


@on_every_handler
@pytest.mark.parametrize("requests", [pytest.param(20, id="A128-over-HTTP")])
def test_a_flood_of_unknown_names_costs_two_fetches(requests, handler, issuer):
    for _ in range(2):
        issuer.fetches.clear()
        statuses = {
            send(handler, forged(secrets.token_hex(8))).status for _ in range(requests)
        }
        assert statuses == {401}
        # Two in any cooldown, so that a rotation amidst the flood is seen.
        assert issuer.fetches == [issuer.jwks_uri] * 2
        issuer.clock.advance(30)
    assert send(handler, sign(LONG)).status == 200


def remembered(server, tokens):
    """Return how many bytes are still held after ``tokens`` were refused."""
    tracemalloc.start()
    try:
        for token in tokens:
            with pytest.raises(UnknownKey):
                server.validate(token)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held


@pytest.mark.parametrize("count", [pytest.param(10_000, id="A128-ten-thousand")])
def test_no_unknown_name_is_remembered(count, issuer):
    server = wiring.get_resource_server()
    payload = sign(LONG).split(".")[1]
    heads = [
        key().sign(b"{}", {"alg": "ES256", "kid": f"{number:064}"}).partition(".")[0]
        for number in range(50)
    ]
    # The signature is never looked at: any will do.
    tokens = [f"{head}.{payload}.{'A' * 86}" for head in heads]
    remembered(server, tokens)
    issuer.fetches.clear()
    for _ in range(count // len(tokens)):
        for token in tokens:
            with pytest.raises(InvalidToken):
                server.validate(token)
    assert issuer.fetches == []
    assert remembered(server, tokens) < 20_000


@on_every_handler
@pytest.mark.parametrize("requests", [pytest.param(5, id="A128-and-a-rotation")])
def test_a_rotation_amidst_the_flood_is_seen(requests, handler, issuer):
    send(handler, forged("x"))
    issuer.published = [key().public_jwk(), ENC().public_jwk()]
    assert send(handler, ENC().sign(LONG)).status == 200
    for _ in range(requests):
        assert send(handler, forged(secrets.token_hex(8))).status == 401
    assert len(issuer.fetches) == 2


FAILURES = {
    "500": lambda issuer: issuer.fail("status", status=500),
    "404": lambda issuer: issuer.fail("status", status=404),
    "429": lambda issuer: issuer.fail("status", status=429),
    "timeout": lambda issuer: issuer.hang(),
    "tls": lambda issuer: issuer.fail("tls"),
    "redirect": lambda issuer: issuer.fail("redirect"),
    "too-large": lambda issuer: issuer.fail("too_large"),
    "login-page": lambda issuer: issuer.lie(b"<html>"),
    "empty-set": lambda issuer: issuer.lie(b'{"keys": []}'),
    "no-set": lambda issuer: issuer.lie(b"{}"),
    "a-million-keys": lambda issuer: issuer.lie(
        b'{"keys": [' + b"{}," * 1000 + b"{}]}"
    ),
}


@on_every_handler
@pytest.mark.parametrize("row", [f"A129-{name}" for name in FAILURES])
def test_a_failed_fetch_takes_no_key_away(row, handler, issuer, caplog, monkeypatch):
    FAILURES[row.partition("-")[2]](issuer)
    strike(
        Sent((f"Bearer {forged('x')}",)),
        CANNOT_TELL,
        url=PATHS[handler],
        handler=handler,
        issuer=issuer,
        good=sign(LONG),
        caplog=caplog,
        monkeypatch=monkeypatch,
        may_fetch=True,
        reason="keys_unavailable",
    )


@on_every_handler
@pytest.mark.parametrize("requests", [pytest.param(9, id="A129-flood")])
def test_a_flood_during_an_outage_backs_off(requests, handler, issuer):
    issuer.fail("status", status=500)
    statuses = [send(handler, forged(f"x{n}")).status for n in range(requests)]
    assert set(statuses) == {503}
    assert len(issuer.fetches) == 1
    assert send(handler, sign(LONG)).status == 200


# Seconds after which the set without the stolen key is known.
REMOVALS = {
    "A130-when-stale": lambda issuer: issuer.clock.advance(LIFETIME + 1),
    "A130-on-demand": lambda issuer: send("wsgi", forged("x")),
    "A130-by-the-new-key": lambda issuer: send("wsgi", ENC().sign(LONG)),
}


@on_every_handler
@pytest.mark.parametrize("row", REMOVALS)
def test_a_removed_key_is_gone(row, handler, issuer, caplog, monkeypatch):
    stolen = sign(LONG)
    issuer.published = [ENC().public_jwk()]
    # Until then it serves: nobody could know.
    assert send(handler, stolen).status == 200
    REMOVALS[row](issuer)
    strike(
        Sent((f"Bearer {stolen}",)),
        IT,
        url=PATHS[handler],
        handler=handler,
        issuer=issuer,
        good=ENC().sign(LONG),
        caplog=caplog,
        monkeypatch=monkeypatch,
        may_fetch=True,
        reason=UnknownKey.code,
    )


@on_every_handler
@pytest.mark.parametrize("seconds", [pytest.param(15, id="A130-by-the-command")])
def test_what_the_command_removed_is_gone_in_15_seconds(seconds, handler):
    clock = FakeClock(NOW)
    issuer = FakeIssuer(clock=clock)
    issuer.published = [key().public_jwk(), ENC().public_jwk()]
    with database_store(issuer, clock=clock, store=MemoryKeyStore(clock)):
        assert send(handler, sign(LONG)).status == 200
        issuer.published = [ENC().public_jwk()]
        assert run("sync_oidc_keys").code == 0
        issuer.fail()
        clock.advance(seconds)
        assert send(handler, ENC().sign(LONG)).status == 200
        # The issuer is out of reach: of the key it is known that it was there.
        assert send(handler, sign(LONG)).status in {401, 503}


# KEYS of the settings, seconds the issuer is down -> does what is stored still serve?
OUTAGES = {
    "A131-fresh": ({}, LIFETIME - 1, 200),
    "A131-stale": ({}, LIFETIME + 1, 200),
    "A131-stale-for-a-day": ({}, LIFETIME + STALE - 1, 200),
    "A131-too-stale": ({}, LIFETIME + STALE + 1, 503),
    "A131-weeks": ({}, 30 * STALE, 503),
    "A131-years": ({}, 700 * STALE, 503),
    "A131-never-stale": ({"STALE_IF_ERROR": 0}, LIFETIME - 1, 200),
    "A131-never-stale-and-is": ({"STALE_IF_ERROR": 0}, LIFETIME + 1, 503),
}


@on_every_handler
@pytest.mark.parametrize("row", OUTAGES)
def test_stale_keys_have_an_end(row, handler):
    keys, seconds, status = OUTAGES[row]
    settings = settings_of_issuer(KEYS=keys)
    with staged(settings, [key().public_jwk()]) as (issuer,):
        assert send(handler, sign(LONG)).status == 200
        issuer.fail()
        issuer.clock.advance(seconds)
        answer = send(handler, sign(LONG))
        assert answer.status == status
        if status == 503:
            assert int(answer.one("Retry-After")) >= 1
            assert not answer.all("WWW-Authenticate")
        # Never an excuse: a forged token is bad or cannot be told, and never good.
        assert send(handler, mallory()().sign(LONG)).status in {401, 503}
        issuer.recover()
        issuer.clock.advance(61)
        assert send(handler, sign(LONG)).status == 200


@on_every_handler
@pytest.mark.parametrize("requests", [pytest.param(5, id="A124-off-the-request-path")])
def test_no_request_waits_for_a_slow_issuer_while_keys_are_fresh(requests, handler):
    clock, hand = FakeClock(NOW), Hand()
    with staged(settings_of_issuer(), [key().public_jwk()]) as (issuer,):
        spawns = [inline]
        seams = wiring.Seams(
            clock=clock,
            fetch=issuer.fetch,
            store=MemoryKeyStore(clock),
            spawn=lambda work: spawns[-1](work),
        )
        with wiring.substitute(seams):
            assert send(handler, sign(LONG)).status == 200
            spawns.append(hand)
            clock.advance(0.97 * LIFETIME)
            issuer.fetches.clear()
            for _ in range(requests):
                assert send(handler, sign(LONG)).status == 200
            # One refresh is under way, and nobody waited for it.
            assert len(hand.waiting) == 1
            assert issuer.fetches == []
