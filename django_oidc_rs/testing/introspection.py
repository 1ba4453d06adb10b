"""What a fake issuer says when it is asked about a token. RFC 7662, RFC 9701."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from ..core.clock import Clock
from ..core.http import FetchedDocument, FetchError
from ..core.introspection import Answer
from ..core.signed_answer import SIGNED_ANSWER

__all__ = ["FakeIntrospection", "MemoryAnswerCache"]


class MemoryAnswerCache:
    """An ``AnswerCache`` in a dict."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._answers: dict[str, tuple[float, Answer]] = {}
        self._asking: set[str] = set()

    def get(self, key: str) -> Answer | None:
        """Return the answer, ``{}`` for "not active", None where there is none."""
        until, answer = self._answers.get(key, (0.0, None))
        return answer if self._clock.monotonic() < until else None

    def set(self, key: str, answer: Answer, seconds: float) -> None:
        """Keep ``answer`` for ``seconds``."""
        self._answers[key] = self._clock.monotonic() + seconds, answer

    def delete(self, key: str) -> None:
        """Forget the answer."""
        self._answers.pop(key, None)

    def begin(self, key: str, seconds: float) -> bool:
        """Whether nobody else is asking."""
        del seconds
        free = key not in self._asking
        self._asking.add(key)
        return free

    def end(self, key: str) -> None:
        """Let others ask."""
        self._asking.discard(key)


class FakeIntrospection:
    """The introspection endpoint of one fake issuer.

    Args:
        endpoint: where it is asked.
        sign: makes a signed answer of its claims and its JOSE ``typ``.
        clock: what ``exp`` is compared with.

    Attributes:
        questions: the tokens asked about so far.
        failure: what asking gives instead of an answer: a ``FetchError``, or None.
        answer: what every question is answered, instead of the truth; or None.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        issuer: str,
        client_id: str,
        sign: Callable[[dict[str, Any], str], str],
        clock: Clock,
    ) -> None:
        """Start with no token known."""
        self.endpoint = endpoint
        self.questions: list[str] = []
        self.failure: FetchError | None = None
        self.answer: Mapping[str, object] | None = None
        self._issuer = issuer
        self._client_id = client_id
        self._sign = sign
        self._clock = clock
        self._known: dict[str, Mapping[str, Any]] = {}
        self._revoked: set[str] = set()

    def issue(self, claims: Mapping[str, Any]) -> str:
        """Return a new opaque token that stands for ``claims``."""
        return self.remember(secrets.token_urlsafe(32), claims)

    def remember(self, raw_token: str, claims: Mapping[str, Any]) -> str:
        """Call ``raw_token`` active as long as its claims say, from now on."""
        self._known[raw_token] = claims
        return raw_token

    def revoke(self, raw_token: str) -> None:
        """Call ``raw_token`` inactive from now on."""
        self._revoked.add(raw_token)

    def fail(self, code: str = "connect", *, status: int | None = None) -> None:
        """Fail from now on; keys and metadata are served all the same."""
        self.failure = FetchError(code, "the fake issuer fails", status=status)

    def recover(self) -> None:
        """Answer truthfully again; revoked tokens stay revoked."""
        self.failure = self.answer = None

    def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        trusted_address: bool,
        certificate: tuple[str, str | None] | None = None,
    ) -> FetchedDocument:
        """Answer as the endpoint; a ``Post``."""
        del trusted_address, certificate
        raw_token = parse_qs(body.decode())["token"][0]
        self.questions.append(raw_token)
        if self.failure is not None:
            raise self.failure
        answer = self._told(raw_token) if self.answer is None else dict(self.answer)
        kind = "application/json"
        text = json.dumps(answer)
        if headers.get("Accept") == SIGNED_ANSWER:
            kind, now = SIGNED_ANSWER, int(self._clock.now())
            claims = {"iss": self._issuer, "aud": self._client_id, "iat": now}
            text = self._sign(
                {**claims, "token_introspection": answer}, "token-introspection+jwt"
            )
        return FetchedDocument(
            url=url,
            status=200,
            body=text.encode(),
            headers={"content-type": kind},
            public_address=True,
        )

    def _told(self, raw_token: str) -> dict[str, Any]:
        claims = self._known.get(raw_token)
        if claims is None or raw_token in self._revoked:
            return {"active": False}
        if self._clock.now() >= claims.get("exp", 0):
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **claims}
