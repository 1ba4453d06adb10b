"""The pages of the project, and what is in its database."""

from django.urls import include, path
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application
from oauth2_provider.urls import metadata_urlpatterns

from ..credentials import API, CALLBACK, MACHINE, SECRET, WEB
from .control import control_urls


def seed():
    # One application has one grant.
    for client_id, grant in (
        (WEB, "authorization-code"),
        (MACHINE, "client-credentials"),
        (API, "client-credentials"),
    ):
        Application.objects.create(
            client_id=client_id,
            client_secret=SECRET,
            client_type="confidential",
            authorization_grant_type=grant,
            redirect_uris=CALLBACK if client_id == WEB else "",
            skip_authorization=True,
        )


def expire(value):
    expired = AccessToken.objects.filter(token=value)
    assert expired.update(expires=timezone.now()) == 1


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("control/", include(control_urls(expire))),
    # At the root too, as its documentation asks.
    path(
        "", include((metadata_urlpatterns, "oauth2_provider"), namespace="at_the_root")
    ),
]
