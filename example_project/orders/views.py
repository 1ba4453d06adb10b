"""Six endpoints, six ways to protect one."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from django_oidc_rs.decorators import scope_required
from django_oidc_rs.rest_framework import HasScope, IsMachine, IsUser, TokenHasScope

from .models import Order
from .serializers import (
    AdminOrderSerializer,
    CallerSerializer,
    ImportedSerializer,
    OrderSerializer,
)


class OrderViewSet(ModelViewSet):
    """A user's own orders: each action wants its scope."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    permission_classes = [IsUser, TokenHasScope]
    # What cannot be undone is no matter for a token that was revoked a minute ago.
    introspect = ["DELETE"]
    required_scopes = {
        "list": ["orders:read"],
        "retrieve": ["orders:read"],
        "create": ["orders:write"],
        "update": ["orders:write"],
        "partial_update": ["orders:write"],
        "destroy": ["orders:write"],
    }

    def get_queryset(self) -> QuerySet[Order]:
        """Leave out the orders of others."""
        return super().get_queryset().filter(owner=self.request.user)

    def perform_create(self, serializer: BaseSerializer) -> None:
        """Place the order for whoever the token stands for."""
        serializer.save(owner=self.request.user)


class MeView(APIView):
    """What the API knows of its caller; any valid token will do."""

    @extend_schema(responses=CallerSerializer)
    def get(self, request: Request) -> Response:
        """Return the local user and the facts about the token."""
        token = request.auth
        return Response(
            {
                "user": request.user.get_username(),
                "is_staff": request.user.is_staff,
                "is_machine": token.is_machine,
                "issuer": token.issuer,
                "subject": token.subject,
                "client_id": token.client_id,
                "scopes": sorted(token.scopes),
                "expires_at": token.expires_at,
            }
        )


class AdminOrdersView(generics.ListAPIView):
    """Everybody's orders: the scope alone is not enough, nor is being staff."""

    queryset = Order.objects.all()
    serializer_class = AdminOrderSerializer
    permission_classes = [HasScope("orders:admin") & IsAdminUser]


class ImportView(APIView):
    """Orders from another system: for machines, which have no user here."""

    permission_classes = [IsMachine & HasScope("orders:import")]

    @extend_schema(
        request=OrderSerializer(many=True), responses={201: ImportedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Take a list of orders."""
        serializer = OrderSerializer(data=request.data, many=True)
        serializer.is_valid(raise_exception=True)
        serializer.save(imported_by=request.auth.client_id)
        return Response({"imported": len(serializer.data)}, status.HTTP_201_CREATED)


@require_safe
@scope_required("orders:read")
async def stats(request: HttpRequest) -> JsonResponse:
    """A plain async view: how many orders there are."""
    return JsonResponse({"orders": await Order.objects.acount()})


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """A public view: nothing protects it, no token is looked at."""
    return JsonResponse({"status": "ok"})
