"""What the admin shows, where a project has one.

Imported by Django's autodiscovery alone. A project that wants its own pages unregisters
these, or subclasses them.
"""

from __future__ import annotations

from django.contrib import admin

from .identity_admin import IdentityAdmin
from .issuer_admin import IssuerAdmin
from .models import FederatedIdentity, IssuerRecord

__all__ = ["IdentityAdmin", "IssuerAdmin"]

admin.site.register(IssuerRecord, IssuerAdmin)
admin.site.register(FederatedIdentity, IdentityAdmin)
