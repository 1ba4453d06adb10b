"""What the demo asks for and what must come back: data alone, nothing runs here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["PHASES", "Action", "Answer", "Grant", "Phase", "Row"]

API = "https://orders.example/"
BILLING = "https://billing.example/"
READ_WRITE = "openid orders:read orders:write"

Action = Literal[
    "issue_opaque_tokens",
    "link_staff_user",
    "restart_api",
    "rotate_key",
    "start_issuer",
    "stop_issuer",
    "sync_keys",
    "withdraw_old_keys",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token to get from the authorization server.

    Attributes:
        client: which client asks.
        user: who logs in; None is client credentials.
        scope: what is asked for, separated by spaces.
        resource: the API it is for (RFC 8707); None leaves ``aud`` out.
        take: which token of the response.
        forge: claims to write over the signed ones, leaving the signature.
    """

    client: str = "orders-web"
    user: str | None = None
    scope: str = READ_WRITE
    resource: str | None = API
    take: Literal["access_token", "id_token"] = "access_token"
    forge: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the API, as far as the demo compares it.

    Attributes:
        status: the HTTP status.
        error: the challenge's error code; "" for a challenge without one, None for no
            challenge at all.
        scope: the challenge's scope, beside ``insufficient_scope``.
        retry_after: whether there is a ``Retry-After``.
    """

    status: int
    error: str | None = None
    scope: str | None = None
    retry_after: bool = False

    def __str__(self) -> str:
        """Return the answer in a few words."""
        words = [str(self.status)]
        if self.error is not None:
            words.append(self.error or "challenge")
        if self.scope is not None:
            words.append(f"({self.scope})")
        if self.retry_after:
            words.append("Retry-After")
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request.

    Attributes:
        request: method and path; ``{order}`` is the order that ``keep_order`` kept.
        token: the name of a token of this phase or an earlier one; None sends none.
        header: an ``Authorization`` value to send instead.
        body: sent as JSON.
        keep_order: remember the ``id`` of the answer.
    """

    request: str
    expected: Answer
    token: str | None = None
    header: str | None = None
    body: object = None
    keep_order: bool = False

    @property
    def sent(self) -> str:
        """What stands in the ``Authorization`` header, in a few words."""
        return self.token or self.header or "no token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Requests under the same conditions.

    Attributes:
        title: what is going on.
        first: done before the tokens are got.
        tokens: name -> grant, got now.
        new_key: these tokens must be signed with a key unseen before.
        revoked: names of tokens revoked at the authorization server, after that.
        then: done before the rows.
    """

    title: str
    rows: tuple[Row, ...]
    first: tuple[Action, ...] = ()
    tokens: Mapping[str, Grant] = field(default_factory=dict)
    new_key: bool = False
    revoked: tuple[str, ...] = ()
    then: tuple[Action, ...] = ()


OK = Answer(status=200)
CREATED = Answer(status=201)
DELETED = Answer(status=204)
FORBIDDEN = Answer(status=403)
NOT_FOUND = Answer(status=404)
NO_CREDENTIALS = Answer(status=401, error="")
INVALID_REQUEST = Answer(status=400, error="invalid_request")
INVALID_TOKEN = Answer(status=401, error="invalid_token")
# The token is of the wrong kind; no scope would help, so none is named.
NOT_FOR_THIS_TOKEN = Answer(status=403, error="insufficient_scope")
CANNOT_TELL = Answer(status=503, retry_after=True)
ORDER = {"item": "A book", "quantity": 2}


def lacks(scope: str) -> Answer:
    """Return the answer to a token without ``scope``."""
    return Answer(status=403, error="insufficient_scope", scope=scope)


PHASES = (
    Phase(
        title="Is it a valid access token for this API?",
        tokens={
            "alice": Grant(user="alice"),
            "alice, expired": Grant(user="alice", client="orders-web-yesterday"),
            "alice, tampered: admin": Grant(
                user="alice", forge={"scope": "orders:read orders:admin"}
            ),
            "alice, for billing": Grant(user="alice", resource=BILLING),
            "alice, for no API": Grant(user="alice", resource=None),
            "alice, ID token": Grant(user="alice", take="id_token"),
        },
        rows=(
            Row(request="GET /health/", expected=OK),
            Row(request="GET /orders/", token="alice", expected=OK),
            Row(request="GET /orders/", expected=NO_CREDENTIALS),
            Row(request="GET /orders/", token="alice, expired", expected=INVALID_TOKEN),
            Row(
                request="GET /orders/",
                token="alice, tampered: admin",
                expected=INVALID_TOKEN,
            ),
            Row(
                request="GET /orders/",
                token="alice, for billing",
                expected=INVALID_TOKEN,
            ),
            Row(
                request="GET /orders/",
                token="alice, for no API",
                expected=INVALID_TOKEN,
            ),
            Row(
                request="GET /orders/",
                token="alice, ID token",
                expected=INVALID_TOKEN,
            ),
            Row(
                request="GET /orders/",
                header="Bearer two words",
                expected=INVALID_REQUEST,
            ),
            Row(
                request="GET /orders/",
                header="Basic YWxpY2U6c2VjcmV0",
                expected=NO_CREDENTIALS,
            ),
        ),
    ),
    Phase(
        title="Does it hold the scope? Whose order is it?",
        tokens={
            "alice, read only": Grant(user="alice", scope="openid orders:read"),
            "alice, no orders": Grant(user="alice", scope="openid"),
            "bob": Grant(user="bob"),
        },
        rows=(
            Row(request="GET /me/", token="alice, no orders", expected=OK),
            Row(
                request="GET /orders/",
                token="alice, no orders",
                expected=lacks("orders:read"),
            ),
            Row(
                request="POST /orders/",
                token="alice, read only",
                body=ORDER,
                expected=lacks("orders:write"),
            ),
            Row(
                request="POST /orders/",
                token="alice",
                body=ORDER,
                keep_order=True,
                expected=CREATED,
            ),
            Row(request="GET /orders/{order}/", token="alice", expected=OK),
            Row(request="GET /orders/{order}/", token="bob", expected=NOT_FOUND),
            Row(request="DELETE /orders/{order}/", token="bob", expected=NOT_FOUND),
            Row(request="GET /stats/", token="alice", expected=OK),
            Row(
                request="GET /stats/",
                token="alice, no orders",
                expected=lacks("orders:read"),
            ),
            Row(request="GET /stats/", expected=NO_CREDENTIALS),
        ),
    ),
    Phase(
        title="A machine, a user or an administrator?",
        tokens={
            "importer": Grant(
                client="orders-importer", scope="orders:read orders:import"
            ),
            "importer, read only": Grant(client="orders-importer", scope="orders:read"),
            "alice, import": Grant(user="alice", scope="openid orders:import"),
            "alice, admin": Grant(user="alice", scope="openid orders:admin"),
            "carol, admin": Grant(user="carol", scope="openid orders:admin"),
            "carol, read only": Grant(user="carol", scope="openid orders:read"),
        },
        then=("link_staff_user",),
        rows=(
            Row(request="GET /me/", token="importer", expected=OK),
            Row(request="GET /orders/", token="importer", expected=NOT_FOR_THIS_TOKEN),
            Row(
                request="POST /imports/",
                token="importer",
                body=[ORDER],
                expected=CREATED,
            ),
            Row(
                request="POST /imports/",
                token="importer, read only",
                body=[ORDER],
                expected=lacks("orders:import"),
            ),
            Row(
                request="POST /imports/",
                token="alice, import",
                body=[ORDER],
                expected=NOT_FOR_THIS_TOKEN,
            ),
            Row(request="GET /admin/orders/", token="alice, admin", expected=FORBIDDEN),
            Row(
                request="GET /admin/orders/",
                token="carol, read only",
                expected=lacks("orders:admin"),
            ),
            Row(request="GET /admin/orders/", token="carol, admin", expected=OK),
        ),
    ),
    Phase(
        title="The issuer signs with a new key; the API is not restarted",
        first=("rotate_key",),
        tokens={"alice, 2nd key": Grant(user="alice")},
        new_key=True,
        rows=(
            Row(request="GET /orders/", token="alice, 2nd key", expected=OK),
            Row(request="GET /orders/", token="alice", expected=OK),
        ),
    ),
    Phase(
        title="The issuer is down; nobody has fetched its third key yet",
        first=("rotate_key",),
        tokens={"alice, 3rd key": Grant(user="alice")},
        new_key=True,
        then=("stop_issuer",),
        rows=(
            Row(request="GET /orders/", token="alice, 2nd key", expected=OK),
            Row(request="GET /orders/", token="alice, 3rd key", expected=CANNOT_TELL),
            Row(request="GET /orders/", token="alice, 2nd key", expected=OK),
            Row(
                request="GET /orders/", token="alice, ID token", expected=INVALID_TOKEN
            ),
            Row(request="GET /orders/", token="alice, expired", expected=INVALID_TOKEN),
        ),
    ),
    Phase(
        title="The API restarts while the issuer is still down",
        first=("restart_api",),
        rows=(
            Row(request="GET /orders/", token="alice, 2nd key", expected=OK),
            Row(request="GET /orders/", expected=NO_CREDENTIALS),
        ),
    ),
    Phase(
        title="The issuer is back without its older keys; sync_oidc_keys runs",
        first=("start_issuer", "withdraw_old_keys", "sync_keys"),
        rows=(
            Row(request="GET /orders/", token="alice, 3rd key", expected=OK),
            Row(request="GET /orders/", token="alice, 2nd key", expected=INVALID_TOKEN),
        ),
    ),
)
