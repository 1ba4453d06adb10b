"""The issuer and the strike of the attacks, for the cases that are asked over HTTP."""

from __future__ import annotations

from tests.attacks.conftest import attack, issuer

__all__ = ["attack", "issuer"]
