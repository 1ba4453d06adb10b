"""django-oauth-toolkit: its own opaque tokens, in the API's own database."""

import secrets
from datetime import timedelta

from . import ALL

TITLE = "django-oauth-toolkit, own tokens"
APPS = ["oauth2_provider"]
MIDDLEWARE = []
AUTHENTICATION = "oauth2_provider.contrib.rest_framework.OAuth2Authentication"
# No signature: whatever the others check, this looks its token up.
ALGORITHMS = ALL


def configure(lane):
    """Return the settings."""
    return {"OAUTH2_PROVIDER": {"SCOPES": {"orders:read": "Read orders"}}}


def tokens(lane):
    """Return a token of the first user."""
    from django.contrib.auth.models import User
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application

    application = Application.objects.create(
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris="https://client.test/",
        name="benchmark",
    )
    token = AccessToken.objects.create(
        user=User.objects.get(username=lane["subjects"][0]),
        token=secrets.token_urlsafe(32),
        application=application,
        expires=timezone.now() + timedelta(hours=6),
        scope="orders:read",
    )
    return [token.token]
