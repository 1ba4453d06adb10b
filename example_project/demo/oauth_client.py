"""Getting tokens over HTTP, as clients of the authorization server do."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from .servers import DemoError

__all__ = ["OAuthClient", "is_jwt", "jwt_header", "jwt_payload"]

_TIMEOUT = 10
_MAX_PAGES = 12


class OAuthClient:
    """One client software, used by several people.

    Args:
        issuer: whose metadata says where the endpoints are.
        redirect_uri: the clients' own; nobody listens there, its query is read.
        passwords: user name -> password, for the login form.
    """

    def __init__(
        self, issuer: str, *, redirect_uri: str, passwords: dict[str, str]
    ) -> None:
        """Read the issuer's metadata."""
        self._redirect_uri = redirect_uri
        self._passwords = passwords
        self._browsers: dict[str, _Browser] = {}
        address = f"{issuer}/.well-known/openid-configuration"
        self._metadata = _json(_session().get(address, timeout=_TIMEOUT))

    def client_credentials(
        self, client_id: str, secret: str, **parameters: str
    ) -> dict[str, Any]:
        """Return the token response for the client itself. RFC 6749 section 4.4."""
        return self._token(
            {"grant_type": "client_credentials", **parameters},
            auth=(client_id, secret),
        )

    def authorization_code(
        self, client_id: str, username: str, **parameters: str
    ) -> dict[str, Any]:
        """Return the token response for a user who logs in and consents.

        Authorization code with PKCE: RFC 6749 section 4.1, RFC 7636.
        """
        verifier = secrets.token_urlsafe(48)
        state = secrets.token_urlsafe(16)
        browser = self._browsers.setdefault(username, _Browser())
        answer = browser.authorize(
            self._metadata["authorization_endpoint"],
            {
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": self._redirect_uri,
                "state": state,
                "nonce": secrets.token_urlsafe(16),
                "code_challenge": _base64url(hashlib.sha256(verifier.encode())),
                "code_challenge_method": "S256",
                **parameters,
            },
            typed={"login": username, "password": self._passwords[username]},
        )
        if answer.get("state") != state or "code" not in answer:
            raise DemoError(f"the authorization server refused {username}: {answer}")
        return self._token(
            {
                "grant_type": "authorization_code",
                "client_id": client_id,
                "code": answer["code"],
                "redirect_uri": self._redirect_uri,
                "code_verifier": verifier,
            }
        )

    def revoke(self, client_id: str, token: str) -> None:
        """Have a public client's token revoked. RFC 7009 section 2.1."""
        form = {"client_id": client_id, "token": token}
        endpoint = self._metadata["revocation_endpoint"]
        response = _session().post(endpoint, form, timeout=_TIMEOUT)
        if not response.ok:
            raise DemoError(f"revocation: {response.status_code} {response.text}")

    def _token(
        self, form: dict[str, str], auth: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        endpoint = self._metadata["token_endpoint"]
        return _json(_session().post(endpoint, form, auth=auth, timeout=_TIMEOUT))


@dataclass(slots=True)
class _Form:
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _FormParser(html.parser.HTMLParser):
    """Collects the POST forms of a page, with what a browser would send of each."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms.append(_Form(given.get("action", "")))
            self._open = True
        elif self._open and tag in ("input", "button") and given.get("name"):
            pair = (given["name"], given.get("value", ""))
            kind = given.get("type", "submit" if tag == "button" else "text")
            if kind == "submit":
                self.forms[-1].buttons.append(pair)
            elif kind not in ("checkbox", "radio") or "checked" in given:
                self.forms[-1].fields.append(pair)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


class _Browser:
    """Keeps cookies, follows redirects and fills in forms."""

    def __init__(self) -> None:
        self._session = _session()

    def authorize(
        self, endpoint: str, query: dict[str, str], *, typed: dict[str, str]
    ) -> dict[str, str]:
        """Go on from ``endpoint`` until the redirect URI; return its parameters.

        Every page's last form with the fields of ``typed`` is filled in; any other,
        the consent, is sent with its first button.
        """
        target = query["redirect_uri"]
        page = self._session.get(
            endpoint, params=query, timeout=_TIMEOUT, allow_redirects=False
        )
        for _ in range(_MAX_PAGES):
            if not page.is_redirect:
                page = self._submit(page, typed)
                continue
            address = urljoin(page.url, page.headers["Location"])
            parts = urlsplit(address)
            if parts._replace(query="", fragment="").geturl() == target:
                return {name: value[0] for name, value in parse_qs(parts.query).items()}
            page = self._session.get(address, timeout=_TIMEOUT, allow_redirects=False)
        raise DemoError(f"no way from {endpoint} to {target}, at last {page.url}")

    def _submit(self, page: requests.Response, typed: dict[str, str]) -> Any:
        parser = _FormParser()
        parser.feed(page.text)
        if not page.ok or not parser.forms:
            raise DemoError(f"{page.url} answers {page.status_code}:\n{page.text}")
        form = parser.forms[-1]
        for each in parser.forms:
            if typed.keys() <= dict(each.fields).keys():
                form = each
        values = [pair for pair in form.fields if pair[0] not in typed]
        if len(values) < len(form.fields):
            values += typed.items()
        return self._session.post(
            urljoin(page.url, form.action),
            data=values + form.buttons[:1],
            headers={"Referer": page.url},
            timeout=_TIMEOUT,
            allow_redirects=False,
        )


def is_jwt(raw_token: str) -> bool:
    """Return whether the token is a JWT, by its look; no opaque one has dots here."""
    return "." in raw_token


def jwt_header(raw_token: str) -> dict[str, Any]:
    """Return a JWT's header, unverified: for show."""
    return _part(raw_token, 0)


def jwt_payload(raw_token: str) -> dict[str, Any]:
    """Return a JWT's claims, unverified: for show, and for forgeries."""
    return _part(raw_token, 1)


def _part(raw_token: str, index: int) -> dict[str, Any]:
    part = raw_token.split(".")[index]
    decoded: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    )
    return decoded


def _base64url(digest: Any) -> str:
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def _session() -> requests.Session:
    session = requests.Session()
    # Proxies do not lead to loopback, and a netrc entry would replace our credentials.
    session.trust_env = False
    return session


def _json(response: requests.Response) -> dict[str, Any]:
    if not response.ok:
        raise DemoError(
            f"{response.url} answers {response.status_code}: {response.text}"
        )
    document: dict[str, Any] = response.json()
    return document
