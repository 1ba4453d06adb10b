"""``link_oidc_identities``: tie existing users to their (issuer, subject)."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import router, transaction

from ...core.issuers import IssuerPolicy
from ...models import FederatedIdentity
from ..issuers import chosen_issuers
from ..table import table

_COLUMNS = ("issuer", "subject", "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    issuer: str
    subject: str
    user: Any
    action: str


class Command(BaseCommand):
    """Link users by a CSV on standard input: issuer, subject, user.

    All rows or none: with a single bad row nothing is written and the exit status is 1.
    """

    help = (
        "Link existing users: CSV on standard input with the columns issuer (alias or "
        "identifier), subject, user."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--field",
            default=None,
            help="The field of the user model that the column user holds; the user "
            "name by default.",
        )
        parser.add_argument(
            "--relink",
            action="store_true",
            help="Allow rows that move a pair from one user to another.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Check every row, write nothing."
        )
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command."""
        field = options["field"] or get_user_model().USERNAME_FIELD
        _check_field(field)
        links, faults = _read(sys.stdin, field=field, relink=options["relink"])
        if faults:
            self.stderr.write("\n".join(faults))
            raise CommandError(f"{len(faults)} bad rows; nothing was written.")
        if not options["dry_run"]:
            manager = FederatedIdentity.objects
            with transaction.atomic(using=router.db_for_write(FederatedIdentity)):
                for link in links:
                    if link.action != "kept":
                        manager.link(link.issuer, link.subject, link.user)
        rows = [
            {
                "issuer": link.issuer,
                "subject": ascii(link.subject)[1:-1],
                "user": link.user.get_username(),
                "action": link.action,
            }
            for link in links
        ]
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], "rows": rows}))
        else:
            self.stdout.write(
                table(
                    ("ISSUER", "SUBJECT", "USER", "ACTION"),
                    [tuple(row.values()) for row in rows],
                )
            )
            if options["dry_run"]:
                self.stdout.write("Dry run: nothing was written.")


def _check_field(field: str) -> None:
    try:
        get_user_model()._meta.get_field(field)
    except FieldDoesNotExist as error:
        raise CommandError(f"The user model has no field {field}.", returncode=2) from (
            error
        )


def _read(
    lines: Iterable[str], *, field: str, relink: bool
) -> tuple[list[_Link], list[str]]:
    issuers = chosen_issuers(())
    reader = csv.DictReader(lines)
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise CommandError(
            f"The first line must name the columns {', '.join(_COLUMNS)}; missing: "
            f"{', '.join(missing)}.",
            returncode=2,
        )
    links: list[_Link] = []
    faults: list[str] = []
    seen: set[tuple[str, str]] = set()
    for row in reader:
        try:
            link = _link(row, issuers=issuers, field=field, relink=relink)
            if (link.issuer, link.subject) in seen:
                raise ValueError("the pair stands there twice")
        except ValueError as fault:
            faults.append(f"line {reader.line_num}: {fault}")
            continue
        seen.add((link.issuer, link.subject))
        links.append(link)
    return links, faults


def _link(
    row: dict[str, str | None],
    *,
    issuers: tuple[IssuerPolicy, ...],
    field: str,
    relink: bool,
) -> _Link:
    named, subject, value = (row.get(name) or "" for name in _COLUMNS)
    issuer = next(
        (each.issuer for each in issuers if named in (each.alias, each.issuer)), None
    )
    if issuer is None:
        raise ValueError(f"no issuer {named!a} in OIDC_RS")
    if not subject.strip() or len(subject) > 255:
        raise ValueError("the subject must have 1 to 255 characters")
    user = _user(field, value)
    identity = FederatedIdentity.objects.of(issuer, subject)
    if identity is None:
        action = "linked"
    elif identity.user == user:
        action = "kept"
    elif relink or identity.user is None:
        action = "relinked"
    else:
        raise ValueError("the pair belongs to another user; --relink moves it")
    return _Link(issuer=issuer, subject=subject, user=user, action=action)


def _user(field: str, value: str) -> Any:
    try:
        users = list(get_user_model()._default_manager.filter(**{field: value})[:2])
    except (FieldError, ValidationError, ValueError, TypeError) as error:
        raise ValueError(f"{value!a} cannot be a {field}") from error
    if len(users) != 1:
        many = "several users" if users else "no user"
        raise ValueError(f"{many} with {field} {value!a}")
    return users[0]
