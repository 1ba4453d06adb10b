"""The example's page in a real browser, against both real servers."""

import base64
import hashlib
import os
import re
import shlex
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

if not (
    os.environ.get("DJANGO_OIDC_RS_BROWSER") or os.environ.get("DJANGO_OIDC_RS_CI")
):
    pytest.skip(
        "needs Chromium and playwright: set DJANGO_OIDC_RS_BROWSER=1",
        allow_module_level=True,
    )

import requests

from example_project.demo.oauth_client import jwt_header, jwt_payload

from .conftest import PATIENCE_SECONDS, TOKEN_SECONDS

YOURS = "Your orders"
PLACE = "Order two books"
DELETE = "Delete what you ordered last"
STORED = """async () => JSON.stringify([
    {...localStorage}, {...sessionStorage}, document.cookie, location.href,
    history.state, window.name, (await indexedDB.databases()).map(({name}) => name),
    await caches.keys(),
])"""


@pytest.fixture
def http():
    with requests.Session() as session:
        session.trust_env = False
        yield session


def places(visit):
    """Return where the page's sections and buttons are, however far it is scrolled."""
    return visit.tab.locator("main :is(section, button)").evaluate_all(
        "all => all.map(each => [each.offsetLeft, each.offsetTop, each.offsetHeight])"
    )


def query(address):
    return dict(parse_qsl(urlsplit(address).query))


def test_signing_in_and_calling(visit):
    visit.sign_in()
    assert visit.tab.locator("#user").inner_text() == "alice"
    status, challenge, body = visit.call(YOURS)
    assert (status, challenge) == (200, "none")
    assert body.startswith("[")
    assert visit.call("Whom the API takes you for")[0] == 200
    assert visit.call("A plain async view")[0] == 200


def test_the_token_is_explained(visit):
    visit.sign_in()
    [answer] = visit.received()
    members = jwt_header(answer["access_token"]) | jwt_payload(answer["access_token"])
    shown = visit.tab.locator("#token dt").all_inner_texts()
    assert sorted(shown) == sorted(members)
    said = visit.tab.locator("#token dd:last-child").all_inner_texts()
    assert len(said) == len(members)
    assert all(text and "Not read" not in text for text in said)


def test_a_missing_scope_is_named_and_can_be_asked_for(visit):
    visit.sign_in()
    status, challenge, _ = visit.call(PLACE)
    assert status == 403
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="orders:write"' in challenge
    visit.tab.get_by_role("button", name="Sign in again, with orders:write").click()
    visit.consent()
    status, challenge, body = visit.call(PLACE)
    assert (status, challenge) == (201, "none")
    assert '"A book"' in body


def test_a_scope_is_not_enough_where_staff_is_asked_for(visit_with):
    alice, carol = visit_with(), visit_with()
    alice.sign_in(also=["orders:admin"])
    status, challenge, _ = alice.call("staff only")
    assert status == 403
    assert "scope=" not in challenge
    assert not alice.tab.locator("#ask-again").is_visible()
    carol.sign_in("carol", also=["orders:admin"])
    assert carol.call("staff only")[0] == 200


def test_a_revoked_token_deletes_nothing_and_reads_until_it_expires(visit):
    visit.sign_in(also=["orders:write"])
    assert visit.call(PLACE)[0] == 201
    assert visit.call(DELETE)[0] == 204
    assert visit.call(PLACE)[0] == 201
    visit.tab.get_by_role("button", name="Revoke").click()
    visit.tab.locator("#signed-in.revoked").wait_for()
    status, challenge, _ = visit.call(DELETE)
    assert status == 401
    assert 'error="invalid_token"' in challenge
    assert "issuer was asked" in visit.tab.locator("#explanation").inner_text()
    assert visit.call(YOURS)[0] == 200
    assert "does not ask" in visit.tab.locator("#explanation").inner_text()
    assert visit.tab.locator("#revoked").is_visible()
    with visit.tab.expect_response("**/o/api/token"):
        visit.tab.get_by_role("button", name="Refresh").click()
    visit.tab.locator("#signed-in:not(.revoked)").wait_for()
    assert not visit.tab.locator("#revoked").is_visible()
    assert visit.call(DELETE)[0] == 204


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ("Without a token", None),
        ("A token with a scope written in", "invalid_token"),
        ("The ID token", "invalid_token"),
    ],
)
def test_wrong_tokens_are_refused(visit, about, error):
    visit.sign_in()
    status, challenge, _ = visit.call(about)
    assert status == 401
    assert challenge.startswith("Bearer ")
    found = re.search(r'error="(\w+)"', challenge)
    assert (found and found[1]) == error


def test_expiry_refresh_and_rotation(visit, http):
    visit.sign_in()
    assert int(visit.tab.locator("#seconds").inner_text()) <= TOKEN_SECONDS
    assert visit.call(YOURS)[0] == 200
    visit.tab.get_by_text("call the API, and it is 401").wait_for(
        timeout=1000 * (TOKEN_SECONDS + PATIENCE_SECONDS)
    )
    status, challenge, _ = visit.call(YOURS)
    assert status == 401
    assert 'error="invalid_token"' in challenge
    assert "expired" in visit.tab.locator("#explanation").inner_text()
    visit.photograph("expired")
    for _ in range(2):
        with visit.tab.expect_response("**/o/api/token"):
            visit.tab.get_by_role("button", name="Refresh").click()
        visit.tab.locator("#signed-in:not(.expired)").wait_for()
        assert visit.call(YOURS)[0] == 200
    answers = visit.received()
    assert len({answer["access_token"] for answer in answers}) == 3
    assert len({answer["refresh_token"] for answer in answers}) == 3
    spent = refresh(http, visit, answers[0]["refresh_token"])
    assert (spent.status_code, spent.json()["error"]) == (400, "invalid_grant")


def refresh(http, visit, token):
    return http.post(
        f"{visit.served.issuer}/identity/o/api/token",
        {
            "grant_type": "refresh_token",
            "client_id": "orders-page",
            "refresh_token": token,
        },
    )


def test_signing_out_here_and_there(visit, http):
    visit.sign_in()
    [answer] = visit.received()
    visit.tab.get_by_role("button", name="Sign out").click()
    visit.tab.get_by_role("button", name="Sign Out").click()
    visit.tab.get_by_text("You are signed out").wait_for()
    assert visit.tab.locator("#signed-out").is_visible()
    assert visit.tab.get_by_role("button", name=YOURS).is_disabled()
    assert refresh(http, visit, answer["refresh_token"]).status_code == 400
    visit.tab.get_by_role("button", name="Sign in").click()
    visit.tab.get_by_label("Password").wait_for()


def test_tokens_are_nowhere_but_in_memory(visit):
    visit.sign_in()
    visit.call(YOURS)
    secrets = visit.secrets()
    assert len(secrets) == 3
    kept = visit.tab.evaluate(STORED)
    assert kept.startswith("[{},{},")
    addresses = "".join(each.url for each in visit.asked)
    markup = visit.tab.content()
    cookies = str(visit.context.cookies())
    for secret in secrets:
        signature = secret[-40:]
        for place in (kept, addresses, markup, cookies):
            assert signature not in place
    assert visit.tab.url == visit.served.page
    visit.tab.reload()
    visit.tab.locator("#signed-out").wait_for()
    assert not visit.tab.locator("#signed-in").is_visible()


def test_the_code_is_bound_to_this_tab_by_pkce_state_and_nonce(visit):
    visit.sign_in()
    asked = next(each.url for each in visit.asked if "/authorize?" in each.url)
    question = query(asked)
    [exchange] = [each for each in visit.asked if each.url.endswith("/token")]
    form = dict(parse_qsl(exchange.post_data))
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert question["code_challenge_method"] == "S256"
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert question["code_challenge"] == challenge
    assert jwt_payload(visit.received()[0]["id_token"])["nonce"] == question["nonce"]
    assert min(len(question[name]) for name in ("state", "nonce")) >= 43
    assert question["resource"] == "https://orders.example/"


@pytest.mark.parametrize("pending", [False, True])
def test_an_answer_to_no_question_of_this_tab_is_refused(visit, pending):
    visit.open()
    if pending:
        visit.tab.get_by_role("button", name="Sign in").click()
        visit.tab.get_by_label("Password").wait_for()
    visit.tab.goto(f"{visit.served.page}?code=stolen&state=guessed")
    visit.tab.get_by_text("(state)").wait_for()
    assert visit.tab.url == visit.served.page
    assert visit.tokens == []
    assert visit.tab.locator("#signed-out").is_visible()
    assert visit.tab.evaluate("sessionStorage.length") == 0


def test_an_id_token_of_another_sign_in_is_refused(visit):
    visit.open()
    visit.tab.get_by_role("button", name="Sign in").click()
    visit.tab.get_by_label("Password").wait_for()
    question = urlsplit(query(visit.tab.url)["next"])
    forged = urlencode(query(question.geturl()) | {"nonce": "of-somebody-else"})
    visit.log_in()
    visit.tab.get_by_role("button", name="Authorize").wait_for()
    visit.tab.goto(f"{visit.served.issuer}{question.path}?{forged}")
    visit.tab.get_by_role("button", name="Authorize").click()
    visit.tab.get_by_text("(nonce)").wait_for()
    assert visit.tab.locator("#signed-out").is_visible()
    assert visit.tab.get_by_role("button", name=YOURS).is_disabled()


def test_refusing_consent_is_said(visit):
    visit.open()
    visit.tab.get_by_role("button", name="Sign in").click()
    visit.log_in()
    assert visit.tab.get_by_text("access your demo account").is_visible()
    visit.tab.get_by_role("button", name="Cancel").click()
    visit.tab.get_by_text("access_denied").wait_for()
    assert visit.tab.url == visit.served.page


def test_a_message_moves_nothing_when_it_comes_or_goes(visit):
    visit.open()
    before = places(visit)
    visit.tab.goto(f"{visit.served.page}?error=access_denied&state=guessed")
    visit.tab.locator("#notice").wait_for()
    visit.photograph("message", whole=False)
    assert places(visit) == before


def test_without_the_authorization_server_the_page_says_so(visit):
    visit.tab.route("**/openid-configuration", lambda route: route.abort())
    visit.open()
    visit.tab.get_by_text("Not signed in").wait_for()
    assert visit.tab.get_by_role("button", name="Sign in").is_disabled()
    assert visit.call("A public view")[0] == 200
    assert all("ERR_FAILED" in text for text in visit.said)
    visit.said.clear()


def test_the_curl_line_repeats_the_call(visit_with, served, http):
    visit = visit_with(permissions=["clipboard-read", "clipboard-write"])
    visit.sign_in()
    visit.call(YOURS)
    token = visit.received()[0]["access_token"]
    visit.tab.get_by_role("button", name="Copy with the whole token").click()
    visit.tab.get_by_text("Copied").wait_for()
    line = visit.tab.evaluate("navigator.clipboard.readText()")
    command = shlex.split(line.replace("\\\n", " "))
    assert command == [
        *("curl", "-i", "-H", f"Authorization: Bearer {token}"),
        f"{served.page}orders/",
    ]
    name, _, value = command[3].partition(": ")
    assert http.get(command[-1], headers={name: value}).status_code == 200
    assert token not in visit.tab.locator("#curl").inner_text()
    visit.tab.get_by_role("button", name="Copy the token").click()
    visit.tab.locator("#token-copied").get_by_text("Copied").wait_for()
    assert visit.tab.evaluate("navigator.clipboard.readText()") == token


def test_the_keyboard_is_enough(visit):
    tab = visit.tab
    visit.open()
    order = []
    for _ in range(5):
        tab.keyboard.press("Tab")
        order.append(
            tab.evaluate(
                "document.activeElement.value || document.activeElement.innerText"
            )
        )
    assert order == [
        *("To the calls", "orders:read", "orders:write", "orders:admin", "Sign in")
    ]
    assert (
        tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    )
    tab.keyboard.press("Enter")
    tab.get_by_label("Username").focus()
    tab.keyboard.type("alice")
    tab.keyboard.press("Tab")
    tab.keyboard.type("correct horse battery staple")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Authorize").focus()
    tab.keyboard.press("Enter")
    tab.locator("#signed-in").wait_for()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    live = tab.locator("#summary[aria-live=polite]")
    live.get_by_text("200 OK").wait_for()
    assert "/me/" in tab.evaluate("document.activeElement.innerText")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_scrolls_sideways(visit_with, width, scheme):
    visit = visit_with(viewport={"width": width, "height": 960}, color_scheme=scheme)

    def look(name):
        visit.photograph(f"{name}-{width}-{scheme}")
        assert not visit.scrolls_sideways(), name

    visit.open()
    look("1-signed-out")
    visit.tab.get_by_role("button", name="Sign in").click()
    visit.tab.get_by_label("Password").wait_for()
    look("2-login")
    visit.log_in()
    visit.tab.get_by_role("button", name="Authorize").wait_for()
    look("3-consent")
    visit.consent()
    look("4-signed-in")
    visit.call(PLACE)
    look("5-forbidden")
    visit.photograph(f"page-{width}-{scheme}", whole=False)
    visit.call("Whom the API takes you for")
    look("6-ok")
    before = places(visit)
    visit.tab.get_by_role("button", name="Revoke").click()
    visit.tab.locator("#revoked").wait_for()
    look("7-revoked")
    assert places(visit) == before
    ground = visit.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.search(r"\d+", ground)[0]) > 127) == (scheme == "light")
