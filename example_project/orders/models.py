"""The one table."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Order(models.Model):
    """So many of an item, for a user; imported ones belong to nobody yet."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="orders",
    )
    imported_by = models.CharField(max_length=200, blank=True)
    item = models.CharField(max_length=100)
    quantity = models.PositiveIntegerField(default=1)
    placed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        """Return what was ordered."""
        return f"{self.quantity} x {self.item}"
