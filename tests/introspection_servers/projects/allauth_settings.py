"""django-allauth's identity provider as it comes, opaque tokens; it introspects."""

from .common import *  # noqa: F403
from .common import APPS, new_key
from .common import MIDDLEWARE as COMMON_MIDDLEWARE

ROOT_URLCONF = "tests.introspection_servers.projects.allauth_site"
INSTALLED_APPS = [*APPS, "allauth", "allauth.account", "allauth.idp.oidc"]
MIDDLEWARE = [*COMMON_MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False
IDP_OIDC_ADAPTER = "tests.introspection_servers.projects.allauth_adapter.Adapter"
IDP_OIDC_PRIVATE_KEY = new_key()
# Without it their answers lack exp, and nobody takes them for an access token's.
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = 86400
IDP_OIDC_INTROSPECTION_ENABLED = True
# An API asks about tokens of the clients, not of its own.
IDP_OIDC_INTROSPECTION_CROSS_CLIENT_ALLOWED = True
# Thirty questions a minute otherwise.
IDP_OIDC_RATE_LIMITS = False
