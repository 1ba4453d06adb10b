"""The database every contestant gets: a SQLite file, so many users in it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ["prepare", "subject"]

_BATCH = 50_000


def subject(number: int) -> str:
    """Return the ``sub``, and the user name, of a user."""
    return f"user-{number:07}"


def prepare(lane: dict[str, Any]) -> None:
    """Migrate and fill the lane's file, unless that was done before.

    Several processes of a contestant share a file; one at a time sees to it.
    """
    with Path(f"{lane['database']}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _prepare(lane)


def _prepare(lane: dict[str, Any]) -> None:
    from django.apps import apps
    from django.core.management import call_command

    users, issuer = range(1, lane["users"] + 1), lane["issuer"]
    done = Path(f"{lane['database']}.filled")
    if not done.exists():
        call_command("migrate", verbosity=0)
        _add_users(users)
        done.touch()
    if apps.is_installed("django_oidc_rs"):
        from django_oidc_rs.models import FederatedIdentity

        if not FederatedIdentity.objects.filter(issuer=issuer).exists():
            _add_identities(users, issuer)


def _add_users(numbers: range) -> None:
    from django.contrib.auth import get_user_model

    user = get_user_model()()
    user.set_unusable_password()
    names = ("id", "username", "email")
    rows = ((n, subject(n), f"{subject(n)}@example.test") for n in numbers)
    _insert(user, names, rows)


def _add_identities(numbers: range, issuer: str) -> None:
    from django.utils import timezone

    from django_oidc_rs.models import FederatedIdentity, identity_key

    # Used just now: the write that notes the use once an hour is not due.
    identity = FederatedIdentity(issuer=issuer, last_used_at=timezone.now())
    digests = sorted((identity_key(issuer, subject(n)), n) for n in numbers)
    rows = ((digest, subject(n), n) for digest, n in digests)
    _insert(identity, ("key", "subject", "user_id"), rows)


def _insert(
    template: Any, names: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> None:
    """Insert copies of ``template`` that differ in ``names``: a million in seconds."""
    from django.db import connection, transaction

    fields = [
        field
        for field in template._meta.concrete_fields
        if field.attname in names or not field.primary_key
    ]
    fixed = [
        field.get_db_prep_save(field.pre_save(template, add=True), connection)
        if field.attname not in names
        else None
        for field in fields
    ]
    places = [[field.attname for field in fields].index(name) for name in names]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = quote(template._meta.db_table)
    statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"

    def filled() -> Iterator[list[Any]]:
        for row in rows:
            values = list(fixed)
            for place, value in zip(places, row, strict=True):
                values[place] = value
            yield values

    source = filled()
    with transaction.atomic(), connection.cursor() as cursor:
        while batch := list(islice(source, _BATCH)):
            cursor.executemany(statement, batch)
