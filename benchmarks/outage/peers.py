"""The other contestants, installed into a virtual environment of their own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from .fleet import Contestant

__all__ = ["OURS", "install_peers"]

_REQUIREMENTS = (
    "django~=5.2.15",
    "djangorestframework~=3.17",
    "djangorestframework-simplejwt==5.5.1",
    "drf-oidc-auth==4.0.0",
    "pyjwt[crypto]==2.15.1",
    "requests>=2.32.4",
    "gunicorn>=23",
)
_INSTALL = 300
OURS = Contestant("django-oidc-rs", "ours", sys.executable)
_PEERS = (
    ("PyJWKClient", "pyjwkclient", frozenset[str]()),
    ("simplejwt", "simplejwt", frozenset[str]()),
    # It takes 20 and 50 MB into its cache, and out again with every request.
    ("drf-oidc-auth", "drf_oidc_auth", frozenset(("huge", "bomb"))),
)


def install_peers(cache: Path) -> list[Contestant]:
    """Return the peers, installed below ``cache`` unless they are there already.

    Raises:
        subprocess.SubprocessError: pip failed, or took longer than five minutes.
    """
    wanted = "\n".join((sys.version, *_REQUIREMENTS))
    folder = cache / f"peers-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-qq", *_REQUIREMENTS],
            check=True,
            timeout=_INSTALL,
        )
        done.write_text(wanted)
    return [
        Contestant(name, module, str(python.absolute()), burns)
        for name, module, burns in _PEERS
    ]
