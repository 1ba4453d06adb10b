"""What a request pays for being authenticated: ours alone, in process, in seconds.

    python -m benchmarks.hot_path

For who tunes it: nothing is installed, no process started. ``python -m benchmarks`` is
the whole, with the peers beside us.

Contestants run interleaved in rounds, the order reversed every other round; a figure
is the median over rounds, in microseconds. Ratios within one run are what counts:
machines differ, and are shared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable

ROUNDS = 41
LOOPS = 200


def measure(contestants: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return microseconds per call, the median over rounds, for each contestant."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for round_ in range(ROUNDS + 2):
        for name in names if round_ % 2 else reversed(names):
            call = contestants[name]
            start = time.perf_counter_ns()
            for _ in range(LOOPS):
                call()
            elapsed = (time.perf_counter_ns() - start) / LOOPS / 1000
            if round_ >= 2:
                samples[name].append(elapsed)
    return {name: statistics.median(values) for name, values in samples.items()}


def set_up(folder: str) -> None:
    """Configure Django with a file database and one issuer."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="benchmark",
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.path.join(folder, "benchmark.sqlite3"),
            }
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            "django_oidc_rs",
        ],
        REST_FRAMEWORK={
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "UNAUTHENTICATED_USER": None,
        },
        OIDC_RS={
            "AUDIENCE": "https://api.test",
            "ISSUERS": {"default": {"ISSUER": "https://issuer.test"}},
        },
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def contestants(algorithm: str, token: str) -> dict[str, Callable[[], object]]:
    """Return what is compared; the issuer that signed ``token`` must be installed."""
    from django.test import RequestFactory
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from django_oidc_rs.core.jws import parse_jws
    from django_oidc_rs.rest_framework import AccessTokenAuthentication, HasScope
    from django_oidc_rs.wiring import get_resource_server

    server = get_resource_server()
    jws = parse_jws(token)
    validator = server.select(jws)
    server.validate(token)
    (key,) = validator.keys.snapshot(wait=True).keys.keys
    factory = RequestFactory()
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    class Bare(APIView):
        def get(self, request):
            return Response({"ok": True})

    class TokenOnly(Bare):
        authentication_classes = [AccessTokenAuthentication]
        permission_classes = [HasScope("read")]
        resolve_user = False

    class LocalUser(TokenOnly):
        resolve_user = True

    def request(view: type[APIView]) -> Callable[[], object]:
        function = view.as_view()

        def call() -> object:
            response = function(factory.get("/", **headers)).render()
            assert response.status_code == 200
            return response

        return call

    return {
        "bare verify": lambda: key.verify(algorithm, jws.signing_input, jws.signature),
        "core validation": lambda: server.validate(token),
        "bare DRF view": request(Bare),
        "DRF, token only": request(TokenOnly),
        "DRF, local user": request(LocalUser),
    }


def main() -> None:
    """Print one table per algorithm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithms", nargs="*", default=["RS256", "ES256", "EdDSA"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        set_up(folder)
        from django_oidc_rs.testing import FakeIssuer, install

        for algorithm in options.algorithms:
            issuer = FakeIssuer(algorithm=algorithm)
            with install(issuer):
                token = issuer.access_token("alice", ["read"], exp=4_000_000_000)
                figures = measure(contestants(algorithm, token))
            report(algorithm, figures)


def report(algorithm: str, figures: dict[str, float]) -> None:
    """Print the medians, and the ratios that the design's goals are stated in."""
    verify, bare = figures["bare verify"], figures["bare DRF view"]
    print(f"\n{algorithm}: microseconds, median of {ROUNDS} rounds x {LOOPS}")
    for name, value in figures.items():
        above = f"{value - bare:8.1f} above the bare view" if "," in name else ""
        print(f"  {name:<18}{value:8.1f}{above}")
    print(f"  core / verify         {figures['core validation'] / verify:6.2f}")
    for name in ("DRF, token only", "DRF, local user"):
        print(f"  ({name} - bare) / verify {(figures[name] - bare) / verify:6.2f}")


if __name__ == "__main__":
    main()
