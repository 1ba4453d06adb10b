"""The plain-Django half, in a process where REST framework cannot be imported."""

import sys


class _NoRestFramework:
    """Refuses the import, whether REST framework is installed or not."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "rest_framework":
            raise ModuleNotFoundError(name)


def main():
    sys.meta_path.insert(0, _NoRestFramework())
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="test",
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django_oidc_rs",
        ],
        MIDDLEWARE=["django_oidc_rs.middleware.ResourceServerMiddleware"],
        OIDC_RS={
            "AUDIENCE": "https://api.test",
            "ISSUERS": {"default": {"ISSUER": "https://issuer.test"}},
        },
    )
    django.setup()
    from django.core.management import call_command
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import path

    from django_oidc_rs.decorators import scope_required
    from django_oidc_rs.testing import FakeIssuer, install

    @scope_required("read")
    def view(request):
        return HttpResponse(request.user.get_username())

    globals()["urlpatterns"] = [path("", view)]
    call_command("check", fail_level="WARNING")
    call_command("migrate", verbosity=0)
    issuer = FakeIssuer()
    with install(issuer):
        client = Client()
        good = {"Authorization": f"Bearer {issuer.access_token(scopes=['read'])}"}
        poor = {"Authorization": f"Bearer {issuer.access_token()}"}
        statuses = [
            client.get("/", headers=headers).status_code
            for headers in ({}, good, poor, {"Authorization": "Bearer x"})
        ]
    assert statuses == [401, 200, 403, 401], statuses
    assert not any(name.startswith("rest_framework") for name in sys.modules)
    print("without REST framework: ok")


if __name__ == "__main__":
    main()
