"""One deliberate fetch: what ``sync_oidc_keys`` does for one issuer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..clock import Clock
from ..http import Fetch
from ..issuers import IssuerPolicy
from ..jwk import RefusedKey, VerificationKey, VerificationKeys
from .fleet import Outcome
from .records import KeyRecord, KeyStore, StoreError
from .source import IssuerSource, SourceError, parse_record

__all__ = ["SyncReport", "fetch_keys", "publish_keys"]

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a fetch found, compared with what is stored.

    ``error`` is set, and the rest empty, where the fetch failed.
    """

    alias: str
    issuer: str
    record: KeyRecord | None = None
    keys: tuple[VerificationKey, ...] = ()
    refused: tuple[RefusedKey, ...] = ()
    added: int = 0
    kept: int = 0
    removed: int = 0
    error: SourceError | StoreError | None = None


def fetch_keys(
    policy: IssuerPolicy, stored: KeyRecord | None, *, fetch: Fetch, clock: Clock
) -> SyncReport:
    """Fetch metadata and JWK Set of one issuer and compare them with ``stored``."""
    try:
        record = IssuerSource(policy, fetch=fetch, clock=clock).fetch(
            stored, rediscover=True
        )
        found = parse_record(record, policy)
    except SourceError as error:
        return SyncReport(alias=policy.alias, issuer=policy.issuer, error=error)
    before, now = _names(_stored_keys(stored, policy)), _names(found)
    return SyncReport(
        alias=policy.alias,
        issuer=policy.issuer,
        record=record,
        keys=found.keys,
        refused=found.refused,
        added=len(now - before),
        kept=len(now & before),
        removed=len(before - now),
    )


def publish_keys(
    policy: IssuerPolicy,
    report: SyncReport,
    *,
    store: KeyStore,
    fetch: Fetch,
    clock: Clock,
) -> SyncReport:
    """Store what ``report`` found; fetch again where another process was faster.

    Which of two answers is newer cannot be told, so neither overwrites the other.
    Returns the report of what is stored now, or one with an error.
    """
    for _attempt in range(_ATTEMPTS):
        if report.record is None:
            return report
        try:
            replacing = max(report.record.version, 0)
            if store.publish(report.record, replacing=replacing) is not None:
                # The issuer answers: no process need go on waiting for it.
                store.settle(policy.issuer, holder="", outcome=Outcome())
                return report
            stored = store.load(policy.issuer)
        except StoreError as error:
            return replace(report, error=error)
        report = fetch_keys(policy, stored, fetch=fetch, clock=clock)
    return replace(report, error=StoreError("others keep publishing"))


def _stored_keys(stored: KeyRecord | None, policy: IssuerPolicy) -> VerificationKeys:
    if stored is None:
        return VerificationKeys(())
    try:
        return parse_record(stored, policy)
    except SourceError:
        return VerificationKeys(())


def _names(keys: VerificationKeys) -> frozenset[tuple[object, ...]]:
    return frozenset(
        (key.key_id, key.key_type, key.curve, key.algorithm) for key in keys.keys
    )
