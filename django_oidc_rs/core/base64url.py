"""base64url without padding, canonical only. RFC 7515 section 2, RFC 4648 3.5."""

from __future__ import annotations

import binascii

__all__ = ["decode", "encode"]

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")


def decode(text: bytes) -> bytes:
    """Decode ``text``.

    Encoding the result again must give ``text``: that one comparison refuses padding,
    whitespace, the standard alphabet, foreign characters and stray low bits, each of
    which would give one token several spellings.

    Raises:
        ValueError: ``text`` is no canonical base64url.
    """
    data = binascii.a2b_base64(text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4))
    again = binascii.b2a_base64(data, newline=False).translate(_FROM_STANDARD)
    if again.rstrip(b"=") != text:
        raise ValueError("not canonical base64url")
    return data


def encode(data: bytes) -> str:
    """Return ``data`` as canonical base64url."""
    text = binascii.b2a_base64(data, newline=False).translate(_FROM_STANDARD)
    return text.rstrip(b"=").decode("ascii")
