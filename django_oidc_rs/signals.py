"""Signals, for audit trails and counters. None of them carries a raw token."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["identity_created", "keys_refreshed", "token_accepted", "token_rejected"]

token_accepted = Signal()
"""Sent with ``request`` and ``access_token``, once per request whose token is good and
whose user is known; what the token may do is decided after that."""

token_rejected = Signal()
"""Sent with ``request`` and ``error`` (a ``ResourceServerError``), once per request
whose credentials are refused; ``error.code`` is stable, ``error.issuer_alias`` the
issuer the token named, or None."""

identity_created = Signal()
"""Sent with ``identity`` and ``access_token`` when a first request made a user.

After the commit: a user that is rolled back with its request is not announced."""

keys_refreshed = Signal()
"""Sent with ``issuer_alias`` and ``error`` (None, or a ``SourceError``) after a fetch.

It may arrive on another thread than the request's."""
