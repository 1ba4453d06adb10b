"""The issuer's signing keys: PEM files in a directory, named by when they were issued.

Read anew for every request, so that ``signing_keys rotate`` takes effect at once in a
server that runs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from allauth.idp.oidc.models import PrivateKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

__all__ = ["add", "published", "withdraw_old"]

_NAME_FORMAT = "%Y%m%dT%H%M%S.%fZ"


def add() -> Path:
    """Write a new RSA key; the newest signs. Return its file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    directory: Path = settings.SIGNING_KEYS_DIR
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / f"{datetime.now(UTC).strftime(_NAME_FORMAT)}.pem"
    # Renamed when complete: a request in between must not read half a key.
    unfinished = path.with_suffix(".tmp")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(pem)
    return unfinished.replace(path)


def withdraw_old() -> list[Path]:
    """Delete every key but the newest, and return the files that are gone."""
    old = _files()[:-1]
    for path in old:
        path.unlink()
    return old


def published() -> list[PrivateKey]:
    """Return the keys of the JWK Set, the newest last."""
    return [
        PrivateKey(
            pem=path.read_text(),
            issued_at=datetime.strptime(path.stem, _NAME_FORMAT).replace(tzinfo=UTC),
        )
        for path in _files()
    ]


def _files() -> list[Path]:
    return sorted(settings.SIGNING_KEYS_DIR.glob("*.pem"))
