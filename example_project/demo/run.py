"""Doing what ``scenarios`` says with two real servers, and printing what came of it."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import requests
from authorization_server import seeds

try:
    import fcntl
except ImportError:  # Windows lets nobody delete a database in use.
    fcntl = None  # type: ignore[assignment]

from .oauth_client import OAuthClient, is_jwt, jwt_header, jwt_payload
from .revocation import REVOCATION
from .scenarios import PHASES, Action, Answer, Grant, Phase, Row
from .servers import DemoError, Project, Server, free_port

__all__ = ["Demo", "prepared_state"]

_STATE = re.compile(
    r"(api|authorization_server)\.(log|sqlite3|sqlite3-journal)|signing_keys|demo\.lock"
)
_LOCK = "demo.lock"
_TIMEOUT = 15
_STAFF_USER = "carol"
_ALL_PHASES = (*PHASES, *REVOCATION)


@contextmanager
def prepared_state(state: Path) -> Iterator[None]:
    """Make ``state`` an empty directory, deleting what an earlier run left there.

    Another demo cannot take it inside.

    Raises:
        DemoError: a demo that runs uses it; or it holds something else, which is not
            for the demo to delete.
    """
    state.mkdir(parents=True, exist_ok=True)
    found = list(state.iterdir())
    foreign = sorted(path.name for path in found if not _STATE.fullmatch(path.name))
    if foreign:
        raise DemoError(f"{state} holds {foreign[0]}, not of this demo: left alone")
    # Open files are not inherited by the servers: it ends with this process.
    with (state / _LOCK).open("a") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DemoError(
                    f"another demo uses {state}: stop it, or name another directory "
                    "with --state"
                ) from None
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()
        yield


class Demo:
    """Both servers, and what the demo has got from them so far.

    A context manager: inside it both servers run, after it none does.
    """

    def __init__(
        self,
        state: Path,
        *,
        port: int | None,
        issuer_port: int | None,
        write: Callable[[str], object],
    ) -> None:
        """Choose addresses; nothing runs yet.

        Args:
            state: an empty directory for databases, keys and logs.
            port: the API's; None takes a free one.
            issuer_port: the authorization server's; None as above.
            write: prints a line.
        """
        port = port or free_port()
        self.issuer = Server(
            Project(
                name="authorization_server",
                settings="authorization_server.settings",
                state=state,
                environment={"EXAMPLE_PAGE_ORIGIN": f"http://127.0.0.1:{port}"},
            ),
            port=issuer_port or free_port(),
            ready="/.well-known/openid-configuration",
        )
        self.api = Server(
            Project(
                name="api",
                settings="api.settings",
                state=state,
                environment={"EXAMPLE_ISSUER": self.issuer.url},
            ),
            port=port,
            ready="/health/",
        )
        self._write = write
        self._stack = ExitStack()
        self._session = requests.Session()
        # A netrc entry for loopback would replace the Authorization header.
        self._session.trust_env = False
        self._tokens: dict[str, str] = {}
        self._clients: dict[str, str] = {}
        self._subjects: dict[str, str] = {}
        self._order = "none"
        self._actions: dict[Action, Callable[[], object]] = {
            "issue_opaque_tokens": self._issue_opaque_tokens,
            "link_staff_user": self._link_staff_user,
            "restart_api": self.api.restart,
            "rotate_key": lambda: self._signing_keys("rotate"),
            "start_issuer": self.issuer.start,
            "stop_issuer": self.issuer.stop,
            "sync_keys": self._sync_keys,
            "withdraw_old_keys": lambda: self._signing_keys("withdraw"),
        }

    def __enter__(self) -> Self:
        """Migrate, seed and start both servers."""
        with ExitStack() as stack:
            stack.enter_context(self._session)
            self._write("Databases ...")
            # The API's waits for nothing of the authorization server's.
            pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
            migrated = pool.submit(self._migrate, self.api.project)
            self._migrate(self.issuer.project)
            self._write("Users, clients and a signing key ...")
            self.issuer.project.manage("seed_authorization_server")
            migrated.result()
            self._write(f"Authorization server (django-allauth): {self.issuer.url} ...")
            stack.enter_context(self.issuer)
            self._write("manage.py sync_oidc_keys:")
            self._write(self._sync_keys())
            self._write(f"API (django-oidc-rs): {self.api.url} ...")
            stack.enter_context(self.api)
            self._client = OAuthClient(
                self.issuer.url,
                redirect_uri=seeds.REDIRECT_URI,
                passwords=dict.fromkeys(seeds.USERS, seeds.PASSWORD),
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop both servers."""
        self._stack.close()

    def run(self) -> bool:
        """Ask every row, print the table, return whether all are as expected."""
        differing = 0
        self._write("")
        self._write(_line("REQUEST", "TOKEN SENT", "EXPECTED", "GOT", ""))
        for phase in _ALL_PHASES:
            self._write(f"\n{phase.title}")
            self._prepare(phase)
            for row in phase.rows:
                got, details = self._ask(row)
                same = got == row.expected
                differing += not same
                self._write(
                    _line(
                        row.request,
                        row.sent,
                        str(row.expected),
                        str(got or "no answer"),
                        "ok" if same else "DIFFERENT",
                    )
                )
                if not same:
                    self._write(details)
        total = len(_ROWS)
        verdict = f"{differing} DIFFERENT" if differing else "all as expected"
        self._write(f"\n{total} requests, {verdict}.")
        return not differing

    def _prepare(self, phase: Phase) -> None:
        for action in phase.first:
            self._actions[action]()
        known = {
            jwt_header(token)["kid"] for token in self._tokens.values() if is_jwt(token)
        }
        for name, grant in phase.tokens.items():
            token = self._tokens[name] = self._get(grant)
            self._clients[name] = grant.client
            if phase.new_key and jwt_header(token)["kid"] in known:
                raise DemoError("the authorization server still signs with an old key")
            if grant.user is not None and is_jwt(token):
                self._subjects[grant.user] = jwt_payload(token)["sub"]
        for name in phase.revoked:
            self._client.revoke(self._clients[name], self._tokens[name])
        for action in phase.then:
            self._actions[action]()

    def _get(self, grant: Grant) -> str:
        """Get a token from the authorization server."""
        parameters = {"scope": grant.scope}
        if grant.resource is not None:
            parameters["resource"] = grant.resource
        if grant.user is None:
            response = self._client.client_credentials(
                grant.client, seeds.SECRETS[grant.client], **parameters
            )
        else:
            response = self._client.authorization_code(
                grant.client, grant.user, **parameters
            )
        token: str = response[grant.take]
        if not grant.forge:
            return token
        header, _, signature = token.split(".")
        claims = json.dumps({**jwt_payload(token), **grant.forge}).encode()
        forged = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
        return f"{header}.{forged}.{signature}"

    def _ask(self, row: Row) -> tuple[Answer | None, str]:
        """Send one request; return the answer, None without one, and all about it."""
        method, path = row.request.split()
        headers = {}
        if row.token is not None:
            headers["Authorization"] = f"Bearer {self._tokens[row.token]}"
        elif row.header is not None:
            headers["Authorization"] = row.header
        try:
            response = self._session.request(
                method,
                self.api.url + path.format(order=self._order),
                headers=headers,
                json=row.body,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return None, str(error)
        if row.keep_order and response.ok:
            self._order = response.json()["id"]
        challenge = response.headers.get("WWW-Authenticate")
        return _answer(response), f"  challenge: {challenge}\n  {response.text[:500]}"

    def make_staff(self) -> None:
        """Make staff of the user who is, for people who look around by themselves."""
        self._write(f"{_STAFF_USER} signs in once, to be made staff of the API ...")
        token = self._get(Grant(user=_STAFF_USER))
        self._subjects[_STAFF_USER] = jwt_payload(token)["sub"]
        self._link_staff_user()

    def _link_staff_user(self) -> None:
        """Do what an operator does: make a local user staff and link the subject."""
        run = self.api.project.manage
        run("createsuperuser", "--noinput", "--username", _STAFF_USER, "--email", "")
        row = f"default,{self._subjects[_STAFF_USER]},{_STAFF_USER}"
        run("link_oidc_identities", stdin=f"issuer,subject,user\n{row}\n")

    def _issue_opaque_tokens(self) -> None:
        self.issuer.project = replace(
            self.issuer.project,
            environment={
                **self.issuer.project.environment,
                "EXAMPLE_TOKEN_FORMAT": "opaque",
            },
        )
        self.issuer.restart()

    @staticmethod
    def _migrate(project: Project) -> None:
        project.manage("migrate", "--verbosity", "0")

    def _signing_keys(self, what: str) -> None:
        self.issuer.project.manage("signing_keys", what)

    def _sync_keys(self) -> str:
        return self.api.project.manage("sync_oidc_keys")


def _answer(response: requests.Response) -> Answer:
    error = scope = None
    header = response.headers.get("WWW-Authenticate")
    if header is not None:
        scheme, _, parameters = header.partition(" ")
        challenge = requests.utils.parse_dict_header(parameters)
        error = challenge.get("error", "") if scheme == "Bearer" else header
        if error == "insufficient_scope":
            scope = challenge.get("scope")
    return Answer(
        status=response.status_code,
        error=error,
        scope=scope,
        retry_after="Retry-After" in response.headers,
    )


_ROWS = [row for phase in _ALL_PHASES for row in phase.rows]
_WIDTHS = [
    max(len(text) for text in column)
    for column in zip(
        *((row.request, row.sent, str(row.expected)) for row in _ROWS), strict=True
    )
]


def _line(request: str, sent: str, expected: str, got: str, verdict: str) -> str:
    cells = (request, sent, expected, got)
    widths = (*_WIDTHS, _WIDTHS[-1])
    padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"  {'  '.join(padded)}  {verdict}".rstrip()
