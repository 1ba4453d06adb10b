"""One issuer's keys: in the process, in the store, over the network."""

from .bounded import BoundedStore
from .fleet import Admission, FleetState, Outcome, Verdict, admit, settle
from .records import KeyRecord, KeyStore, MemoryKeyStore, StoreError
from .ring import KeyRing
from .snapshot import KeySnapshot, KeySource, KeysPending, KeyStatus, StaticKeys
from .source import IssuerSource, SourceError

__all__ = [
    "Admission",
    "BoundedStore",
    "FleetState",
    "IssuerSource",
    "KeyRecord",
    "KeyRing",
    "KeySnapshot",
    "KeySource",
    "KeyStatus",
    "KeyStore",
    "KeysPending",
    "MemoryKeyStore",
    "Outcome",
    "SourceError",
    "StaticKeys",
    "StoreError",
    "Verdict",
    "admit",
    "settle",
]
