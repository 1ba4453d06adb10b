"""Django's command line, for the API.

With ``--settings authorization_server.settings`` it is the authorization server's.
"""

from __future__ import annotations

import os
import sys

_OF_THE_EXTRA = ("django", "rest_framework", "drf_spectacular", "allauth", "requests")
_MISSING = (
    "{}: the example needs its extra. In the clone's folder, and in the environment "
    'you start it from: pip install -e ".[demo]"'
)


def main() -> None:
    """Run the command that the arguments name; exit with 1 where the extra is missing.

    Raises:
        ModuleNotFoundError: another module is missing.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "api.settings")
    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in (*_OF_THE_EXTRA, "django_oidc_rs"):
            raise
        sys.exit(_MISSING.format(error))


if __name__ == "__main__":
    main()
