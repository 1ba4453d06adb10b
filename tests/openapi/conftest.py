"""Views are described as those of a project that follows the README."""

import pytest


@pytest.fixture(autouse=True)
def described_by_spectacular(settings):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    }
