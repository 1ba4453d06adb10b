"""The environment everything is measured in; ours comes from this checkout."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["REQUIREMENTS", "install"]

# All in one environment, so that Django, PyJWT and cryptography are the same for all.
_COMMON = (
    "django~=5.2.15",
    "djangorestframework~=3.17",
    "pyjwt[crypto]~=2.15",
    "cryptography>=45",
    "requests>=2.32.4",
    "urllib3>=2",
    "gunicorn>=23",
    "uvicorn>=0.34",
)
_PEERS = (
    "djangorestframework-simplejwt==5.5.1",
    "drf-oidc-auth==4.0.0",
    "django-oauth-toolkit==3.4.1",
    "mozilla-django-oidc==5.0.2",
    "axioms-drf-py==0.0.12",
    "django-pyoidc[drf]==1.0.13",
    "redis>=5",
)
REQUIREMENTS = (*_COMMON, *_PEERS)
_PATIENCE = 600


def install(cache: Path) -> Path:
    """Return the environment's interpreter; installs below ``cache`` what is missing.

    A peer that cannot be installed is left out: its contestants are skipped.

    Raises:
        subprocess.SubprocessError: what all need cannot be installed.
    """
    wanted = "\n".join((sys.version, *REQUIREMENTS))
    folder = cache / f"peers-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if done.exists():
        return python.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    try:
        _pip(python, *REQUIREMENTS)
    except subprocess.CalledProcessError:
        _pip(python, *_COMMON)
        for peer in _PEERS:
            try:
                _pip(python, *_COMMON, peer)
            except subprocess.CalledProcessError:
                print(f"left out: {peer} cannot be installed", file=sys.stderr)
    done.write_text(wanted)
    return python.absolute()


def _pip(python: Path, *requirements: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--quiet"]
    subprocess.run([*command, *requirements], check=True, timeout=_PATIENCE)
