"""The suite's settings with ``Account`` for a user model."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.users.customuser"]
AUTH_USER_MODEL = "customuser.Account"
