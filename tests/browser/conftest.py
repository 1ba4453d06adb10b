"""A browser, the demo it looks at, and a watch on everything the page does there."""

import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.example.running import serving

PATIENCE_SECONDS = 60
TOKEN_SECONDS = 30
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever else it has in mind, no name can be looked up.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# What Chromium writes of any fetch that is answered so; the answers are asserted.
REFUSALS = re.compile(r"Failed to load resource: .* status of (401|403) .*")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The demo, with access tokens that a test can wait for to expire."""
    state = tmp_path_factory.mktemp("state")
    with serving(state, EXAMPLE_TOKEN_SECONDS=str(TOKEN_SECONDS)) as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium with a profile of its own. It is required to be there."""
    from playwright.sync_api import sync_playwright

    paths = [os.environ.get("DJANGO_OIDC_RS_CHROMIUM"), *map(shutil.which, BROWSERS)]
    path = next(filter(None, paths), None)
    assert path, "no browser: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        yield browser
        browser.close()


class Visit:
    """A tab, and what it has said, asked and received."""

    def __init__(self, context, served):
        self.context = context
        self.served = served
        self.tab = context.new_page()
        self.tab.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.said, self.asked, self.tokens = [], [], []
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        context.on("request", lambda request: self.asked.append(request))
        context.on("response", self._receive)

    def _hear(self, message):
        if message.type in ("error", "warning"):
            refused = message.location["url"].startswith(self.served.page)
            if not (refused and REFUSALS.fullmatch(message.text)):
                self.said.append(message.text)

    def _receive(self, response):
        if response.url.endswith("/o/api/token"):
            self.tokens.append(response)

    def received(self):
        """Return the token responses, oldest first."""
        return [response.json() for response in self.tokens]

    def secrets(self):
        """Return every token ever received."""
        return [
            answer[kind]
            for answer in self.received()
            for kind in ("access_token", "refresh_token", "id_token")
            if kind in answer
        ]

    def open(self):
        self.tab.goto(self.served.page)
        self.tab.locator("#signed-out").wait_for()

    def sign_in(self, user="alice", also=()):
        """Sign in through the page and both forms of the authorization server."""
        self.open()
        for scope in also:
            self.tab.get_by_role("checkbox", name=scope).check()
        self.tab.get_by_role("button", name="Sign in").click()
        self.log_in(user)
        self.consent()

    def log_in(self, user="alice"):
        self.tab.get_by_label("Username").fill(user)
        self.tab.get_by_label("Password").fill("correct horse battery staple")
        self.tab.get_by_role("button", name="Sign in").click()

    def consent(self):
        self.tab.get_by_role("button", name="Authorize").click()
        self.tab.locator("#signed-in").wait_for()

    def call(self, about):
        """Press a call's button; return status, challenge and body as shown."""
        with self.tab.expect_response(lambda answer: "/page/" not in answer.url):
            self.tab.get_by_role("button", name=about).click()
        self.tab.locator("#answer:not([aria-busy])").wait_for()
        status = self.tab.locator("#summary strong").inner_text()
        return (
            int(status.split()[0]),
            self.tab.locator("#challenge").inner_text(),
            self.tab.locator("#body").inner_text(),
        )

    def photograph(self, name, *, whole=True):
        """Keep a picture where ``DJANGO_OIDC_RS_SCREENSHOTS`` names a folder."""
        folder = os.environ.get("DJANGO_OIDC_RS_SCREENSHOTS")
        if folder:
            path = Path(folder) / f"{name}.png"
            self.tab.screenshot(path=path, full_page=whole)

    def scrolls_sideways(self):
        return self.tab.evaluate(
            "document.documentElement.scrollWidth > window.innerWidth"
        )


@pytest.fixture
def visit_with(chromium, served):
    """Return a function that opens a tab; at the end, look at what the tabs did."""
    visits = []

    def open_tab(**options):
        context = chromium.new_context(**options)
        visits.append(Visit(context, served))
        return visits[-1]

    yield open_tab
    for visit in visits:
        visit.context.close()
        assert visit.said == []
        hosts = {urlsplit(each.url).hostname for each in visit.asked}
        assert hosts <= {"127.0.0.1", None}
        assert {urlsplit(each.url).scheme for each in visit.asked} <= {"http", "data"}


@pytest.fixture
def visit(visit_with):
    return visit_with()
