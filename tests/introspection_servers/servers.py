"""The servers, one class each: how each is set up, and what is odd about it."""

from __future__ import annotations

import json
import secrets
from contextlib import closing, contextmanager

from tests.fleet.counterparts import url_of

from .credentials import MACHINE, SCOPE, SECRET
from .server import AuthorizationServer, post
from .serving import serving

__all__ = ["SERVERS", "DjangoAllauth", "DjangoOAuthToolkit", "OidcProvider"]


class OidcProvider(AuthorizationServer):
    """npm's oidc-provider, that ``.ci/oidc-provider`` starts."""

    name = "oidc-provider"
    # It signs answers for whoever would rather have that.
    signed = "application/token-introspection+jwt"

    @classmethod
    @contextmanager
    def running(cls, state):
        with closing(cls(url_of("DJANGO_OIDC_RS_OIDC_PROVIDER"))) as server:
            yield server

    def log_in(self, browser):
        """Whoever comes is logged in."""

    def jwt(self):
        """Return what the machine of other tests gets here: a JWT access token."""
        form = {"grant_type": "client_credentials", "scope": SCOPE}
        return self._granted(MACHINE, form, "secret")["access_token"]

    def register(self, **metadata):
        """Have one more API that may ask; return its client ID."""
        client_id = f"api-{secrets.token_hex(8)}"
        self.control("client", json.dumps({"client_id": client_id, **metadata}))
        return client_id


class DjangoAllauth(AuthorizationServer):
    """django-allauth's identity provider, with opaque tokens."""

    name = "django-allauth"

    @classmethod
    @contextmanager
    def running(cls, state):
        with (
            serving("allauth", package="allauth.idp", state=state) as url,
            closing(cls(url)) as server,
        ):
            yield server

    def credentials(self, client_id, secret=SECRET):
        """It takes the parts of Basic credentials as they are, not form-encoded."""
        return {}, post(client_id, secret)


class DjangoOAuthToolkit(AuthorizationServer):
    """django-oauth-toolkit."""

    name = "django-oauth-toolkit"
    # The OpenID discovery document does not say where tokens are introspected.
    metadata = "/.well-known/oauth-authorization-server/o"
    machine = MACHINE
    # Its answers have neither sub nor iss.
    options = {"SUBJECT_CLAIM": "username"}

    @classmethod
    @contextmanager
    def running(cls, state):
        with (
            serving("toolkit", package="oauth2_provider", state=state) as url,
            closing(cls(url, "/o")) as server,
        ):
            yield server


SERVERS = {
    server.name: server for server in (OidcProvider, DjangoAllauth, DjangoOAuthToolkit)
}
