"""What is stored of an issuer's keys: read for people, by the store's clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC

from django.db import router

from .core.issuers import DATABASE, IssuerPolicy
from .core.jwk import RefusedKey, VerificationKey
from .core.keys import FleetState, KeyRecord, KeyStatus, SourceError, StoreError
from .core.keys.limits import MAX_PAUSE, pause_after
from .core.keys.local import LocalKeys
from .models import RefreshState, issuer_key
from .stores import StoreNow
from .wiring import get_resource_server, get_seams

__all__ = ["StoredKeys", "stored_keys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeys:
    """One issuer's keys as every process finds them in the key store.

    Attributes:
        status: state, age and how long they serve, by the store's clock and the
            issuer's settings; the fleet's last error, if no success came after it.
        failures: fetches in a row that failed, in the whole fleet.
        keys, refused: the usable keys of the set, and its others.
        problem: why what is stored cannot be used, "" if it can.
    """

    status: KeyStatus
    failures: int = 0
    keys: tuple[VerificationKey, ...] = ()
    refused: tuple[RefusedKey, ...] = ()
    problem: str = ""


def stored_keys(policy: IssuerPolicy) -> StoredKeys:
    """Return how the keys of one issuer stand. Reads the store, asks no issuer."""
    if not policy.fetches_keys:
        return _in_settings(policy)
    seams = get_seams()
    store = seams.store_of(policy)
    # The middle of the jitter: each process has its own.
    local = LocalKeys(policy, clock=seams.clock, store=store, jitter=lambda: 0.5)
    record, problem = None, ""
    try:
        record = store.load(policy.issuer)
        if record is not None:
            local.install(record)
    except StoreError as error:
        problem = f"the key store does not answer: {error}"
    except SourceError as error:
        problem = f"{error.code}: {error}"
    fleet, pause = _fleet_state(policy, record)
    status = KeyStatus.of(
        local.snapshot,
        seams.clock.monotonic(),
        error=fleet.error,
        pause=math.inf if policy.keys.by_command else pause,
    )
    keys = local.snapshot.keys if local.snapshot else None
    return StoredKeys(
        status=status,
        failures=fleet.failures,
        keys=keys.keys if keys else (),
        refused=keys.refused if keys else (),
        problem=problem,
    )


def _in_settings(policy: IssuerPolicy) -> StoredKeys:
    source = next(
        validator.keys
        for validator in get_resource_server().validators
        if validator.policy.alias == policy.alias
    )
    keys = source.snapshot(wait=False).keys
    return StoredKeys(status=source.status(), keys=keys.keys, refused=keys.refused)


def _fleet_state(
    policy: IssuerPolicy, record: KeyRecord | None
) -> tuple[FleetState, float]:
    """Return what all processes know of failures, and the pause until the next fetch.

    Nothing where a cache holds it, or where keys were published after the last failure:
    a deliberate fetch (``key_sync``) leaves the fleet's state alone.
    """
    nothing = FleetState(), 0.0
    if policy.keys.store != DATABASE:
        return nothing
    rows = RefreshState.objects.using(router.db_for_write(RefreshState))
    row = (
        rows.filter(key=issuer_key(policy.issuer)).annotate(store_now=StoreNow())
    ).first()
    if row is None:
        return nothing
    now = row.store_now
    pause = -(now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp()
    state = FleetState.from_json(row.state)
    pause += state.not_before
    if record is not None and record.age <= pause_after(state.failures, 0) - pause:
        return nothing
    return state, pause if 0 < pause <= MAX_PAUSE else 0.0
