"""Counters through ``opentelemetry-api``, where that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import __version__, signals

if TYPE_CHECKING:
    from .core.access_token import AccessToken
    from .core.errors import ResourceServerError
    from .core.keys import SourceError

__all__ = ["connect"]


def connect() -> None:
    """Count accepted and refused tokens and fetches of keys; once per process.

    ``django_oidc_rs.tokens`` has the attributes ``outcome`` (``accepted``,
    ``rejected``), ``reason`` (the stable code, for refused ones) and ``issuer`` (the
    alias); ``django_oidc_rs.key_fetches`` has ``issuer``, ``outcome`` (``ok``,
    ``failed``) and ``reason``. Nothing a caller wrote becomes an attribute.
    """
    try:
        from opentelemetry import metrics
    except ImportError:
        return
    meter = metrics.get_meter("django_oidc_rs", __version__)
    tokens = meter.create_counter(
        "django_oidc_rs.tokens", unit="{token}", description="Access tokens validated."
    )
    fetches = meter.create_counter(
        "django_oidc_rs.key_fetches", unit="{fetch}", description="JWK Sets fetched."
    )

    def accepted(access_token: AccessToken, **_kwargs: Any) -> None:
        tokens.add(1, {"outcome": "accepted", "issuer": access_token.issuer_alias})

    def rejected(error: ResourceServerError, **_kwargs: Any) -> None:
        issuer = error.issuer_alias or ""
        tokens.add(1, {"outcome": "rejected", "reason": error.code, "issuer": issuer})

    def fetched(issuer_alias: str, error: SourceError | None, **_kwargs: Any) -> None:
        told = (
            {"outcome": "failed", "reason": error.code} if error else {"outcome": "ok"}
        )
        fetches.add(1, {"issuer": issuer_alias, **told})

    for signal, receiver in (
        (signals.token_accepted, accepted),
        (signals.token_rejected, rejected),
        (signals.keys_refreshed, fetched),
    ):
        uid = f"django_oidc_rs.telemetry.{receiver.__name__}"
        signal.connect(receiver, weak=False, dispatch_uid=uid)
