"""``check_oidc_issuers``: an online doctor for each issuer."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import wiring
from ...conf import get_config
from ...core.http import Fetch, FetchedDocument
from ...core.issuers import IssuerPolicy
from ...core.keys.sync import SyncReport, fetch_keys
from ..asking import try_asking
from ..issuers import chosen_issuers
from ..stored import judge, load_stored
from ..table import duration, shown, table

_MUCH_DRIFT = 10
_DETAIL = 200
_SECONDS = re.compile(r"[0-9]{1,9}")
_METADATA_CODES = frozenset(("not_json", "issuer_mismatch", "no_jwks_uri"))

_CLOCKS = (
    "Synchronise this host's clock (NTP), or the issuer's: fresh tokens look "
    "premature, or expired ones alive."
)
# What a person can do, by the stable code of the failure.
_REMEDIES = {
    "dns": "Correct the host name in ISSUER, or this machine's resolver.",
    "connect": "Is it running, and is the port in ISSUER right? Else open the way from "
    'this machine to it: firewall, port, proxy (OIDC_RS["HTTP"]["PROXIES"]).',
    "tls": "Let the issuer present a valid certificate, or name its CA in "
    'OIDC_RS["HTTP"]["CA_BUNDLE"]. WRONG_VERSION_NUMBER is a port without TLS.',
    "timeout": "The issuer is too slow; look at its load, or raise the timeouts in "
    'OIDC_RS["HTTP"].',
    "redirect": "Redirects are never followed: write the final address into settings.",
    "status": "Ask the address by hand; ISSUER, METADATA_URL or JWKS_URI is wrong, or "
    "the issuer is broken.",
    "content_type": "A web page answers there, perhaps to log in: correct the address.",
    "insecure_url": "Use https.",
    "proxy": 'Correct OIDC_RS["HTTP"]["PROXIES"], or look at the proxy.',
    "protocol": "What answers there does not speak HTTP as it should: correct the "
    "address or the port.",
    "content_encoding": "Have the issuer answer without compression.",
    "private_address": "A public document leads to a private address. If that is "
    'meant, list the host in OIDC_RS["HTTP"]["ALLOW_PRIVATE_ADDRESSES"].',
    "too_large": 'The answer is larger than OIDC_RS["HTTP"]["MAX_BYTES"].',
    "not_json": "What answers there is no metadata and no JWK Set; correct the "
    "address.",
    "issuer_mismatch": "Write ISSUER exactly as the issuer does, slash by slash.",
    "no_jwks_uri": "The metadata names no keys; set JWKS_URI.",
    "no_introspection_endpoint": "The metadata names no introspection endpoint; set "
    "ENDPOINT.",
    "foreign_endpoint": "If the address is right, write it into ENDPOINT.",
    "too_many_keys": "Have the issuer withdraw its old keys.",
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
    """A ``Fetch`` that keeps what it asked and what it was answered."""

    fetch: Fetch
    asked: list[str] = field(default_factory=list)
    documents: list[FetchedDocument] = field(default_factory=list)

    def __call__(
        self,
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> FetchedDocument:
        self.asked.append(url)
        document = self.fetch(url, trusted_address=trusted_address, headers=headers)
        self.documents.append(document)
        return document


class Command(BaseCommand):
    """Ask each issuer, and say what is wrong and what to do about it.

    Writes nothing. Exit status 1 if anything is wrong.
    """

    help = "Check each issuer: DNS, TLS, discovery, introspection, keys, clock."

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
            self.stdout.write(json.dumps(list(map(asdict, findings)), indent=2))
        else:
            self._print(findings)
        bad = sum(not finding.ok for finding in findings)
        if bad:
            raise CommandError(f"{bad} of {len(findings)} checks failed.")

    def _print(self, findings: list[_Finding]) -> None:
        self.stdout.write(
            table(
                ("ISSUER", "CHECK", "RESULT", "DETAIL"),
                [
                    (each.alias, each.check, "ok" if each.ok else "FAILED", each.detail)
                    for each in findings
                ],
            )
        )
        remedies = {
            f"{each.alias}, {each.check}: {each.remedy}": None
            for each in findings
            if each.remedy
        }
        for line in remedies:
            self.stdout.write(self.style.WARNING(line))


def _examine(policy: IssuerPolicy) -> Iterator[_Finding]:
    finding = partial(_finding, policy.alias)
    findings: list[_Finding] = []
    if not policy.fetches_keys:
        why = "written in settings" if policy.uses_keys else "none: the issuer is asked"
        findings.append(finding("keys", why))
    else:
        findings += _examine_keys(policy)
    yield from findings
    asker = wiring.get_resource_server().introspection_of(policy)
    if asker is not None:
        detail, remedy = try_asking(asker)
        if remedy and _is_unknown(policy, findings):
            remedy = "Where to ask stands in the metadata: mend that first."
        yield finding("introspection", detail, remedy)


def _is_unknown(policy: IssuerPolicy, findings: list[_Finding]) -> bool:
    """Whether where to ask stands in metadata that could not be had."""
    named = policy.introspection is not None and policy.introspection.endpoint
    return not named and any(
        each.check == "metadata" and not each.ok for each in findings
    )


def _finding(alias: str, check: str, detail: str, remedy: str = "") -> _Finding:
    return _Finding(
        alias=alias,
        check=check,
        ok=not remedy,
        detail=shown(detail, _DETAIL),
        remedy=remedy,
    )


def _examine_keys(policy: IssuerPolicy) -> Iterator[_Finding]:
    finding, seams = partial(_finding, policy.alias), wiring.get_seams()
    yield finding("dns", *_dns(policy.jwks_uri or policy.metadata_url or policy.issuer))
    recorder = _Recorder(fetch=seams.fetch)
    stored = load_stored(policy, seams)
    report = fetch_keys(policy, stored.record, fetch=recorder, clock=seams.clock)
    error = report.error
    if policy.jwks_uri is None:
        if error is not None and _is_of_metadata(error, recorder):
            yield finding("metadata", *_failure(error, recorder))
            error = None
        else:
            yield finding("metadata", recorder.documents[0].url)
    if error is not None:
        yield finding("keys", *_failure(error, recorder))
    elif report.record is not None:
        yield finding("keys", _usable(policy, report))
    for key in filter(attrgetter("alarming"), report.refused):
        yield finding(
            "refused key",
            f"{key.key_id or '-'}: {key.reason}",
            "Have the issuer replace this key.",
        )
    for found in judge(policy, stored, report, seams.clock.now()):
        yield finding(*found)
    if recorder.documents:
        yield finding("clock", *_drift(recorder.documents[-1], seams.clock.now()))


def _dns(url: str) -> tuple[str, str]:
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if get_config().http.proxies:
            return f"{host}: unknown here; the proxy may know", ""
        return f"{host}: {error}", _REMEDIES["dns"]
    return ", ".join(sorted({str(entry[4][0]) for entry in found})), ""


def _is_of_metadata(error: Exception, recorder: _Recorder) -> bool:
    """Whether the way ended before the address of the keys was known."""
    code = getattr(error, "code", "")
    return not recorder.documents or (
        len(recorder.documents) == 1 and code in _METADATA_CODES
    )


def _failure(error: Exception, recorder: _Recorder) -> tuple[str, str]:
    code = getattr(error, "code", "")
    message = str(error).removeprefix(f"{code}: ")
    # Discovery tries two addresses; it matters which one failed last.
    where = "" if recorder.asked[-1] in message else f"{recorder.asked[-1]}: "
    return (
        f"{code}: {where}{message}",
        _REMEDIES.get(code, "Look at the issuer's own logs."),
    )


def _usable(policy: IssuerPolicy, report: SyncReport) -> str:
    algorithms = {
        name for key in report.keys for name in policy.algorithms if key.fits(name)
    }
    count = len(report.keys)
    return f"{count} usable {'key' if count == 1 else 'keys'}: " + " ".join(
        sorted(algorithms)
    )


def _drift(document: FetchedDocument, now: float) -> tuple[str, str]:
    try:
        date = parsedate_to_datetime(document.headers.get("date", ""))
    except ValueError:
        return "the issuer tells no date", ""
    theirs = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    # A cache's answer is as old as it says. RFC 9111 section 5.1.
    age = document.headers.get("age", "")
    drift = now - theirs - (int(age) if _SECONDS.fullmatch(age) else 0)
    side = "ahead of" if drift > 0 else "behind"
    detail = f"{duration(abs(drift))} {side} the issuer's"
    if abs(drift) <= _MUCH_DRIFT:
        return detail, ""
    return detail, _CLOCKS
