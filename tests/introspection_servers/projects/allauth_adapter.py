"""The scope that the tests ask for."""

from allauth.idp.oidc.adapter import DefaultOIDCAdapter


class Adapter(DefaultOIDCAdapter):
    scope_display = {**DefaultOIDCAdapter.scope_display, "orders:read": "Read orders"}
