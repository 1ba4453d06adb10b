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


class CallerSerializer(serializers.Serializer):
    """What the API knows of its caller."""

    user = serializers.CharField()
    is_staff = serializers.BooleanField()
    is_machine = serializers.BooleanField()
    issuer = serializers.CharField()
    subject = serializers.CharField(allow_null=True)
    client_id = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.FloatField()


class ImportedSerializer(serializers.Serializer):
    """How many orders were taken."""

    imported = serializers.IntegerField()
