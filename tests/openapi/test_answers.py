"""The refusals that the description tells of are those that are sent."""

from __future__ import annotations

import json

import jsonschema
import pytest
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import JSONParser
from rest_framework.permissions import (
    AllowAny,
    BasePermission,
    IsAdminUser,
    IsAuthenticated,
)
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    HasAllScopes,
    HasScope,
)
from django_oidc_rs.rest_framework.schema import describe_refusals

from .describing import HOOK, ISSUERS, describe

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

JSON = "application/json"
OURS = {"$ref": "#/components/schemas/AccessTokenRefused"}
ANY = {"$ref": "#/components/schemas/Refused"}


class Item(Serializer):
    """What is read and written."""

    name = CharField()


class View(APIView):
    """What all views share."""

    serializer_class = Item
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [HasScope("a")]
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    resolve_user = False

    def get(self, request):
        """Read."""
        return Response({"name": "x"})


class Writing(View):
    """Has something to say of the body."""

    def post(self, request):
        """Write."""
        Item(data=request.data).is_valid(raise_exception=True)
        return Response({"name": "x"})


class Open(View):
    permission_classes = [AllowAny]


class Staff(View):
    permission_classes = [IsAuthenticated, IsAdminUser]


class Telling(BasePermission):
    message = "because"

    def has_permission(self, request, view):
        raise PermissionDenied


class Told(View):
    permission_classes = [IsAuthenticated, Telling]


class WithPasswords(View):
    authentication_classes = [AccessTokenAuthentication, BasicAuthentication]


urlpatterns = [
    path("view/", View.as_view()),
    path("writing/", Writing.as_view()),
    path("open/", Open.as_view()),
    path("staff/", Staff.as_view()),
    path("told/", Told.as_view()),
    path("with_passwords/", WithPasswords.as_view()),
]


@pytest.fixture
def described():
    return describe(*urlpatterns, hook=True)


GOOD = {"scopes": ["a"]}
# Path, claims of the token or the header sent, whether the issuer is down, the body.
REQUESTS = [
    ("nobody", "view", None, {}, 401),
    ("other scheme", "view", "Basic eDp5", {}, 401),
    ("malformed", "view", "Bearer", {}, 400),
    ("no token", "view", "Bearer x", {}, 401),
    ("expired", "view", {"exp": 1}, {}, 401),
    ("too little", "view", {"scopes": ["b"]}, {}, 403),
    ("cannot tell", "view", GOOD, {"fail": True}, 503),
    ("good", "view", GOOD, {}, 200),
    ("malformed where anybody may come", "open", "Bearer", {}, 400),
    ("invalid where anybody may come", "open", "Bearer x", {}, 401),
    ("cannot tell where anybody may come", "open", GOOD, {"fail": True}, 503),
    ("others deny", "staff", GOOD, {}, 403),
    ("others raise", "told", GOOD, {}, 403),
    ("password", "with_passwords", "Basic eDp5", {}, 401),
    ("token beside passwords", "with_passwords", "Bearer x", {}, 401),
    ("malformed writing", "writing", "Bearer", {"body": {}}, 400),
    ("invalid body", "writing", GOOD, {"body": {}}, 400),
    ("no JSON", "writing", GOOD, {"body": "{"}, 400),
    ("valid body", "writing", GOOD, {"body": {"name": "x"}}, 200),
]


@pytest.mark.parametrize(
    ("where", "sent", "more", "status"),
    [pytest.param(*row[1:], id=row[0]) for row in REQUESTS],
)
def test_answers_are_as_described(
    client, described, fake_issuer, where, sent, more, status
):
    headers = {}
    if isinstance(sent, dict):
        sent = f"Bearer {fake_issuer.access_token('alice', **sent)}"
    if sent:
        headers["Authorization"] = sent
    if more.get("fail"):
        fake_issuer.fail()
    address = f"/{where}/"
    if "body" in more:
        answer = client.post(address, more["body"], JSON, headers=headers)
    else:
        answer = client.get(address, headers=headers)
    assert answer.status_code == status
    operation = described["paths"][address]["post" if "body" in more else "get"]
    told = resolved(operation["responses"][str(status)], described)
    schema = {**told["content"][JSON]["schema"], "components": described["components"]}
    jsonschema.validate(answer.json(), schema)
    for name, header in told.get("headers", {}).items():
        assert name in answer or not header.get("required")
    if "code" in answer.json():
        example = told["content"][JSON]["example"]
        assert example.keys() == answer.json().keys()


def resolved(answer, described):
    """Return the response object, wherever it stands."""
    name = answer.get("$ref", "").rpartition("/")[2]
    return described["components"]["responses"][name] if name else answer


def refusals(view, method="get", **spectacular):
    """Return status -> response object of the refusals of a view."""
    spectacular.setdefault("hook", True)
    described = describe(path("x/", view.as_view()), **spectacular)
    responses = described["paths"]["/x/"][method]["responses"]
    return {
        status: resolved(each, described)
        for status, each in responses.items()
        if status >= "3"
    }


def schemas(responses):
    return {
        status: each["content"][JSON]["schema"] for status, each in responses.items()
    }


def test_what_is_told():
    found = refusals(View)
    assert schemas(found) == {"400": OURS, "401": OURS, "403": ANY, "503": OURS}
    assert {status: set(each["headers"]) for status, each in found.items()} == {
        "400": {"WWW-Authenticate"},
        "401": {"WWW-Authenticate"},
        "403": {"WWW-Authenticate"},
        "503": {"Retry-After"},
    }
    assert all(each["description"] for each in found.values())
    assert {
        status: each["content"][JSON]["example"]["code"]
        for status, each in found.items()
    } == {
        "400": "invalid_request",
        "401": "invalid_token",
        "403": "insufficient_scope",
        "503": "temporarily_unavailable",
    }


@pytest.mark.parametrize(
    ("permission", "scope"),
    [
        (HasAllScopes("a", "b"), 'scope="a b"'),
        (IsAdminUser | HasScope("a"), 'scope="a"'),
        (IsAdminUser, None),
    ],
)
def test_the_example_of_403_names_the_scopes(permission, scope):
    view = type("Other", (View,), {"permission_classes": [permission]})
    found = refusals(view)
    example = found["403"]["headers"]["WWW-Authenticate"]["example"]
    assert example.startswith('Bearer realm="api", error="insufficient_scope"')
    assert (scope or "scope=") in example or scope is None
    assert ("scope=" in example) == (scope is not None)
    assert "scope=" not in found["401"]["headers"]["WWW-Authenticate"]["example"]


def test_scopes_that_the_scheme_cannot_name_are_in_the_example(settings):
    issuers = {"default": ISSUERS["fixed"]}
    settings.OIDC_RS = {"AUDIENCE": "https://api.test", "ISSUERS": issuers}
    view = type("Other", (View,), {"permission_classes": [HasScope("c")]})
    found = refusals(view)["403"]["headers"]["WWW-Authenticate"]["example"]
    assert 'scope="c"' in found


def test_where_anybody_may_come_nobody_is_denied():
    assert set(refusals(Open)) == {"400", "401", "503"}


def test_others_may_answer_401_without_a_code():
    assert schemas(refusals(WithPasswords))["401"] == ANY


def test_without_the_hook_nothing_is_told():
    assert refusals(View, hook=False) == {}


@pytest.mark.parametrize("where", ["body", "query"])
def test_input_may_be_refused_in_another_form(where):
    class Searching(View):
        @extend_schema(parameters=[Item])
        def get(self, request):
            """Search."""

    view, method = (Writing, "post") if where == "body" else (Searching, "get")
    assert schemas(refusals(view, method))["400"] == {"anyOf": [OURS, {}]}


def test_what_is_told_already_stays_beside_ours():
    class Other(View):
        @extend_schema(
            request=Item,
            responses={
                201: Item,
                (400, JSON): Item,
                (401, "text/plain"): str,
                403: OpenApiResponse(description="Not today."),
                503: OpenApiResponse({"type": "string"}, "Closed."),
            },
        )
        def post(self, request):
            """Write."""

    found = refusals(Other, "post")
    item = {"$ref": "#/components/schemas/Item"}
    assert schemas(found) == {
        "400": {"anyOf": [item, OURS]},
        "401": OURS,
        "403": ANY,
        "503": {"anyOf": [{"type": "string"}, OURS]},
    }
    assert found["401"]["content"]["text/plain"]["schema"] == {"type": "string"}
    assert found["403"]["description"] == "Not today."
    assert found["503"]["description"] == "Closed."
    header = found["401"]["headers"]["WWW-Authenticate"]
    assert header["required"] is False


def handler(exc, context):
    """A project's own way to answer."""


def test_bodies_of_a_projects_handler_are_not_ours(settings):
    own = {"EXCEPTION_HANDLER": f"{__name__}.handler"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, **own}
    found = refusals(View)
    assert set(found) == {"400", "401", "403", "503"}
    assert not any("content" in each for each in found.values())
    assert all(each["headers"] for each in found.values())

    class Other(View):
        @extend_schema(responses={403: OpenApiResponse(description="Not today.")})
        def get(self, request):
            """Read."""

    assert "content" not in refusals(Other)["403"]


class Vendor(JSONRenderer):
    media_type = "application/vnd.test+json"


def test_bodies_have_the_media_types_of_the_view():
    view = type("Other", (View,), {"renderer_classes": [Vendor, BrowsableAPIRenderer]})
    for answer in refusals(view).values():
        assert set(answer["content"]) == {Vendor.media_type}


def test_security_said_by_hand_stays_and_is_described(settings):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_RENDERER_CLASSES": [
            f"{__name__}.Vendor",
            "rest_framework.renderers.BrowsableAPIRenderer",
        ],
    }

    class Other(View):
        @extend_schema(auth=[{"accessToken": ["a"]}, {"other": []}, {}])
        def get(self, request):
            """Read."""

    described = describe(path("x/", Other.as_view()), hook=True)
    operation = described["paths"]["/x/"]["get"]
    assert operation["security"] == [{"accessToken": ["a"]}, {"other": []}, {}]
    refused = resolved(operation["responses"]["401"], described)["content"]
    assert set(refused) == {"application/vnd.test+json"}


def test_what_operations_have_alike_is_told_once(described):
    found = {
        where: operation["get"]["responses"]["401"]
        for where, operation in described["paths"].items()
    }
    alike = {"$ref": "#/components/responses/AccessTokenRefused401"}
    other = found.pop("/with_passwords/")
    assert list(found.values()) == [alike] * 5
    assert other["content"][JSON]["schema"] == ANY


def test_schemas_of_the_project_stay():
    own = {"type": "object", "description": "The project's own."}
    described = describe(
        path("x/", View.as_view()),
        hook=True,
        APPEND_COMPONENTS={"schemas": {"Refused": own}},
    )
    assert described["components"]["schemas"]["Refused"] == own


def test_an_api_of_others_is_left_alone():
    view = type("Other", (View,), {"authentication_classes": [BasicAuthentication]})
    patterns = [path("x/", view.as_view())]
    assert describe(*patterns, hook=True) == describe(*patterns)


def test_what_other_hooks_have_made_is_understood():
    operation = {
        "operationId": "x",
        "security": [{"accessToken": []}],
        "responses": {"401": {"$ref": "#/components/responses/Mine"}},
    }
    result = {
        "paths": {
            "/x/": {
                "parameters": [],
                "summary": "x",
                "get": operation,
                "put": {"responses": {}},
            }
        }
    }
    found = describe_refusals(result, generator=None, request=None, public=True)
    assert found["paths"]["/x/"]["get"]["responses"]["401"] == {
        "$ref": "#/components/responses/Mine"
    }
    assert set(operation["responses"]) == {"400", "401", "403", "503"}
    assert set(found["components"]) == {"responses", "schemas"}


def test_the_description_is_plain_data(described):
    assert json.loads(json.dumps(described)) == described
    assert HOOK.endswith(describe_refusals.__name__)
