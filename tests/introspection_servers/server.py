"""An authorization server as a client and a user's browser drive it."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import parse_qs, quote_plus, urlsplit

import requests

from .credentials import (
    API,
    AUDIENCE,
    CALLBACK,
    OTHER_AUDIENCE,
    SCOPE,
    SECRET,
    WEB,
)

__all__ = ["AuthorizationServer", "basic", "post"]

_SECONDS = 30
_REDIRECTS = 10


def basic(client_id, client_secret):
    """Return the header of RFC 6749, 2.3.1, whose parts are form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def post(client_id, client_secret):
    """Return the fields of the same section, for servers that cannot do as it says."""
    return {"client_id": client_id, "client_secret": client_secret}


class AuthorizationServer:
    """One server on loopback; every token of it has been issued at its endpoints.

    Attributes:
        name: of the package.
        url: where it listens.
        issuer: its identifier.
        endpoints: its metadata.
        client_id, client_secret: of the API that asks about tokens.
    """

    # Where its metadata is, and the client with the client credentials grant.
    metadata = "/.well-known/openid-configuration"
    machine = WEB
    client_id = API
    client_secret = SECRET
    # What its issuer entry needs beside the usual.
    options = {}

    def __init__(self, url, path=""):
        self.url = url
        self.issuer = f"{url}{path}"
        self._session = requests.Session()
        # No proxy of the environment, no .netrc.
        self._session.trust_env = False
        answer = self._session.get(f"{self.url}{self.metadata}", timeout=_SECONDS)
        self.endpoints = answer.json()

    def close(self):
        self._session.close()

    @property
    def endpoint(self):
        return self.endpoints["introspection_endpoint"]

    def settings(self):
        """Return the entry of ``OIDC_RS["ISSUERS"]`` for this server."""
        return {
            "ISSUER": self.issuer,
            "VALIDATION": "introspection",
            "INTROSPECTION": {
                "CLIENT_ID": self.client_id,
                "CLIENT_SECRET": self.client_secret,
            },
            **self.options,
        }

    def ask(self, token, client=None, *, accept="application/json", **form):
        """Return what the API is told about a token; ``client`` as ``credentials``."""
        headers, fields = client or self.credentials(self.client_id)
        form = {"token": token, **form, **fields}
        return self._post(self.endpoint, form, {"Accept": accept, **headers})

    def credentials(self, client_id, secret=SECRET):
        """Return how a client authenticates: headers and form fields."""
        return basic(client_id, secret), {}

    def user_token(self, scope=SCOPE):
        return self._tokens(scope)["access_token"]

    def refresh_token(self):
        return self._tokens()["refresh_token"]

    def other_audience_token(self):
        return self._tokens(resource=OTHER_AUDIENCE)["access_token"]

    def unbound_token(self):
        """Return a token that was asked for without a resource."""
        return self._tokens(resource=None)["access_token"]

    def machine_token(self, scope=SCOPE):
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "resource": AUDIENCE,
        }
        return self._granted(self.machine, form)["access_token"]

    def expired_token(self):
        token = self.user_token()
        self.control("expire", token)
        return token

    def revoked_token(self):
        token = self.user_token()
        self.revoke(token)
        return token

    def revoke(self, token):
        """Have a user's token revoked by its client (RFC 7009)."""
        endpoint = self.endpoints["revocation_endpoint"]
        headers, fields = self.credentials(WEB)
        answer = self._post(endpoint, {"token": token, **fields}, headers)
        assert answer.status_code == 200, answer.text

    def log_in(self, browser):
        """Make the user known to the server."""
        answer = browser.get(f"{self.url}/control/login", timeout=_SECONDS)
        assert answer.status_code == 200, answer.text

    def _tokens(self, scope=SCOPE, resource=AUDIENCE):
        """Return what the code flow gives the client: both tokens."""
        verifier = secrets.token_urlsafe(48)
        challenge = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": WEB,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": "state",
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
            **({"resource": resource} if resource else {}),
        }
        form = {
            "grant_type": "authorization_code",
            "code": self._code(query),
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
            **({"resource": resource} if resource else {}),
        }
        return self._granted(WEB, form)

    def _code(self, query):
        """Return the code that a browser ends up with in which the user is known."""
        with requests.Session() as browser:
            browser.trust_env = False
            self.log_in(browser)
            address = self.endpoints["authorization_endpoint"]
            for _ in range(_REDIRECTS):
                answer = browser.get(
                    address, params=query, allow_redirects=False, timeout=_SECONDS
                )
                address, query = answer.headers.get("Location", ""), None
                assert address, f"{answer.status_code}: {answer.text[:2000]}"
                if address.startswith(CALLBACK):
                    found = parse_qs(urlsplit(address).query)
                    assert "code" in found, found
                    return found["code"][0]
                address = requests.compat.urljoin(answer.url, address)
        raise AssertionError(f"the server redirects to {address} and on")

    def _granted(self, client_id, form, secret=SECRET):
        endpoint = self.endpoints["token_endpoint"]
        headers, fields = self.credentials(client_id, secret)
        answer = self._post(endpoint, {**form, **fields}, headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def control(self, name, body=b""):
        """Have the server do what no client can."""
        answer = self._post(f"{self.url}/control/{name}", body, {})
        assert answer.status_code == 200, answer.text

    def _post(self, address, body, headers):
        return self._session.post(
            address,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=_SECONDS,
        )
