"""What an order looks like outside."""

from __future__ import annotations

from rest_framework import serializers

from .models import Order


class OrderSerializer(serializers.ModelSerializer):
    """An order; whose it is comes from the token, never from the body."""

    class Meta:
        model = Order
        fields = ["id", "item", "quantity", "placed_at"]


class AdminOrderSerializer(serializers.ModelSerializer):
    """An order and where it comes from."""

    class Meta:
        model = Order
        fields = ["id", "owner", "imported_by", "item", "quantity", "placed_at"]
