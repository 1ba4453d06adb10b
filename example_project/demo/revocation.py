"""What a token is worth once it is revoked: data, like ``scenarios``.

``DELETE /orders/{order}/`` is the endpoint of high risk: its view has the issuer asked.
"""

from __future__ import annotations

from .scenarios import (
    BILLING,
    CANNOT_TELL,
    CREATED,
    DELETED,
    INVALID_TOKEN,
    OK,
    ORDER,
    Grant,
    Phase,
    Row,
    lacks,
)

__all__ = ["REVOCATION"]

LIST = "GET /orders/"
PLACE = "POST /orders/"
DELETE = "DELETE /orders/{order}/"

REVOCATION = (
    Phase(
        title="JWTs are checked here; before an order is deleted the issuer is asked",
        tokens={
            "alice, JWT": Grant(user="alice"),
            "alice, other JWT": Grant(user="alice"),
        },
        rows=(
            Row(request=LIST, token="alice, JWT", expected=OK),
            Row(
                request=PLACE,
                token="alice, JWT",
                body=ORDER,
                keep_order=True,
                expected=CREATED,
            ),
            Row(request=DELETE, token="alice, JWT", expected=DELETED),
            Row(
                request=PLACE,
                token="alice, other JWT",
                body=ORDER,
                keep_order=True,
                expected=CREATED,
            ),
        ),
    ),
    Phase(
        title="One JWT is revoked at the issuer: nothing is deleted with it any more",
        revoked=("alice, JWT",),
        rows=(
            Row(request=DELETE, token="alice, JWT", expected=INVALID_TOKEN),
            Row(request="GET /orders/{order}/", token="alice, JWT", expected=OK),
        ),
    ),
    Phase(
        title="The issuer makes opaque tokens: it is asked, and its answers are kept",
        first=("issue_opaque_tokens",),
        tokens={
            "alice, opaque": Grant(user="alice"),
            "alice, other opaque": Grant(user="alice"),
            "alice, opaque, read only": Grant(user="alice", scope="openid orders:read"),
            "alice, opaque, for billing": Grant(user="alice", resource=BILLING),
            "importer, opaque": Grant(client="orders-importer", scope="orders:import"),
        },
        rows=(
            Row(request=LIST, token="alice, opaque", expected=OK),
            Row(request=LIST, token="alice, other opaque", expected=OK),
            Row(
                request=PLACE,
                token="alice, opaque, read only",
                body=ORDER,
                expected=lacks("orders:write"),
            ),
            Row(
                request=LIST, token="alice, opaque, for billing", expected=INVALID_TOKEN
            ),
            Row(
                request="POST /imports/",
                token="importer, opaque",
                body=[ORDER],
                expected=CREATED,
            ),
        ),
    ),
    Phase(
        title="One opaque token is revoked: it lives on until somebody asks",
        revoked=("alice, opaque",),
        rows=(
            Row(request=LIST, token="alice, opaque", expected=OK),
            Row(request=DELETE, token="alice, opaque", expected=INVALID_TOKEN),
            Row(request=LIST, token="alice, opaque", expected=INVALID_TOKEN),
            Row(request=DELETE, token="alice, other opaque", expected=DELETED),
        ),
    ),
    Phase(
        title="The issuer is down: whoever must ask cannot tell",
        then=("stop_issuer",),
        rows=(
            Row(request=LIST, token="alice, other JWT", expected=OK),
            Row(request=LIST, token="alice, other opaque", expected=OK),
            Row(request=DELETE, token="alice, other JWT", expected=CANNOT_TELL),
            Row(request=DELETE, token="alice, other opaque", expected=CANNOT_TELL),
        ),
    ),
)
