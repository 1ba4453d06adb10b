"""What is stored of an issuer's keys, and the store's contract."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..clock import Clock, SystemClock
from .fleet import Admission, FleetState, Outcome, admit, settle

__all__ = ["KeyRecord", "KeyStore", "MemoryKeyStore", "StoreError"]


class StoreError(Exception):
    """The store cannot be reached or does not answer sensibly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One issuer's JWK Set as fetched, and how fresh it is.

    Attributes:
        issuer: the identifier string.
        jwks: the JWK Set as JSON text, without private or symmetric members.
        jwks_uri: where it came from.
        fetched_at: seconds since the epoch, by the clock of the host that fetched.
        lifetime: seconds it stays fresh after ``fetched_at``.
        etag, last_modified: validators for a conditional GET (RFC 9110 section 8.8).
        metadata_url: what settings named for the metadata, "" if nothing.
        metadata_fetched_at: when ``jwks_uri`` was learnt; 0 if it stands in settings.
        metadata_public: whether the metadata came from a public address.
        version: grows by one with every publication; 0 is "not stored".
        age: seconds since it was published, by the store's clock, when it was read:
            hosts' clocks may differ.
    """

    issuer: str
    jwks: str
    jwks_uri: str
    fetched_at: float
    lifetime: float
    etag: str = ""
    last_modified: str = ""
    metadata_url: str = ""
    metadata_fetched_at: float = 0
    metadata_public: bool = True
    version: int = 0
    age: float = field(default=0, compare=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the set: equal digests are equal keys, whoever fetched them."""
        return hashlib.sha256(self.jwks.encode()).hexdigest()


class KeyStore(Protocol):
    """Where the processes of a deployment share what they fetched."""

    def load(self, issuer: str) -> KeyRecord | None:
        """Return the stored record, or None. Raises ``StoreError``."""
        ...

    def publish(self, record: KeyRecord, *, replacing: int) -> KeyRecord | None:
        """Store ``record`` if the stored version is still ``replacing``.

        Returns the record with its new version; None if somebody else was faster, so
        that a slow old answer never overwrites a newer set. Raises ``StoreError``.
        """
        ...

    def admit(self, issuer: str, *, holder: str, cooldown: float | None) -> Admission:
        """Ask for the fleet's leave to fetch, as ``fleet.admit`` decides.

        Raises ``StoreError``; then the process has its own limits alone.
        """
        ...

    def settle(self, issuer: str, *, holder: str, outcome: Outcome) -> None:
        """Give the leave back, as ``fleet.settle`` says. Raises ``StoreError``."""
        ...

    def last_error(self, issuer: str) -> str:
        """Return the code of the fleet's last failure, "" after a success.

        Raises ``StoreError``.
        """
        ...


class MemoryKeyStore:
    """A store in this process: for tests, and for projects without a database."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Start empty, by the machine's clock unless another is given."""
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._records: dict[str, KeyRecord] = {}
        self._published_at: dict[str, float] = {}
        self._states: dict[str, FleetState] = {}

    def load(self, issuer: str) -> KeyRecord | None:
        """Return the stored record, or None."""
        stored = self._records.get(issuer)
        if stored is None:
            return None
        published_at = self._published_at.get(issuer, stored.fetched_at)
        return replace(stored, age=self._clock.now() - published_at)

    def publish(self, record: KeyRecord, *, replacing: int) -> KeyRecord | None:
        """Store ``record`` if the stored version is still ``replacing``."""
        with self._lock:
            stored = self._records.get(record.issuer)
            if (stored.version if stored else 0) != replacing:
                return None
            published = replace(record, version=replacing + 1)
            self._records[record.issuer] = published
            self._published_at[record.issuer] = self._clock.now()
            return published

    def admit(self, issuer: str, *, holder: str, cooldown: float | None) -> Admission:
        """Ask for leave to fetch; see ``fleet.admit``."""
        with self._lock:
            self._states[issuer], admission = admit(
                self._states.get(issuer, FleetState()),
                self._clock.monotonic(),
                holder=holder,
                cooldown=cooldown,
            )
        return admission

    def settle(self, issuer: str, *, holder: str, outcome: Outcome) -> None:
        """Give the leave back; see ``fleet.settle``."""
        with self._lock:
            self._states[issuer] = settle(
                self._states.get(issuer, FleetState()),
                self._clock.monotonic(),
                holder=holder,
                outcome=outcome,
            )

    def last_error(self, issuer: str) -> str:
        """Return the code of the last failure; see ``KeyStore``."""
        return self._states.get(issuer, FleetState()).error
