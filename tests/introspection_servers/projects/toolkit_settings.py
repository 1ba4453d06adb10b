"""django-oauth-toolkit: opaque tokens, as always."""

from .common import *  # noqa: F403
from .common import APPS, new_key

ROOT_URLCONF = "tests.introspection_servers.projects.toolkit_site"
INSTALLED_APPS = [*APPS, "oauth2_provider"]
LOGIN_URL = "/control/login"
OAUTH2_PROVIDER = {
    "OIDC_ENABLED": True,
    "OIDC_RSA_PRIVATE_KEY": new_key(),
    "SCOPES": {"openid": "OpenID", "orders:read": "Read orders"},
    "DEFAULT_SCOPES": ["orders:read"],
}
