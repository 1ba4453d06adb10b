"""drf-oidc-auth, which looks the user up by ``sub``, on Django's default cache."""

TITLE = "drf-oidc-auth"
APPS = []
MIDDLEWARE = []
AUTHENTICATION = "oidc_auth.authentication.JSONWebTokenAuthentication"
ALGORITHMS = frozenset(("RS256", "ES256", "ES384"))


def configure(lane):
    """Return the settings."""
    return {
        "OIDC_AUTH": {
            "OIDC_ENDPOINT": lane["issuer"],
            "OIDC_CLAIMS_OPTIONS": {
                "aud": {"essential": True, "values": [lane["audience"]]}
            },
            "JWT_ALGORITHMS": [lane["algorithm"]],
            # Its 600 s would refuse tokens older than that, also before ``exp``.
            "OIDC_LEEWAY": 86400,
            "JWT_AUTH_HEADER_PREFIX": "Bearer",
        }
    }
