"""An issuer to attack the views of ``surface`` with, and what strikes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.harness import Answer, Outcome, Sent, strike
from tests.attacks.surface import rsa_key


@pytest.fixture
def issuer(fake_issuer):
    """An issuer with an RSA key beside its other one."""
    fake_issuer.published.append(rsa_key().public_jwk())
    return fake_issuer


@pytest.fixture
def attack(issuer, caplog, monkeypatch):
    """Return ``attack(sent, outcome, url=, handler=)``: ``strike`` with a good token.

    ``sent`` may be a raw token, to be sent as it ought to be.
    """

    def attack(
        sent: Sent | str, outcome: Outcome, *, good: str = "", **options: Any
    ) -> Answer:
        return strike(
            Sent((f"Bearer {sent}",)) if isinstance(sent, str) else sent,
            outcome,
            issuer=options.pop("issuer", issuer),
            good=good or issuer.access_token("alice", ["read"]),
            caplog=caplog,
            monkeypatch=monkeypatch,
            **options,
        )

    return attack
