"""The Retry-After header of an answer. RFC 9110 section 10.2.3."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["parse_retry_after"]

_SECONDS = re.compile(r"[0-9]+")
_LONGEST = 60
_MAX_LENGTH = 64


def parse_retry_after(value: str | None, *, now: float) -> int | None:
    """Return the seconds to wait, from 1 to 60, or None where ``value`` says nothing.

    ``value`` is a number of seconds or an HTTP date, which ``now`` (seconds since the
    epoch) turns into one. Whoever answers cannot silence this API for over a minute.
    """
    text = (value or "").strip()
    if len(text) > _MAX_LENGTH:
        return None
    if _SECONDS.fullmatch(text):
        return _clamped(int(text))
    try:
        moment = parsedate_to_datetime(text)
        # The obsolete formats name no zone: theirs is GMT, not this machine's.
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        return _clamped(math.ceil(moment.timestamp() - now))
    except (ValueError, OverflowError):
        return None


def _clamped(seconds: int) -> int:
    return max(1, min(seconds, _LONGEST))
