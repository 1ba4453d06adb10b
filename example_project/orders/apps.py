"""The app's configuration."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders of the API's users."""

    name = "orders"
