"""``check_oidc_issuers``: an online doctor for each issuer."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import wiring
from ...core.http import FetchedDocument
from ...core.issuers import IssuerPolicy
from ...core.keys import SourceError, StoreError
from ...core.keys.sync import SyncReport, fetch_keys
from ..issuers import chosen_issuers
from ..table import table

_MUCH_DRIFT = 10

# What a person can do, by the stable code of the failure.
_REMEDIES = {
    "dns": "Correct the host name in ISSUER, or this machine's resolver.",
    "connect": "Open the way from this machine to the issuer: firewall, port, proxy "
    '(OIDC_RS["HTTP"]["PROXIES"]).',
    "tls": "Let the issuer present a valid certificate, or name its CA in "
    'OIDC_RS["HTTP"]["CA_BUNDLE"].',
    "timeout": "The issuer is too slow; look at its load, or raise the timeouts in "
    'OIDC_RS["HTTP"].',
    "redirect": "Redirects are never followed: write the final address into settings.",
    "status": "Ask the address by hand; ISSUER, METADATA_URL or JWKS_URI is wrong, or "
    "the issuer is broken.",
    "content_type": "A web page answers there, a log-in page say: correct the address.",
    "insecure_url": "Use https.",
    "private_address": "A public document leads to a private address. If that is "
    'meant, list the host in OIDC_RS["HTTP"]["ALLOW_PRIVATE_ADDRESSES"].',
    "too_large": 'The answer is larger than OIDC_RS["HTTP"]["MAX_BYTES"].',
    "not_json": "What answers there is no metadata and no JWK Set; correct the "
    "address.",
    "issuer_mismatch": "Write ISSUER exactly as the issuer does, slash by slash.",
    "no_jwks_uri": "The metadata names no keys; set JWKS_URI.",
    "no_keys_array": "What answers there is no JWK Set; correct JWKS_URI.",
    "no_usable_key": "Compare ALGORITHMS with the keys published.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    alias: str
    check: str
    ok: bool
    detail: str = ""
    remedy: str = ""


@dataclass(slots=True)
class _Recorder:
    """A ``Fetch`` that keeps what it was answered."""

    fetch: Any
    documents: list[FetchedDocument] = field(default_factory=list)

    def __call__(
        self,
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedDocument:
        document: FetchedDocument = self.fetch(
            url, trusted_address=trusted_address, headers=headers or {}
        )
        self.documents.append(document)
        return document


class Command(BaseCommand):
    """Ask each issuer, and say what is wrong and what to do about it.

    Writes nothing. Exit status 1 if anything is wrong.
    """

    help = "Check each issuer: DNS, TLS, discovery, keys, stored keys, clock."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("alias", nargs="*", help="Issuers; all of them by default.")
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command."""
        policies = chosen_issuers(options["alias"])
        findings: list[_Finding] = []
        for count, policy in enumerate(policies, start=1):
            if len(policies) > 1 and not options["json"]:
                self.stderr.write(f"[{count}/{len(policies)}] {policy.alias}")
            findings += _examine(policy)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings]))
        else:
            self._print(findings)
        bad = sum(not finding.ok for finding in findings)
        if bad:
            raise CommandError(f"{bad} of {len(findings)} checks failed.")

    def _print(self, findings: list[_Finding]) -> None:
        self.stdout.write(
            table(
                ("ISSUER", "CHECK", "", "DETAIL"),
                [
                    (each.alias, each.check, "ok" if each.ok else "FAILED", each.detail)
                    for each in findings
                ],
            )
        )
        for each in findings:
            if each.remedy:
                self.stdout.write(
                    self.style.WARNING(f"{each.alias}, {each.check}: {each.remedy}")
                )


def _examine(policy: IssuerPolicy) -> list[_Finding]:
    if policy.jwks is not None or policy.shared_secret is not None:
        return [
            _Finding(
                alias=policy.alias, check="keys", ok=True, detail="written in settings"
            )
        ]
    seams = wiring.get_seams()
    url = policy.jwks_uri or policy.metadata_url or policy.issuer
    findings = [_dns(policy, url)]
    recorder = _Recorder(fetch=seams.fetch)
    report = fetch_keys(policy, None, fetch=recorder, clock=seams.clock)
    findings += [_keys(policy, report), _stored(policy, seams), *_refused(report)]
    if recorder.documents:
        findings.append(_drift(policy, recorder.documents[-1], seams.clock.now()))
    return findings


def _dns(policy: IssuerPolicy, url: str) -> _Finding:
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return _Finding(
            alias=policy.alias,
            check="dns",
            ok=False,
            detail=f"{host}: {error}",
            remedy=_REMEDIES["dns"],
        )
    addresses = sorted({str(entry[4][0]) for entry in found})
    return _Finding(
        alias=policy.alias, check="dns", ok=True, detail=", ".join(addresses)
    )


def _keys(policy: IssuerPolicy, report: SyncReport) -> _Finding:
    error = report.error
    if isinstance(error, SourceError):
        return _Finding(
            alias=policy.alias,
            check="metadata and keys",
            ok=False,
            detail=f"{error.code}: {error}",
            remedy=_REMEDIES.get(error.code, "Look at the issuer's own logs."),
        )
    return _Finding(
        alias=policy.alias,
        check="metadata and keys",
        ok=True,
        detail=f"{len(report.keys)} usable keys",
    )


def _refused(report: SyncReport) -> list[_Finding]:
    return [
        _Finding(
            alias=report.alias,
            check="refused key",
            ok=False,
            detail=key.reason,
            remedy="Have the issuer replace this key.",
        )
        for key in report.refused
        if key.alarming
    ]


def _stored(policy: IssuerPolicy, seams: wiring.Seams) -> _Finding:
    try:
        record = seams.store.load(policy.issuer)
    except StoreError as error:
        return _Finding(
            alias=policy.alias,
            check="stored keys",
            ok=False,
            detail=f"the database cannot be read: {error}",
            remedy="Run migrate.",
        )
    if record is None:
        return _Finding(
            alias=policy.alias,
            check="stored keys",
            ok=False,
            detail="none",
            remedy="Run sync_oidc_keys, so that a start survives the issuer's outage.",
        )
    age = max(0.0, seams.clock.now() - record.fetched_at)
    return _Finding(
        alias=policy.alias, check="stored keys", ok=True, detail=f"{age:.0f} s old"
    )


def _drift(policy: IssuerPolicy, document: FetchedDocument, now: float) -> _Finding:
    try:
        date = parsedate_to_datetime(document.headers.get("date", ""))
    except ValueError:
        return _Finding(
            alias=policy.alias,
            check="clock",
            ok=True,
            detail="the issuer tells no date",
        )
    theirs = date if date.tzinfo else date.replace(tzinfo=UTC)
    drift = now - theirs.timestamp()
    return _Finding(
        alias=policy.alias,
        check="clock",
        ok=abs(drift) <= _MUCH_DRIFT,
        detail=f"{drift:+.0f} s from the issuer's",
        remedy=""
        if abs(drift) <= _MUCH_DRIFT
        else "Synchronise this host's clock (NTP): fresh tokens look premature or "
        "expired tokens alive.",
    )
