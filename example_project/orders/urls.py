"""The app's addresses."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("orders", views.OrderViewSet, basename="order")

urlpatterns = [
    *router.urls,
    path("me/", views.MeView.as_view()),
    path("stats/", views.stats),
    path("admin/orders/", views.AdminOrdersView.as_view()),
    path("imports/", views.ImportView.as_view()),
    path("health/", views.health),
]
