"""Asking the issuer about one token: RFC 7662, with signed answers by RFC 9701.

What comes back is the issuer's word and nothing more: whether its claims open this API
is decided where those of a JWT are.
"""

from __future__ import annotations

import hashlib
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from .breaker import Breaker, QuestionRefused, RecentlyActive
from .client_authentication import (
    ClientAuthenticationError,
    authenticate,
    choose_method,
)
from .clock import Clock
from .errors import IntrospectionUnavailable, excerpt
from .http import Fetch, FetchedDocument, FetchError, Post
from .issuers import IntrospectionPolicy, IssuerPolicy
from .keys import KeySource
from .metadata import IntrospectionMetadata, MetadataError, discover_introspection
from .signed_answer import SIGNED_ANSWER, UntrustedAnswer, read_signed_answer
from .strict_json import StrictJsonError, loads_object

__all__ = ["Answer", "IntrospectionClient"]

logger = logging.getLogger("django_oidc_rs.introspection")

Answer = dict[str, object]
"""The members of an introspection answer, without ``active``."""

_METADATA_LIFETIME = 3600.0
# After metadata that could not be had.
_LOOK_AGAIN = 60.0
# Answers that say nothing about the endpoint, only about this question.
_OF_THE_QUESTION = frozenset((400, 413, 414, 422))
# Those that no token can bring about: the others may be a crafted token's own doing.
_OF_THE_ENDPOINT = frozenset((401, 404, 405, 408, 429, 502, 503, 504))
_ANSWERED = frozenset(
    ("status", "redirect", "too_large", "content_type", "content_encoding")
)
_WHAT_TO_DO = {
    401: "our credentials are refused: look at CLIENT_ID, its secret, AUTH_METHOD",
    403: "our client may not introspect: allow it to at the authorization server",
    404: "there is no such endpoint: look at ENDPOINT",
    405: "there is no such endpoint: look at ENDPOINT",
    429: "it limits our rate: raise the limit there, or CACHE_SECONDS here",
}


class _Failed(Exception):
    """No answer that can be believed; ``reason`` is a stable code.

    ``in_doubt``: it may be the token's fault, or the endpoint's.
    """

    def __init__(
        self, reason: str, detail: str, *, pause: float = 0, in_doubt: bool = False
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.pause = pause
        self.in_doubt = in_doubt


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to ask, how to authenticate there, and until when that holds."""

    metadata: IntrospectionMetadata
    until: float


class IntrospectionClient:
    """Asks one issuer. One question is one request; nothing is cached here.

    Args:
        policy: the issuer policy, with an ``introspection``.
        keys: the issuer's keys, for signed answers.
        clock, fetch, post, jitter: the seams.
        on_answer: told of every question that went out: the issuer's alias, and the
            reason where no answer came back, else "".
    """

    def __init__(
        self,
        policy: IssuerPolicy,
        asked: IntrospectionPolicy,
        *,
        keys: KeySource,
        clock: Clock,
        fetch: Fetch,
        post: Post,
        jitter: Callable[[], float] = random.random,
        on_answer: Callable[[str, str], None] | None = None,
    ) -> None:
        """Take policy and seams; nothing is asked yet."""
        self._policy = policy
        self._asked = asked
        self._keys = keys
        self._clock = clock
        self._fetch = fetch
        self._post = post
        self._on_answer = on_answer
        self._breaker = Breaker(jitter=jitter)
        self._active = RecentlyActive()
        # The token that opened the breaker although it may be its own fault.
        self._accuser = ""
        self._place: _Place | None = None

    def ask(self, raw_token: str) -> Answer | None:
        """Return what the issuer says of ``raw_token``, None where it is not active.

        Only JSON ``true`` is active. RFC 7662 section 2.2.

        Raises:
            IntrospectionUnavailable: the issuer cannot be asked, or its answer cannot
                be believed: never a reason to take the token for good, or for bad.
        """
        known = _digest(raw_token) in self._active
        ticket = self._breaker.admit(self._clock.monotonic(), known=known)
        try:
            members = self._members(raw_token)
        except _Failed as error:
            raise self._unavailable(error, ticket, _digest(raw_token)) from None
        except BaseException:
            # A fault of ours must not keep the breaker's one probe for itself.
            self._breaker.failed(ticket, self._clock.monotonic())
            raise
        self._breaker.succeeded()
        # Others are fine: it may tell of itself alone, and not shut them out again.
        self._active.discard(self._accuser)
        self._report("")
        if members.pop("active", None) is not True:
            self._active.discard(_digest(raw_token))
            return None
        self._active.add(_digest(raw_token))
        return members

    def _members(self, raw_token: str) -> Answer:
        place = self._locate()
        asked_at = self._clock.now()
        try:
            document = self._send(raw_token, place, now=asked_at)
        except FetchError as error:
            if error.status in (401, 404, 405):
                # The endpoint or its methods may have changed: read the metadata again.
                self._place = None
            raise _failure(error) from None
        return self._read(document, asked_at)

    def _send(
        self, raw_token: str, place: IntrospectionMetadata, *, now: float
    ) -> FetchedDocument:
        asked = self._asked
        try:
            method = choose_method(asked.credentials, place.auth_methods)
            try:
                return self._send_once(raw_token, place.endpoint, method, now=now)
            except FetchError as error:
                if not error.retryable or error.retry_after is not None:
                    raise
            # Once more, at once: a connection that was just closed is no outage. With
            # another assertion: a server that read the first one knows its "jti".
            return self._send_once(raw_token, place.endpoint, method, now=now)
        except ClientAuthenticationError as error:
            raise _Failed("introspection_unauthorized", str(error)) from None

    def _send_once(
        self, raw_token: str, endpoint: str, method: str, *, now: float
    ) -> FetchedDocument:
        asked = self._asked
        form = authenticate(
            asked.credentials, method, audience=self._policy.issuer, now=now
        )
        fields = {"token": raw_token, "token_type_hint": "access_token", **form.fields}
        headers = {
            **form.headers,
            "Accept": SIGNED_ANSWER if asked.signed_responses else "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self._post(
            endpoint,
            body=urlencode(fields).encode(),
            headers=headers,
            trusted_address=True,
            certificate=form.certificate,
        )

    def _locate(self) -> IntrospectionMetadata:
        now = self._clock.monotonic()
        place = self._place
        if place is None or now >= place.until:
            place = self._place = self._discover(now, place)
        return place.metadata

    def _discover(self, now: float, before: _Place | None) -> _Place:
        endpoint, method = self._asked.endpoint, self._asked.credentials.method
        if endpoint is not None and method is not None:
            return _Place(IntrospectionMetadata(endpoint=endpoint), math.inf)
        try:
            found = discover_introspection(
                self._fetch,
                issuer=self._policy.issuer,
                metadata_url=self._policy.metadata_url,
            )
        except (FetchError, MetadataError) as error:
            if before is not None:
                # The endpoint may answer all the same.
                return replace(before, until=now + _LOOK_AGAIN)
            if endpoint is not None:
                # Nothing but the choice of a method hangs on it.
                metadata = IntrospectionMetadata(endpoint=endpoint)
                return _Place(metadata, now + _LOOK_AGAIN)
            raise _Failed("introspection_failed", f"no metadata: {error}") from None
        metadata = replace(found, endpoint=endpoint or found.endpoint)
        return _Place(metadata, now + _METADATA_LIFETIME)

    def _read(self, document: FetchedDocument, asked_at: float) -> Answer:
        kind = document.headers.get("content-type", "").partition(";")[0]
        kind = kind.strip().lower()
        expected = SIGNED_ANSWER if self._asked.signed_responses else "application/json"
        if kind != expected:
            raise _Failed(
                "introspection_untrusted",
                f"the answer is no {expected} but {excerpt(kind)}",
                in_doubt=True,
            )
        try:
            if self._asked.signed_responses:
                return read_signed_answer(
                    document.body,
                    self._policy,
                    client_id=self._asked.credentials.client_id,
                    keys=self._keys,
                    asked_at=asked_at,
                    now=self._clock.now(),
                )
            return loads_object(document.body)
        except (UntrustedAnswer, StrictJsonError) as error:
            raise _Failed(
                "introspection_untrusted", str(error), in_doubt=True
            ) from None

    def _unavailable(
        self, error: _Failed, ticket: int, digest: str
    ) -> IntrospectionUnavailable:
        refused = error.reason == "introspection_refused"
        retry_after: float = 1
        kind: type[IntrospectionUnavailable] = QuestionRefused
        if refused:
            # It answers: nobody else's question need wait for this one.
            self._breaker.succeeded()
        elif error.in_doubt and digest not in self._active:
            # Who crafts a token that the issuer stumbles over must not shut others out:
            # only a token that was fine before tells that the endpoint is not.
            self._breaker.undecided(ticket)
        else:
            self._accuser = digest if error.in_doubt else ""
            kind, now = IntrospectionUnavailable, self._clock.monotonic()
            retry_after = self._breaker.failed(
                ticket, now, pause=error.pause, known=digest in self._active
            )
        alias = self._policy.alias
        logger.log(
            logging.WARNING if refused else logging.ERROR,
            "Introspection at issuer %s: %s: %s",
            alias,
            error.reason,
            error,
            extra={"reason": error.reason, "issuer_alias": alias},
        )
        self._report(error.reason)
        return kind(
            str(error), reason=error.reason, retry_after=max(1, round(retry_after))
        )

    def _report(self, reason: str) -> None:
        if self._on_answer is not None:
            self._on_answer(self._policy.alias, reason)


def _digest(raw_token: str) -> str:
    return hashlib.sha256(raw_token.encode()).hexdigest()


def _failure(error: FetchError) -> _Failed:
    status = error.status
    in_doubt = error.code in _ANSWERED and status not in _OF_THE_ENDPOINT
    if status in _OF_THE_QUESTION:
        return _Failed("introspection_refused", f"HTTP {status} for this token")
    if status in (401, 403):
        return _Failed(
            "introspection_unauthorized",
            f"HTTP {status}: {_WHAT_TO_DO[status]}",
            in_doubt=in_doubt,
        )
    advice = _WHAT_TO_DO.get(status or 0)
    return _Failed(
        "introspection_failed",
        f"HTTP {status}: {advice}" if advice else str(error),
        pause=error.retry_after or 0,
        in_doubt=in_doubt,
    )
