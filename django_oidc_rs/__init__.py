"""OAuth 2.0 / OpenID Connect resource server for Django.

Importing this package does nothing; see ``django_oidc_rs.rest_framework``,
``django_oidc_rs.decorators``, ``django_oidc_rs.middleware`` and
``django_oidc_rs.testing``.
"""

__version__ = "0.1.0"
