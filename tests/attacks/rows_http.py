"""The catalogue's rows of sections 5, 8, 9 and 13: which there are, and which wait."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["NOT_APPLICABLE", "SECTIONS"]

SECTIONS = MappingProxyType(
    {
        5: (91, 92, 93, 94, 95, 97, 98, 99, 100, 101, 103, 104, 105, 106),
        8: (153, 154, 155, 157, 158, 159, 160, 161, 163, 164, 165, 166, 167),
        9: (169, 170, 171, 172, 173, 175, 176, 177, 178, 179),
        13: (223, 224, 225, 226, 227, 229, 230, 231, 232, 233, 235),
    }
)
"""Section -> the numbers of its rows; gaps are intended."""

NOT_APPLICABLE = MappingProxyType(
    {
        177: "Rich authorization requests (RFC 9396) are not built: no view can demand "
        "authorization_details, so none can be confused by them.",
        178: "Step-up (RFC 9470) is not built: no view can demand an acr or a recent "
        "login, so there is nothing to bypass.",
    }
)
"""Row -> why it has no test."""
