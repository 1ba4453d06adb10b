"""The admin: keys are shown and fetched, pairs linked and unlinked, by the rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import localize

from django_oidc_rs import identity_admin, wiring
from django_oidc_rs.admin import IdentityAdmin, IssuerAdmin
from django_oidc_rs.cache_store import CacheKeyStore
from django_oidc_rs.conf import get_config
from django_oidc_rs.core.errors import UserRejected
from django_oidc_rs.core.keys import FleetState, KeyRecord, StoreError
from django_oidc_rs.core.keys.sync import SyncReport
from django_oidc_rs.issuer_admin import _outcome
from django_oidc_rs.key_standing import Standing
from django_oidc_rs.key_sync import sync_now
from django_oidc_rs.models import (
    FederatedIdentity,
    IssuerRecord,
    RefreshState,
    identity_key,
    issuer_key,
)
from django_oidc_rs.stores import DatabaseKeyStore
from django_oidc_rs.testing import FakeIssuer, SigningKey
from django_oidc_rs.testing.force import access_token
from django_oidc_rs.users import resolve_user
from tests.commands import database_store

ROOT = Path(__file__).parent.parent
User = get_user_model()

# A project may have several.
operations = admin.AdminSite("operations")
operations.register(IssuerRecord, IssuerAdmin)
operations.register(FederatedIdentity, IdentityAdmin)
urlpatterns = [path("ops/", operations.urls), path("admin/", admin.site.urls)]

ONE, TWO, OLD = "https://one.test", "https://two.test", "https://old.test"
SECRET = "a-shared-secret-of-32-characters!"
JWKS = {"keys": [SigningKey("ES256", key_id="written").public_jwk()]}
HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m&\"'"
ISSUERS = {
    "one": {"ISSUER": ONE},
    "two": {"ISSUER": TWO, "ALGORITHMS": ["ES256"]},
    "three": {"ISSUER": "atm", "JWKS": JWKS},
    "four": {"ISSUER": "bank", "SHARED_SECRET": SECRET},
    "five": {
        "ISSUER": "https://five.test",
        "VALIDATION": "introspection",
        "INTROSPECTION": {"CLIENT_ID": "api", "CLIENT_SECRET": "s3cret"},
    },
}
ISSUER_LIST = "/admin/django_oidc_rs/issuerrecord/"
SYNC = f"{ISSUER_LIST}sync/"
IDENTITY_LIST = "/admin/django_oidc_rs/federatedidentity/"
LINK = f"{IDENTITY_LIST}add/"


def issuer_page(issuer):
    return f"{ISSUER_LIST}{issuer_key(issuer)}/change/"


def identity_page(identity, name="change"):
    return f"{IDENTITY_LIST}{identity.pk}/{name}/"


@pytest.fixture(autouse=True)
def project(settings, db):
    settings.ROOT_URLCONF = __name__
    settings.OIDC_RS = {"AUDIENCE": "https://api.test", "ISSUERS": ISSUERS}


@pytest.fixture
def fakes():
    policies = {policy.alias: policy for policy in get_config().issuers}
    fakes = {alias: FakeIssuer(policies[alias]) for alias in ("one", "two")}
    with database_store(*fakes.values()):
        yield fakes


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def staff(*permissions, name="clerk"):
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root")


@pytest.fixture
def client(root):
    return signed_in(root)


def text(response):
    """What a page says: without markup, its blanks made one."""
    html = re.sub(
        r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.DOTALL
    )
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def messages(response):
    return [str(message) for message in response.context["messages"]]


def row_of(response, issuer=ONE):
    """The cells of an issuer's row in the list, by column."""
    (row,) = re.findall(
        rf"<tr>(?:(?!</tr>).)*{re.escape(issuer)}.*?</tr>",
        response.content.decode(),
        flags=re.DOTALL,
    )
    cells = re.findall(r'class="field-(\w+)[^>]*>(.*?)</t[dh]>', row, flags=re.DOTALL)
    return {name: re.sub(r"<[^>]*>", "", cell) for name, cell in cells}


def aged(seconds, issuer=ONE):
    """Let what is stored be so old, by the database's clock."""
    IssuerRecord.objects.filter(issuer=issuer).update(
        stored_at=F("stored_at") - timedelta(seconds=seconds)
    )


def failed(error="connect", failures=7, ago=0.0, issuer=ONE):
    """Let the fleet have failed so many seconds ago; its pause is then 60 s."""
    now = timezone.now().timestamp()
    state = FleetState(failures=failures, error=error, not_before=now - ago + 60)
    RefreshState.objects.create(key=issuer_key(issuer), state=state.to_json())


def old_issuer(name=OLD):
    DatabaseKeyStore().publish(
        KeyRecord(issuer=name, jwks="{}", jwks_uri="x", fetched_at=1.0, lifetime=300.0),
        replacing=0,
    )


# Pages and permissions.


@pytest.fixture
def stored(fakes):
    """Keys of one issuer, a row of one that is gone, and a pair."""
    (policy,) = (each for each in get_config().issuers if each.alias == "one")
    sync_now([policy])
    old_issuer()
    alice = User.objects.create_user("alice")
    FederatedIdentity.objects.link(ONE, "a-1", alice)
    return fakes


def pages():
    identity = FederatedIdentity.objects.get()
    return {
        "issuers": ISSUER_LIST,
        "issuer": issuer_page(ONE),
        "old-issuer": issuer_page(OLD),
        "issuer-history": issuer_page(ONE).replace("change", "history"),
        "issuer-delete": issuer_page(ONE).replace("change", "delete"),
        "issuer-add": f"{ISSUER_LIST}add/",
        "identities": IDENTITY_LIST,
        "identity": identity_page(identity),
        "identity-history": identity_page(identity, "history"),
        "identity-delete": identity_page(identity, "delete"),
        "identity-unlink": identity_page(identity, "unlink"),
        "link": LINK,
    }


LOOKING = {"issuers", "issuer", "old-issuer", "issuer-history"}
LOOKING_AT_PAIRS = {"identities", "identity", "identity-history"}
NOBODYS = {"issuer-add", "identity-delete"}


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ([], set()),
        (["view_issuerrecord"], LOOKING),
        (["change_issuerrecord"], LOOKING),
        (["add_issuerrecord"], set()),
        (["view_issuerrecord", "delete_issuerrecord"], LOOKING | {"issuer-delete"}),
        (["view_federatedidentity"], LOOKING_AT_PAIRS),
        (["change_federatedidentity"], LOOKING_AT_PAIRS | {"identity-unlink"}),
        (["delete_federatedidentity"], set()),
        (["add_federatedidentity"], {"link"}),
    ],
    ids=str,
)
def test_who_sees_which_page(stored, permissions, allowed):
    client = signed_in(staff(*permissions))
    seen = {
        name for name, page in pages().items() if client.get(page).status_code == 200
    }
    assert seen == allowed
    refused = {client.get(pages()[name]).status_code for name in pages().keys() - seen}
    assert refused <= {403}


def test_a_superuser_sees_every_page(stored, client):
    seen = {
        name for name, page in pages().items() if client.get(page).status_code == 200
    }
    assert seen == pages().keys() - NOBODYS


def test_nobody_else_sees_any(stored):
    for client in (Client(), signed_in(User.objects.get(username="alice"))):
        for page in (*pages().values(), SYNC):
            response = client.get(page)
            assert response.status_code == 302
            assert response["Location"].startswith("/admin/login/")


def test_looking_writes_nothing_and_asks_nobody(stored, client):
    for fake in stored.values():
        fake.fetches.clear()
    with CaptureQueriesContext(connection) as queries:
        for name in pages().keys() - NOBODYS:
            assert client.get(pages()[name]).status_code == 200
    written = [q["sql"] for q in queries if not q["sql"].startswith("SELECT")]
    assert written == []
    assert [fake.fetches for fake in stored.values()] == [[], []]


@pytest.mark.parametrize("page", ["issuer", "identity", "issuer-add"])
def test_no_page_takes_edits(stored, client, page):
    data = {"issuer": "https://evil.test", "subject": "x", "jwks": "{}"}
    assert client.post(pages()[page], data).status_code == 403
    assert sorted(row.issuer for row in IssuerRecord.objects.all()) == [OLD, ONE]


# How keys stand.


def test_fresh_keys(stored, client):
    row = row_of(client.get(ISSUER_LIST))
    assert row["alias"] == "one"
    assert row["state"] == "fresh"
    assert re.fullmatch(r"\d+ s", row["age"])
    assert row["serves_for"] == "24 h"
    assert row["next_refresh"] == "in 8 min"
    assert row["last_error"] == "-"
    assert row["key_ids"] == stored["one"].key.key_id
    assert "ES256" in row["algorithms"]
    page = text(client.get(issuer_page(ONE)))
    assert f"{stored['one'].key.key_id}: ES256" in page
    assert "https://one.test/jwks" in page


@pytest.mark.parametrize(
    ("age", "state", "serves_for", "next_refresh"),
    [
        (300, "fresh", "24 h", "in 3 min"),
        (500, "fresh", "24 h", "with the next token"),
        (601, "stale", "24 h", "with the next token"),
        (80000, "stale", "117 min", "with the next token"),
        (87000, "none", "-", "with the next token"),
    ],
)
def test_older_keys(stored, client, age, state, serves_for, next_refresh):
    aged(age)
    row = row_of(client.get(ISSUER_LIST))
    shown = row["state"], row["serves_for"], row["next_refresh"]
    assert shown == (state, serves_for, next_refresh)


def test_keys_that_the_command_alone_fetches(stored, client, settings):
    keys = {"REFRESH": "command", "MAX_STALE": 7200}
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"one": {"ISSUER": ONE, "KEYS": keys}},
    }
    aged(1000)
    row = row_of(client.get(ISSUER_LIST))
    assert row["state"] == "stale"
    assert row["serves_for"] == "103 min"
    assert row["next_refresh"] == "by sync_oidc_keys alone"


@pytest.mark.parametrize("use_tz", [True, False], ids=["aware", "naive"])
def test_the_last_error_of_the_fleet(stored, client, settings, use_tz):
    settings.USE_TZ = use_tz
    aged(700)
    failed()
    row = row_of(client.get(ISSUER_LIST))
    assert row["last_error"] == "connect (7 in a row)"
    assert re.fullmatch(r"in \d\d s", row["next_refresh"])


def test_an_error_before_the_keys_came_is_history(stored, client):
    failed(ago=60)
    assert row_of(client.get(ISSUER_LIST))["last_error"] == "-"


def test_a_pause_that_is_over(stored, client):
    aged(700)
    failed(ago=60)
    row = row_of(client.get(ISSUER_LIST))
    assert row["last_error"] == "connect (7 in a row)"
    assert row["next_refresh"] == "with the next token"


def test_a_pause_that_no_rule_sets_counts_as_over(stored, client):
    """The database's clock was set back."""
    aged(700)
    failed(ago=-9000)
    assert row_of(client.get(ISSUER_LIST))["next_refresh"] == "with the next token"


def test_an_issuer_that_is_not_in_the_settings(stored, client):
    row = row_of(client.get(ISSUER_LIST), OLD)
    assert row["alias"] == row["state"] == "not in OIDC_RS"
    rest = {"age", "serves_for", "next_refresh", "last_error", "key_ids", "algorithms"}
    assert {row[name] for name in rest} == {"-"}
    page = client.get(issuer_page(OLD))
    assert "Sync now" not in text(page)


def test_a_row_that_cannot_be_used(stored, client):
    IssuerRecord.objects.filter(issuer=ONE).update(jwks='{"keys": []}')
    row = row_of(client.get(ISSUER_LIST))
    assert row["state"] == "none"
    assert row["last_error"].startswith("no_usable_key: ")


class Unreachable(DatabaseKeyStore):
    def load(self, issuer):
        raise StoreError("OperationalError")


def test_a_store_that_does_not_answer(stored, client):
    with database_store(*stored.values(), store=Unreachable()):
        row = row_of(client.get(ISSUER_LIST))
        done = client.post(SYNC, {"alias": "two"}, follow=True)
    assert row["state"] == "none"
    assert row["last_error"] == "the key store does not answer: OperationalError"
    (message,) = messages(done)
    assert message == "two: OperationalError. What is stored stays as it was."


def test_many_keys_are_cut_in_the_list_alone(fakes, client):
    fakes["one"].published += [
        SigningKey("ES256", key_id=f"key-{number}").public_jwk() for number in range(9)
    ]
    fakes["one"].published.append({"kty": "oct", "kid": "sym", "k": "c2VjcmV0"})
    client.post(SYNC, {"alias": "one"})
    assert row_of(client.get(ISSUER_LIST))["key_ids"].endswith("key-6, and 2 more")
    page = client.get(issuer_page(ONE))
    assert "key-8: ES256" in text(page)
    assert "sym: not used, symmetric_key" in text(page)
    assert "c2VjcmV0" not in page.content.decode()


def test_issuers_without_a_row_are_shown(fakes, client):
    failed("dns")
    page = client.get(ISSUER_LIST)
    said = text(page)
    assert f"{ONE} one none - dns (7 in a row) Sync now" in said
    assert f"{TWO} two none - - Sync now" in said
    assert "atm three in the settings written - bank" in said
    assert "bank four in the settings - -" in said
    assert "https://five.test five not used: the issuer is asked - -" in said
    assert SECRET not in page.content.decode()


def test_no_note_where_all_have_rows(fakes, client, settings):
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"one": {"ISSUER": ONE}},
    }
    client.post(SYNC, {"alias": "one"})
    assert "In OIDC_RS, not stored" not in text(client.get(ISSUER_LIST))


@pytest.fixture
def cached(settings):
    """Return ``cached(database)``: keys go to a cache, with the database behind it."""
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "admin"}}
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"one": {"ISSUER": ONE, "KEYS": {"STORE": "default"}}},
    }
    caches["default"].clear()

    def cached(database):
        def cache(alias):
            return CacheKeyStore(alias, fallback=database)

        fake = FakeIssuer(get_config().issuers[0])
        return database_store(fake, store=database, cache=cache)

    yield cached
    caches["default"].clear()


def test_keys_in_a_cache(client, cached):
    with cached(DatabaseKeyStore()):
        client.post(SYNC, {"alias": "one"})
        assert row_of(client.get(ISSUER_LIST))["state"] == "fresh"
        # The cache is what processes use; the row is for when it is flushed.
        aged(10**6)
        assert row_of(client.get(ISSUER_LIST))["state"] == "fresh"
        caches["default"].clear()
        # What the database says of failures is from before the cache.
        failed()
        row = row_of(client.get(ISSUER_LIST))
        assert (row["state"], row["last_error"]) == ("none", "-")


def test_keys_in_a_cache_without_the_database_behind_it(client, cached):
    with cached(Unreachable()):
        done = client.post(SYNC, {"alias": "one"}, follow=True)
        assert messages(done) == [
            "one: OperationalError. What is stored stays as it was."
        ]
        assert "one fresh" in text(done)


# Sync now.


def test_sync_now(fakes, client):
    done = client.post(SYNC, {"alias": "one"}, follow=True)
    assert done.redirect_chain == [(issuer_page(ONE), 302)]
    (message,) = messages(done)
    assert message.startswith("one: fetched, 1 added, 0 kept, 0 removed; fresh for")
    assert IssuerRecord.objects.get().issuer == ONE
    fakes["one"].rotate(keep_old=True)
    (message,) = messages(client.post(SYNC, {"alias": "one"}, follow=True))
    assert "1 added, 1 kept, 0 removed" in message
    assert IssuerRecord.objects.get().version == 2


def test_the_buttons_are_that_form(stored, client):
    for page, alias in ((issuer_page(ONE), "one"), (ISSUER_LIST, "two")):
        html = client.get(page).content.decode()
        (form,) = re.findall(
            rf'<form method="post" action="{SYNC}">.*?</form>', html, flags=re.DOTALL
        )
        assert "csrfmiddlewaretoken" in form
        assert f'name="alias" value="{alias}"' in form


@pytest.mark.parametrize("code", ["timeout", "connect", "tls"])
def test_sync_that_fails(stored, client, code):
    before = IssuerRecord.objects.get(issuer=ONE).version
    stored["one"].fail(code)
    done = client.post(SYNC, {"alias": "one"}, follow=True)
    assert done.redirect_chain == [(issuer_page(ONE), 302)]
    (message,) = messages(done)
    assert message.startswith(f"one: {code}: ")
    assert message.endswith("What is stored stays as it was.")
    assert IssuerRecord.objects.get(issuer=ONE).version == before


def test_sync_that_fails_without_a_row(fakes, client):
    fakes["two"].fail()
    done = client.post(SYNC, {"alias": "two"}, follow=True)
    assert done.redirect_chain == [(ISSUER_LIST, 302)]
    assert not IssuerRecord.objects.exists()


@pytest.mark.parametrize("data", [{}, {"alias": ""}, {"alias": HOSTILE}], ids=repr)
def test_sync_of_an_unknown_issuer(fakes, client, data):
    done = client.post(SYNC, data, follow=True)
    (message,) = messages(done)
    assert message.startswith("OIDC_RS names no issuer")
    assert "<script>alert" not in done.content.decode()
    assert [fake.fetches for fake in fakes.values()] == [[], []]


@pytest.mark.parametrize(
    ("alias", "why"),
    [
        ("three", "stand in the settings"),
        ("four", "stand in the settings"),
        ("five", "are not used"),
    ],
)
def test_sync_of_keys_that_are_not_fetched(fakes, client, alias, why):
    (message,) = messages(client.post(SYNC, {"alias": alias}, follow=True))
    assert message == f"{alias}: its keys {why}."
    assert not IssuerRecord.objects.exists()


def test_keys_to_worry_about_are_a_warning(fakes, client):
    leaked = SigningKey("ES256", key_id="leaked").public_jwk()
    fakes["one"].published.append({**leaked, "d": "c2VjcmV0"})
    unused = SigningKey("RS256", key_id="enc").public_jwk()
    fakes["one"].published.append({**unused, "use": "enc"})
    done = client.post(SYNC, {"alias": "one"}, follow=True)
    (message,) = done.context["messages"]
    assert message.level_tag == "warning"
    assert str(message).endswith("Key leaked is not used: private_key.")
    assert "Key enc" not in str(message)


def test_the_action_takes_several(stored, client):
    stored["one"].rotate()
    data = {
        "action": "sync_selected",
        "_selected_action": [issuer_key(ONE), issuer_key(OLD)],
    }
    done = client.post(ISSUER_LIST, data, follow=True)
    assert sorted(message[:40] for message in messages(done)) == [
        "https://old.test: not in OIDC_RS.",
        "one: fetched, 1 added, 0 kept, 1 removed",
    ]


@pytest.mark.parametrize("method", ["get", "put", "delete", "head"])
def test_sync_is_a_post(stored, client, method):
    response = getattr(client, method)(SYNC, {"alias": "one"})
    assert response.status_code == 405
    assert response["Allow"] == "POST"


def test_no_button_where_there_is_nothing_to_fetch(fakes, client):
    old_issuer("atm")
    assert "Sync now" not in text(client.get(issuer_page("atm")))


def test_sync_demands_the_csrf_token(stored, root):
    client = Client(enforce_csrf_checks=True)
    client.force_login(root)
    stored["one"].fetches.clear()
    assert client.post(SYNC, {"alias": "one"}).status_code == 403
    assert stored["one"].fetches == []
    page = client.get(issuer_page(ONE)).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    data = {"alias": "one", "csrfmiddlewaretoken": token}
    assert client.post(SYNC, data).status_code == 302
    assert stored["one"].fetches != []


ALL_BUT_CHANGE = ["view_issuerrecord", "delete_issuerrecord", "add_issuerrecord"]


def test_sync_demands_the_permission_to_change(stored):
    client = signed_in(staff(*ALL_BUT_CHANGE))
    stored["one"].fetches.clear()
    assert client.post(SYNC, {"alias": "one"}).status_code == 403
    selected = {"action": "sync_selected", "_selected_action": [issuer_key(ONE)]}
    client.post(ISSUER_LIST, selected)
    assert stored["one"].fetches == []
    for page in (issuer_page(ONE), ISSUER_LIST):
        assert "Sync now" not in text(client.get(page))
    assert signed_in(User.objects.get(username="alice")).post(SYNC).status_code == 302


def test_the_permission_to_change_is_enough(stored):
    client = signed_in(staff("change_issuerrecord"))
    done = client.post(SYNC, {"alias": "one"}, follow=True)
    assert messages(done)[0].startswith("one: fetched")
    assert "Sync now" in text(done)


def test_sync_takes_a_bounded_time(fakes, clock):
    """However many issuers hang: 15 seconds and one fetch."""
    asked = []

    def hang(url, *, trusted_address, headers=None):
        asked.append(url)
        clock.advance(5)
        return fakes["one"].fetch("https://nowhere.test", trusted_address=True)

    fakes["one"].hang()
    with database_store(clock=clock):
        policies = [replace(get_config().issuers[0], alias=str(n)) for n in range(9)]
        with wiring.substitute(replace(wiring.get_seams(), fetch=hang)):
            reports = sync_now(policies)
    assert len(asked) == 3
    assert {report.error.code for report in reports} == {"timeout"}
    assert "try this one alone" in str(reports[-1].error)


def test_nothing_is_written_before_all_is_fetched(fakes, clock):
    """A row that is written stays locked as long as the request's transaction."""
    order = []

    class Store(DatabaseKeyStore):
        def publish(self, record, *, replacing):
            order.append("publish")
            return super().publish(record, replacing=replacing)

    for fake in fakes.values():
        fetch = fake.fetch

        def noted(*args, _fetch=fetch, **keywords):
            order.append("fetch")
            return _fetch(*args, **keywords)

        fake.fetch = noted
    with database_store(*fakes.values(), store=Store()):
        sync_now(get_config().issuers[:2])
    assert order == ["fetch"] * 4 + ["publish"] * 2


# Pruning.


def test_deleting_an_old_issuer_forgets_who_may_fetch(stored, client):
    for issuer in (ONE, OLD):
        RefreshState.objects.create(key=issuer_key(issuer))
    page = issuer_page(OLD).replace("change", "delete")
    assert client.post(page, {"post": "yes"}).status_code == 302
    assert [row.issuer for row in IssuerRecord.objects.all()] == [ONE]
    assert [state.key for state in RefreshState.objects.all()] == [issuer_key(ONE)]


def test_deleting_several_keeps_the_state_of_the_configured(stored, client):
    for issuer in (ONE, OLD):
        RefreshState.objects.create(key=issuer_key(issuer))
    data = {
        "action": "delete_selected",
        "_selected_action": [issuer_key(ONE), issuer_key(OLD)],
        "post": "yes",
    }
    assert client.post(ISSUER_LIST, data).status_code == 302
    assert not IssuerRecord.objects.exists()
    assert [state.key for state in RefreshState.objects.all()] == [issuer_key(ONE)]


# Identities.


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice", email="alice@here.test")


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob", email="bob@here.test")


@pytest.fixture
def pairs(alice, bob):
    link = FederatedIdentity.objects.link
    return {
        "a": link(ONE, "a|1", alice),
        "b": link(TWO, "b|2", bob),
        "old": link(OLD, "c|3", bob),
    }


def listed(client, **query):
    response = client.get(IDENTITY_LIST, query)
    assert response.status_code == 200
    return [str(row) for row in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a|1", "a"),
        ("|", "a b old"),
        ("alice", "a"),
        ("ALICE@here", "a"),
        ("bob", "b old"),
        ("here.test", "a b old"),
        ("bob c|3", "old"),
        ("nobody", ""),
        (HOSTILE, ""),
    ],
)
def test_search_by_subject_user_name_and_email(pairs, client, query, found):
    expected = sorted(str(pairs[name]) for name in found.split())
    assert sorted(listed(client, q=query)) == expected


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"issuer_alias": "one"}, "a"),
        ({"issuer_alias": "two"}, "b"),
        ({"issuer_alias": ""}, "old"),
        ({"issuer_alias": "nobody"}, ""),
        ({"user__isempty": "1"}, "gone"),
        ({"user__isempty": "0"}, "a b old"),
        ({}, "a b old gone"),
    ],
    ids=str,
)
def test_filters(pairs, client, query, found):
    carol = User.objects.create_user("carol")
    FederatedIdentity.objects.link(TWO, "d", carol)
    carol.delete()
    if query == {"issuer_alias": "two"}:
        found = "b gone"
    pairs["gone"] = FederatedIdentity.objects.get(user=None)
    expected = sorted(str(pairs[name]) for name in found.split())
    assert sorted(listed(client, **query)) == expected


def test_a_user_name_that_is_a_relation_is_not_searched(rf, monkeypatch):
    """Django allows one; the model stands in for a user model of that kind."""
    monkeypatch.setattr(LogEntry, "USERNAME_FIELD", "user", raising=False)
    monkeypatch.setattr(identity_admin, "get_user_model", lambda: LogEntry)
    page = IdentityAdmin(FederatedIdentity, admin.site)
    assert page.get_search_fields(rf.get("/")) == ["subject"]


def test_long_user_names_are_cut_in_the_list(pairs, alice, bob, client):
    User.objects.filter(pk=bob.pk).update(username=f"oidc-{'f' * 64}")
    page = client.get(IDENTITY_LIST).content.decode()
    assert f'<td class="field-short_user">oidc-{"f" * 25}...</td>' in page
    assert '<td class="field-short_user">alice</td>' in page


def test_the_list_is_a_bounded_number_of_queries(pairs, client):
    with CaptureQueriesContext(connection) as few:
        client.get(IDENTITY_LIST)
    for number in range(30):
        user = User.objects.create_user(f"user-{number}")
        FederatedIdentity.objects.link(ONE, str(number), user)
    with CaptureQueriesContext(connection) as many:
        client.get(IDENTITY_LIST)
    assert len(many) == len(few)


def test_the_last_use_is_shown(pairs, client):
    at = timezone.now() - timedelta(days=3)
    FederatedIdentity.objects.update(last_used_at=at)
    for page in (IDENTITY_LIST, identity_page(pairs["a"])):
        assert localize(timezone.localtime(at)) in text(client.get(page))


def test_a_deleted_user_leaves_a_row_without_subject(pairs, alice, client):
    """Through the admin's own page for users, whose rules must not be in the way."""
    page = reverse("admin:auth_user_delete", args=[alice.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="alice").exists()
    page = client.get(identity_page(pairs["a"]))
    assert "(unlinked)" in text(page)
    assert "Unlink" not in re.findall(r">(\w+)</a>", page.content.decode())


# Linking: a good one, then one fault per row.


def linking(client, subject="new", user="alice", issuer="one", **more):
    found = User.objects.filter(username=user).first()
    data = {
        "issuer": issuer,
        "subject": subject,
        "user": found.pk if found else user,
        **more,
    }
    return client.post(LINK, {k: v for k, v in data.items() if v is not None})


def errors(response):
    assert response.status_code == 200
    return {
        name: " ".join(found)
        for name, found in response.context["adminform"].form.errors.items()
    }


def owner(subject="new", issuer=ONE):
    identity = FederatedIdentity.objects.of(issuer, subject)
    return identity and identity.user and identity.user.username


LINKERS = {
    "superuser": None,
    "may-add": ["add_federatedidentity"],
    "may-add-and-change": ["add_federatedidentity", "change_federatedidentity"],
}


@pytest.fixture
def linker(request, root):
    permissions = LINKERS[request.param]
    return signed_in(root if permissions is None else staff(*permissions))


every_linker = pytest.mark.parametrize("linker", LINKERS, indirect=True)
by_staff = pytest.mark.parametrize("linker", ["may-add-and-change"], indirect=True)


@every_linker
def test_a_new_pair_is_linked(linker, alice):
    assert linking(linker).status_code == 302
    identity = FederatedIdentity.objects.get()
    assert identity.key == identity_key(ONE, "new")
    assert (identity.issuer, identity.subject) == (ONE, "new")
    assert (identity.user, identity.last_used_at) == (alice, None)
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == f"Linked to user {alice.pk}."
    assert entry.object_id == str(identity.pk)
    # The log outlives the user, and what is blanked then.
    assert entry.object_repr == f"(pair {identity.key[:12]}) @ {ONE}"


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"issuer": "nobody"}, "issuer"),
        ({"issuer": ONE}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"subject": None}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": "  "}, "subject"),
        ({"subject": " new"}, "subject"),
        ({"subject": "new\u00a0"}, "subject"),
        ({"subject": "n" * 256}, "subject"),
        ({"subject": "ne\tw"}, "subject"),
        ({"subject": "ne\0w"}, "subject"),
        ({"subject": "ne\u202ew"}, "subject"),
        ({"subject": HOSTILE}, "subject"),
        ({"user": "999999"}, "user"),
        ({"user": "nobody"}, "user"),
        ({"user": ""}, "user"),
        ({"user": None}, "user"),
    ],
    ids=repr,
)
def test_a_faulty_form_links_nothing(client, alice, fault, field):
    response = linking(client, **fault)
    assert errors(response).keys() == {field}
    assert "<script>alert" not in response.content.decode()
    assert not FederatedIdentity.objects.exists()


@pytest.mark.parametrize("subject", ["n" * 255, "😀" * 255, "Zoë|1", "a b", "<b>"])
def test_subjects_that_tokens_may_have(client, alice, subject):
    assert linking(client, subject).status_code == 302
    assert owner(subject) == "alice"
    for page in (IDENTITY_LIST, identity_page(FederatedIdentity.objects.get())):
        assert "<b>" not in client.get(page).content.decode()


PRIVILEGED = [{"is_staff": True}, {"is_superuser": True}]
privileged = pytest.mark.parametrize("traits", PRIVILEGED, ids=["staff", "superuser"])


@privileged
@pytest.mark.parametrize("linker", ["may-add", "may-add-and-change"], indirect=True)
def test_only_a_superuser_links_to_staff(linker, alice, traits):
    User.objects.filter(pk=alice.pk).update(**traits)
    assert errors(linking(linker)) == {
        "user": "Only a superuser links to staff accounts."
    }
    assert not FederatedIdentity.objects.exists()


@by_staff
def test_staff_do_not_link_to_themselves(linker):
    assert errors(linking(linker, user="clerk")).keys() == {"user"}
    assert not FederatedIdentity.objects.exists()


@privileged
def test_a_superuser_links_to_staff(client, alice, traits):
    User.objects.filter(pk=alice.pk).update(**traits)
    assert linking(client).status_code == 302
    assert owner() == "alice"


@pytest.fixture
def bobs(bob):
    return FederatedIdentity.objects.link(ONE, "new", bob)


@pytest.mark.parametrize("linker", ["superuser", "may-add-and-change"], indirect=True)
def test_a_pair_that_is_somebodys_wants_a_tick(linker, alice, bobs):
    response = linking(linker)
    assert errors(response) == {
        "move": "The pair is linked to bob. Tick this to move it to alice."
    }
    assert owner() == "bob"
    assert linking(linker, move="on").status_code == 302
    assert owner() == "alice"
    assert FederatedIdentity.objects.get().pk == bobs.pk
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == (
        f"Linked to user {alice.pk}. Before: user {bobs.user.pk}."
    )


@pytest.mark.parametrize("linker", ["may-add"], indirect=True)
@pytest.mark.parametrize("gone", [False, True], ids=["somebodys", "deleted"])
def test_a_known_pair_wants_the_permission_to_change(linker, alice, bob, bobs, gone):
    if gone:
        bob.delete()
    response = linking(linker, move="on")
    assert errors(response) == {
        "__all__": "The pair is known already, and you may not change identities."
    }
    assert owner() == (None if gone else "bob")


@privileged
@by_staff
def test_only_a_superuser_takes_pairs_from_staff(linker, alice, bob, bobs, traits):
    User.objects.filter(pk=bob.pk).update(**traits)
    response = linking(linker, move="on")
    assert errors(response) == {
        "__all__": "Only a superuser takes pairs from staff accounts."
    }
    assert owner() == "bob"


@every_linker
def test_a_pair_that_is_linked_like_that(linker, bobs):
    response = linking(linker, user="bob", move="on")
    assert errors(response) == {"__all__": "The pair is linked to bob already."}


@pytest.mark.parametrize("linker", ["superuser", "may-add-and-change"], indirect=True)
def test_a_deleted_users_pair_is_linked_again(linker, alice, bob, bobs):
    bob.delete()
    assert linking(linker).status_code == 302
    assert owner() == "alice"
    assert FederatedIdentity.objects.get().subject == "new"


def test_linking_demands_the_csrf_token(root, alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(root)
    assert linking(client).status_code == 403
    assert not FederatedIdentity.objects.exists()


# Unlinking.


def test_unlinking_asks_and_blanks(client, bobs, bob):
    page = identity_page(bobs, "unlink")
    assert page in client.get(identity_page(bobs)).content.decode()
    asked = text(client.get(page))
    assert f"Unlink new of one: {ONE} from bob ?" in asked
    assert owner() == "bob"
    done = client.post(page, follow=True)
    assert done.redirect_chain == [(identity_page(bobs), 302)]
    (message,) = messages(done)
    assert message == "Unlinked from bob. Its tokens are refused from now on."
    bobs.refresh_from_db()
    assert (bobs.user, bobs.subject, bobs.issuer) == (None, "", ONE)
    assert bobs.key == identity_key(ONE, "new")
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == f"Unlinked from user {bob.pk}."
    assert entry.object_repr == f"(pair {bobs.key[:12]}) @ {ONE}"


def test_unlinked_is_as_deleted(client, bobs, fakes):
    client.post(identity_page(bobs, "unlink"))
    assert User.objects.filter(username="bob").exists()
    with pytest.raises(UserRejected) as refused:
        resolve_user(access_token(subject="new"))
    assert refused.value.reason == "deleted_user"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_pair_that_is_nobodys(client, bobs, method):
    bobs.unlink()
    done = getattr(client, method)(identity_page(bobs, "unlink"), follow=True)
    assert done.redirect_chain == [(identity_page(bobs), 302)]
    assert messages(done) == ["The pair is linked to nobody."]
    assert not LogEntry.objects.exists()


def test_a_pair_that_is_moved_just_then(client, bobs, alice):
    moves = [alice]

    def move(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and moves:
            FederatedIdentity.objects.link(ONE, "new", moves.pop())
        return execute(sql, params, many, context)

    page = identity_page(bobs, "unlink")
    with connection.execute_wrapper(move):
        done = client.post(page, follow=True)
    assert messages(done) == ["The pair has changed meanwhile. Nothing was done."]
    assert owner() == "alice"
    assert not LogEntry.objects.exists()


def test_a_pair_that_was_moved_meanwhile_stays(bobs, alice):
    before = FederatedIdentity.objects.get()
    FederatedIdentity.objects.link(ONE, "new", alice)
    assert before.unlink() is False
    assert before.subject == "new"
    assert owner() == "alice"


@pytest.mark.parametrize("key", ["999999", "x", "_2F"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_unlinking_what_is_not_there(client, key, method):
    assert getattr(client, method)(f"{IDENTITY_LIST}{key}/unlink/").status_code == 404


def test_unlinking_demands_the_permission_to_change(bobs):
    client = signed_in(staff("view_federatedidentity", "add_federatedidentity"))
    page = identity_page(bobs, "unlink")
    assert page not in client.get(identity_page(bobs)).content.decode()
    assert client.post(page).status_code == 403
    assert owner() == "bob"


def test_the_permission_to_change_is_enough_to_unlink(bobs):
    client = signed_in(staff("change_federatedidentity"))
    assert client.post(identity_page(bobs, "unlink")).status_code == 302
    assert owner() is None


@privileged
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_a_superuser_unlinks_staff(bob, bobs, client, traits, method):
    User.objects.filter(pk=bob.pk).update(**traits)
    clerk = signed_in(staff("change_federatedidentity"))
    page = identity_page(bobs, "unlink")
    done = getattr(clerk, method)(page, follow=True)
    assert messages(done) == ["Only a superuser unlinks staff accounts."]
    assert owner() == "bob"
    assert client.post(page).status_code == 302
    assert owner() is None


def test_unlinking_demands_the_csrf_token(root, bobs):
    client = Client(enforce_csrf_checks=True)
    client.force_login(root)
    assert client.post(identity_page(bobs, "unlink")).status_code == 403
    assert owner() == "bob"


# What others wrote.


def test_hostile_text_is_escaped_everywhere(fakes, client, settings, alice):
    hostile = "https://" + HOSTILE
    for name in (hostile, ONE):
        old_issuer(name)
    fakes["one"].published.append(SigningKey("ES256", key_id=HOSTILE).public_jwk())
    fakes["one"].published.append({"kty": "oct", "kid": HOSTILE + "2", "k": "AAAA"})
    answers = [client.post(SYNC, {"alias": "one"}, follow=True)]
    IssuerRecord.objects.update(jwks_uri=HOSTILE)
    failed(HOSTILE)
    aged(700)
    alice.username = HOSTILE
    alice.save()
    pair = FederatedIdentity.objects.link(ONE, HOSTILE, alice)
    other = FederatedIdentity.objects.link(hostile, HOSTILE + "2", alice)
    answers += [
        client.get(page)
        for page in (
            ISSUER_LIST,
            issuer_page(ONE),
            issuer_page(hostile),
            IDENTITY_LIST,
            identity_page(pair),
            identity_page(other),
            identity_page(other, "unlink"),
        )
    ]
    answers.append(linking(client, "a b", HOSTILE, move="on"))
    FederatedIdentity.objects.link(ONE, "c", alice)
    answers.append(linking(client, "c", "root"))
    answers.append(client.post(identity_page(pair, "unlink"), follow=True))
    for answer in answers:
        html = answer.content.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;" in html or answer.status_code == 302
    # Columns of ours show no control characters either.
    for cell in row_of(answers[1]).values():
        assert cell.isprintable()


def test_a_subject_cannot_be_reordered_on_the_screen(client, alice):
    FederatedIdentity.objects.link(ONE, HOSTILE, alice)
    html = client.get(IDENTITY_LIST).content.decode()
    assert "\u202e" not in html
    assert "\\u202e" in html


def test_no_page_tells_a_secret(stored, client):
    for name in pages().keys() - NOBODYS:
        html = client.get(pages()[name]).content.decode()
        assert SECRET not in html
        assert "etag" not in html


# Where it runs.


def test_other_issuers_of_a_report_are_not_promised():
    """A report without record and error, which ``fetch_keys`` never gives."""
    level, _ = _outcome(SyncReport(alias="one", issuer=ONE))
    assert level == 40


def test_standing_of_nobody():
    standing = Standing("https://nobody.test")
    assert standing.keys is None
    assert not standing.may_be_fetched


@pytest.mark.parametrize("model", ["Account", "Member", "Person", "auth.User"])
def test_user_models_of_all_kinds(model):
    """In a process of its own: a project has one user model for good."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CUSTOM, model],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fields = json.loads(done.stdout)
    assert (
        fields
        == {
            "Account": ["subject", "user__email"],
            "Member": ["subject", "user__login"],
            "Person": ["subject", "user__name"],
            "auth.User": ["subject", "user__username", "user__email"],
        }[model]
    )


CUSTOM = """
import json, sys
import django
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from tests import settings as suite

model = sys.argv[1] if "." in sys.argv[1] else "customuser." + sys.argv[1]
values = {name: getattr(suite, name) for name in dir(suite) if name.isupper()}
values["INSTALLED_APPS"] = [*values["INSTALLED_APPS"], "tests.users.customuser"]
settings.configure(**{**values, "AUTH_USER_MODEL": model})
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django_oidc_rs.admin import IdentityAdmin
from django_oidc_rs.models import FederatedIdentity

User = get_user_model()
call_command("migrate", run_syncdb=True, verbosity=0)
values = {User.USERNAME_FIELD: "zoe"}
if model == "customuser.Member":
    values["joined"] = "2020-01-01"
user = User(**values, password="!")
user.save()
FederatedIdentity.objects.link("https://issuer.test", "z", user)
page = IdentityAdmin(FederatedIdentity, admin.site)
request = RequestFactory().get("/", {"q": "zoe"})
fields = page.get_search_fields(request)
found, _ = page.get_search_results(request, FederatedIdentity.objects.all(), "zoe")
assert [each.user for each in found] == [user]
print(json.dumps(fields))
"""


def test_each_site_leads_to_its_own_pages(stored, client):
    def there(page):
        return page.replace("/admin/", "/ops/")

    for name in pages().keys() - NOBODYS:
        html = client.get(there(pages()[name])).content.decode()
        assert re.findall(r'(?:href|action)="(/admin/[^"]*)', html) == []
    identity = FederatedIdentity.objects.get()
    synced = client.post(there(SYNC), {"alias": "one"})
    assert synced["Location"] == there(issuer_page(ONE))
    unlinked = client.post(there(identity_page(identity, "unlink")))
    assert unlinked["Location"] == there(identity_page(identity))


def test_a_project_without_admin():
    code = """
import django
from django.conf import settings
from tests import settings as suite
values = {name: getattr(suite, name) for name in dir(suite) if name.isupper()}
values["INSTALLED_APPS"] = ["django.contrib.auth", "django.contrib.contenttypes",
    "django_oidc_rs"]
values["MIDDLEWARE"] = values["TEMPLATES"] = []
settings.configure(**values)
django.setup()
from django.core.management import call_command
call_command("check")
call_command("makemigrations", "--check", "--dry-run", verbosity=0)
import sys
assert "django.contrib.admin" not in sys.modules
assert "django_oidc_rs.admin" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
