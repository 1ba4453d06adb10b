"""The pages of the project, and what is in its database."""

from allauth.idp.oidc.models import Client, Token
from django.contrib.auth.hashers import make_password
from django.urls import include, path
from django.utils import timezone

from ..credentials import API, CALLBACK, SECRET, WEB
from .control import control_urls


def seed():
    Client.objects.create(
        id=WEB,
        name=WEB,
        secret=make_password(SECRET),
        scopes="openid\norders:read",
        grant_types="authorization_code\nrefresh_token\nclient_credentials",
        redirect_uris=CALLBACK,
        skip_consent=True,
    )
    Client.objects.create(
        id=API, name=API, secret=make_password(SECRET), grant_types="", scopes=""
    )


def expire(value):
    expired = Token.objects.by_value(value).filter(type=Token.Type.ACCESS_TOKEN)
    assert expired.update(expires_at=timezone.now()) == 1


urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("control/", include(control_urls(expire))),
    path("", include("allauth.idp.urls")),
]
