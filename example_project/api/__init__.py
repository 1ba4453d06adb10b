"""The orders API: a Django project protected by django-oidc-rs."""
