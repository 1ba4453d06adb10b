"""``link_oidc_identities``: tie existing users to their (issuer, subject)."""

from __future__ import annotations

import csv
import itertools
import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import (
    FieldDoesNotExist,
    FieldError,
    ImproperlyConfigured,
    ValidationError,
)
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, router, transaction

from ...core.errors import excerpt
from ...core.issuers import IssuerPolicy
from ...models import FederatedIdentity
from ..issuers import chosen_issuers, no_database
from ..table import shown, table

_COLUMNS = ("issuer", "subject", "user")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    issuer: str
    subject: str
    user: Any
    action: str


class _BadRow(Exception):
    """A row that cannot be linked; the message says why."""


class Command(BaseCommand):
    """Link users by a CSV on standard input: issuer, subject, user.

    All rows or none: with a single bad row nothing is written and the exit status is 1;
    2 if the command cannot be run like this.
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
        issuers = chosen_issuers(())
        reader = _Reader(issuers, field=options["field"], relink=options["relink"])
        try:
            links, faults = reader.read()
            if faults:
                self.stderr.write("\n".join(faults))
                raise CommandError(
                    f"{len(faults)} bad {'row' if len(faults) == 1 else 'rows'}; "
                    "nothing was written."
                )
            if not options["dry_run"]:
                _write(links)
        except (Error, ImproperlyConfigured) as error:
            raise no_database(error) from error
        rows = [
            {
                "issuer": link.issuer,
                "subject": link.subject,
                "user": link.user.get_username(),
                "action": link.action,
            }
            for link in links
        ]
        if options["json"]:
            document = {"dry_run": options["dry_run"], "rows": rows}
            self.stdout.write(json.dumps(document, indent=2))
            return
        self.stdout.write(
            table(
                ("ISSUER", "SUBJECT", "USER", "ACTION"),
                [tuple(row.values()) for row in rows],
            )
        )
        count = Counter(link.action for link in links)
        self.stdout.write(
            ", ".join(f"{number} {action}" for action, number in count.items())
            or "No rows."
        )
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was written.")


def _write(links: list[_Link]) -> None:
    with transaction.atomic(using=router.db_for_write(FederatedIdentity)):
        for link in links:
            if link.action != "kept":
                FederatedIdentity.objects.link(link.issuer, link.subject, link.user)


class _Reader:
    """Reads the CSV, and looks everything up without writing anything."""

    def __init__(
        self, issuers: tuple[IssuerPolicy, ...], *, field: str | None, relink: bool
    ) -> None:
        self._issuers = issuers
        self._users = get_user_model()
        self._field = field or self._users.USERNAME_FIELD
        self._relink = relink
        try:
            self._users._meta.get_field(self._field)
        except FieldDoesNotExist as error:
            fields = self._users._meta.concrete_fields
            names = ", ".join(sorted(field.name for field in fields))
            raise CommandError(
                f"The user model has no field {self._field}. --field takes one of: "
                f"{names}.",
                returncode=2,
            ) from error

    def read(self) -> tuple[list[_Link], list[str]]:
        links: list[_Link] = []
        faults: list[str] = []
        seen: set[tuple[str, str]] = set()
        for line, row in _rows():
            try:
                link = self._link(row)
                if (link.issuer, link.subject) in seen:
                    raise _BadRow("the pair stands there twice")
            except _BadRow as fault:
                faults.append(f"line {line}: {fault}")
                continue
            seen.add((link.issuer, link.subject))
            links.append(link)
        return links, faults

    def _link(self, row: dict[str | None, Any]) -> _Link:
        if None in row or None in row.values():
            raise _BadRow(
                "it has not as many cells as the first line; quote cells with commas"
            )
        named, subject, value = (row[name] for name in _COLUMNS)
        issuer = next(
            (p.issuer for p in self._issuers if named in (p.alias, p.issuer)), None
        )
        if issuer is None:
            known = ", ".join(policy.alias for policy in self._issuers)
            raise _BadRow(f"no issuer {excerpt(named)} in OIDC_RS; there are: {known}")
        if not 0 < len(subject) <= 255:
            raise _BadRow("the subject must have 1 to 255 characters")
        if subject != subject.strip() or any(
            unicodedata.category(character) in ("Cc", "Cs") for character in subject
        ):
            # A blank behind the comma, most likely: it would be another subject.
            raise _BadRow("the subject has blanks around it or control characters")
        user = self._user(value)
        identity = FederatedIdentity.objects.of(issuer, subject)
        if identity is None:
            action = "linked"
        elif identity.user == user:
            action = "kept"
        elif self._relink or identity.user is None:
            action = "relinked"
        else:
            raise _BadRow("the pair belongs to another user; --relink moves it")
        return _Link(issuer=issuer, subject=subject, user=user, action=action)

    def _user(self, value: str) -> Any:
        if not value.strip():
            # Many users may have no e-mail address; an empty cell means none of them.
            raise _BadRow("no user is named")
        users = self._users._default_manager
        try:
            found = list(users.filter(**{self._field: value})[:2])
        except (
            FieldError,
            OverflowError,
            TypeError,
            ValidationError,
            ValueError,
        ) as error:
            raise _BadRow(f"{excerpt(value)} cannot be a {self._field}") from error
        if len(found) != 1:
            many = "several users" if found else "no user"
            raise _BadRow(f"{many} with {self._field} {excerpt(value)}")
        return found[0]


def _rows() -> Iterator[tuple[int, dict[str | None, Any]]]:
    """Yield line numbers and rows of standard input, without blank lines."""
    try:
        lines = iter(sys.stdin)
        # Spreadsheets begin UTF-8 files with a byte order mark.
        first = [line.removeprefix("\ufeff") for line in itertools.islice(lines, 1)]
        reader = csv.DictReader(itertools.chain(first, lines), strict=True)
        names = reader.fieldnames or []
        if sorted(set(_COLUMNS) & set(names)) != sorted(_COLUMNS) or len(
            set(names)
        ) < len(names):
            raise CommandError(
                f"The first line must name the columns {','.join(_COLUMNS)}, separated "
                f"by commas; it is {shown(','.join(names)) or 'empty'}.",
                returncode=2,
            )
        for row in reader:
            if any(
                isinstance(cell, list) or (cell or "").strip() for cell in row.values()
            ):
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise CommandError(
            f"That is no CSV in UTF-8: {error}.", returncode=2
        ) from error
