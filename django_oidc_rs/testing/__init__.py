"""For the tests of projects that use this package; nothing else imports it."""

from .force import access_token, force_access_token, unforce_access_token
from .issuer import FakeClock, FakeIssuer, install
from .signing import SigningKey

__all__ = [
    "FakeClock",
    "FakeIssuer",
    "SigningKey",
    "access_token",
    "force_access_token",
    "install",
    "unforce_access_token",
]
