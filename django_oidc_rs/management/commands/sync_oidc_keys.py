"""``sync_oidc_keys``: fetch, validate and store the keys of the issuers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from ... import wiring
from ...conf import get_config
from ...core.errors import excerpt
from ...core.issuers import IssuerPolicy
from ...core.keys import StoreError
from ...core.keys.sync import SyncReport, fetch_keys, publish_keys
from ...models import IssuerRecord, issuer_key
from ..issuers import chosen_issuers
from ..table import table

_PARALLEL = 8


class Command(BaseCommand):
    """Fetch metadata and JWK Set of each issuer, validate them, store them.

    Exit status 1 if any issuer failed; its stored keys stay as they were.
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
        fetched = [p for p in policies if p.jwks is None and p.shared_secret is None]
        reports = {report.alias: report for report in self._sync(fetched, **options)}
        rows = [_row(policy, reports.get(policy.alias)) for policy in policies]
        pruned = self._prune() if options["prune"] and not options["check"] else 0
        if options["json"]:
            self.stdout.write(json.dumps({"issuers": rows, "pruned": pruned}, indent=2))
        else:
            self._print(rows, pruned)
        failed = [report for report in reports.values() if report.error is not None]
        if failed:
            names = ", ".join(report.alias for report in failed)
            raise CommandError(f"Failed: {names}. Stored keys are untouched.")

    def _sync(
        self, policies: list[IssuerPolicy], **options: Any
    ) -> Iterator[SyncReport]:
        seams = wiring.get_seams()
        store = seams.store
        with ThreadPoolExecutor(_PARALLEL) as pool:
            pending = []
            for policy in policies:
                try:
                    stored = store.load(policy.issuer)
                except StoreError as error:
                    raise CommandError(
                        f"The database cannot be read ({error}). Run migrate first.",
                        returncode=2,
                    ) from error
                pending.append(
                    pool.submit(
                        fetch_keys,
                        policy,
                        stored,
                        fetch=seams.fetch,
                        clock=seams.clock,
                    )
                )
            for count, future in enumerate(as_completed(pending), start=1):
                report = future.result()
                if report.record is not None and not options["check"]:
                    try:
                        publish_keys(report.record, store=store)
                    except StoreError as error:
                        report = replace(report, error=error)
                if len(policies) > 1 and not options["json"]:
                    self.stderr.write(f"[{count}/{len(policies)}] {report.alias}")
                yield report

    def _prune(self) -> int:
        current = [issuer_key(policy.issuer) for policy in get_config().issuers]
        try:
            count, _ = IssuerRecord.objects.exclude(key__in=current).delete()
        except DatabaseError as error:
            raise CommandError(f"Pruning failed: {error}") from error
        return count

    def _print(self, rows: list[dict[str, Any]], pruned: int) -> None:
        self.stdout.write(
            table(
                ("ISSUER", "ALGORITHMS", "KEY IDS", "ADDED", "KEPT", "REMOVED", "AGE"),
                [
                    (
                        row["alias"],
                        ", ".join(row["algorithms"]) or "-",
                        ", ".join(row["key_ids"]) or "-",
                        row["added"],
                        row["kept"],
                        row["removed"],
                        row["status"],
                    )
                    for row in rows
                ],
            )
        )
        for row in rows:
            for refused in row["refused"]:
                line = f"{row['alias']}: key {refused['key_id']}: {refused['reason']}"
                style = self.style.WARNING if refused["alarming"] else str
                self.stdout.write(style(line))
            if row["error"]:
                self.stderr.write(self.style.ERROR(f"{row['alias']}: {row['error']}"))
        if pruned:
            self.stdout.write(f"Pruned {pruned} stored issuers.")


def _row(policy: IssuerPolicy, report: SyncReport | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "alias": policy.alias,
        "issuer": policy.issuer,
        "status": "in settings",
        "algorithms": [],
        "key_ids": [],
        "added": 0,
        "kept": 0,
        "removed": 0,
        "lifetime": None,
        "refused": [],
        "error": None,
    }
    if report is None:
        return row
    if report.error is not None:
        code = getattr(report.error, "code", "store")
        return {**row, "status": "failed", "error": f"{code}: {report.error}"}
    lifetime = report.record.lifetime if report.record else 0
    return {
        **row,
        "status": f"fresh for {lifetime:.0f} s",
        "algorithms": sorted(
            {
                name
                for name in policy.algorithms
                if any(key.fits(name) for key in report.keys)
            }
        ),
        "key_ids": [_shown(key.key_id) for key in report.keys],
        "added": report.added,
        "kept": report.kept,
        "removed": report.removed,
        "lifetime": lifetime,
        "refused": [
            {
                "key_id": _shown(key.key_id),
                "reason": key.reason,
                "alarming": key.alarming,
            }
            for key in report.refused
        ],
    }


def _shown(key_id: str | None) -> str:
    """Return a key ID fit for a terminal: somebody else wrote it."""
    return "-" if key_id is None else excerpt(key_id)[1:].rstrip("'\"")
