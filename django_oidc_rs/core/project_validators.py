"""A project's own rules: the functions of ``VALIDATORS``."""

from __future__ import annotations

from .access_token import AccessToken
from .issuers import IssuerPolicy

__all__ = ["run_validators"]


def run_validators(access_token: AccessToken, policy: IssuerPolicy) -> AccessToken:
    """Return ``access_token`` if none of the project's validators refuses it.

    Raises:
        InvalidToken: one refused it. Any other exception of theirs passes through: a
            fault of the project is never a yes.
        TypeError: one answered something; a yes or no would never refuse anybody.
    """
    for validator in policy.validators:
        if validator(access_token) is not None:
            raise TypeError("a validator refuses by raising InvalidToken")
    return access_token
