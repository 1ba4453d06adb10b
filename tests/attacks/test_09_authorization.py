"""Section 9: what a good token may do."""

from __future__ import annotations

import json
import operator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from rest_framework.permissions import IsAuthenticated

from django_oidc_rs.core.scopes import ScopeRequirement
from django_oidc_rs.decorators import scope_required
from django_oidc_rs.rest_framework import HasAllScopes, HasAnyScope, HasClaim, HasScope
from tests.attacks.harness import HANDLERS, Outcome, Sent
from tests.attacks.surface import (
    FORM,
    IS,
    IT,
    OK,
    claiming,
    everywhere,
    over_every_handler,
    rows_everywhere,
)

pytestmark = [pytest.mark.urls("tests.attacks.surface"), pytest.mark.django_db]

SCOPES: dict[str, tuple[dict[str, Any], Outcome]] = {
    "A169-longer": ({"scope": "readwrite"}, IS),
    "A169-suffix": ({"scope": "xread"}, IS),
    "A169-colon": ({"scope": "read:all"}, IS),
    "A169-shorter": ({"scope": "rea"}, IS),
    "A170-tab": ({"scope": "read\twrite"}, IS),
    "A170-newline": ({"scope": "read\nwrite"}, IS),
    "A170-no-break": ({"scope": "read\xa0write"}, IS),
    "A170-em-space": ({"scope": "read\u2003write"}, IS),
    "A170-comma": ({"scope": "read,write"}, IS),
    "A170-nul": ({"scope": "read\0"}, IS),
    "A170-wide": ({"scope": "\uff52ead"}, IS),
    "A170-spaces": ({"scope": "  read   other "}, OK),
    "A171": ({"scope": "Read"}, IS),
    "A171-upper": ({"scope": "READ"}, IS),
    "A172-text-in-text": ({"scope": "proofread"}, IS),
    "A172-list": ({"scope": ["read"]}, OK),
    "A172-list-of-one-text": ({"scope": ["read write"]}, IS),
    "A172-list-of-others": ({"scope": ["reading"]}, IS),
    "A172-scp": ({"scope": ..., "scp": ["read"]}, OK),
    "A172-scp-text": ({"scope": ..., "scp": "xread"}, IS),
    "A172-object": ({"scope": {"read": True}}, IS),
    "A172-number": ({"scope": 1}, IT),
    "A172-bool": ({"scope": True}, IT),
    "A172-mixed": ({"scope": ["read", 1]}, IT),
    "A172-first-wins": ({"scope": "", "scp": "read"}, IS),
    "A175-other-claims": (
        {"scope": "other", "scopes": "read", "permissions": ["read"], "roles": "read"},
        IS,
    ),
    "A169-none": ({"scope": ...}, IS),
}


@everywhere
@pytest.mark.parametrize("row", SCOPES)
def test_scope(row, url, handler, issuer, attack):
    claims, outcome = SCOPES[row]
    answer = attack(claiming(**claims)(issuer), outcome, url=url, handler=handler)
    if outcome == IS:
        assert 'scope="read"' in answer.one("WWW-Authenticate")


# A173: a view that configures nothing.


@over_every_handler
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("/unconfigured", id="A173-nothing"),
        pytest.param("/empty-list", id="A173-empty-list"),
        pytest.param("/other-method", id="A173-other-method"),
    ],
)
def test_a_view_that_configures_nothing_opens_for_nobody(url, handler, issuer):
    send = HANDLERS[handler]
    token = issuer.access_token("alice", ["read", "write", "admin"])
    answer = send(url, Sent((f"Bearer {token}",)))
    assert answer.status == 403
    assert 'error="insufficient_scope"' in answer.one("WWW-Authenticate")
    assert "scope=" not in answer.one("WWW-Authenticate").replace("_scope", "")
    assert send(url, Sent()).status == 401


@pytest.mark.parametrize(
    ("configure", "error"),
    [
        pytest.param(lambda: scope_required(), TypeError, id="A173-decorator"),
        pytest.param(
            lambda: scope_required(any_of=[]), TypeError, id="A173-decorator-any"
        ),
        pytest.param(lambda: scope_required(""), ValueError, id="A173-decorator-blank"),
        pytest.param(lambda: HasAllScopes(), ValueError, id="A173-all"),
        pytest.param(lambda: HasAnyScope(), ValueError, id="A173-any"),
        pytest.param(lambda: HasScope(""), ValueError, id="A173-blank"),
        pytest.param(lambda: HasClaim("tier", None), TypeError, id="A173-claim"),
        pytest.param(
            lambda: ScopeRequirement(alternatives=((),)), ValueError, id="A173-core"
        ),
    ],
)
def test_demanding_nothing_is_a_mistake_at_import(configure, error):
    with pytest.raises(error):
        configure()


# A175: what a caller says of its own scopes.


@rows_everywhere("A175")
def test_a_scope_the_caller_names_is_not_looked_at(handler, url, issuer, attack):
    attack(
        Sent(
            (f"Bearer {issuer.access_token('alice', ['other'])}",),
            "POST",
            "scope=read",
            b"scope=read",
            FORM,
            {"X-Scope": "read", "Scope": "read", "Cookie": "scope=read"},
        ),
        IS,
        url=url,
        handler=handler,
    )


# A176: compositions.

BEARER = 'Bearer realm="api"'
REFUSED = f'{BEARER}, error="insufficient_scope", error_description='
COMPOSITIONS = {
    # url: the scopes that open it, those that do not, and what the 403 names.
    "/either": (["write"], ["read"], "write"),
    "/either-reversed": (["write"], ["read"], "write"),
    "/both": (["read", "write"], ["read"], "read write"),
    "/nested": (["manage"], ["admin"], "admin"),
}


@over_every_handler
@pytest.mark.parametrize(
    "url", [pytest.param(url, id=f"A176-{url[1:]}") for url in COMPOSITIONS]
)
def test_a_composition_opens_and_refuses_properly(url, handler, issuer, attack):
    enough, too_few, named = COMPOSITIONS[url]
    answer = attack(
        issuer.access_token("alice", too_few),
        IS,
        url=url,
        handler=handler,
        good=issuer.access_token("alice", enough),
    )
    challenge = answer.one("WWW-Authenticate")
    assert challenge.startswith(REFUSED)
    assert challenge.endswith(f'scope="{named}"')


@over_every_handler
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("/either", id="A176-staff"),
        pytest.param("/either-reversed", id="A176-staff-reversed"),
    ],
)
def test_either_operand_opens(url, handler, issuer):
    send = HANDLERS[handler]
    poor = Sent((f"Bearer {issuer.access_token('alice')}",))
    assert send(url, poor).status == 403
    get_user_model().objects.update(is_staff=True)
    assert send(url, poor).status == 200


@over_every_handler
@pytest.mark.parametrize("url", COMPOSITIONS)
@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(Sent(("Bearer x.y.z",)), IT, id="A176-bad-token"),
        pytest.param(Sent(), Outcome(401), id="A176-nobody"),
    ],
)
def test_no_composition_lets_nobody_in(sent, outcome, url, handler, issuer, attack):
    good = issuer.access_token("alice", COMPOSITIONS[url][0])
    attack(sent, outcome, url=url, handler=handler, good=good)


@pytest.mark.parametrize(
    "composition",
    [
        pytest.param(HasScope("read"), id="A176-not"),
        pytest.param(HasScope("read") & IsAuthenticated, id="A176-not-and"),
        pytest.param(IsAuthenticated & HasScope("read"), id="A176-not-and-reversed"),
        pytest.param(HasScope("a") | HasScope("b"), id="A176-not-or"),
    ],
)
def test_nothing_of_ours_can_be_negated(composition):
    """Who sends no token lacks every scope."""
    with pytest.raises(TypeError):
        operator.invert(composition)


# A179: other people's objects.


@over_every_handler
@pytest.mark.parametrize(
    ("subject", "outcome"),
    [
        pytest.param("alice", OK, id="A179-own"),
        pytest.param("bob", Outcome(404), id="A179-anothers"),
        pytest.param("ALICE", Outcome(404), id="A179-case"),
    ],
)
def test_a_view_can_tell_whose_token_it_is(subject, outcome, handler, issuer, attack):
    answer = attack(
        issuer.access_token(subject, ["read"]),
        outcome,
        url="/documents/alice",
        handler=handler,
        may_create=True,
    )
    assert json.loads(answer.body) == {"owner": "alice" if outcome == OK else None}
