"""What each shape of permissions makes of an operation's ``security``."""

from __future__ import annotations

import pytest
from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.decorators import action
from rest_framework.permissions import (
    AllowAny,
    BasePermission,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from django_oidc_rs.core.scopes import ScopeRequirement
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    AccessTokenPermission,
    FromIssuer,
    HasAllScopes,
    HasAnyScope,
    HasClaim,
    HasScope,
    IsMachine,
    IsUser,
    TokenHasScope,
)
from django_oidc_rs.rest_framework.schema import AccessTokenScheme

from .describing import ISSUERS, describe

A, B, C = HasScope("a"), HasScope("b"), HasScope("c")
GOLD = HasClaim("tier", "gold")


class Foreign(BasePermission):
    """Some permission of the project's."""


class AlmostAllowAny(AllowAny):
    """Says what it likes."""


class Subclassed(AccessTokenPermission):
    """Somebody's own, that names no scope."""


class Naming(AccessTokenPermission):
    """Somebody's own, that names scopes."""

    def requirement(self, request, view):
        return ScopeRequirement.all_of(["a", "b"])


class OwnAuthentication(AccessTokenAuthentication):
    """A project's subclass."""


class Item(Serializer):
    """What is read and written."""

    name = CharField()


class View(APIView):
    """What all rows share."""

    authentication_classes = [AccessTokenAuthentication]
    serializer_class = Item

    def get(self, request):
        """Read."""


def security_of(
    method="get", *, warnings=0, hook=False, spectacular=None, **attributes
):
    """Return ``security`` of an operation of a view with these attributes."""
    view = type("View", (View,), attributes)
    if method != "get":
        setattr(view, method, View.get)
    described = describe(
        path("x/", view.as_view()),
        warnings=warnings,
        hook=hook,
        **(spectacular or {}),
    )
    return described["paths"]["/x/"][method].get("security")


def token(*scopes, issuer="accessToken"):
    return {issuer: list(scopes)}


# The alternatives of one issuer: what the permissions are, and what comes of them.
ROWS = [
    ("IsAuthenticated", [IsAuthenticated], [token()]),
    ("project", [Foreign], [token()]),
    ("admin", [IsAdminUser], [token()]),
    ("AllowAny", [AllowAny], [token(), {}]),
    ("subclass of AllowAny", [AlmostAllowAny], [token()]),
    ("subclass in others' or", [IsAdminUser | AlmostAllowAny], [token()]),
    ("no permission", [], [token(), {}]),
    ("scope", [A], [token("a")]),
    ("all scopes", [HasAllScopes("a", "b")], [token("a", "b")]),
    ("any scope", [HasAnyScope("a", "b")], [token("a"), token("b")]),
    ("claim", [GOLD], [token()]),
    ("machine", [IsMachine], [token()]),
    ("user", [IsUser], [token()]),
    ("issuer", [FromIssuer("default")], [token()]),
    ("own class", [Subclassed], [token()]),
    ("own class with scopes", [Naming], [token("a", "b")]),
    ("a list is all", [A, B], [token("a", "b")]),
    ("named twice", [A, A & B], [token("a", "b")]),
    ("and", [A & B], [token("a", "b")]),
    ("or", [A | B], [token("a"), token("b")]),
    ("and binds first", [A & B | C], [token("a", "b"), token("c")]),
    ("and of or", [A & (B | C)], [token("a", "b"), token("a", "c")]),
    (
        "or and or",
        [HasAnyScope("a", "b"), HasAnyScope("b", "a")],
        [token("a", "b"), token("a"), token("b")],
    ),
    ("with a claim", [A & GOLD], [token("a")]),
    ("or a claim", [A | GOLD], [token("a"), token()]),
    ("user with scope", [IsUser & A], [token("a")]),
    ("machine or user", [IsMachine & A | IsUser & B], [token("a"), token("b")]),
    ("and a project's", [A & Foreign], [token("a")]),
    ("a project's and", [Foreign & A], [token("a")]),
    ("or an admin", [A | IsAdminUser], [token("a"), token()]),
    ("an admin or", [IsAdminUser | A], [token(), token("a")]),
    ("others' composites", [(IsAdminUser | Foreign) & A], [token("a")]),
    ("others' negation", [~IsAdminUser & A], [token("a")]),
    ("and anybody", [A & AllowAny], [token("a")]),
    ("or anybody", [A | AllowAny], [token("a"), token(), {}]),
    ("anybody in others' or", [IsAdminUser | AllowAny], [token(), {}]),
    ("anybody and others", [IsAdminUser & AllowAny], [token()]),
    ("read only", [IsAuthenticatedOrReadOnly], [token(), {}]),
    ("read only or scope", [IsAuthenticatedOrReadOnly | A], [token(), token("a"), {}]),
]


@pytest.mark.parametrize(
    ("permission_classes", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ROWS]
)
def test_permissions_become_alternatives(permission_classes, expected):
    assert security_of(permission_classes=permission_classes) == expected


@pytest.mark.parametrize(
    ("permission_classes", "expected"),
    [
        pytest.param([IsAuthenticatedOrReadOnly], [token()], id="writing"),
        pytest.param(
            [IsAdminUser | IsAuthenticatedOrReadOnly], [token()], id="others' or"
        ),
        pytest.param(
            [IsAuthenticatedOrReadOnly & A | B], [token("a"), token("b")], id="composed"
        ),
    ],
)
def test_reading_alone_is_open(permission_classes, expected):
    assert security_of("post", permission_classes=permission_classes) == expected


TABLE = {"GET": ["a"], "post": [["a", "b"], ["c"]], "put": []}
TOKEN_HAS_SCOPE = [
    ("list", "get", ["a", "b"], [token("a", "b")]),
    ("list of lists", "get", [["a", "b"], ["c"]], [token("a", "b"), token("c")]),
    ("by method", "get", TABLE, [token("a")]),
    ("by method in lower case", "post", TABLE, [token("a", "b"), token("c")]),
    ("nobody", "put", TABLE, [token()]),
    ("not in the table", "delete", TABLE, [token()]),
    ("nothing configured", "get", None, [token()]),
]


@pytest.mark.parametrize(
    ("method", "required_scopes", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in TOKEN_HAS_SCOPE],
)
def test_required_scopes_of_the_view(method, required_scopes, expected):
    found = security_of(
        method, permission_classes=[TokenHasScope], required_scopes=required_scopes
    )
    assert found == expected


def test_nobody_does_not_spoil_an_alternative():
    found = security_of(permission_classes=[TokenHasScope | A])
    assert found == [token("a")]


@pytest.mark.parametrize("required_scopes", ["a", ["a", ["b"]], ["a b"]])
def test_scopes_that_cannot_be_read_are_a_warning(required_scopes):
    found = security_of(
        permission_classes=[TokenHasScope],
        required_scopes=required_scopes,
        warnings=1,
    )
    assert found == [token()]


def test_actions_of_a_viewset():
    class Orders(GenericViewSet):
        serializer_class = Item
        authentication_classes = [AccessTokenAuthentication]
        permission_classes = [IsUser, TokenHasScope]
        required_scopes = {
            "list": ["a"],
            "create": [["b"], ["c"]],
            "ship": ["a", "c"],
            "DELETE": ["c"],
        }

        def list(self, request):
            """Read."""

        def create(self, request):
            """Write."""

        def destroy(self, request, pk):
            """Delete: the table has its method."""

        @action(detail=False, methods=["post"])
        def ship(self, request):
            """Send."""

        @action(detail=False, permission_classes=[A | B])
        def count(self, request):
            """Has permissions of its own."""

    router = SimpleRouter()
    router.register("orders", Orders, basename="order")
    paths = describe(*router.urls, warnings=1)["paths"]
    assert {
        (method, where): operation["security"]
        for where, operations in paths.items()
        for method, operation in operations.items()
    } == {
        ("get", "/orders/"): [token("a")],
        ("post", "/orders/"): [token("b"), token("c")],
        ("delete", "/orders/{id}/"): [token("c")],
        ("post", "/orders/ship/"): [token("a", "c")],
        ("get", "/orders/count/"): [token("a"), token("b")],
    }


@pytest.fixture
def issuers(settings):
    """Three: one for everything, one for a and b, one without metadata and for c."""
    settings.OIDC_RS = {"AUDIENCE": "https://api.test", "ISSUERS": ISSUERS}


def staff(*scopes):
    return token(*scopes, issuer="accessToken_staff")


# The third one's scheme is of a type that cannot name scopes in OpenAPI 3.0.
FIXED = token(issuer="accessToken_fixed")
BY_ISSUER = [
    ("all", [IsAuthenticated], {}, [token(), staff(), FIXED]),
    ("AllowAny", [AllowAny], {}, [token(), staff(), FIXED, {}]),
    ("who may grant it", [A], {}, [token("a"), staff("a")]),
    ("not all of it", [HasAllScopes("a", "c")], {}, [token("a", "c")]),
    ("either", [A | C], {}, [token("a"), staff("a"), token("c"), FIXED]),
    ("scope of one", [HasScope("a", issuers=["staff"])], {}, [staff("a")]),
    (
        "scope of two",
        [HasAnyScope("a", "b", issuers=["staff", "default"])],
        {},
        [token("a"), staff("a"), token("b"), staff("b")],
    ),
    ("scope and issuer", [A & FromIssuer("staff")], {}, [staff("a")]),
    ("issuer and scope", [FromIssuer("default", "fixed"), A], {}, [token("a")]),
    ("issuers", [FromIssuer("staff", "fixed")], {}, [staff(), FIXED]),
    ("or issuer", [FromIssuer("staff") | A], {}, [staff(), token("a"), staff("a")]),
    ("claim of one", [HasClaim("x", 1, issuers=["staff"])], {}, [staff()]),
    (
        "scope_issuers",
        [TokenHasScope],
        {"required_scopes": [["a"], ["c"]], "scope_issuers": ["fixed", "staff"]},
        [staff("a"), FIXED],
    ),
    # Nobody can come in: still no operation for everybody.
    (
        "no issuer of both",
        [HasScope("a", issuers=["default"]) & FromIssuer("staff")],
        {},
        [token(), staff(), FIXED],
    ),
    (
        "not to be granted",
        [HasScope("a", issuers=["fixed"])],
        {},
        [token(), staff(), FIXED],
    ),
    ("unknown issuer", [HasScope("a", issuers=["x"])], {}, [token(), staff(), FIXED]),
]


@pytest.mark.usefixtures("issuers")
@pytest.mark.parametrize(
    ("permission_classes", "attributes", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in BY_ISSUER],
)
def test_issuers_are_alternatives(permission_classes, attributes, expected):
    assert security_of(permission_classes=permission_classes, **attributes) == expected


@pytest.mark.usefixtures("issuers")
def test_openapi_3_1_lets_any_scheme_name_them():
    found = security_of(
        permission_classes=[HasScope("c", issuers=["fixed"])],
        spectacular={"OAS_VERSION": "3.1.1"},
    )
    assert found == [token("c", issuer="accessToken_fixed")]


# What the hook puts right: alternatives that drf-spectacular adds unasked.
SESSION = {"cookieAuth": []}
BOTH = [AccessTokenAuthentication, SessionAuthentication]
OTHERS = [
    ("a session does", [IsAuthenticated], [token(), SESSION], [token(), SESSION]),
    ("no session has scopes", [A], [token("a"), SESSION], [token("a")]),
    (
        "a session may do",
        [A | IsAdminUser],
        [token("a"), token(), SESSION],
        [token("a"), token(), SESSION],
    ),
    ("anybody", [AllowAny], [token(), SESSION, {}], [token(), SESSION, {}]),
    (
        "all but anybody",
        [AllowAny, IsAdminUser],
        [token(), SESSION, {}],
        [token(), SESSION],
    ),
    ("all but sessions", [AllowAny, A], [token("a"), SESSION, {}], [token("a")]),
    ("denied to all", [TokenHasScope], [token(), SESSION], [token()]),
]


@pytest.mark.parametrize(
    ("permission_classes", "without", "with_hook"),
    [pytest.param(*row[1:], id=row[0]) for row in OTHERS],
)
def test_the_hook_removes_what_is_no_alternative(
    permission_classes, without, with_hook
):
    for hook, expected in ((False, without), (True, with_hook)):
        found = security_of(
            authentication_classes=BOTH,
            permission_classes=permission_classes,
            hook=hook,
        )
        assert found == expected


def test_what_the_project_says_of_the_whole_api_stays():
    found = security_of(
        permission_classes=[A],
        authentication_classes=BOTH,
        hook=True,
        spectacular={"SECURITY": [{"gateway": []}]},
    )
    assert found == [token("a"), {"gateway": []}]


def test_views_of_others_are_left_alone():
    found = security_of(authentication_classes=[BasicAuthentication], hook=True)
    assert found == [{"basicAuth": []}]


def schemes(*authentication_classes, **spectacular):
    """Return the security schemes that a few views publish."""
    classes = authentication_classes or (AccessTokenAuthentication,)
    patterns = [
        path(
            f"{number}/",
            type(
                "View",
                (View,),
                {"authentication_classes": [each], "permission_classes": [A | B]},
            ).as_view(),
        )
        for number, each in enumerate(classes)
    ]
    return describe(*patterns, **spectacular)["components"]["securitySchemes"]


def of(issuer):
    return {"description": f"An access token of {issuer}."}


METADATA = "https://issuer.test/.well-known/openid-configuration"
DEFAULT = {
    "type": "openIdConnect",
    "openIdConnectUrl": METADATA,
    **of("https://issuer.test"),
}


def test_the_default_is_the_issuers_metadata():
    assert schemes() == {"accessToken": DEFAULT}


def test_subclasses_publish_the_same_scheme():
    found = schemes(AccessTokenAuthentication, OwnAuthentication)
    assert found == {"accessToken": DEFAULT}


@pytest.mark.usefixtures("issuers")
def test_every_issuer_has_a_scheme():
    assert schemes() == {
        "accessToken": DEFAULT,
        "accessToken_staff": {
            "type": "openIdConnect",
            "openIdConnectUrl": "https://staff.test/realm/.well-known/openid-configuration",
            **of("https://staff.test/realm"),
        },
        "accessToken_fixed": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            **of("https://fixed.test"),
        },
    }


@pytest.mark.parametrize(
    ("issuer", "kind"),
    [
        ({"METADATA_URL": "https://issuer.test/meta"}, "openIdConnect"),
        ({"ISSUER": "urn:issuer", "JWKS_URI": "https://issuer.test/keys"}, "http"),
        ({"SHARED_SECRET": "s" * 64, "ALGORITHMS": ["HS256"]}, "http"),
    ],
)
def test_where_the_metadata_lies(settings, issuer, kind):
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {"default": {"ISSUER": "https://issuer.test", **issuer}},
    }
    found = schemes()["accessToken"]
    assert found["type"] == kind
    assert found.get("openIdConnectUrl") == issuer.get("METADATA_URL")


def test_names_are_names_of_components(settings):
    aliases = ["the staff", "the/staff", "the_staff", "default"]
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {
            alias: {"ISSUER": f"https://{number}.test"}
            for number, alias in enumerate(aliases)
        },
    }
    assert {
        name: scheme["openIdConnectUrl"][len("https://")]
        for name, scheme in schemes().items()
    } == {
        "accessToken_the_staff": "0",
        "accessToken_the_staff_": "1",
        "accessToken_the_staff__": "2",
        "accessToken": "3",
    }


FLOWS = {
    "OAUTH2_FLOWS": ["authorizationCode", "clientCredentials", "implicit", "password"],
    "OAUTH2_AUTHORIZATION_URL": "https://issuer.test/authorize",
    "OAUTH2_TOKEN_URL": "https://issuer.test/token",
}
CODE = {
    "authorizationUrl": "https://issuer.test/authorize",
    "tokenUrl": "https://issuer.test/token",
}


def test_flows_in_the_settings():
    found = schemes(**FLOWS, OAUTH2_SCOPES={"a": "Alpha."})["accessToken"]
    scopes = {"scopes": {"a": "Alpha."}}
    assert found == {
        "type": "oauth2",
        "flows": {
            "authorizationCode": {**CODE, **scopes},
            "clientCredentials": {"tokenUrl": CODE["tokenUrl"], **scopes},
            "implicit": {"authorizationUrl": CODE["authorizationUrl"], **scopes},
            "password": {"tokenUrl": CODE["tokenUrl"], **scopes},
        },
        **of("https://issuer.test"),
    }


def test_the_hook_adds_the_scopes_that_are_demanded():
    refresh = "https://issuer.test/refresh"
    settings = {
        **FLOWS,
        "OAUTH2_FLOWS": ["authorizationCode"],
        "OAUTH2_SCOPES": {"a": "Alpha."},
        "OAUTH2_REFRESH_URL": refresh,
    }
    found = schemes(hook=True, **settings)["accessToken"]["flows"]
    assert found["authorizationCode"] == {
        **CODE,
        "refreshUrl": refresh,
        "scopes": {"a": "Alpha.", "b": ""},
    }
    assert settings["OAUTH2_SCOPES"] == {"a": "Alpha."}


@pytest.mark.usefixtures("issuers")
def test_flows_of_one_of_several_issuers_are_nobodys():
    assert "oauth2" not in {scheme["type"] for scheme in schemes(**FLOWS).values()}


def test_a_project_may_publish_something_else(monkeypatch):
    registry = [*OpenApiAuthenticationExtension._registry]
    monkeypatch.setattr(OpenApiAuthenticationExtension, "_registry", registry)

    class Gateway(AccessTokenScheme):
        priority = 1

        def security_scheme(self, policy):
            del policy
            return {"type": "http", "scheme": "bearer"}

    assert schemes() == {"accessToken": {"type": "http", "scheme": "bearer"}}
