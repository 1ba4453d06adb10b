"""Counters through ``opentelemetry-api``, where that is installed.

``django_oidc_rs.tokens`` has the attributes ``outcome`` (``accepted``, ``rejected``),
``reason`` (the stable code, for refused ones) and ``issuer`` (the alias);
``django_oidc_rs.key_fetches`` has ``issuer``, ``outcome`` (``ok``, ``failed``) and
``reason``; so has ``django_oidc_rs.introspections``. Nothing a caller wrote becomes an
attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter

__all__ = ["connect", "count_fetch", "count_introspection", "count_token"]

# Called directly, not by signals: from async code those would cost a thread each.
_tokens: Counter | None = None
_fetches: Counter | None = None
_introspections: Counter | None = None


def connect() -> None:
    """Make the counters, if ``opentelemetry-api`` is installed."""
    global _tokens, _fetches, _introspections  # noqa: PLW0603 -- one meter per process
    try:
        from opentelemetry import metrics
    except ImportError:
        return
    meter = metrics.get_meter("django_oidc_rs", __version__)
    _tokens = meter.create_counter(
        "django_oidc_rs.tokens", unit="{token}", description="Access tokens validated."
    )
    _fetches = meter.create_counter(
        "django_oidc_rs.key_fetches", unit="{fetch}", description="JWK Sets fetched."
    )
    _introspections = meter.create_counter(
        "django_oidc_rs.introspections",
        unit="{question}",
        description="Questions about tokens that issuers were asked.",
    )


def count_token(issuer_alias: str | None, refused: str = "") -> None:
    """Count one token, ``refused`` for that reason or accepted."""
    if _tokens is not None:
        _tokens.add(1, _attributes(issuer_alias or "", "accepted", "rejected", refused))


def count_fetch(issuer_alias: str, failed: str = "") -> None:
    """Count one fetch of keys, ``failed`` for that reason or done."""
    if _fetches is not None:
        _fetches.add(1, _attributes(issuer_alias, "ok", "failed", failed))


def count_introspection(issuer_alias: str, failed: str = "") -> None:
    """Count one question to an issuer, ``failed`` for that reason or answered."""
    if _introspections is not None:
        _introspections.add(1, _attributes(issuer_alias, "ok", "failed", failed))


def _attributes(issuer: str, good: str, bad: str, reason: str) -> dict[str, str]:
    if reason:
        return {"issuer": issuer, "outcome": bad, "reason": reason}
    return {"issuer": issuer, "outcome": good}
