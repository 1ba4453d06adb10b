"""The pages under docs/: their code is run, their names and links are held."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.test import RequestFactory, override_settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

import django_oidc_rs
from django_oidc_rs import (
    checks,
    conf,
    decorators,
    http_settings,
    introspection_settings,
    issuer_settings,
    key_settings,
    middleware,
    mixins,
    rest_framework,
    testing,
    user_settings,
)
from django_oidc_rs.core import errors, issuers
from tests import test_issuer_quirks as quirks
from tests.readme_blocks import blocks

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = Path(django_oidc_rs.__file__).parent
# Made from the tests' data, and held by a test of their own.
GENERATED = {"conformance.md", "mutants.md"}
PAGES = {
    str(path.relative_to(DOCS)): path.read_text()
    for path in sorted(DOCS.rglob("*.md"))
    if path.name not in GENERATED
}
PROVIDERS = {
    name: text for name, text in PAGES.items() if name.startswith("providers/")
}
GUIDES = {name: text for name, text in PAGES.items() if name.startswith("coming-from/")}
BLOCKS = [
    (page, label, code) for page, text in PAGES.items() for label, code in blocks(text)
]
SETTINGS = {
    *(set(conf._TOP_KEYS) | set(issuer_settings.ISSUER_KEYS)),
    *(set(key_settings.KEYS_KEYS) | set(http_settings.HTTP_KEYS)),
    *user_settings.USER_KEYS,
    *introspection_settings.INTROSPECTION_KEYS,
}
REASONS = {
    each.code
    for each in vars(errors).values()
    if isinstance(each, type)
    and issubclass(each, errors.ResourceServerError)
    and hasattr(each, "code")
}


USED_AS_NAMES = {
    *("fake_issuer", "has_scope", "required_scopes", "resolve_user", "None"),
    *("AccessToken", "preferred_username", "_token_"),
}


def rows(wanted):
    """Parameters: the blocks whose label is wanted."""
    return [
        pytest.param(page, code, id=f"{page}: {label}")
        for page, label, code in BLOCKS
        if wanted(label)
    ]


def is_settings(label):
    return label == "settings.py" or label.startswith("settings.py:")


def is_module(label):
    return bool(re.fullmatch(r"[\w/]+/\w+\.py", label))


def is_foreign(label):
    """Whether the block needs another library, which need not be installed."""
    return bool(re.fullmatch(r"[\w/]+/\w+\.py, with [\w-]+", label))


def is_orders(module):
    return module.split(".")[0] == "orders"


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Return a function that makes the modules of a page importable."""

    def write(page):
        for each, label, code in BLOCKS:
            if each == page and is_module(label):
                path = tmp_path / label
                path.parent.mkdir(exist_ok=True)
                (path.parent / "__init__.py").touch()
                path.write_text(code)

    monkeypatch.syspath_prepend(tmp_path)
    # The example project has a package of that name.
    for name in filter(is_orders, tuple(sys.modules)):
        monkeypatch.delitem(sys.modules, name)
    yield write
    for name in filter(is_orders, tuple(sys.modules)):
        del sys.modules[name]


@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_has_a_label_that_says_how_it_is_held(page):
    labels = [label for each, label, _ in BLOCKS if each == page]
    assert PAGES[page].count("```python") == len(labels)
    assert [
        label
        for label in labels
        if not is_settings(label)
        and not is_module(label)
        and not is_foreign(label)
        and label not in {"shell", "the authorization server's settings"}
    ] == []


@pytest.mark.parametrize(("page", "code"), rows(is_settings))
def test_settings_blocks_are_good_settings(page, code, modules):
    modules(page)
    namespace = {"INSTALLED_APPS": [], "MIDDLEWARE": []}
    exec(code, namespace)
    if "OIDC_RS" in namespace:
        assert [
            problem for problem in conf.parse(namespace["OIDC_RS"])[1] if problem
        ] == []
    configured = {name: value for name, value in namespace.items() if name.isupper()}
    with override_settings(**configured):
        assert checks.check_middleware(None) == []
        assert checks.check_authentication_classes(None) == []
    if "REST_FRAMEWORK" in namespace:
        first = namespace["REST_FRAMEWORK"]["DEFAULT_AUTHENTICATION_CLASSES"][0]
        assert checks._is_ours(first)


@pytest.mark.parametrize(("page", "code"), rows(is_module))
def test_modules_run(page, code):
    exec(code, {"__name__": "orders"})


@pytest.mark.parametrize(("page", "code"), rows(is_foreign))
def test_modules_with_other_libraries_import_of_us_what_exists(page, code):
    compile(code, page, "exec")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("django_oidc"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize(
    ("page", "code"), rows(lambda label: label.startswith("the authorization"))
)
def test_settings_of_the_authorization_server_run(page, code):
    exec(code, {})


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "code"), rows(lambda label: label == "shell"))
def test_shell_blocks_link_everybody(page, code, django_user_model):
    django_user_model.objects.create(username="alice")
    exec(code, {})
    assert django_user_model.objects.get().federated_identities.count() == 1


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist_and_take_these_options(page):
    for command in re.findall(
        r"^```bash\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL
    ):
        subprocess.run(["sh", "-n"], input=command, text=True, check=True)
        for name, rest in re.findall(r"python manage\.py (\w+)([^|<>\n]*)", command):
            app = get_commands()[name]
            parser = load_command_class(app, name).create_parser("manage.py", name)
            parser.parse_args(shlex.split(rest))


def slugs(text):
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *(DOCS / page for page in PAGES)], ids=str
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.is_file(), target
        assert not anchor or anchor in slugs(linked.read_text()), target


@pytest.mark.parametrize("page", sorted({*PROVIDERS, *GUIDES, "request.md"}))
def test_the_index_names_every_page(page):
    assert f"]({page})" in PAGES["README.md"]


def test_every_profile_has_a_page():
    used = {
        issuer.get("PROFILE", "default")
        for page, label, code in BLOCKS
        if page in PROVIDERS and label == "settings.py"
        for issuer in settings_of(code)["ISSUERS"].values()
    }
    assert used == set(issuers.PROFILES)
    named = set(re.findall(r"\) \| `(\w+)` \|", PAGES["README.md"]))
    assert named == used - {"default"}


def settings_of(code):
    namespace = {"INSTALLED_APPS": []}
    exec(code, namespace)
    return namespace["OIDC_RS"]


# What each provider's tokens look like: a person's, and a machine's if one can tell.
TOKENS = {
    "auth0": (quirks.AUTH0_USER, quirks.AUTH0_MACHINE),
    "keycloak": (quirks.KEYCLOAK_USER, quirks.KEYCLOAK_SERVICE),
    "entra": (quirks.ENTRA_V2_USER, quirks.ENTRA_V2_APP),
    "azure_b2c": (quirks.B2C_USER,),
    "okta": (quirks.OKTA_USER, {**quirks.OKTA_USER, "sub": quirks.OKTA_USER["cid"]}),
    "cognito": (quirks.COGNITO_USER, {**quirks.COGNITO_USER, "sub": None}),
    "django_oauth_toolkit": (
        quirks.RFC_9068,
        {**quirks.RFC_9068, "sub": quirks.RFC_9068["client_id"]},
    ),
    "django_allauth": (quirks.ALLAUTH_USER, {**quirks.ALLAUTH_USER, "sub": None}),
}


@pytest.mark.parametrize("page", PROVIDERS)
def test_the_settings_of_a_page_accept_the_tokens_of_its_provider(page):
    provider = Path(page).stem
    (code,) = [
        code for each, label, code in BLOCKS if (each, label) == (page, "settings.py")
    ]
    config = settings_of(code)
    (issuer,) = config["ISSUERS"].values()
    audience = config["AUDIENCE"]
    names_us = "client_id" if provider == "cognito" else "aud"
    for is_machine, claims in enumerate(TOKENS[provider]):
        said = {**claims, "iss": issuer["ISSUER"]}
        said[names_us] = audience if isinstance(audience, str) else audience[0]
        row = quirks.Row(
            settings={**issuer, "AUDIENCE": audience},
            claims=said,
            header={"typ": "at+jwt" if issuer.get("PROFILE") == "rfc9068" else "JWT"},
            decision=quirks.Refusal(code="not asked"),
        )
        facts = quirks.decide(row)
        assert facts.machine == bool(is_machine), facts
        assert facts.client_id


@pytest.mark.parametrize("page", PROVIDERS)
def test_a_provider_page_says_what_is_asked(page):
    headings = re.findall(r"^## (.+)$", PAGES[page], re.MULTILINE)
    for heading in ("Traps", "Machines", "Does it work?"):
        assert heading in headings
    assert any(heading.startswith("Scopes") for heading in headings)
    for word in ("check_oidc_issuers", "explain_access_token", "curl"):
        assert word in PAGES[page]


def table(text, ending):
    """Yield the cells of the rows of the table whose first line ends so."""
    found = re.search(
        rf"^\| .* \| {ending} \|\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    for row in found[1].splitlines():
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


@pytest.mark.parametrize("page", GUIDES)
def test_the_tables_of_names_name_what_exists(page):
    for _old, new in table(PAGES[page], "`OIDC_RS`"):
        names = set(re.findall(r"`([A-Z][A-Z_]+)`", new))
        assert names <= SETTINGS, new
        assert names or new.startswith(("nothing", "the authorization")), new
    modules = (decorators, middleware, mixins, rest_framework, testing)
    for _old, new in table(PAGES[page], "django-oidc-rs"):
        names = set(re.findall(r"`@?([A-Za-z_]+)[`(]", new)) - SETTINGS - USED_AS_NAMES
        assert [
            name
            for name in names
            if not any(hasattr(module, name) for module in modules)
        ] == [], new


@pytest.mark.parametrize("page", {**PROVIDERS, **GUIDES})
def test_reasons_named_exist(page):
    text = PAGES[page]
    named = re.findall(r"(?:[Rr]efuse[sd]?[\w ,.]* as|401,) `(\w+)[:`]", text)
    named += re.findall(r"Credentials refused: (\w+)", text)
    for codes in re.findall(r"^LEFT_TO_THE_NEXT_CLASS = (.*)$", text, re.MULTILINE):
        named += ast.literal_eval(codes)
    assert named
    assert set(named) <= REASONS


def log_calls():
    """Each call of a logger in the package: where it stands, and its ``extra``."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) == "logger"
            ):
                extra = {each.arg: each.value for each in node.keywords}.get("extra")
                items = zip(extra.keys, extra.values, strict=True) if extra else ()
                values = {ast.literal_eval(key): value for key, value in items}
                yield f"{path.name}:{node.lineno}", values


def test_every_log_record_says_why_and_of_which_issuer():
    calls = dict(log_calls())
    assert len(calls) > 5
    for where, extra in calls.items():
        assert set(extra) == {"reason", "issuer_alias"}, where


def test_every_reason_of_a_log_record_has_a_row_in_the_readme():
    text = (ROOT / "README.md").read_text()
    rows = re.search(r"^\| `reason` \|.*\n((?:\|.*\n)+)", text, re.MULTILINE)[1]
    code = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    written = [extra["reason"] for _where, extra in log_calls()]
    reasons = {each.value for each in written if isinstance(each, ast.Constant)}
    # The others are an error's, or what a method is called with.
    reasons |= set(re.findall(r'(?:_warn|_Failed)\(\s*"(\w+)"', code))
    others = {ast.unparse(each) for each in written}
    others -= {repr(each) for each in reasons}
    assert others == {"error.code", "error.reason", "reason"}
    reasons |= set(re.findall(r'UserRejected\([^)]*reason="(\w+)"', code))
    assert len(reasons) > 8
    assert reasons <= set(re.findall(r"`(\w+)`", rows))


def test_the_modules_of_the_diagrams_exist():
    folder = PACKAGE
    named = re.findall(r"[\w/]+\.py", PAGES["request.md"])
    assert len(named) > 30
    for name in named:
        path = PACKAGE / name
        if not path.is_file():
            path = folder / name
        assert path.is_file(), name
        folder = path.parent


class Old(BaseAuthentication):
    """Stands in for the library that is left: lets in whom it is asked about."""

    def authenticate(self, request):
        return ("old", "old") if "HTTP_AUTHORIZATION" in request.META else None

    def authenticate_header(self, request):
        return "Old"


class AskedWho(APIView):
    permission_classes = [AllowAny]

    def get(self, request):
        return Response({"auth": str(request.auth)})


def jwt(issuer, **claims):
    return issuer.access_token("alice", [], **claims)


@pytest.fixture
def ask(modules, fake_issuer):
    """Return a function: a guide and a header -> who let the request in, or 401."""

    def asked(page, credentials):
        modules(page)
        first = importlib.import_module("orders.authentication").AccessTokenFirst
        view = AskedWho.as_view(authentication_classes=[first, Old])
        request = RequestFactory().get("/", headers={"authorization": credentials})
        answer = view(request)
        if answer.status_code != 200:
            return answer.status_code
        return "old" if answer.data["auth"] == "old" else "new"

    return asked


@pytest.mark.django_db
@pytest.mark.parametrize("page", GUIDES)
def test_both_are_accepted_and_nobody_refused_comes_in_by_the_old_way(
    page, ask, fake_issuer
):
    assert ask(page, f"Bearer {jwt(fake_issuer)}") == "new"
    assert ask(page, f"Bearer {jwt(fake_issuer, exp=1)}") == 401
    assert ask(page, f"Bearer {jwt(fake_issuer)[:-8]}AAAAAAAA") == 401
    assert ask(page, "Basic YTpi") == "old"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("library", "left"),
    [
        ("djangorestframework-simplejwt", {"another issuer's"}),
        ("drf-oidc-auth", {"opaque", "another audience"}),
        ("django-oauth-toolkit", {"opaque"}),
        ("mozilla-django-oidc", {"opaque", "another audience"}),
    ],
)
def test_what_is_left_to_the_old_class(library, left, ask, fake_issuer):
    tokens = {
        "opaque": "x7Qb2kP9LmZ4vT1nR8sW3yC6dF0gHj",
        "another audience": jwt(fake_issuer, aud="web"),
        "another issuer's": jwt(fake_issuer, iss="https://other.example"),
    }
    page = f"coming-from/{library}.md"
    assert {kind: ask(page, f"Bearer {token}") for kind, token in tokens.items()} == {
        kind: "old" if kind in left else 401 for kind in tokens
    }


@pytest.mark.parametrize("page", GUIDES)
def test_the_validator_of_the_guides_refuses_machines(page, modules):
    modules(page)
    people_only = importlib.import_module("orders.tokens").people_only
    with pytest.raises(errors.InvalidToken):
        people_only(testing.access_token(is_machine=True))
    people_only(testing.access_token())
