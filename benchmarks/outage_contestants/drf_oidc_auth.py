"""drf-oidc-auth, on Django's default cache (one per process)."""

APPS = []
AUTHENTICATION = "oidc_auth.authentication.JSONWebTokenAuthentication"


class TokenUser:
    """The user a token speaks of."""

    is_authenticated = True

    def __init__(self, claims):
        """Keep the subject."""
        self.username = claims["sub"]


def user_of(request, claims):
    """Return the user without looking into a database."""
    return TokenUser(claims)


def configure(issuer, options):
    """Return the settings."""
    return {
        "OIDC_AUTH": {
            "OIDC_ENDPOINT": issuer,
            "OIDC_CLAIMS_OPTIONS": {
                "aud": {"essential": True, "values": ["https://api.test"]}
            },
            # Its default is a day.
            "OIDC_JWKS_EXPIRATION_TIME": 600,
            # Its 600 s would refuse tokens older than that, also before ``exp``.
            "OIDC_LEEWAY": 7 * 86400,
            "OIDC_RESOLVE_USER_FUNCTION": (
                "benchmarks.outage_contestants.drf_oidc_auth.user_of"
            ),
            "JWT_AUTH_HEADER_PREFIX": "Bearer",
        }
    }
