"""One class per cause of refusal.

Each class fixes what the caller sees (status, ``error`` code, description) and a
stable ``code`` for logs, signals and tests. ``claim``, ``reason`` and ``detail`` say
more to operators; none of the three is ever sent to the caller.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AlgorithmNotAllowed",
    "BadSignature",
    "ExpiredToken",
    "InactiveToken",
    "InsufficientScope",
    "IntrospectionUnavailable",
    "InvalidClaim",
    "InvalidRequest",
    "InvalidToken",
    "KeyUnusable",
    "KeysUnavailable",
    "MalformedToken",
    "NotAnAccessToken",
    "Pending",
    "ResourceServerError",
    "TemporarilyUnavailable",
    "TokenNotYetValid",
    "TokenTooLong",
    "UnconfirmedToken",
    "UnknownKey",
    "UntrustedIssuer",
    "UserRejected",
    "excerpt",
]

_EXCERPT_LENGTH = 80
_LINE_LENGTH = 300


def excerpt(value: object) -> str:
    """Return ``value`` escaped and cut, fit for a log line.

    Log injection (CR, LF, ANSI) needs raw control characters; ``ascii`` leaves none.
    """
    try:
        text = ascii(value[:_EXCERPT_LENGTH] if isinstance(value, str) else value)
    except Exception:  # noqa: BLE001 -- a repr may raise anything; a huge number's does
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + "..."


def _one_line(value: object) -> str:
    """Return ``value`` as text with unprintable characters escaped, cut.

    What is escaped already stays as it is. A function of ``VALIDATORS`` may quote a
    claim as the caller wrote it, which must not write log lines of its own (CWE-117).
    """
    text = "".join(
        each if each.isprintable() else ascii(each)[1:-1]
        for each in str(value)[: _LINE_LENGTH + 1]
    )
    return text if len(text) <= _LINE_LENGTH else text[:_LINE_LENGTH] + "..."


class ResourceServerError(Exception):
    """Base of every refusal.

    Attributes:
        status: the HTTP status of the answer.
        error: the RFC 6750 ``error`` code, or None where the RFC wants none.
        description: the one public text of this kind of answer.
        code: the stable name of the cause, for logs and counters.
        claim: the claim or header parameter at fault, if one is.
        reason: ``missing``, ``invalid``, ``mismatch`` or another stable word.
        detail: more for the log.
        setting: the setting that governs the rule, for ``explain_access_token``; empty
            where none does.
        issuer_alias: which configured issuer the token named, once known.

    ``claim``, ``reason`` and ``detail`` are each one line without unprintable
    characters, cut at 300, whatever they quote.
    """

    status: ClassVar[int]
    error: ClassVar[str | None]
    description: ClassVar[str]
    code: str
    setting: str = ""

    def __init__(
        self,
        detail: str = "",
        *,
        claim: str | None = None,
        reason: str | None = None,
        setting: str | None = None,
    ) -> None:
        """Keep what is for operators only."""
        self.detail = _one_line(detail)
        super().__init__(self.detail)
        self.claim = None if claim is None else _one_line(claim)
        self.reason = None if reason is None else _one_line(reason)
        self.issuer_alias: str | None = None
        if setting is not None:
            self.setting = setting

    def __str__(self) -> str:
        """Say the cause in one line, for logs."""
        parts = (self.code, self.claim, self.reason, self.detail)
        return ": ".join(part for part in parts if part)


class InvalidRequest(ResourceServerError):
    """The request is missing a parameter, repeats one or is otherwise malformed.

    RFC 6750 section 3.1 ``invalid_request``: 400.
    """

    status = 400
    error = "invalid_request"
    description = "The Authorization header is malformed."
    code = "invalid_request"


class InvalidToken(ResourceServerError):
    """The access token is expired, revoked, malformed or invalid for other reasons.

    RFC 6750 section 3.1 ``invalid_token``: 401. One public description for all
    causes, so that the answer is no oracle. Raise it, or a subclass, from a function
    listed in ``VALIDATORS``.
    """

    status = 401
    error = "invalid_token"
    description = "The access token is invalid."
    code = "invalid_token"
    setting = "VALIDATORS"


class TokenTooLong(InvalidToken):
    """The token is longer than ``MAX_TOKEN_LENGTH``; nothing of it was parsed."""

    code = "token_too_long"
    setting = "MAX_TOKEN_LENGTH"


class MalformedToken(InvalidToken):
    """The token is no strict compact JWS of a JSON object. RFC 7515 5.2, 7519 7.2."""

    code = "malformed_token"
    setting = ""


class UntrustedIssuer(InvalidToken):
    """``iss`` names none of the configured issuers. RFC 8725 section 3.8."""

    code = "untrusted_issuer"
    setting = "ISSUER"


class AlgorithmNotAllowed(InvalidToken):
    """``alg`` is missing or not among the issuer's algorithms. RFC 8725 3.1."""

    code = "algorithm_not_allowed"
    setting = "ALGORITHMS"


class NotAnAccessToken(InvalidToken):
    """The JWT is of another kind: ID, refresh, logout, introspection. RFC 8725 3.12."""

    code = "not_an_access_token"
    setting = ""


class UnknownKey(InvalidToken):
    """The issuer's current JWK Set has no key for this token. RFC 7515 4.1.4."""

    code = "unknown_key"
    setting = "JWKS_URI"


class KeyUnusable(InvalidToken):
    """The named key exists but may not verify this token. RFC 7517 4.2 to 4.4."""

    code = "key_unusable"
    setting = "ALGORITHMS"


class BadSignature(InvalidToken):
    """The signature does not verify with the issuer's key. RFC 7515 section 5.2."""

    code = "bad_signature"
    setting = "JWKS_URI"


class InvalidClaim(InvalidToken):
    """A claim is missing, malformed or not what this API demands. RFC 7519 4."""

    code = "invalid_claim"
    setting = ""


class ExpiredToken(InvalidClaim):
    """Now is on or after ``exp``, leeway included. RFC 7519 section 4.1.4."""

    code = "expired_token"
    setting = "LEEWAY"


class TokenNotYetValid(InvalidClaim):
    """``nbf`` or ``iat`` lies ahead, leeway included. RFC 7519 4.1.5, 4.1.6."""

    code = "token_not_yet_valid"
    setting = "LEEWAY"


class UnconfirmedToken(InvalidToken):
    """The token is bound to a key (``cnf``) whose possession nobody proved.

    RFC 7800, 9449 section 7.2, 8705 section 3: it must not pass as a plain bearer
    token, whoever holds it.
    """

    code = "unconfirmed_token"
    setting = ""


class InactiveToken(InvalidToken):
    """The issuer says that the token is not active. RFC 7662 section 2.2."""

    code = "inactive_token"
    setting = "INTROSPECTION"


class UserRejected(InvalidToken):
    """The token is good; the local user it names is unknown, deleted or inactive."""

    code = "user_rejected"
    setting = "USERS"


class InsufficientScope(ResourceServerError):
    """The access token lacks a scope or claim the view demands. RFC 6750 3.1: 403."""

    status = 403
    error = "insufficient_scope"
    description = "The access token does not permit this request."
    code = "insufficient_scope"


class TemporarilyUnavailable(ResourceServerError):
    """Nobody can tell now whether the token is good: 503 with ``Retry-After``.

    An outage of the issuer is never the caller's ``invalid_token``.
    """

    status = 503
    error = None
    description = "The access token cannot be checked right now."
    code = "temporarily_unavailable"

    def __init__(
        self, detail: str = "", *, reason: str | None = None, retry_after: int
    ) -> None:
        """Keep ``retry_after``, in seconds, for the ``Retry-After`` header."""
        super().__init__(detail, reason=reason)
        self.retry_after = retry_after


class KeysUnavailable(TemporarilyUnavailable):
    """The issuer's keys are not to be had."""

    code = "keys_unavailable"


class IntrospectionUnavailable(TemporarilyUnavailable):
    """The issuer cannot be asked, or its answer cannot be believed. RFC 7662 2.3."""

    code = "introspection_unavailable"


class Pending(Exception):
    """Telling takes waiting, and the caller said that it cannot wait."""
