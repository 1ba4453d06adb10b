"""base64url without padding, canonical only. RFC 7515 section 2, RFC 4648 3.5."""

from __future__ import annotations

import binascii

__all__ = ["decode", "encode"]

# What the standard alphabet has of its own becomes what no alphabet has.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/\0\0\0")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")
# By what is over after groups of four: the padding left out, and the last characters
# whose low bits, which carry nothing, are zero. One character is no whole byte.
_PADDING = (b"", b"", b"==", b"=")
_LAST = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")


def decode(text: bytes) -> bytes:
    """Decode ``text``.

    Refuses padding, whitespace, the standard alphabet, foreign characters and stray low
    bits, each of which would give one token several spellings.

    Raises:
        ValueError: ``text`` is no canonical base64url.
    """
    over = len(text) % 4
    if over and text[-1] not in _LAST[over]:
        raise ValueError("not canonical base64url")
    standard = text.translate(_TO_STANDARD) + _PADDING[over]
    return binascii.a2b_base64(standard, strict_mode=True)


def encode(data: bytes) -> str:
    """Return ``data`` as canonical base64url."""
    text = binascii.b2a_base64(data, newline=False).translate(_FROM_STANDARD)
    return text.rstrip(b"=").decode("ascii")
