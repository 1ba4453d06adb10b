"""The suite's settings with ``Person`` for a user model."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

# The admin wants a user model with staff.
INSTALLED_APPS = [
    *(app for app in INSTALLED_APPS if app != "django.contrib.admin"),
    "tests.users.customuser",
]
AUTH_USER_MODEL = "customuser.Person"
