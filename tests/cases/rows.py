"""The cases by ID, section by section: which there are, and which wait."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["NOT_APPLICABLE", "SECTIONS"]


def _ids(prefix: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{prefix}-{number:02}" for number in numbers)


SECTIONS = MappingProxyType(
    {
        "A": _ids("TE", 1, 2, 3, 5, 6, 7, 8, 9, *range(11, 16), *range(17, 22))
        + _ids("TE", *range(23, 28)),
        "B": _ids("JW", *range(1, 6), *range(7, 12), *range(13, 17)),
        "C": _ids("TM", 1, *range(3, 8), *range(9, 14)),
        "D": _ids("CL", *range(1, 6), *range(7, 12), *range(13, 18)),
        "E": _ids("KS", *range(1, 6), *range(7, 11)),
        "I": _ids("IN", 1, 2, 3, *range(5, 10), *range(11, 16), *range(17, 21)),
        "L": (
            *_ids("ER", 1, *range(3, 8)),
            *_ids("SC", *range(1, 6), *range(7, 11)),
            *_ids("SU", 1, *range(3, 7)),
            *_ids("PR", 1, *range(3, 7)),
        ),
        "M": _ids("VC", 1, *range(3, 8)),
    }
)
"""Section -> the IDs of its cases; gaps are intended."""

_ONE_SCHEME = (
    "Bearer is the only scheme this version offers: a second challenge would promise "
    "what nobody answers."
)
_STEP_UP = (
    "Step-up (RFC 9470) is not built: no view can demand an acr or a recent login."
)
_METADATA = (
    "Protected resource metadata (RFC 9728) is not built: no document is served and no "
    "challenge points to one."
)

NOT_APPLICABLE = MappingProxyType(
    {
        **dict.fromkeys(_ids("ER", 4, 5), _ONE_SCHEME),
        **dict.fromkeys(_ids("SU", 1, 3, 4, 5, 6), _STEP_UP),
        **dict.fromkeys(_ids("PR", 1, 3, 4, 5, 6), _METADATA),
    }
)
"""ID -> why it has no test."""
