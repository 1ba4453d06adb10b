"""The value of WWW-Authenticate. RFC 6750 section 3, RFC 9110 section 11.6.1."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Challenge"]

# RFC 6750 section 3: error_description is %x20-21 / %x23-5B / %x5D-7E. The same set
# keeps every value inside one well-formed quoted-string without escapes.
_OUTSIDE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One ``Bearer`` challenge.

    ``realm`` always stands first, because RFC 6750 section 3 wants at least one
    parameter after the scheme. Characters no parameter may hold become ``?``.
    """

    realm: str
    error: str | None = None
    error_description: str | None = None
    scope: str | None = None

    def __str__(self) -> str:
        """Render the header's value: one line of visible ASCII and spaces."""
        parameters = (
            ("realm", self.realm),
            ("error", self.error),
            ("error_description", self.error_description),
            ("scope", self.scope),
        )
        return "Bearer " + ", ".join(
            f'{name}="{_OUTSIDE.sub("?", value)}"'
            for name, value in parameters
            if value is not None
        )
