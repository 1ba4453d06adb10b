"""Resolvers of a project's own."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser

from django_oidc_rs.core.errors import InvalidToken


def by_subject(access_token):
    """Find by a column of the project; the subject is ``username`` here."""
    users = get_user_model().objects
    return users.filter(username=f"own-{access_token.subject}").first()


def nobody(access_token):
    return None


def anonymous(access_token):
    return AnonymousUser()


def no_user_at_all(access_token):
    return object()


def refusing(access_token):
    raise InvalidToken(reason="project_rule")


def broken(access_token):
    raise LookupError("a mistake of the project")
