"""No routes: test modules that need some set ROOT_URLCONF to themselves."""

urlpatterns: list = []
