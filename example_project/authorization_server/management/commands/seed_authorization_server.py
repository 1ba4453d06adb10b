"""``seed_authorization_server``: a signing key, users and clients."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Client
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand

from authorization_server import seeds, signing_keys

__all__ = ["Command"]


class Command(BaseCommand):
    """Makes what ``seeds`` names; what is there already stays as it is."""

    help = "Create a signing key, users and clients."

    def handle(self, **options: Any) -> None:
        """Seed the database and the key directory."""
        if not signing_keys.published():
            signing_keys.add()
        # They share the password, so why not its hash: good ones take long to make.
        password = make_password(seeds.PASSWORD)
        for username in seeds.USERS:
            self._add_user(username, password)
        for fields in seeds.CLIENTS:
            self._add_client(fields)

    def _add_user(self, username: str, password: str) -> None:
        users = get_user_model().objects
        if users.filter(username=username).exists():
            return
        email = f"{username}@example.com"
        user = users.create(username=username, email=email, password=password)
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)

    def _add_client(self, fields: dict[str, Any]) -> None:
        client = Client(**fields)
        if Client.objects.filter(pk=client.pk).exists():
            return
        if client.pk in seeds.SECRETS:
            client.set_secret(seeds.SECRETS[client.pk])
        client.full_clean()
        client.save()
