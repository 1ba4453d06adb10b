"""The README's code blocks, and the project its five-minute setup describes.

As a script it writes that project into a folder: ``readme_blocks.py README DIR``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_BLOCK = re.compile(
    r"^```python\n# (?P<label>[^\n]+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)

_SETTINGS = """\
SECRET_KEY = "not a secret in a test"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
"""

_MANAGE = """\
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""

_PYTEST = """\
[pytest]
DJANGO_SETTINGS_MODULE = settings
pythonpath = .
filterwarnings = error
"""


def blocks(readme: str) -> list[tuple[str, str]]:
    """Return (label, code) of every Python block; the label is its first comment."""
    return [(match["label"], match["code"]) for match in _BLOCK.finditer(readme)]


def write_project(readme: str, folder: Path) -> None:
    """Write what a reader of the five-minute setup would have."""
    files = {"settings.py": _SETTINGS, "manage.py": _MANAGE, "pytest.ini": _PYTEST}
    for label, code in blocks(readme):
        if label.endswith(".py"):
            files[label] = files.get(label, "") + "\n" + code
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


if __name__ == "__main__":
    write_project(Path(sys.argv[1]).read_text(), Path(sys.argv[2]))
