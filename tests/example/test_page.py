"""The page, as far as it can be seen without a browser; tests/browser has one."""

import re
from urllib.parse import urljoin, urlsplit

import pytest

requests = pytest.importorskip("requests")
pytest.importorskip("rest_framework")
pytest.importorskip("allauth")

FOR_THE_PAGE = (
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/identity/o/api/token",
    "/identity/o/api/revoke",
)


@pytest.fixture(scope="module")
def http():
    with requests.Session() as session:
        session.trust_env = False
        yield session


def directives(response):
    policy = response.headers["Content-Security-Policy"]
    return dict(each.split(" ", 1) for each in policy.split("; "))


def test_only_its_own_scripts_run_and_only_two_servers_are_asked(served, http):
    assert directives(http.get(served.page)) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {served.issuer}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    ],
)
def test_header(served, http, name, value):
    assert http.get(served.page).headers[name] == value


def test_no_cookie_is_set(served, http):
    assert "Set-Cookie" not in http.get(served.page).headers


def test_everything_it_refers_to_is_there(served, http):
    seen, ahead = {}, [served.page]
    while ahead:
        address = ahead.pop()
        if address in seen:
            continue
        response = seen[address] = http.get(address)
        assert response.status_code == 200, address
        assert "Content-Security-Policy" in response.headers
        named = re.findall(r'(?:src|href|from)=? ?"([^"#]+)"', response.text)
        ahead += [urljoin(address, name) for name in named]
    assert {urlsplit(address).netloc for address in seen} == {
        urlsplit(served.page).netloc
    }
    assert {urlsplit(address).path.rpartition(".")[2] for address in seen} == {
        *("/", "css", "js", "svg")
    }


@pytest.mark.parametrize(
    "name", ["index.html", "views.py", "..%2fviews.py", "%2e%2e/views.py", ".", "main"]
)
def test_no_other_file_is_served(served, http, name):
    assert http.get(f"{served.page}page/{name}").status_code == 404


def test_its_settings_hold_no_secret(served, http):
    assert http.get(f"{served.page}page/settings.json").json() == {
        "issuer": served.issuer,
        "client_id": "orders-page",
        "audience": "https://orders.example/",
        "leeway": 5,
    }


def test_localhost_leads_to_the_registered_address(served, http):
    address = served.page.replace("127.0.0.1", "localhost")
    host = urlsplit(address).netloc
    response = http.get(served.page, headers={"Host": host}, allow_redirects=False)
    assert response.status_code == 302
    assert response.headers["Location"] == served.page


@pytest.mark.parametrize("path", FOR_THE_PAGE)
def test_the_authorization_server_lets_the_page_read(served, http, path):
    origin = served.page.rstrip("/")
    response = http.get(served.issuer + path, headers={"Origin": origin})
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("path", [*FOR_THE_PAGE, "/accounts/login/"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:1", "http://127.0.0.1", "null"]
)
def test_the_authorization_server_lets_no_other_origin_read(served, http, path, origin):
    response = http.get(served.issuer + path, headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_no_other_page_of_the_authorization_server_is_readable(served, http):
    response = http.get(
        f"{served.issuer}/accounts/login/", headers={"Origin": served.page.rstrip("/")}
    )
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers
