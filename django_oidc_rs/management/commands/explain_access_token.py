"""``explain_access_token``: why a token is accepted or refused, step by step."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.views.decorators.debug import sensitive_variables

from ... import wiring
from ...core.access_token import AccessToken
from ...core.errors import MalformedToken, ResourceServerError
from ...core.explain import Explanation, explain
from ...models import FederatedIdentity
from ..table import table

_OPAQUE = (
    "An opaque token: its issuer keeps the facts to itself, and this version cannot "
    "ask. Have the client request a JWT access token for this API; with Auth0, that is "
    "an authorization request with audience=."
)
_ENCRYPTED = "An encrypted token (JWE); ask the issuer for signed ones."


class Command(BaseCommand):
    """Explain one access token, read from standard input.

    Never from an argument: those stand in shell histories and process lists. Exit
    status 1 if the token is refused.
    """

    help = "Explain, step by step, why the access token on standard input is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    @sensitive_variables()
    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command."""
        raw_token = sys.stdin.read().strip()
        if raw_token.lower().startswith("bearer "):
            raw_token = raw_token[7:].strip()
        if not raw_token:
            raise CommandError("Give the token on standard input.", returncode=2)
        try:
            explanation = explain(wiring.get_resource_server(), raw_token)
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from error
        advice = _advice(explanation.error, raw_token)
        principal = _principal(explanation.access_token)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(explanation, advice, principal)))
        else:
            self._print(explanation, advice, principal)
        if explanation.error is not None:
            raise CommandError(f"Refused: {explanation.error.code}.")

    def _print(
        self, explanation: Explanation, advice: str, principal: dict[str, Any]
    ) -> None:
        marks = {"passed": "ok", "failed": "FAILED", "not reached": ""}
        self.stdout.write(
            table(
                ("", "STEP", "DETAIL", "SETTING"),
                [
                    (marks[step.outcome], step.name, step.detail, step.setting)
                    for step in explanation.steps
                ],
            )
        )
        for name, value in principal.items():
            self.stdout.write(f"{name}: {value}")
        if advice:
            self.stdout.write(self.style.WARNING(advice))


def _advice(error: ResourceServerError | None, raw_token: str) -> str:
    if not isinstance(error, MalformedToken) or error.reason != "parts":
        return ""
    return _ENCRYPTED if raw_token.count(".") == 4 else _OPAQUE


def _principal(access_token: AccessToken | None) -> dict[str, Any]:
    """Say whom the token stands for, without creating anybody."""
    if access_token is None:
        return {}
    principal: dict[str, Any] = {
        "subject": access_token.subject,
        "client": access_token.client_id,
        "scopes": " ".join(sorted(access_token.scopes)),
        "machine": access_token.is_machine,
    }
    if access_token.is_machine or access_token.subject is None:
        return principal
    try:
        identity = FederatedIdentity.objects.of(
            access_token.issuer, access_token.subject
        )
    except DatabaseError:
        return {**principal, "user": "unknown: the database cannot be read"}
    if identity is None:
        user = "none yet"
    elif identity.user is None:
        user = "deleted: refused until linked again"
    elif not identity.user.is_active:
        user = f"{identity.user.get_username()}, inactive: refused"
    else:
        user = identity.user.get_username()
    return {**principal, "user": user}


def _as_json(
    explanation: Explanation, advice: str, principal: dict[str, Any]
) -> dict[str, Any]:
    error = explanation.error
    return {
        "accepted": error is None,
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
        "advice": advice,
    }
