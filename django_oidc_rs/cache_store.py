"""The key store on Django's cache framework, for fleets that share a Redis.

Everybody who can write to a cache could plant keys in it, so what is read is trusted
only with a signature by ``SECRET_KEY`` (``SECRET_KEY_FALLBACKS`` are honoured). Times
are the cache server's: leases, budgets and pauses are entries that expire.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from django.core import signing
from django.core.cache import BaseCache, caches

from .conf import get_config
from .core.keys import Admission, KeyRecord, KeyStore, Outcome, StoreError, Verdict
from .core.keys.fleet import LEASE
from .core.keys.limits import MAX_FETCHES, pause_after
from .models import issuer_key

__all__ = ["CacheKeyStore"]

logger = logging.getLogger("django_oidc_rs.keys")

_SALT = "django_oidc_rs.keys"
_PUBLISHING = 5
_FAILURES_KEPT = 600
# An entry does not tell when it expires: ask again after so many seconds.
_ASK_AGAIN = 5.0


@contextmanager
def _reachable() -> Iterator[None]:
    """Turn whatever a cache backend raises into ``StoreError``."""
    try:
        yield
    except Exception as error:
        # Backends raise their client's exceptions, which have no common base.
        raise StoreError(type(error).__name__) from error


class CacheKeyStore:
    """``KeyStore`` on one alias of ``CACHES``.

    What ``fallback`` holds serves while the cache has nothing: a flushed cache and an
    issuer that is down are no outage once ``sync_oidc_keys`` has run.

    Args:
        alias: the alias in ``CACHES``.
        fallback: the database, which the command fills.
    """

    def __init__(self, alias: str, *, fallback: KeyStore) -> None:
        """Connect to nothing yet."""
        self._alias = alias
        self._fallback = fallback

    @property
    def _cache(self) -> BaseCache:
        # Looked up each time: connections of the cache framework belong to threads.
        return caches[self._alias]

    def load(self, issuer: str) -> KeyRecord | None:
        """Return the cached record, else that of the fallback, else None.

        Raises:
            StoreError: neither answers.
        """
        try:
            record = self._cached(issuer)
        except StoreError:
            record = self._fallback.load(issuer)
            if record is None:
                raise
            return _foreign(record)
        if record is not None:
            return record
        try:
            record = self._fallback.load(issuer)
        except StoreError:
            return None
        return None if record is None else _foreign(record)

    @_reachable()
    def _cached(self, issuer: str) -> KeyRecord | None:
        text = self._cache.get(_name(issuer, "record"))
        if text is None:
            return None
        try:
            values = signing.loads(text, salt=f"{_SALT}.{issuer}")
            stored_at = float(values.pop("stored_at"))
            age = max(0.0, time.time() - stored_at)
            return KeyRecord(**{**values, "age": age})
        except (signing.BadSignature, ValueError, TypeError, KeyError, AttributeError):
            # Without the traceback, which would hold what the attacker wrote.
            logger.error(  # noqa: TRY400 -- see above
                "Keys of issuer %s in the cache are not signed with SECRET_KEY and not "
                "used. Does a project with another key share the cache, or has "
                "somebody written into it?",
                issuer,
                extra={"reason": "store_tampered", "issuer_alias": _alias(issuer)},
            )
            return None

    @_reachable()
    def publish(self, record: KeyRecord, *, replacing: int) -> KeyRecord | None:
        """Store ``record`` if the cached version is still ``replacing``.

        Raises:
            StoreError: the cache cannot be written.
        """
        lock = _name(record.issuer, "publishing")
        if not self._cache.add(lock, 1, _PUBLISHING):
            return None
        try:
            cached = self._cached(record.issuer)
            if (cached.version if cached else 0) != replacing:
                return None
            published = replace(record, version=replacing + 1)
            values = asdict(published)
            values["stored_at"] = time.time()
            del values["age"]
            text = signing.dumps(values, salt=f"{_SALT}.{record.issuer}", compress=True)
            self._cache.set(_name(record.issuer, "record"), text, None)
            return published
        finally:
            self._cache.delete(lock)

    @_reachable()
    def admit(self, issuer: str, *, holder: str, cooldown: float | None) -> Admission:
        """Ask for leave to fetch: entries that can be added once until they expire.

        Raises:
            StoreError: the cache cannot be written.
        """
        cache = self._cache
        failures, error, pause = self._outage(issuer)
        if pause:
            return Admission(Verdict.BACKING_OFF, pause, failures, error)
        lease = _name(issuer, "lease")
        if not cache.add(lease, holder, math.ceil(LEASE)):
            return Admission(Verdict.LEASED, _ASK_AGAIN, failures, error)
        if cooldown is not None and not any(
            cache.add(_name(issuer, f"spent{slot}"), 1, math.ceil(cooldown))
            for slot in range(MAX_FETCHES)
        ):
            cache.delete(lease)
            return Admission(
                Verdict.EXHAUSTED, min(_ASK_AGAIN, cooldown), failures, error
            )
        return Admission(Verdict.GRANTED, 0, failures, error)

    @_reachable()
    def settle(self, issuer: str, *, holder: str, outcome: Outcome) -> None:
        """Give the leave back, and say how the fetch ended.

        Raises:
            StoreError: the cache cannot be written.
        """
        cache, lease = self._cache, _name(issuer, "lease")
        if outcome.error:
            failures = self._outage(issuer)[0] + 1
            pause = math.ceil(pause_after(failures, outcome.jitter))
            said = json.dumps([failures, outcome.error])
            cache.set(_name(issuer, "failures"), said, _FAILURES_KEPT)
            cache.set(_name(issuer, "pause"), pause, pause)
        else:
            cache.delete_many([_name(issuer, "failures"), _name(issuer, "pause")])
        if cache.get(lease) == holder:
            cache.delete(lease)

    @_reachable()
    def last_error(self, issuer: str) -> str:
        """Return the code of the last failure, for ten minutes; see ``KeyStore``.

        Raises:
            StoreError: the cache cannot be read.
        """
        return self._outage(issuer)[1]

    def _outage(self, issuer: str) -> tuple[int, str, float]:
        """Return failures in a row, the last one's code, and for how long to wait."""
        said = self._cache.get_many([_name(issuer, "failures"), _name(issuer, "pause")])
        pause = said.get(_name(issuer, "pause"), 0)
        failures, error = 0, ""
        try:
            values: Any = json.loads(said.get(_name(issuer, "failures"), '[0, ""]'))
            failures, error = int(values[0]), str(values[1])
            pause = min(float(pause), _ASK_AGAIN)
            if not pause >= 0:
                # NaN compares with nothing, and would never be over.
                raise ValueError
        except (ValueError, TypeError, IndexError, KeyError):
            # Edited by somebody: as if nothing had been said.
            return 0, "", 0.0
        return failures, error, pause


def _alias(issuer: str) -> str | None:
    policies = get_config().issuers
    return next((each.alias for each in policies if each.issuer == issuer), None)


def _name(issuer: str, entry: str) -> str:
    return f"django_oidc_rs:{issuer_key(issuer)}:{entry}"


def _foreign(record: KeyRecord) -> KeyRecord:
    """Mark a record as one that is not in the cache: no version of it is replaced."""
    return replace(record, version=-record.version)
