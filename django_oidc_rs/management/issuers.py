"""What the commands share: choosing issuers, and failing with a clear word."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from ..conf import get_config
from ..core.issuers import IssuerPolicy

__all__ = ["chosen_issuers", "no_database"]


def chosen_issuers(aliases: Sequence[str]) -> tuple[IssuerPolicy, ...]:
    """Return the issuer policies named, all of them for none.

    Raises:
        CommandError: settings with errors, or an alias that is not in ``ISSUERS``.
    """
    try:
        policies = get_config().issuers
    except ImproperlyConfigured as error:
        raise CommandError(f"OIDC_RS has errors.\n{error}", returncode=2) from error
    unknown = sorted(set(aliases) - {policy.alias for policy in policies})
    if unknown:
        known = ", ".join(policy.alias for policy in policies)
        raise CommandError(
            f"No issuer called {', '.join(unknown)} in OIDC_RS. There are: {known}.",
            returncode=2,
        )
    return tuple(
        policy for policy in policies if not aliases or policy.alias in aliases
    )


def no_database(error: Exception) -> CommandError:
    """Return what to raise where the app's tables cannot be read or written."""
    return CommandError(
        f"The database cannot be used: {error}. Is it up, and did manage.py migrate "
        "run?",
        returncode=2,
    )
