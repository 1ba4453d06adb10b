"""``sync_oidc_keys``: fetch, validate and store the keys of the issuers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from ... import wiring
from ...conf import get_config
from ...core.issuers import IssuerPolicy
from ...core.keys import KeyRecord, StoreError
from ...core.keys.sync import SyncReport, fetch_keys
from ...key_sync import publish
from ...models import IssuerRecord, RefreshState, issuer_key
from ..issuers import chosen_issuers, no_database
from ..table import duration, shown, table

_PARALLEL = 8
_KEYS_SHOWN = 8
_KEY_ID_SHOWN = 44


class Command(BaseCommand):
    """Fetch metadata and JWK Set of each issuer, validate them, store them.

    Exit status 1 if any issuer failed; its stored keys stay as they were. 2 if the
    command cannot be run like this.
    """

    help = "Fetch, validate and store the keys of the issuers in OIDC_RS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("alias", nargs="*", help="Issuers; all of them by default.")
        parser.add_argument(
            "--check", action="store_true", help="Fetch and report, store nothing."
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Delete stored keys of issuers that are no longer in OIDC_RS.",
        )
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command."""
        policies = chosen_issuers(options["alias"])
        seams = wiring.get_seams()
        stored = _stored(policies, seams)
        reports = {
            report.alias: report
            for report in self._sync(policies, stored, seams, **options)
        }
        now = seams.clock.now()
        rows = [
            _row(policy, reports.get(policy.alias), stored.get(policy.alias), now)
            for policy in policies
        ]
        pruned = _prune(delete=not options["check"]) if options["prune"] else 0
        if options["json"]:
            self.stdout.write(json.dumps({"issuers": rows, "pruned": pruned}, indent=2))
        else:
            self._print(rows, pruned, stores=not options["check"])
        failed = [row["alias"] for row in rows if row["error"]]
        if failed:
            raise CommandError(
                f"Failed: {', '.join(failed)}. What is stored of these stays as it "
                "was; manage.py check_oidc_issuers says what to do."
            )

    def _sync(
        self,
        policies: Sequence[IssuerPolicy],
        stored: Mapping[str, KeyRecord | None],
        seams: wiring.Seams,
        **options: Any,
    ) -> Iterator[SyncReport]:
        by_alias = {policy.alias: policy for policy in policies}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            pending = [
                pool.submit(
                    fetch_keys,
                    policy,
                    stored[policy.alias],
                    fetch=seams.fetch,
                    clock=seams.clock,
                )
                for policy in policies
                if policy.alias in stored
            ]
            for count, future in enumerate(as_completed(pending), start=1):
                report = future.result()
                if not options["check"]:
                    report = publish(by_alias[report.alias], report, seams)
                if len(pending) > 1 and not options["json"]:
                    outcome = "failed" if report.error else "ok"
                    self.stderr.write(
                        f"[{count}/{len(pending)}] {report.alias}: {outcome}"
                    )
                yield report

    def _print(self, rows: list[dict[str, Any]], pruned: int, *, stores: bool) -> None:
        self.stdout.write(
            table(
                ("ISSUER", "STATE", "KEYS", "KEY ID", "ALGORITHMS"),
                [line for row in rows for line in _lines(row)],
            )
        )
        for row in rows:
            for refused in row["refused"]:
                line = (
                    f"{row['alias']}: key {refused['key_id'] or '-'} is not "
                    f"used: {refused['reason']}"
                )
                style = self.style.WARNING if refused["alarming"] else str
                self.stdout.write(style(line))
            if row["error"]:
                self.stderr.write(
                    self.style.ERROR(f"{row['alias']}: {shown(row['error'], 300)}")
                )
        if pruned:
            done = "Pruned" if stores else "Would prune"
            self.stdout.write(f"{done} what is not in OIDC_RS: {pruned}.")
        if not stores:
            self.stdout.write("Nothing was stored.")


def _stored(
    policies: Sequence[IssuerPolicy], seams: wiring.Seams
) -> dict[str, KeyRecord | None]:
    """Return what is stored of each issuer whose keys are fetched at all."""
    try:
        return {
            policy.alias: seams.store_of(policy).load(policy.issuer)
            for policy in policies
            if policy.fetches_keys
        }
    except StoreError as error:
        raise no_database(error) from error


def _prune(*, delete: bool) -> int:
    current = [issuer_key(policy.issuer) for policy in get_config().issuers]
    surplus = IssuerRecord.objects.exclude(key__in=current)
    try:
        if delete:
            RefreshState.objects.exclude(key__in=current).delete()
        return surplus.delete()[0] if delete else surplus.count()
    except (Error, ImproperlyConfigured) as error:
        raise no_database(error) from error


def _row(
    policy: IssuerPolicy,
    report: SyncReport | None,
    stored: KeyRecord | None,
    now: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "alias": policy.alias,
        "issuer": policy.issuer,
        "status": "in settings" if policy.uses_keys else "not used",
        "keys": [],
        "added": 0,
        "kept": 0,
        "removed": 0,
        "age": None,
        "lifetime": None,
        "refused": [],
        "error": None,
    }
    if report is None:
        return row
    if report.error is not None or report.record is None:
        code = getattr(report.error, "code", "store")
        message = str(report.error).removeprefix(f"{code}: ")
        return {
            **row,
            "status": "failed",
            "age": max(0.0, now - stored.fetched_at) if stored else None,
            "error": f"{code}: {message}",
        }
    return {
        **row,
        "status": "fetched",
        "keys": [
            {
                "key_id": _key_id(key.key_id),
                "algorithms": [
                    name for name in sorted(policy.algorithms) if key.fits(name)
                ],
            }
            for key in report.keys
        ],
        "added": report.added,
        "kept": report.kept,
        "removed": report.removed,
        "age": 0.0,
        "lifetime": report.record.lifetime,
        "refused": [
            {
                "key_id": _key_id(key.key_id),
                "reason": key.reason,
                "alarming": key.alarming,
            }
            for key in report.refused
        ],
    }


def _key_id(key_id: str | None) -> str | None:
    return None if key_id is None else shown(key_id)


def _lines(row: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Return the lines of one issuer: one per key, at least one."""
    if row["status"] == "fetched":
        state = f"fresh for {duration(row['lifetime'])}"
        changes = " ".join(
            f"{row[name]} {name}" for name in ("added", "kept", "removed") if row[name]
        )
    elif row["status"] == "failed":
        age = row["age"]
        state = "failed, " + (
            "none stored" if age is None else f"stored ones {duration(age)} old"
        )
        changes = "-"
    else:
        state, changes = row["status"], "-"
    keys = [
        (shown(key["key_id"] or "-", _KEY_ID_SHOWN), " ".join(key["algorithms"]))
        for key in row["keys"]
    ]
    more = len(keys) - _KEYS_SHOWN
    if more > 0:
        keys[_KEYS_SHOWN:] = [(f"and {more} more", "")]
    first, *others = keys or [("-", "-")]
    yield row["alias"], state, changes, *first
    for other in others:
        yield "", "", "", *other
