"""The API's addresses."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("", include("orders.urls")),
    path("", include("page.urls")),
    path("schema/", SpectacularAPIView.as_view()),
]
