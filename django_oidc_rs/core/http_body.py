"""The body of an answer, bounded before and after decoding. RFC 9110 section 8.4."""

from __future__ import annotations

import zlib

import requests

from .errors import excerpt
from .transport import FetchError

__all__ = ["read_body"]

_PAGES = frozenset(("text/html", "application/xhtml+xml"))
_MAX_GZIP_MEMBERS = 16


def read_body(answer: requests.Response, limit: int) -> bytes:
    """Return the decoded body of ``answer``, at most ``limit`` bytes.

    Raises:
        FetchError: a page (``content_type``), a content coding other than gzip or data
            that is not in it (``content_encoding``), or more (``too_large``).
    """
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if media_type.strip().lower() in _PAGES:
        raise FetchError("content_type", "a page, no document; a login page perhaps")
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        raise FetchError("content_encoding", f"content coding {excerpt(coding)}")
    _check_size(answer.raw.length_remaining or 0, limit)
    raw = b""
    while part := answer.raw.read(limit + 1 - len(raw), decode_content=False):
        raw += part
        _check_size(len(raw), limit)
    return raw if coding == "identity" else _gunzip(raw, limit)


def _gunzip(raw: bytes, limit: int) -> bytes:
    """Return the members' data; never inflates more than one byte past ``limit``."""
    body = b""
    try:
        # Unbounded, thousands of empty members would cost quadratic time.
        for _ in range(_MAX_GZIP_MEMBERS):
            if not raw:
                return body
            member = zlib.decompressobj(wbits=31)
            body += member.decompress(raw, limit + 1 - len(body))
            _check_size(len(body), limit)
            if not member.eof:
                raise FetchError("content_encoding", "the gzip data is cut off")
            raw = member.unused_data
    except zlib.error as error:
        raise FetchError("content_encoding", "not gzip data") from error
    raise FetchError("content_encoding", "too many gzip members")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise FetchError("too_large", f"more than {limit} bytes")
