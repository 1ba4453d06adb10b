"""Section 8: whom a good token stands for, and what it cannot become."""

from __future__ import annotations

import json
import shutil
import unicodedata
from contextlib import ExitStack

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db.models.signals import pre_save

from django_oidc_rs import wiring
from django_oidc_rs.conf import get_config, parse
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.testing import FakeIssuer, install
from tests.attacks.harness import EVIL, HANDLERS, Outcome, Sent
from tests.attacks.surface import IT, OK, over_every_handler
from tests.users.databases import (
    all_at_once,
    meeting,
    migrate,
    replacing_databases,
    sqlite_settings,
)

pytestmark = pytest.mark.urls("tests.attacks.surface")

User = get_user_model()
ISSUER = "https://issuer.test"
PARTNER = "https://partner.test"
GROUPS = {"CLAIM": "groups", "MAP": {"Admins": "Admins", "Staff": "Staff"}}
on_both_views = pytest.mark.parametrize(
    ("handler", "url"),
    [
        pytest.param("wsgi", "/drf-whoami", id="wsgi"),
        pytest.param("asgi", "/awhoami", id="asgi"),
    ],
)


@pytest.fixture
def trusting(settings, clock, fake_issuer):
    """Return ``trusting(users, partner=..)``: two issuers, by alias, keys at hand."""
    with ExitStack() as stack:

        def trusting(users=None, *, default=None, partner=None):
            settings.OIDC_RS = {
                "AUDIENCE": "https://api.test",
                "USERS": users or {},
                "ISSUERS": {
                    "default": {"ISSUER": ISSUER, **(default or {})},
                    "partner": {"ISSUER": PARTNER, **(partner or {})},
                },
            }
            issuers = {
                policy.alias: FakeIssuer(policy, clock=clock)
                for policy in get_config().issuers
            }
            stack.enter_context(install(*issuers.values(), clock=clock))
            for issuer in issuers.values():
                wiring.get_resource_server().validate(issuer.access_token())
            return issuers

        yield trusting


@pytest.fixture
def posing(db, trusting, attack):
    """Return ``posing(outcome, subject, ..)``: strike with a token signed for real.

    Given is who the view took the caller for, None where it refused.
    """

    def posing(
        outcome: Outcome,
        subject="mallory",
        *,
        url,
        handler,
        alias="default",
        issuers=None,
        good=None,
        **claims,
    ):
        issuers = issuers or trusting()
        answer = attack(
            issuers[alias].access_token(subject, **claims),
            outcome,
            issuer=issuers["default"],
            good=good or issuers["default"].access_token("alice"),
            url=url,
            handler=handler,
            may_create=outcome == OK,
        )
        return json.loads(answer.body) if answer.status == 200 else None

    return posing


def name_of(subject, issuer=ISSUER):
    """Return the user name behind a pair, by way of its identity."""
    identity = FederatedIdentity.objects.of(issuer, subject)
    return identity.user.get_username()


# A153: the same subject of another issuer.


@on_both_views
@pytest.mark.parametrize(
    ("partner", "subject"),
    [
        pytest.param(PARTNER, "alice", id="A153-same-subject"),
        pytest.param(f"{ISSUER}/", "alice", id="A153-nearly-the-issuer"),
        pytest.param(f"{ISSUER}a", "lice", id="A153-same-when-joined"),
        pytest.param(f"{ISSUER}|", "alice", id="A153-separator"),
    ],
)
def test_a_subject_belongs_to_its_issuer(
    partner, subject, url, handler, posing, trusting
):
    issuers = trusting(partner={"ISSUER": partner, "JWKS_URI": f"{PARTNER}/jwks"})
    seen = posing(
        OK, subject, url=url, handler=handler, alias="partner", issuers=issuers
    )
    assert seen["name"] == name_of(subject, partner)
    assert seen["name"] != name_of("alice")
    assert User.objects.count() == 2


# A154: claims that name somebody else.


@on_both_views
@pytest.mark.parametrize("fields", [{}, {"email": "email"}], ids=["plain", "mapped"])
@pytest.mark.parametrize(
    ("subject", "claims"),
    [
        pytest.param(
            "mallory",
            {"email": "admin@here.test", "email_verified": True},
            id="A154-email",
        ),
        pytest.param(
            "mallory", {"preferred_username": "admin"}, id="A154-preferred-username"
        ),
        pytest.param(
            "mallory",
            {"username": "admin", "name": "admin", "upn": "admin"},
            id="A154-others",
        ),
        pytest.param("admin", {}, id="A154-subject"),
        pytest.param("1", {}, id="A154-primary-key"),
    ],
)
def test_nobody_is_linked_by_name_or_address(
    subject, claims, fields, url, handler, posing, trusting
):
    admin = User.objects.create_superuser("admin", "admin@here.test")
    issuers = trusting({"FIELDS": fields})
    seen = posing(
        OK,
        subject,
        url=url,
        handler=handler,
        alias="partner",
        issuers=issuers,
        **claims,
    )
    assert seen["name"] == name_of(subject, PARTNER) != "admin"
    assert not FederatedIdentity.objects.filter(user=admin).exists()


# A155: names that look like a taken one. Cyrillic, accents, full width, mathematics.

TAKEN = {
    "same": "admin",
    "wide": "\uff41\uff44\uff4d\uff49\uff4e",
    "mathematical": "\U0001d41a\U0001d41d\U0001d426\U0001d422\U0001d427",
}
FREE = {"upper": "ADMIN", "cyrillic": "\u0430dmin", "accent": "a\u0301dmin"}


@on_both_views
@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        *(pytest.param(name, IT, id=f"A155-{id_}") for id_, name in TAKEN.items()),
        *(pytest.param(name, OK, id=f"A155-{id_}") for id_, name in FREE.items()),
    ],
)
def test_a_taken_name_is_never_taken_over(
    name, outcome, url, handler, posing, trusting
):
    """Not even where a project maps user names from a claim."""
    admin = User.objects.create_superuser("admin", "admin@here.test")
    issuers = trusting({"FIELDS": {"username": "preferred_username"}})
    seen = posing(
        outcome, url=url, handler=handler, issuers=issuers, preferred_username=name
    )
    if seen is not None:
        assert seen["name"] == unicodedata.normalize("NFKC", name)
        assert not User.objects.get(username=seen["name"]).is_superuser
    assert User.objects.get(is_superuser=True).password == admin.password


@on_both_views
@pytest.mark.parametrize(
    "name",
    [pytest.param("admin", id="A155-unmapped"), pytest.param("ADMIN", id="A155")],
)
def test_a_name_is_a_digest_unless_it_is_mapped(name, url, handler, posing):
    User.objects.create_superuser("admin")
    seen = posing(OK, name, url=url, handler=handler, preferred_username=name)
    assert seen["name"].startswith("oidc-")


# A157: subjects that are none.


@on_both_views
@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("", id="A157-empty"),
        pytest.param("   ", id="A157-blank"),
        pytest.param("\u3000", id="A157-ideographic-blank"),
        pytest.param(f"{EVIL}\0", id="A157-nul"),
        pytest.param("s" * 256, id="A157-one-too-long"),
        pytest.param("s" * 10000, id="A157-long"),
        pytest.param(f"{EVIL}\r\nadmin", id="A157-control"),
        pytest.param(f"{EVIL}\x85", id="A157-c1-control"),
        pytest.param(f"\u202e{EVIL}", id="A157-rtl"),
        pytest.param("\u2066alice", id="A157-isolate"),
        pytest.param("\ud800", id="A157-surrogate"),
        pytest.param(7, id="A157-number"),
        pytest.param(True, id="A157-bool"),
        pytest.param(["alice"], id="A157-array"),
        pytest.param({"sub": "alice"}, id="A157-object"),
    ],
)
def test_no_row_for_a_subject_that_is_none(subject, url, handler, posing):
    posing(IT, None, url=url, handler=handler, sub=subject)


# A158, and A157's truncation: subjects that nearly are another's.


@on_both_views
@pytest.mark.parametrize(
    ("subject", "other"),
    [
        pytest.param("ål", unicodedata.normalize("NFD", "ål"), id="A158-nfd"),
        pytest.param("ål", "ÅL", id="A158-case"),
        pytest.param("alice", "Alice", id="A158-ascii-case"),
        pytest.param("alice", "alice ", id="A158-trailing-blank"),
        pytest.param("alice", " alice", id="A158-leading-blank"),
        pytest.param("alice", "alice\u00a0", id="A158-no-break-space"),
        pytest.param("alice", "a\u200blice", id="A158-zero-width"),
        pytest.param("alice", "\uff41lice", id="A158-wide"),
        pytest.param("strasse", "straße", id="A158-sharp-s"),
        pytest.param("x" * 254 + "a", "x" * 254 + "b", id="A157-truncation"),
    ],
)
def test_subjects_are_compared_byte_for_byte(
    subject, other, url, handler, posing, trusting
):
    issuers = trusting()
    good = issuers["default"].access_token(subject)
    seen = posing(OK, other, url=url, handler=handler, issuers=issuers, good=good)
    assert seen["name"] == name_of(other) != name_of(subject)


# A159: privileges.

HOSTILE = {
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "groups": ["Admins"],
    "roles": ["Admins"],
    "user_permissions": [1],
    "id": 1,
    "pk": 1,
    "password": "pbkdf2_sha256$1$a$b",
    "username": "root",
}


@on_both_views
@pytest.mark.parametrize(
    "users",
    [
        pytest.param({}, id="A159-nothing-mapped"),
        pytest.param(
            {
                "FIELDS": {"first_name": "given_name"},
                "GROUPS": {"CLAIM": "job", "MAP": {"clerk": "Clerks"}},
            },
            id="A159-others-mapped",
        ),
    ],
)
def test_privileges_are_not_a_claims_to_give(users, url, handler, posing, trusting):
    Group.objects.create(name="Admins")
    root = User.objects.create_superuser("root")
    seen = posing(OK, url=url, handler=handler, issuers=trusting(users), **HOSTILE)
    user = User.objects.get(username=seen["name"])
    assert user.pk != root.pk
    assert user.is_active
    assert not user.is_staff
    assert not user.is_superuser
    assert not user.groups.exists()
    assert not user.user_permissions.exists()
    assert not user.has_usable_password()


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(name, id=f"A159-map-{name}")
        for name in ("is_superuser", "is_staff", "is_active", "password", "id")
    ],
)
def test_privileges_cannot_be_mapped(field):
    _, problems = parse(
        {
            "AUDIENCE": "https://api.test",
            "ISSUERS": {"default": {"ISSUER": ISSUER}},
            "USERS": {"FIELDS": {field: "claim"}},
        }
    )
    assert [(problem.id, problem.is_error) for problem in problems] == [("E018", True)]


# A160: another issuer's groups.


@on_both_views
@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"groups": ["Admins"]}, id="A160"),
        pytest.param({"groups": "Admins"}, id="A160-text"),
        pytest.param({"groups": ["Admins"], "iss": PARTNER}, id="A160-says-so-itself"),
    ],
)
def test_groups_are_one_issuers_to_give(claims, url, handler, posing, trusting):
    issuers = trusting(default={"USERS": {"GROUPS": GROUPS}})
    admins = Group.objects.create(name="Admins")
    posing(OK, url=url, handler=handler, alias="partner", issuers=issuers, **claims)
    assert not admins.user_set.exists()
    # The table works, for the issuer it belongs to.
    HANDLERS[handler](
        url,
        Sent((f"Bearer {issuers['default'].access_token('boss', groups=['Admins'])}",)),
    )
    assert [user.get_username() for user in admins.user_set.all()] == [name_of("boss")]


# A161: who may not come in any more.


def deactivate(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


@over_every_handler
@pytest.mark.parametrize("url", ["/drf-whoami", "/awhoami", "/public"])
@pytest.mark.parametrize(
    "leave",
    [
        pytest.param(deactivate, id="A161-inactive"),
        pytest.param(lambda user: user.delete(), id="A161-deleted"),
    ],
)
def test_a_leaver_stays_away(leave, url, handler, posing, trusting):
    issuers = trusting({"FIELDS": {"first_name": "given_name"}})
    raw = issuers["default"].access_token("leaver")
    assert HANDLERS[handler](url, Sent((f"Bearer {raw}",))).status == 200
    leave(User.objects.get())
    posing(
        IT,
        "leaver",
        url=url,
        handler=handler,
        issuers=issuers,
        given_name="Back",
        is_active=True,
    )


# A163: many subjects.


@on_both_views
@pytest.mark.parametrize(
    ("users", "outcome"),
    [
        pytest.param({"CREATE": False}, IT, id="A163-create-off"),
        pytest.param({"RESOLVER": "existing_user"}, IT, id="A163-existing-user"),
        pytest.param({"RESOLVER": "token_user"}, OK, id="A163-token-user"),
    ],
)
def test_a_flood_of_subjects_makes_no_rows(
    users, outcome, url, handler, posing, trusting
):
    issuers = trusting(users)
    alice = User.objects.create_user("alice-here")
    FederatedIdentity.objects.link(ISSUER, "alice", alice)
    for number in range(5):
        posing(outcome, f"flood-{number}", url=url, handler=handler, issuers=issuers)
    assert User.objects.get() == alice
    assert FederatedIdentity.objects.count() == 1


@pytest.mark.parametrize(
    ("handler", "url"),
    [
        pytest.param("wsgi", "/drf-whoami", id="A163-default-wsgi"),
        pytest.param("asgi", "/awhoami", id="A163-default-asgi"),
    ],
)
def test_by_default_a_good_token_makes_its_own_user_and_no_more(handler, url, posing):
    posing(OK, "bob", url=url, handler=handler)
    assert User.objects.count() == FederatedIdentity.objects.count() == 2


# A164: first requests at once. ``FirstRequests`` of tests/users has fifty of them.

FIRST_REQUESTS = 12


@pytest.fixture(scope="module")
def migrated(tmp_path_factory, django_db_blocker):
    path = tmp_path_factory.mktemp("sqlite") / "migrated"
    with replacing_databases(django_db_blocker, {"default": sqlite_settings(path)}):
        migrate()
    return path


@pytest.fixture
def database(migrated, tmp_path, django_db_blocker):
    """A database of which every thread has a connection of its own."""
    path = tmp_path / "database"
    shutil.copyfile(migrated, path)
    with replacing_databases(django_db_blocker, {"default": sqlite_settings(path)}):
        yield


@pytest.mark.parametrize(
    ("handler", "url"),
    [
        pytest.param("wsgi", "/drf-whoami", id="A164-wsgi"),
        pytest.param("asgi", "/awhoami", id="A164-asgi"),
    ],
)
def test_first_requests_at_once_make_one_user(handler, url, database, trusting):
    raw = trusting()["default"].access_token("alice")
    with meeting(pre_save, User, FIRST_REQUESTS):
        answers = all_at_once(
            FIRST_REQUESTS,
            lambda _number: HANDLERS[handler](url, Sent((f"Bearer {raw}",))),
        )
    assert [answer.status for answer in answers] == [200] * FIRST_REQUESTS
    assert len({answer.body for answer in answers}) == 1
    assert User.objects.count() == FederatedIdentity.objects.count() == 1


# A165: addresses.


@on_both_views
@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({}, id="A165-missing"),
        pytest.param({"email": "", "email_verified": False}, id="A165-empty"),
        pytest.param({"email": "no address"}, id="A165-no-address"),
        pytest.param({"email": ["evil@there.test"]}, id="A165-array"),
        *(
            pytest.param(
                {"email": "evil@there.test", "email_verified": verified},
                id=f"A165-verified-{verified!r}",
            )
            for verified in (False, "true", 1, "false", [True])
        ),
    ],
)
def test_an_address_is_kept_unless_a_verified_one_comes(
    claims, url, handler, posing, trusting
):
    issuers = trusting({"FIELDS": {"email": "email"}})
    good = issuers["default"].access_token(
        "alice", email="alice@here.test", email_verified=True
    )
    posing(OK, "alice", url=url, handler=handler, issuers=issuers, good=good, **claims)
    assert User.objects.get().email == "alice@here.test"


# A166: machines.


@on_both_views
@pytest.mark.parametrize(
    ("subject", "claims"),
    [
        pytest.param("robot", {"client_id": "robot"}, id="A166-subject-is-client"),
        pytest.param(None, {"client_id": "robot"}, id="A166-no-subject"),
        pytest.param(
            "robot@clients", {"gty": "client-credentials"}, id="A166-marked-by-a-claim"
        ),
        # The name of somebody real, and of a superuser.
        pytest.param("admin", {"client_id": "admin"}, id="A166-named-like-a-user"),
    ],
)
def test_a_machine_is_no_row(subject, claims, url, handler, posing, trusting):
    User.objects.create_superuser("admin")
    issuers = trusting(default={"MACHINE": {"gty": "client-credentials"}})
    seen = posing(OK, subject, url=url, handler=handler, issuers=issuers, **claims)
    assert not seen["row"]
    assert seen["name"] != "admin"
    assert User.objects.count() == 2
    assert FederatedIdentity.objects.count() == 1


# A167: sessions.


@on_both_views
@pytest.mark.parametrize(
    "save_always",
    [pytest.param(False, id="A167"), pytest.param(True, id="A167-saved-every-time")],
)
def test_a_token_is_no_login(save_always, url, handler, posing, settings, trusting):
    settings.SESSION_SAVE_EVERY_REQUEST = save_always
    issuers = trusting()
    posing(OK, "bob", url=url, handler=handler, issuers=issuers)
    root = User.objects.create_superuser("root")
    FederatedIdentity.objects.link(ISSUER, "root", root)
    sent = Sent((f"Bearer {issuers['default'].access_token('root')}",))
    assert HANDLERS[handler](url, sent).status == 200
    answer = HANDLERS[handler]("/admin/", sent)
    assert answer.status == 302
    assert "/admin/login/" in answer.one("Location")
    assert "sessionid" not in str(answer.all("Set-Cookie"))
    assert not Session.objects.exists()
    root.refresh_from_db()
    assert root.last_login is None
