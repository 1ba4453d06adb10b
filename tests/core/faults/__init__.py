"""One good token per issuer, and every fault that must be refused: data alone.

IDs are those of the behaviour cases (TM-04) and of the attack catalogue (A44).
"""

from __future__ import annotations

from .claims import CLAIMS, INSTANTS
from .headers import HEADERS
from .issuers import GOOD
from .keys import KEYS
from .profiles import PROFILES
from .records import Fault, Good
from .structure import STRUCTURE
from .token_format import TOKEN_FORMAT

__all__ = ["FAULTS", "GOOD", "Fault", "Good"]

FAULTS = [
    *STRUCTURE,
    *HEADERS,
    *TOKEN_FORMAT,
    *INSTANTS,
    *CLAIMS,
    *KEYS,
    *PROFILES,
]
