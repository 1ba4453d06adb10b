"""Is what is stored of an issuer's keys of use? Findings, each with its remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from ..core.issuers import IssuerPolicy
from ..core.keys import KeyRecord, SourceError, StoreError
from ..core.keys.source import parse_record
from ..core.keys.sync import SyncReport
from ..wiring import Seams
from .table import duration

__all__ = ["Stored", "judge", "load_stored"]

_STORE = (
    "Bring the database up and run manage.py migrate; where KEYS.STORE names a cache, "
    "bring that up."
)
_SYNC = (
    "Run manage.py sync_oidc_keys when deploying, so that a start survives the "
    "issuer's outage."
)
_SYNC_ALONE = (
    'Run manage.py sync_oidc_keys: with REFRESH "command" nothing else fetches keys. '
    "Run it more often than the issuer changes its keys."
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the key store gave: a record, nothing, or the word why it could not."""

    record: KeyRecord | None
    failure: str = ""


def load_stored(policy: IssuerPolicy, seams: Seams) -> Stored:
    """Return what is stored of one issuer's keys; asks no issuer, raises nothing."""
    try:
        return Stored(seams.store_of(policy).load(policy.issuer))
    except StoreError as error:
        return Stored(None, str(error))


def judge(
    policy: IssuerPolicy, stored: Stored, report: SyncReport, now: float
) -> Iterator[tuple[str, str, str]]:
    """Yield check, detail and remedy; the remedy is "" where all is well.

    ``report`` is of a fetch just made, ``now`` in seconds since the epoch. Stored keys
    are compared with published ones only where requests never ask the issuer: others
    keep themselves up to date.
    """
    yield "stored keys", *_age(policy, stored, now)
    before, published = stored.record, report.record
    if policy.keys.by_command and before is not None and published is not None:
        yield "up to date", *_compared(before, published, report)


def _age(policy: IssuerPolicy, stored: Stored, now: float) -> tuple[str, str]:
    if stored.failure:
        return f"the key store cannot be read: {stored.failure}", _STORE
    keys, record = policy.keys, stored.record
    remedy = _SYNC_ALONE if keys.by_command else _SYNC
    if record is None:
        return "none", remedy
    try:
        parse_record(record, policy)
    except SourceError as error:
        return f"{error.code}: {error}", remedy
    age = max(0.0, now - record.fetched_at)
    serves = record.lifetime + keys.stale_if_error
    if age > (keys.max_stale if keys.by_command else serves):
        return f"{duration(age)} old, too old to serve", remedy
    return f"{duration(age)} old", ""


def _compared(
    stored: KeyRecord, published: KeyRecord, report: SyncReport
) -> tuple[str, str]:
    behind = "behind what the issuer publishes: "
    if report.added or report.removed:
        changes = f"{report.added} new, {report.removed} withdrawn"
        return f"{behind}{changes}", _SYNC_ALONE
    if _contents(stored) != _contents(published):
        return f"{behind}same key IDs, changed", _SYNC_ALONE
    return "the stored keys are those the issuer publishes", ""


def _contents(record: KeyRecord) -> list[str]:
    # The order of a set's keys means nothing; some issuers shuffle them.
    return sorted(map(json.dumps, json.loads(record.jwks)["keys"]))
