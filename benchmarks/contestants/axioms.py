"""axioms-drf-py: a middleware that validates, and a class that looks what it found."""

TITLE = "axioms-drf-py"
APPS = ["axioms_drf.apps.JWKSManagerWSGIConfig"]
MIDDLEWARE = ["axioms_drf.middleware.AccessTokenMiddleware"]
AUTHENTICATION = "axioms_drf.authentication.HasValidAccessToken"
ALGORITHMS = frozenset(("RS256", "ES256", "ES384"))


def configure(lane):
    """Return the settings."""
    return {
        "AXIOMS_AUDIENCE": lane["audience"],
        "AXIOMS_ISS_URL": lane["issuer"],
        "AXIOMS_JWKS_URL": f"{lane['issuer']}/jwks",
    }
