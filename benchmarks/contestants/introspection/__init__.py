"""Who asks an authorization server about tokens, as its README says.

Modules are as in ``benchmarks.contestants``. ``JWT``, if true, has the server
issue JWTs instead of opaque tokens. All guard one view: it reads (GET) and writes
(POST).
"""

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "guarded_view"]

CLIENT_ID, CLIENT_SECRET = "orders-api", "benchmark-secret-" * 3


def guarded_view(view):
    """Return ``view`` with a POST."""
    from rest_framework.response import Response

    class ReadAndWrite(view):
        def post(self, request):
            return Response({"ok": True})

    return ReadAndWrite
