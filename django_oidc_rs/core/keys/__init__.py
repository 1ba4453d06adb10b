"""One issuer's keys: in the process, in the store, over the network."""

from .records import KeyRecord, KeyStore, MemoryKeyStore, StoreError
from .ring import KeyRing
from .snapshot import KeySnapshot, KeySource, KeysPending, StaticKeys
from .source import IssuerSource, SourceError

__all__ = [
    "IssuerSource",
    "KeyRecord",
    "KeyRing",
    "KeySnapshot",
    "KeySource",
    "KeyStore",
    "KeysPending",
    "MemoryKeyStore",
    "SourceError",
    "StaticKeys",
    "StoreError",
]
