"""``AnswerCache`` on Django's cache framework.

Who can write to a cache could let anybody in, so what is read is trusted only with a
signature by ``SECRET_KEY`` (``SECRET_KEY_FALLBACKS`` are honoured) over its own key.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import TypeVar

from django.core import signing
from django.core.cache import BaseCache, caches

from .core.introspection import Answer

__all__ = ["DjangoAnswerCache"]

logger = logging.getLogger("django_oidc_rs.introspection")

_T = TypeVar("_T")

_SALT = "django_oidc_rs.introspection"
# Characters; what a cache server takes, and more than any honest answer.
_MAX_LENGTH = 65536


class DjangoAnswerCache:
    """Introspection answers in one alias of ``CACHES``.

    A cache that cannot be reached counts as empty, and says so in the log.
    """

    def __init__(self, alias: str) -> None:
        """Connect to nothing yet."""
        self._alias = alias

    @property
    def _cache(self) -> BaseCache:
        # Looked up each time: connections of the cache framework belong to threads.
        return caches[self._alias]

    def get(self, key: str) -> Answer | None:
        """Return the answer, ``{}`` for "not active", None where there is none."""
        text = self._tried(lambda: self._cache.get(_name(key)), None)
        if text is None:
            return None
        try:
            until, answer = signing.loads(text, salt=f"{_SALT}.{key}")
        except (signing.BadSignature, ValueError, TypeError, AttributeError):
            # Without the traceback, which would hold what the attacker wrote.
            logger.error(  # noqa: TRY400 -- see above
                "An introspection answer in the cache is not signed by this project",
                extra={"reason": "answer_tampered", "issuer_alias": None},
            )
            return None
        # Whoever can write there may also put back what was over long ago.
        return answer if time.time() < until else None

    def set(self, key: str, answer: Answer, seconds: float) -> None:
        """Keep ``answer`` for ``seconds``, rounded down; below one it is not kept."""
        entry = (time.time() + seconds, answer)
        text = signing.dumps(entry, salt=f"{_SALT}.{key}", compress=True)
        if seconds < 1 or len(text) > _MAX_LENGTH:
            # What was kept before must not outlive a newer answer.
            self.delete(key)
            return
        self._tried(lambda: self._cache.set(_name(key), text, int(seconds)), None)

    def delete(self, key: str) -> None:
        """Forget the answer."""
        self._tried(lambda: self._cache.delete(_name(key)), False)  # noqa: FBT003

    def begin(self, key: str, seconds: float) -> bool:
        """Whether no other process is asking; it is this one then, for ``seconds``."""
        name = f"{_name(key)}:asking"

        def alone() -> bool:
            cache = self._cache
            # A client that ignores errors says "not added" and keeps nothing: nobody
            # must wait for an answer that nobody asks for.
            return cache.add(name, 1, math.ceil(seconds)) or cache.get(name) is None

        return self._tried(alone, True)  # noqa: FBT003

    def end(self, key: str) -> None:
        """Let other processes ask."""
        self._tried(lambda: self._cache.delete(f"{_name(key)}:asking"), False)  # noqa: FBT003

    def _tried(self, call: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 -- clients' exceptions have no base
            logger.warning(
                "The cache %s cannot be used: %s",
                self._alias,
                type(error).__name__,
                extra={"reason": "cache_unreachable", "issuer_alias": None},
            )
            return otherwise


def _name(key: str) -> str:
    return f"django_oidc_rs:answer:{key}"
