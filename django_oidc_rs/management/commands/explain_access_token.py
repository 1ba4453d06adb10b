"""``explain_access_token``: why a token is accepted or refused, step by step."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.views.decorators.debug import sensitive_variables

from ... import wiring
from ...conf import get_config
from ...core.access_token import AccessToken
from ...core.errors import (
    ExpiredToken,
    InactiveToken,
    MalformedToken,
    NotAnAccessToken,
    ResourceServerError,
    TokenNotYetValid,
    UnknownKey,
    UserRejected,
)
from ...core.explain import Explanation, Step, explain
from ...core.issuers import IssuerPolicy
from ...core.jws import parse_jws
from ...models import FederatedIdentity
from ..issuers import chosen_issuers
from ..table import shown, table

_OPAQUE = (
    "An opaque token: its issuer keeps the facts to itself. Let it be asked, with "
    'VALIDATION "auto" and INTROSPECTION; or have the client request a JWT access '
    "token for this API; with Auth0, that is an authorization request with audience=."
)
_NOT_FOR_APIS = (
    "This looks like an ID token: it tells the client who signed in, and opens no API. "
    "Have the client send the access token; loosen no setting for it."
)
_ENCRYPTED = "An encrypted token (JWE): have the issuer sign tokens, not encrypt them."
_UNKNOWN_KEY = (
    "The issuer published no such key when it was asked last. If the key is new, run "
    "manage.py sync_oidc_keys; a running server fetches by itself, but only twice in "
    "COOLDOWN. If it stays unknown, another issuer or environment signed this token."
)
_NOT_STORED = (
    "The key is not among the stored ones. Run manage.py sync_oidc_keys: with REFRESH "
    '"command" nothing else fetches keys. If it stays unknown, another issuer or '
    "environment signed this token."
)
_NONE_STORED = (
    "No stored keys can be used, which says nothing about the token. Run manage.py "
    'sync_oidc_keys: with REFRESH "command" nothing else fetches keys; '
    "check_oidc_issuers says what is wrong with the stored ones."
)
_INACTIVE = (
    "The issuer says so when asked: the token is revoked, expired, of another issuer, "
    "or made up. Have the client get a new one."
)
_NO_DATABASE = (
    "The token is good, but requests cannot look its user up and answer 500. Run "
    "manage.py migrate, or bring the database up."
)
_FETCH_ANEW = (
    "Have the client get a new one; a greater LEEWAY is for clocks that differ."
)
_IN_LINES = "There is white space inside: it was pasted from several lines. Join them."
_OUTAGE = "That says nothing about the token. Run manage.py check_oidc_issuers."
_BEFORE_TOKEN = re.compile(r"\A(?:authorization:\s*)?bearer(?:\s+|\Z)", re.IGNORECASE)
# Settings whose value helps to understand a refusal, and is no secret.
_TELLING = (
    *("ALGORITHMS", "AUDIENCE", "AUDIENCE_CLAIMS", "CLIENT_ID_CLAIMS", "JWKS_URI"),
    *("LEEWAY", "MAX_TOKEN_AGE", "REQUIRED_CLAIMS", "SCOPE_CLAIMS", "SUBJECT_CLAIM"),
    "TOKEN_TYPES",
)


class Command(BaseCommand):
    """Explain one access token, read from standard input.

    Never from an argument: those stand in shell histories and process lists. Exit
    status 1 if the token is refused, 2 if the command cannot be run like this.
    """

    help = "Explain, step by step, why the access token on standard input is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    @sensitive_variables()
    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command."""
        chosen_issuers(())
        raw_token = self._read()
        explanation = explain(wiring.get_resource_server(), raw_token)
        principal: dict[str, Any] = {}
        if explanation.access_token is not None:
            principal = _resolve(explanation, explanation.access_token)
        advice = _advice(explanation, raw_token)
        if options["json"]:
            self.stdout.write(
                json.dumps(_as_json(explanation, advice, principal), indent=2)
            )
        else:
            self._print(explanation, advice, principal)
        error = explanation.error
        if error is not None:
            verdict = "Refused" if error.status < 500 else "Nobody can tell now"
            raise CommandError(f"{verdict}: {error.code}.")
        if _failed(explanation):
            raise CommandError("The token is good; its user cannot be looked up.")

    @sensitive_variables()
    def _read(self) -> str:
        if sys.stdin.isatty():
            self.stderr.write("Paste the token, then press Enter and Ctrl-D.")
        try:
            text = sys.stdin.read().strip()
        except UnicodeDecodeError:
            raise CommandError(
                "Standard input is no text: give the token alone.", returncode=2
            ) from None
        raw_token = _BEFORE_TOKEN.sub("", text).strip("\"' ")
        if not raw_token:
            raise CommandError(
                "Give the token on standard input, by a pipe or < file.", returncode=2
            )
        return raw_token

    def _print(
        self, explanation: Explanation, advice: list[str], principal: dict[str, Any]
    ) -> None:
        marks = {"passed": "ok", "failed": "FAILED", "not reached": "-"}
        self.stdout.write(
            table(
                ("STEP", "RESULT", "SETTING", "DETAIL"),
                [
                    (step.name, marks[step.outcome], step.setting, step.detail)
                    for step in explanation.steps
                ],
            )
        )
        for name, value in principal.items():
            said = {None: "-", "": "-", True: "yes", False: "no"}.get(value, value)
            self.stdout.write(f"{name}: {shown(said, 1000)}")
        for line in advice:
            self.stdout.write(self.style.WARNING(line))


def _resolve(explanation: Explanation, access_token: AccessToken) -> dict[str, Any]:
    """Add the step that finds the user, without creating anybody."""
    principal = {
        "subject": access_token.subject,
        "client": access_token.client_id,
        "scopes": " ".join(sorted(access_token.scopes)),
        "machine": access_token.is_machine,
    }
    try:
        user, detail = _user(access_token)
    except UserRejected as error:
        explanation.error = error
        explanation.steps.append(
            Step(
                name="user", outcome="failed", detail=str(error), setting=error.setting
            )
        )
        return principal
    except (Error, ImproperlyConfigured) as error:
        detail = f"unknown, the database cannot be read: {error}"
        explanation.steps.append(Step(name="user", outcome="failed", detail=detail))
        return principal
    explanation.steps.append(Step(name="user", outcome="passed", detail=detail))
    return {**principal, "user": user}


def _user(access_token: AccessToken) -> tuple[str | None, str]:
    """Return the local user's name, if there is one, and what a request would do."""
    policy = get_config().users[access_token.issuer_alias]
    if access_token.is_machine or policy.resolver == "token_user":
        return None, "a TokenUser, in no table"
    if policy.custom is not None:
        return None, "for your RESOLVER to say; it is not called here"
    identity = FederatedIdentity.objects.of(
        access_token.issuer, access_token.subject or ""
    )
    if identity is None:
        if policy.resolver == "existing_user" or not policy.create:
            raise UserRejected(reason="unknown_user")
        return None, "none yet; the first request creates one"
    if identity.user is None:
        raise UserRejected("refused until linked again", reason="deleted_user")
    user = identity.visible_user()
    if user is None:
        raise UserRejected("the default manager leaves it out", reason="hidden_user")
    name = user.get_username()
    if not user.is_active:
        raise UserRejected(shown(name), reason="inactive_user")
    return name, name


def _advice(explanation: Explanation, raw_token: str) -> list[str]:
    error = explanation.error
    if error is None:
        return [_NO_DATABASE] if _failed(explanation) else []
    if isinstance(error, MalformedToken) and len(raw_token.split()) > 1:
        return [_IN_LINES]
    if isinstance(error, MalformedToken) and raw_token.count(".") != 2:
        return [_ENCRYPTED if raw_token.count(".") == 4 else _OPAQUE]
    policy = _policy(explanation.issuer_alias)
    by_command = policy is not None and policy.keys.by_command
    if error.status >= 500:
        return [_NONE_STORED if by_command else _OUTAGE]
    if isinstance(error, UnknownKey) and policy is not None and policy.jwks is None:
        return [_NOT_STORED if by_command else _UNKNOWN_KEY]
    if isinstance(error, InactiveToken):
        return [_INACTIVE]
    if isinstance(error, NotAnAccessToken) and error.reason == "id_token":
        return [_NOT_FOR_APIS]
    times = _times(error, raw_token)
    return [*times, *_slash(error, raw_token), *_in_settings(error, policy)]


def _failed(explanation: Explanation) -> bool:
    return any(step.outcome == "failed" for step in explanation.steps)


def _policy(alias: str | None) -> IssuerPolicy | None:
    return next((each for each in get_config().issuers if each.alias == alias), None)


def _times(error: ResourceServerError, raw_token: str) -> list[str]:
    """Say what time the token means, and what time it is here."""
    if not isinstance(error, ExpiredToken | TokenNotYetValid):
        return []
    try:
        value = parse_jws(raw_token).unverified_claims.get(error.claim or "")
    except MalformedToken:
        # An opaque token: the issuer told the time, and it is gone.
        return []
    if type(value) not in (int, float):
        return []
    now = wiring.get_seams().clock.now()
    told = f"{error.claim} is {_utc(float(str(value)))}, now is {_utc(now)}."
    return [told, _FETCH_ANEW] if isinstance(error, ExpiredToken) else [told]


def _slash(error: ResourceServerError, raw_token: str) -> list[str]:
    """Say so where ``iss`` and an ``ISSUER`` differ by a slash at the end alone."""
    if error.setting != "ISSUER":
        return []
    issuer = parse_jws(raw_token).unverified_claims.get("iss")
    for policy in get_config().issuers:
        if isinstance(issuer, str) and issuer.rstrip("/") == policy.issuer.rstrip("/"):
            return [f"iss and ISSUER of {policy.alias} differ by a slash at the end."]
    return []


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _in_settings(error: ResourceServerError, policy: IssuerPolicy | None) -> list[str]:
    if error.setting == "ISSUER":
        return [f"In settings: ISSUER {each.issuer}" for each in get_config().issuers]
    if policy is None or error.setting not in _TELLING:
        return []
    value = getattr(policy, error.setting.lower())
    if value is None:
        # Found by discovery: there is no value to compare.
        return []
    if isinstance(value, frozenset | tuple):
        value = ", ".join(sorted(each or "(none)" for each in value))
    return [f"In settings of {policy.alias}: {error.setting} {value}"]


def _as_json(
    explanation: Explanation, advice: list[str], principal: dict[str, Any]
) -> dict[str, Any]:
    error = explanation.error
    return {
        "accepted": error is None and not _failed(explanation),
        "code": error.code if error else None,
        "issuer_alias": explanation.issuer_alias,
        "steps": [
            {
                "name": step.name,
                "outcome": step.outcome,
                "detail": step.detail,
                "setting": step.setting,
            }
            for step in explanation.steps
        ],
        "principal": principal,
        "advice": " ".join(advice),
    }
