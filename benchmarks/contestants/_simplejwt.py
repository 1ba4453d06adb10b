"""What the three of simplejwt have in common."""

from . import ALL

APPS = []
ALGORITHMS = ALL
_PACKAGE = "rest_framework_simplejwt.authentication"
STATELESS = f"{_PACKAGE}.JWTStatelessUserAuthentication"
WITH_USER = f"{_PACKAGE}.JWTAuthentication"


def settings(lane, **key):
    """Return the settings; ``key`` tells where the issuer's key comes from."""
    return {
        "SIMPLE_JWT": {
            "ALGORITHM": lane["algorithm"],
            "ISSUER": lane["issuer"],
            "AUDIENCE": lane["audience"],
            "USER_ID_FIELD": "username",
            "USER_ID_CLAIM": "sub",
            # Without these two, tokens of any other issuer are refused.
            "TOKEN_TYPE_CLAIM": None,
            "JTI_CLAIM": None,
            **key,
        }
    }


def key_set(lane):
    """Return the setting for keys that are fetched: a PyJWKClient's defaults."""
    return {"JWK_URL": f"{lane['issuer']}/jwks"}


def key(lane):
    """Return the setting for the one key, pasted."""
    return {"VERIFYING_KEY": lane["public_key"]}
