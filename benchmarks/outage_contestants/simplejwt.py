"""djangorestframework-simplejwt with ``JWK_URL``: a PyJWKClient with its defaults."""

APPS = []
_PACKAGE = "rest_framework_simplejwt.authentication"
AUTHENTICATION = f"{_PACKAGE}.JWTStatelessUserAuthentication"


def configure(issuer, options):
    """Return the settings."""
    return {
        "SIMPLE_JWT": {
            "ALGORITHM": "RS256",
            "JWK_URL": f"{issuer}/jwks",
            "ISSUER": issuer,
            "AUDIENCE": "https://api.test",
            "USER_ID_CLAIM": "sub",
            # Without these two, tokens of any other issuer are refused.
            "TOKEN_TYPE_CLAIM": None,
            "JTI_CLAIM": None,
        }
    }
