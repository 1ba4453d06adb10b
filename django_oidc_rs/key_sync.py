"""Fetching keys on request: what ``sync_oidc_keys`` and the admin's button do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

from .core.clock import Clock
from .core.http import Fetch, FetchedDocument, FetchError
from .core.issuers import IssuerPolicy
from .core.keys import Outcome, SourceError, StoreError
from .core.keys.sync import SyncReport, fetch_keys, publish_keys
from .wiring import Seams, get_seams

__all__ = ["publish", "sync_now"]

# A worker's time limit is 30 s in many servers; a fetch that has begun may take 5 more.
_PATIENCE = 15.0


def sync_now(policies: Iterable[IssuerPolicy]) -> list[SyncReport]:
    """Fetch, validate and store the keys of ``policies``, as ``sync_oidc_keys`` does.

    Takes 15 seconds, and one fetch's time limit besides, at most. Fetches everything
    before it writes anything: where the caller is in a transaction, no row stays locked
    while an issuer is waited for.
    """
    seams = get_seams()
    seams = replace(seams, fetch=_hurried(seams.fetch, seams.clock))
    reports = [(policy, _fetch(policy, seams)) for policy in policies]
    return [publish(policy, report, seams) for policy, report in reports]


def _fetch(policy: IssuerPolicy, seams: Seams) -> SyncReport:
    try:
        stored = seams.store_of(policy).load(policy.issuer)
    except StoreError as error:
        return SyncReport(alias=policy.alias, issuer=policy.issuer, error=error)
    return fetch_keys(policy, stored, fetch=seams.fetch, clock=seams.clock)


def _hurried(fetch: Fetch, clock: Clock) -> Fetch:
    """Return ``fetch`` for somebody who waits: nothing new is begun after 15 s."""
    deadline = clock.monotonic() + _PATIENCE

    def hurried(
        url: str,
        *,
        trusted_address: bool,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> FetchedDocument:
        if clock.monotonic() >= deadline:
            raise FetchError("timeout", "the others took too long; try this one alone")
        return fetch(url, trusted_address=trusted_address, headers=headers)

    return hurried


def publish(policy: IssuerPolicy, report: SyncReport, seams: Seams) -> SyncReport:
    """Store what was found, where requests look and in the database behind that.

    A failure is noted there too, where requests never fetch.
    """
    store = seams.store_of(policy)
    report = publish_keys(
        policy, report, store=store, fetch=seams.fetch, clock=seams.clock
    )
    if policy.keys.by_command and isinstance(report.error, SourceError):
        # Requests never meet the issuer then: health has it from here.
        outcome = Outcome(error=report.error.code)
        with suppress(StoreError):
            store.settle(policy.issuer, holder="", outcome=outcome)
    if store is seams.store or report.record is None or report.error is not None:
        return report
    try:
        kept = seams.store.load(policy.issuer)
    except StoreError as error:
        return replace(report, error=error)
    record = replace(report.record, version=kept.version if kept else 0)
    return publish_keys(
        policy,
        replace(report, record=record),
        store=seams.store,
        fetch=seams.fetch,
        clock=seams.clock,
    )
