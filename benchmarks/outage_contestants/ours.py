"""django-oidc-rs, with its defaults."""

APPS = ["django_oidc_rs"]
AUTHENTICATION = "django_oidc_rs.rest_framework.AccessTokenAuthentication"


def configure(issuer, options):
    """Return the settings; ``options`` are keys for the issuer."""
    return {
        "OIDC_RS": {
            "AUDIENCE": "https://api.test",
            "ISSUERS": {"default": {"ISSUER": issuer, **options}},
            "USERS": {"RESOLVER": "token_user"},
        }
    }
