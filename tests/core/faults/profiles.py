"""What the profile of one issuer refuses, where another accepts it."""

from __future__ import annotations
