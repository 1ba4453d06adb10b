"""link_oidc_identities: an existing user table, moved here by CSV, all rows or none."""

from io import BytesIO, TextIOWrapper

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, connection
from django.test import override_settings

from django_oidc_rs.models import FederatedIdentity, identity_key
from django_oidc_rs.testing import install

from .commands import HOSTILE, is_harmless, run, without_table
from .settings_faults import issuer, top

ONE, TWO = "https://one.test", "atm"
HEADER = "issuer,subject,user\n"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_issuers(request):
    """Two issuers, one of them a bare word; and three users."""
    raw = top(
        ISSUERS={
            "first": {"ISSUER": ONE, "SCOPES": []},
            "second": {"ISSUER": TWO, "JWKS_URI": "https://keys.test", "SCOPES": []},
        }
    )
    with override_settings(OIDC_RS=raw):
        for name in ("alice", "bob", "Zoë"):
            User.objects.create_user(name, email=f"{name.lower()}@example.test")
        User.objects.create_user("no-mail")
        yield


def link(rows, *, header=HEADER, **options):
    return run("link_oidc_identities", stdin=header + rows, **options)


def links():
    return {
        (each.issuer, each.subject): each.user and each.user.username
        for each in FederatedIdentity.objects.select_related("user")
    }


# All is well.


def test_rows_become_links():
    done = link(f"first,a1,alice\n{ONE},b1,bob\nsecond,a2,alice\natm,z,Zoë\n")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == "ISSUER SUBJECT USER ACTION"
    assert done.lines[2:] == [
        f"{ONE} a1 alice linked",
        f"{ONE} b1 bob linked",
        "atm a2 alice linked",
        "atm z Zoë linked",
        "4 linked",
    ]
    assert links() == {
        (ONE, "a1"): "alice",
        (ONE, "b1"): "bob",
        (TWO, "a2"): "alice",
        (TWO, "z"): "Zoë",
    }
    assert FederatedIdentity.objects.of(ONE, "a1").key == identity_key(ONE, "a1")


def test_what_is_linked_is_found_by_a_token(rf, fake_issuer):
    from django_oidc_rs.request import authenticate

    with install(fake_issuer):
        link("first,a|1,alice\n")
        token = fake_issuer.access_token("a|1")
        request = rf.get("/", headers={"Authorization": f"Bearer {token}"})
        assert authenticate(request).user.username == "alice"


def test_json_says_the_same():
    done = link("first,a1,alice\n", json=True)
    assert done.json == {
        "dry_run": False,
        "rows": [{"issuer": ONE, "subject": "a1", "user": "alice", "action": "linked"}],
    }


def test_dry_run_writes_nothing():
    done = link("first,a1,alice\n", dry_run=True)
    assert done.code == 0
    assert done.lines[-2:] == ["1 linked", "Dry run: nothing was written."]
    assert links() == {}
    assert link("first,a1,alice\n", dry_run=True, json=True).json["dry_run"] is True
    assert links() == {}


def test_a_second_run_changes_nothing(django_assert_num_queries):
    link("first,a1,alice\n")
    FederatedIdentity.objects.update(applied="x" * 64)
    done = link("first,a1,alice\nfirst,b1,bob\n")
    assert done.lines[2:] == [
        f"{ONE} a1 alice kept",
        f"{ONE} b1 bob linked",
        "1 kept, 1 linked",
    ]
    # What was applied to a kept one is not forgotten.
    assert FederatedIdentity.objects.of(ONE, "a1").applied == "x" * 64


def test_columns_in_any_order_and_more_of_them():
    done = link("alice,7,a1,first\n", header="user,note,subject,issuer\n")
    assert done.code == 0
    assert links() == {(ONE, "a1"): "alice"}


def test_another_field_names_the_users():
    done = link("first,a1,alice@example.test\n", field="email")
    assert done.code == 0
    assert links() == {(ONE, "a1"): "alice"}
    bob = User.objects.get(username="bob")
    assert link(f"first,b1,{bob.pk}\n", field="id").code == 0
    assert links()[ONE, "b1"] == "bob"


def test_no_rows():
    done = link("")
    assert (done.code, done.lines[-1]) == (0, "No rows.")


# What spreadsheets write.


def test_a_byte_order_mark():
    for mark in ("\ufeff", '\ufeff"issuer",subject,user\n'):
        header = mark + HEADER if mark == "\ufeff" else mark
        assert link("first,a1,alice\n", header=header).code == 0
    assert links() == {(ONE, "a1"): "alice"}


def test_a_byte_order_mark_in_bytes():
    data = b"\xef\xbb\xbfissuer,subject,user\r\nfirst,a1,Zo\xc3\xab\r\n"
    stream = TextIOWrapper(BytesIO(data), encoding="utf-8")
    assert run("link_oidc_identities", stdin=stream).code == 0
    assert links() == {(ONE, "a1"): "Zoë"}


def test_blank_lines():
    done = link("\nfirst,a1,alice\n\n,,\n   \n , ,\nsecond,b1,bob\n\n\n")
    assert done.code == 0
    assert len(links()) == 2


def test_windows_line_ends_and_quotes():
    done = link(
        '"first","auth0|a,""1""","alice"\r\n', header='"issuer","subject","user"\r\n'
    )
    assert done.code == 0
    assert links() == {(ONE, 'auth0|a,"1"'): "alice"}


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("issuer,subject\n", "issuer,subject"),
        ("issuer;subject;user\n", "issuer;subject;user"),
        ("issuer\tsubject\tuser\n", "issuer\\tsubject"),
        ("Issuer,Subject,User\n", "Issuer,Subject,User"),
        ("issuer, subject, user\n", "issuer, subject, user"),
        ("issuer,subject,user,user\n", "issuer,subject,user,user"),
        ("first,a1,alice\n", "first,a1,alice"),
        ("\x1b[31m,subject,user\n", "\\x1b[31m"),
    ],
)
def test_a_first_line_that_names_no_columns(header, named):
    done = link("", header=header)
    assert done.code == 2
    assert "issuer,subject,user" in done.err
    assert named in done.err
    assert is_harmless(done.err)


@pytest.mark.parametrize(
    "data",
    [
        "issuer,subject,user\nfirst,a1,alice\n".encode("utf-16"),
        b"issuer,subject,user\nfirst,a1,Zo\xeb\n",
        b'issuer,subject,user\nfirst,a1,alice\nfirst,"b1" x,bob\n',
        b'issuer,subject,user\nfirst,a1,alice\nfirst,"b1,bob\n',
        b"issuer,subject,user\nfirst,a1,alice\nfirst," + b"x" * 200_000 + b",bob\n",
    ],
    ids=["UTF-16", "Latin-1", "bad quotes", "open quotes", "endless cell"],
)
def test_what_is_no_csv(data):
    stream = TextIOWrapper(BytesIO(data), encoding="utf-8")
    done = run("link_oidc_identities", stdin=stream)
    assert done.code == 2
    assert links() == {}


# One bad row, and nothing is written.


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("third,x,alice", "no issuer 'third'"),
        ("First,x,alice", "no issuer 'First'"),
        (f"{ONE}/,x,alice", "no issuer"),
        (",x,alice", "no issuer ''"),
        ("first,,alice", "1 to 255"),
        (f"first,{'x' * 256},alice", "1 to 255"),
        ("first, x,alice", "blanks"),
        ("first,x ,alice", "blanks"),
        ("first,\u00a0,alice", "blanks"),
        ("first,x\x00y,alice", "control"),
        ("first,x\x1by,alice", "control"),
        ('first,"x\ny",alice', "control"),
        ("first,x\ud800,alice", "control"),
        ("first,x,", "no user is named"),
        ("first,x,  ", "no user is named"),
        ("first,x,nobody", "no user with username 'nobody'"),
        ("first,x,Alice", "no user with username 'Alice'"),
        ("first,x,alice ", "no user"),
        ("first,x,al\x00ice", "no user|cannot be"),
        ("first,x", "cells"),
        ("first", "cells"),
        # An unquoted comma in the subject would move every cell.
        ("first,auth0|a,b,alice", "cells"),
        ("first,good1,bob", "twice"),
        (f"{ONE},good1,alice", "twice"),
        ("first,taken,alice", "--relink"),
    ],
)
def test_a_bad_row_stops_everything(row, why):
    FederatedIdentity.objects.link(ONE, "taken", User.objects.get(username="bob"))
    before = links()
    done = link(f"first,good1,alice\n{row}\nsecond,good2,bob\n")
    assert done.code == 1
    first, *rest = done.err.splitlines()
    line = 4 if "\n" in row else 3
    assert first.startswith(f"line {line}: ")
    assert any(part in first for part in why.split("|"))
    assert rest == ["CommandError: 1 bad row; nothing was written."]
    assert done.out == ""
    assert links() == before


def test_all_bad_rows_are_listed():
    done = link("third,x,alice\nfirst,a1,alice\n\nfirst,b1,nobody\nfirst,c1,\n")
    assert done.code == 1
    assert [line.partition(":")[0] for line in done.err.splitlines()] == [
        *("line 2", "line 5", "line 6", "CommandError")
    ]
    assert "3 bad rows" in done.err


def test_several_users_are_nobody():
    User.objects.create_user("alice2", email="alice@example.test")
    done = link("first,a1,alice@example.test\n", field="email")
    assert done.code == 1
    assert "several users with email" in done.err


def test_an_empty_cell_is_not_the_one_user_without_mail():
    assert User.objects.filter(email="").count() == 1
    done = link("first,a1,\n", field="email")
    assert done.code == 1
    assert links() == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "abc"),
        ("id", "9" * 30),
        ("id", "9" * 5000),
        ("date_joined", "yesterday"),
        ("is_active", "perhaps"),
        ("groups", "x"),
    ],
)
def test_a_value_of_the_wrong_type(field, value):
    done = link(f"first,a1,{value}\n", field=field)
    assert done.code == 1
    assert "line 2: " in done.err
    assert len(done.err) < 400


def test_a_field_that_is_none():
    for field in ("nickname", "pk", "username__startswith"):
        done = link("first,a1,a\n", field=field)
        assert done.code == 2
        assert field in done.err


# Moving a pair.


def test_relinking_must_be_asked_for():
    link("first,a1,alice\n")
    assert link("first,a1,bob\n").code == 1
    assert links() == {(ONE, "a1"): "alice"}
    done = link("first,a1,bob\n", relink=True)
    assert done.lines[2:] == [f"{ONE} a1 bob relinked", "1 relinked"]
    assert links() == {(ONE, "a1"): "bob"}


def test_a_deleted_users_pair_is_given_back_unasked():
    link("first,a1,alice\n")
    User.objects.get(username="alice").delete()
    done = link("first,a1,bob\n")
    assert done.lines[2] == f"{ONE} a1 bob relinked"
    assert links() == {(ONE, "a1"): "bob"}


def test_subjects_differ_in_every_byte():
    rows = ["Alice", "alice", "josé", "jose\u0301", "a\u00a0b", "a b"]
    done = link("".join(f"first,{subject},alice\n" for subject in rows))
    assert done.code == 0
    assert FederatedIdentity.objects.count() == 6


# What others wrote, and what cannot be run.


def test_hostile_cells_are_escaped_and_cut():
    for row in (f'"{HOSTILE}",x,alice', f'first,x,"{HOSTILE}"', f'first,"{HOSTILE}",x'):
        done = link(row + "\n")
        assert done.code in (1, 2)
        assert is_harmless(done.out + done.err)
        assert len(done.err) < 400


def test_hostile_user_names_are_escaped():
    User.objects.create(username="\x1b[31mred\n")
    User.objects.create(username="\u202eevil", email="e@e.test")
    done = link("first,x,e@e.test\n", field="email")
    assert done.code == 0
    assert is_harmless(done.out)
    assert "\\u202eevil" in done.out
    assert is_harmless(link("first,y,e@e.test\n", field="email", json=True).out)


def test_broken_settings():
    with override_settings(OIDC_RS=issuer(LEEWAY=-1)):
        done = link("first,a1,alice\n")
    assert done.code == 2
    assert "django_oidc_rs.E011" in done.err


@pytest.mark.django_db(transaction=True)
def test_a_missing_table():
    with without_table(FederatedIdentity):
        done = link("first,a1,alice\n")
    assert done.code == 2
    assert "manage.py migrate" in done.err


@pytest.mark.django_db(transaction=True)
def test_a_failure_in_the_middle_writes_nothing():
    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT") and identity_key(ONE, "c1") in params:
            raise InterfaceError("connection already closed")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        done = link("first,a1,alice\nfirst,b1,bob\nfirst,c1,bob\n")
    assert done.code == 2
    assert links() == {}
