"""Making the description of a few views, as ``manage.py spectacular`` does."""

from __future__ import annotations

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from drf_spectacular.validation import validate_schema

HOOK = "django_oidc_rs.rest_framework.schema.describe_refusals"

ISSUERS = {
    "default": {"ISSUER": "https://issuer.test"},
    "staff": {"ISSUER": "https://staff.test/realm", "SCOPES": ["a", "b"]},
    "fixed": {
        "ISSUER": "https://fixed.test",
        "JWKS_URI": "https://fixed.test/keys",
        "SCOPES": ["c"],
    },
}


def describe(*patterns, warnings=0, hook=False, **spectacular):
    """Return the description of ``patterns``, which is valid OpenAPI."""
    spectacular.setdefault("POSTPROCESSING_HOOKS", [HOOK] if hook else [])
    with patched_settings(spectacular), GENERATOR_STATS.silence():
        described = SchemaGenerator(patterns=list(patterns)).get_schema(public=True)
        found = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert len(found) == warnings, found
    validate_schema(described)
    return described
