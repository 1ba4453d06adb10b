"""Build the wheel, install it in a new environment, run the README's project with it.

``try_wheel.py CHECKOUT``: works in the current folder, which should be empty.
"""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path


def run(*command, cwd=None):
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, timeout=600)


def main():
    checkout, here = Path(sys.argv[1]).resolve(), Path.cwd()
    run(sys.executable, "-m", "build", "--outdir", here / "dist", checkout)
    run(sys.executable, "-m", "twine", "check", "--strict", *(here / "dist").iterdir())
    (wheel,) = (here / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    strangers = [n for n in names if not n.startswith(("django_oidc_rs",))]
    assert not strangers, strangers
    assert "django_oidc_rs/py.typed" in names
    admin = "django_oidc_rs/templates/admin/django_oidc_rs"
    assert f"{admin}/issuerrecord/change_list.html" in names
    venv.create(here / "venv", with_pip=True)
    python = here / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, "pytest-django")
    project = here / "project"
    project.mkdir()
    run(
        sys.executable,
        checkout / "tests" / "readme_blocks.py",
        checkout / "README.md",
        project,
    )
    run(python, "manage.py", "check", cwd=project)
    run(python, "manage.py", "migrate", "--verbosity=0", cwd=project)
    run(python, "-m", "pytest", "-q", cwd=project)


if __name__ == "__main__":
    main()
