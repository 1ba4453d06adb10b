"""``explain_access_token``: why a token is accepted or refused, step by step."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.views.decorators.debug import sensitive_variables

from ... import wiring
from ...conf import get_config
from ...core.access_token import AccessToken
from ...core.errors import UserRejected
from ...core.explain import Explanation, Step, explain
from ...models import FederatedIdentity
from ...stores import wait_for_threads
from ..issuers import chosen_issuers
from ..table import shown, table
from ..token_advice import advice

# Seconds, for keys on their way into the key store.
_PATIENCE = 5.0
_BEFORE_TOKEN = re.compile(r"\A(?:authorization:\s*)?bearer(?:\s+|\Z)", re.IGNORECASE)


class Command(BaseCommand):
    """Explain one access token, read from standard input.

    Never from an argument: those stand in shell histories and process lists. Exit
    status 1 if the token is refused, be it only by views that ask its issuer; 2 if the
    command cannot be run like this.
    """

    help = "Explain, step by step, why the access token on standard input is refused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="Print JSON.")
        # Taken to be refused: argparse would print the token.
        parser.add_argument("token", nargs="*", help=argparse.SUPPRESS)

    @sensitive_variables()
    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command."""
        if options["token"]:
            raise CommandError(
                "Give the token on standard input, where no process list shows it: "
                'echo "$TOKEN" | manage.py explain_access_token',
                returncode=2,
            )
        chosen_issuers(())
        raw_token = self._read()
        explanation = explain(wiring.get_resource_server(), raw_token)
        wait_for_threads(_PATIENCE)
        principal: dict[str, Any] = {}
        if explanation.access_token is not None:
            principal = _resolve(explanation, explanation.access_token)
        advised = advice(explanation, raw_token)
        if options["json"]:
            self.stdout.write(
                json.dumps(_as_json(explanation, advised, principal), indent=2)
            )
        else:
            self._print(explanation, advised, principal)
        error = explanation.error
        if error is not None:
            verdict = "Refused" if error.status < 500 else "Nobody can tell now"
            raise CommandError(f"{verdict}: {error.code}.")
        if _user_unknown(explanation):
            raise CommandError("The token is good; its user cannot be looked up.")
        asked = explanation.asked_error
        if asked is not None:
            verdict = "refuse it" if asked.status < 500 else "cannot tell now"
            raise CommandError(
                f"Accepted by views that check it here alone; those that ask the "
                f"issuer (introspect) {verdict}: {asked.code}."
            )
        if not options["json"]:
            self.stdout.write(self.style.SUCCESS("Accepted."))

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
        self, explanation: Explanation, advised: list[str], principal: dict[str, Any]
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
        for line in advised:
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


def _user_unknown(explanation: Explanation) -> bool:
    """Whether a good token's user could not be looked up."""
    last = explanation.steps[-1]
    return (last.name, last.outcome) == ("user", "failed")


def _as_json(
    explanation: Explanation, advised: list[str], principal: dict[str, Any]
) -> dict[str, Any]:
    error, asked = explanation.error, explanation.asked_error
    accepted = error is None and not _user_unknown(explanation)
    was_asked = any(step.name == "introspection" for step in explanation.steps)
    return {
        "accepted": accepted,
        "code": error.code if error else None,
        # None: its issuer cannot be asked, and nobody knows what it would say.
        "accepted_when_asked": accepted and asked is None if was_asked else None,
        "code_when_asked": asked.code if asked else None,
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
        "advice": " ".join(advised),
    }
