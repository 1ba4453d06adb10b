"""The page's addresses."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("", views.page),
    path("page/settings.json", views.page_settings),
    path("page/<str:name>", views.page_file),
]
