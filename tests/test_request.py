"""Where the outcome of a request's credentials lives, and who hears of it."""

from __future__ import annotations

import asyncio
import html
import logging
import pickle
import threading
from contextlib import contextmanager
from dataclasses import replace
from traceback import walk_tb

import pytest
from asgiref.sync import SyncToAsync, async_to_sync
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import path
from django.utils.log import AdminEmailHandler
from rest_framework.views import APIView

from django_oidc_rs import wiring
from django_oidc_rs.core.errors import (
    BadSignature,
    InvalidRequest,
    InvalidToken,
    KeysUnavailable,
    UserRejected,
)
from django_oidc_rs.decorators import access_token_required
from django_oidc_rs.middleware import (
    AccessTokenRequiredMiddleware,
    ResourceServerMiddleware,
)
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.outcome import preset, was_asked
from django_oidc_rs.request import (
    aaccess_token_of,
    aauthenticate,
    access_token_of,
    authenticate,
)
from django_oidc_rs.rest_framework import AccessTokenAuthentication, HasClaim
from django_oidc_rs.signals import token_accepted, token_rejected
from django_oidc_rs.testing import SigningKey, install
from django_oidc_rs.token_user import TokenUser
from tests.http_answers import asgi, both, wsgi

pytestmark = pytest.mark.urls(__name__)


def explode(access_token):
    raise RuntimeError("a fault of the project")


def refuse_in_a_circle(access_token):
    error = InvalidToken("its own cause")
    raise error from error


def refuse_in_a_wider_circle(access_token):
    error, other = InvalidToken("one"), LookupError("the other")
    error.__cause__, other.__cause__ = other, error
    raise error


VALIDATED_ON = []


def remember_the_thread(access_token):
    VALIDATED_ON.append(threading.get_ident())


def known_to_the_project(access_token):
    blocked = get_user_model().objects.filter(is_active=False)
    if blocked.filter(username=access_token.subject).exists():
        raise InvalidToken("blocked in our table")


def refuse(access_token):
    try:
        raise LookupError("an inner cause")
    except LookupError as error:
        raise InvalidToken("blocked client") from error


@access_token_required(resolve_user=False)
def guarded(request):
    return HttpResponse("in")


@access_token_required(resolve_user=False)
async def aguarded(request):
    return HttpResponse("in")


@access_token_required
def who(request):
    return HttpResponse("in")


@access_token_required
async def awho(request):
    return HttpResponse("in")


class Judged(APIView):
    resolve_user = False
    authentication_classes = [AccessTokenAuthentication]

    @property
    def permission_classes(self):
        # Of the same type as the claim, which is a list of lists.
        return [HasClaim("names", (Hostile("x"),))]

    def get(self, request):
        return HttpResponse("in")


@access_token_required(resolve_user=False)
def broken(request):
    token = request.access_token
    assert token.is_machine is False
    raise RuntimeError("after the token was accepted")


@access_token_required(resolve_user=False)
async def abroken(request):
    token = request.access_token
    assert token.is_machine is False
    raise RuntimeError("after the token was accepted")


urlpatterns = [
    path("guarded", guarded),
    path("aguarded", aguarded),
    path("who", who),
    path("awho", awho),
    path("judged", Judged.as_view()),
    path("broken", broken),
    path("abroken", abroken),
]


def get(raw_token=None, *, authorization=None):
    value = authorization or (None if raw_token is None else f"Bearer {raw_token}")
    headers = {} if value is None else {"Authorization": value}
    return RequestFactory().get("/", headers=headers)


def call(function):
    """Give a coroutine function the face of a plain one."""
    return (
        async_to_sync(function) if asyncio.iscoroutinefunction(function) else function
    )


either_token_of = pytest.mark.parametrize(
    "token_of", [access_token_of, call(aaccess_token_of)], ids=["sync", "async"]
)
either_authenticate = pytest.mark.parametrize(
    "authenticated_by", [authenticate, call(aauthenticate)], ids=["sync", "async"]
)


@pytest.fixture
def heard():
    """Every signal of requests, in order: its name and payload."""
    events = []

    def accepted(**payload):
        events.append(("accepted", payload))

    def rejected(**payload):
        events.append(("rejected", payload))

    token_accepted.connect(accepted)
    token_rejected.connect(rejected)
    yield events
    token_accepted.disconnect(accepted)
    token_rejected.disconnect(rejected)


@pytest.fixture
def configure(settings):
    """Set keys of the only issuer; a ``FakeIssuer`` made before goes on serving."""

    def change(users=None, **issuer):
        before = settings.OIDC_RS
        one = {**before["ISSUERS"]["default"], **issuer}
        settings.OIDC_RS = {
            **before,
            "ISSUERS": {"default": one},
            **({} if users is None else {"USERS": users}),
        }

    return change


def forged(fake_issuer):
    """Return a token that only the signature betrays."""
    stranger = SigningKey(fake_issuer.algorithm, key_id=fake_issuer.key.key_id)
    return stranger.sign(fake_issuer.claims())


# The token.


@either_token_of
def test_a_good_token_is_returned(token_of, fake_issuer):
    access_token = token_of(get(fake_issuer.access_token("alice", ["a"])))
    assert access_token.subject == "alice"
    assert access_token.scopes == {"a"}
    assert access_token.issuer_alias == "default"


@either_token_of
@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Digest a=b, c=d"])
def test_no_bearer_credentials_are_none(token_of, authorization, fake_issuer):
    assert token_of(get(authorization=authorization)) is None


@either_token_of
@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        pytest.param("Bearer", InvalidRequest, id="empty"),
        pytest.param("Bearer a b", InvalidRequest, id="two-words"),
        pytest.param("Bearer a.b.c", InvalidToken, id="garbage"),
    ],
)
def test_bad_credentials_raise_every_time(token_of, authorization, error, fake_issuer):
    request = get(authorization=authorization)
    with pytest.raises(error) as first:
        token_of(request)
    with pytest.raises(error) as second:
        token_of(request)
    assert second.value is first.value


@either_token_of
def test_credentials_are_looked_at_once(token_of, fake_issuer):
    request = get(fake_issuer.access_token())
    access_token = token_of(request)
    request.META["HTTP_AUTHORIZATION"] = "Bearer something.else.now"
    assert token_of(request) is access_token


@either_token_of
def test_an_outage_is_not_the_callers_fault_and_passes(token_of, fake_issuer, clock):
    with install(fake_issuer, clock=clock):
        fake_issuer.clock = clock
        raw_token = fake_issuer.access_token()
        fake_issuer.fail()
        with pytest.raises(KeysUnavailable) as raised:
            token_of(get(raw_token))
        assert raised.value.retry_after >= 1
        fake_issuer.recover()
        clock.advance(60)
        assert token_of(get(raw_token)).subject == "alice"


@either_token_of
def test_a_fault_of_the_project_is_no_verdict(token_of, fake_issuer, configure):
    configure(VALIDATORS=[f"{__name__}.explode"])
    request = get(fake_issuer.access_token())
    for _again in range(2):
        with pytest.raises(RuntimeError):
            token_of(request)
    assert not was_asked(request)


@either_token_of
@pytest.mark.parametrize("circle", ["refuse_in_a_circle", "refuse_in_a_wider_circle"])
def test_causes_that_go_in_a_circle_come_to_an_end(
    token_of, fake_issuer, configure, circle
):
    configure(VALIDATORS=[f"{__name__}.{circle}"])
    with pytest.raises(InvalidToken):
        token_of(get(fake_issuer.access_token()))


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/guarded", "/aguarded"])
def test_a_validator_may_ask_the_database(send, url, fake_issuer, configure):
    configure(VALIDATORS=[f"{__name__}.known_to_the_project"])
    get_user_model().objects.create(username="mallory", is_active=False)
    assert send(url, fake_issuer.access_token("alice")).status_code == 200
    assert send(url, fake_issuer.access_token("mallory")).status_code == 401
    assert send(url, forged(fake_issuer)).status_code == 401
    assert send(url, "x.y.z").status_code == 401
    assert send(url).status_code == 401


def test_was_asked_says_whether_the_answer_depends_on_credentials(fake_issuer):
    request = get()
    assert not was_asked(request)
    access_token_of(request)
    assert was_asked(request)


def test_nothing_else_is_taken_for_an_outcome(fake_issuer):
    request = get("a.b.c")
    request._django_oidc_rs = {"validated": True, "user": "root"}
    assert not was_asked(request)
    with pytest.raises(InvalidToken):
        access_token_of(request)


# The user.


@pytest.mark.django_db
@either_authenticate
def test_a_first_request_makes_the_user(authenticated_by, fake_issuer):
    authenticated = authenticated_by(get(fake_issuer.access_token("alice")))
    identity = FederatedIdentity.objects.get()
    assert authenticated.user == identity.user
    assert authenticated.access_token.subject == identity.subject == "alice"


@pytest.mark.django_db
@either_authenticate
def test_a_known_user_costs_one_query_and_only_once(
    authenticated_by, fake_issuer, django_assert_num_queries
):
    authenticated_by(get(fake_issuer.access_token()))
    request = get(fake_issuer.access_token())
    with django_assert_num_queries(1):
        first = authenticated_by(request)
        second = authenticated_by(request)
    assert second.user is first.user


@either_authenticate
def test_without_resolving_no_database_is_needed(authenticated_by, fake_issuer):
    authenticated = authenticated_by(get(fake_issuer.access_token()), resolve=False)
    assert isinstance(authenticated.user, TokenUser)


@pytest.mark.django_db
@either_authenticate
def test_one_who_did_not_resolve_does_not_decide_for_the_next(
    authenticated_by, fake_issuer
):
    request = get(fake_issuer.access_token())
    authenticated_by(request, resolve=False)
    assert isinstance(authenticated_by(request).user, get_user_model())


@either_authenticate
def test_nobody_without_credentials(authenticated_by, fake_issuer):
    assert authenticated_by(get()) is None


@pytest.mark.django_db
@either_authenticate
def test_an_inactive_user_is_refused_every_time(
    authenticated_by, fake_issuer, heard, caplog
):
    user = authenticate(get(fake_issuer.access_token())).user
    get_user_model().objects.update(is_active=False)
    heard.clear()
    request = get(fake_issuer.access_token())
    with caplog.at_level(logging.INFO, "django_oidc_rs.requests"):
        for _again in range(2):
            with pytest.raises(UserRejected) as raised:
                authenticated_by(request)
    assert raised.value.reason == "inactive_user"
    assert raised.value.issuer_alias == "default"
    [(name, payload)] = heard
    assert (name, payload["error"]) == ("rejected", raised.value)
    [record] = caplog.records
    assert (record.reason, record.issuer_alias) == ("user_rejected", "default")
    user.refresh_from_db()
    assert not user.is_active


def test_a_preset_outcome_needs_no_issuer(access_token):
    request = get()
    token = access_token(subject="bob")
    preset(request, token, "somebody")
    authenticated = authenticate(request)
    assert (authenticated.access_token, authenticated.user) == (token, "somebody")
    assert was_asked(request)


@pytest.mark.django_db
def test_a_preset_token_without_user_is_resolved_as_ever(access_token):
    request = get()
    preset(request, access_token(subject="bob"), None)
    assert authenticate(request).user == FederatedIdentity.objects.get().user


# Async without threads.


@pytest.fixture
def no_threads(monkeypatch):
    """Let every hop off the event loop fail."""

    def hop(self, *args, **kwargs):
        raise AssertionError(f"a thread for {self.func}")

    def submit(self, executor, function, *args):
        raise AssertionError(f"a thread for {function}")

    monkeypatch.setattr(SyncToAsync, "__call__", hop)
    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", submit)


@pytest.mark.parametrize(
    "users", [{"RESOLVER": "token_user"}, {}], ids=["token_user", "machine"]
)
async def test_no_thread_where_no_database_is_needed(
    fake_issuer, configure, no_threads, users
):
    configure(users=users)
    subject = None if users == {} else "alice"
    request = get(fake_issuer.access_token(subject))
    authenticated = await aauthenticate(request)
    assert isinstance(authenticated.user, TokenUser)


async def test_no_thread_for_a_view_that_does_not_resolve(fake_issuer, no_threads):
    headers = {"Authorization": f"Bearer {fake_issuer.access_token()}"}
    response = await aguarded(AsyncRequestFactory().get("/", headers=headers))
    assert response.content == b"in"


@pytest.mark.parametrize("kept", [0, 10], ids=["verified", "kept"])
@pytest.mark.parametrize(
    "middleware", [AccessTokenRequiredMiddleware, ResourceServerMiddleware]
)
async def test_no_thread_in_the_middlewares(
    fake_issuer, settings, no_threads, middleware, kept
):
    settings.OIDC_RS = {
        **settings.OIDC_RS,
        "USERS": {"RESOLVER": "token_user"},
        "TOKEN_CACHE": {"SIZE": kept},
    }

    async def view(request):
        token = request.access_token
        if middleware is ResourceServerMiddleware:
            token = await request.aaccess_token()
        return HttpResponse(token.subject)

    async def serve(request):
        refusal = None
        if middleware is AccessTokenRequiredMiddleware:
            refusal = await inner.process_view(request, view, (), {})
        return refusal or await view(request)

    inner = middleware(serve)
    for _ in range(2):
        response = await inner(get(fake_issuer.access_token()))
        assert (response.status_code, response.content) == (200, b"alice")


@pytest.fixture
def another_issuer_validates(settings):
    """Add an issuer with ``VALIDATORS``; ``fake_issuer`` plays the first one."""
    before = settings.OIDC_RS
    other = {
        "ISSUER": "https://other.test",
        "VALIDATORS": [f"{__name__}.known_to_the_project"],
    }
    settings.OIDC_RS = {**before, "ISSUERS": {**before["ISSUERS"], "other": other}}


async def test_no_thread_for_validators_of_another_issuer(
    another_issuer_validates, fake_issuer, no_threads
):
    token = await aaccess_token_of(get(fake_issuer.access_token()))
    assert token.issuer_alias == "default"
    for raw_token in ("x.y.z", fake_issuer.access_token(iss="https://evil.test")):
        with pytest.raises(InvalidToken):
            await aaccess_token_of(get(raw_token))
    assert await aaccess_token_of(get()) is None


async def test_validators_do_not_block_the_event_loop(fake_issuer, configure):
    configure(VALIDATORS=[f"{__name__}.remember_the_thread"])
    VALIDATED_ON.clear()
    assert await aaccess_token_of(get(fake_issuer.access_token()))
    [thread] = VALIDATED_ON
    assert thread != threading.get_ident()


async def test_validators_wait_for_keys_as_well(fake_issuer, configure):
    configure(VALIDATORS=[f"{__name__}.remember_the_thread"])
    VALIDATED_ON.clear()
    with keys_take_time():
        assert await aaccess_token_of(get(fake_issuer.access_token()))
    assert len(VALIDATED_ON) == 1


async def test_no_thread_to_refuse(fake_issuer, no_threads):
    request = AsyncRequestFactory().get("/", headers={"Authorization": "Bearer x.y.z"})
    response = await aguarded(request)
    assert response.status_code == 401


async def test_the_guard_of_these_tests_sees_a_thread(fake_issuer, no_threads):
    with pytest.raises(AssertionError, match="a thread for"):
        await aauthenticate(get(fake_issuer.access_token()))


async def test_the_event_loop_goes_on_while_keys_are_fetched(fake_issuer):
    loop, asked, answer = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    threads = []

    def fetch(url, **options):
        loop.call_soon_threadsafe(asked.set)
        assert answer.wait(10)
        return fake_issuer.fetch(url, **options)

    def spawn(work):
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    with wiring.substitute(replace(wiring.get_seams(), fetch=fetch, spawn=spawn)):
        request = get(fake_issuer.access_token())
        task = asyncio.create_task(aaccess_token_of(request))
        try:
            await asked.wait()
            # Only a loop that is not blocked comes here before the answer is given.
            assert not task.done()
        finally:
            answer.set()
        assert (await task).subject == "alice"
        for thread in threads:
            thread.join()


@contextmanager
def keys_take_time():
    """Let keys arrive only when the event loop has turned, on a thread of their own."""
    loop, release, threads = asyncio.get_running_loop(), threading.Event(), []

    def spawn(work):
        def late():
            assert release.wait(10)
            work()

        threads.append(threading.Thread(target=late))
        threads[-1].start()
        loop.call_soon_threadsafe(release.set)

    with wiring.substitute(replace(wiring.get_seams(), spawn=spawn)):
        yield
        assert threads
        for thread in threads:
            thread.join()


async def test_a_refusal_after_waiting_for_keys_is_heard_once(fake_issuer, heard):
    with keys_take_time():
        request = get(forged(fake_issuer))
        with pytest.raises(BadSignature):
            await aaccess_token_of(request)
    assert [name for name, _payload in heard] == ["rejected"]


async def test_a_refusal_ends_nobody_who_waits_for_it(fake_issuer):
    """The caller may be handling an error of its own while it waits."""
    with keys_take_time():
        try:
            raise LookupError("the caller's own")
        except LookupError:
            with pytest.raises(BadSignature):
                await aaccess_token_of(get(forged(fake_issuer)))


def test_a_refusal_ends_no_generator_that_waits(fake_issuer):
    def handling():
        try:
            raise LookupError("the caller's own")
        except LookupError as error:
            yield error
            yield "still there"

    waiting = handling()
    try:
        raise next(waiting)
    except LookupError:
        with pytest.raises(BadSignature):
            access_token_of(get(forged(fake_issuer)))
    assert next(waiting) == "still there"


# Signals.


@either_authenticate
def test_acceptance_is_heard_once(authenticated_by, fake_issuer, heard):
    request = get(fake_issuer.access_token())
    token = authenticated_by(request, resolve=False).access_token
    authenticated_by(request, resolve=False)
    [(name, payload)] = heard
    assert name == "accepted"
    assert payload["request"] is request
    assert payload["access_token"] is token
    assert payload["sender"] is None


@either_authenticate
def test_refusal_is_heard_once(authenticated_by, fake_issuer, heard):
    request = get(forged(fake_issuer))
    for _again in range(2):
        with pytest.raises(BadSignature) as raised:
            authenticated_by(request, resolve=False)
    [(name, payload)] = heard
    assert name == "rejected"
    assert payload["request"] is request
    assert payload["error"] is raised.value
    assert payload["error"].code == "bad_signature"
    assert payload["error"].issuer_alias == "default"


@either_authenticate
def test_no_credentials_are_no_event(authenticated_by, fake_issuer, heard):
    authenticated_by(get())
    assert heard == []


@pytest.mark.django_db
@either_authenticate
@pytest.mark.parametrize("good", [True, False], ids=["accepted", "rejected"])
def test_a_receiver_may_use_the_database(authenticated_by, fake_issuer, good):
    """An audit trail writes rows; nothing may be lost because a view is async."""
    seen = []

    def write(**payload):
        seen.append(get_user_model().objects.count())

    async def awrite(**payload):
        seen.append(await get_user_model().objects.acount())

    signal = token_accepted if good else token_rejected
    raw_token = fake_issuer.access_token() if good else "x.y.z"
    signal.connect(write)
    signal.connect(awrite)
    try:
        authenticated_by(get(raw_token), resolve=False)
    except InvalidToken:
        assert not good
    finally:
        signal.disconnect(write)
        signal.disconnect(awrite)
    assert seen == [0, 0]


@either_authenticate
def test_a_broken_receiver_changes_no_answer(authenticated_by, fake_issuer):
    def fail(**payload):
        raise RuntimeError("broken receiver")

    token_accepted.connect(fail)
    try:
        assert authenticated_by(get(fake_issuer.access_token()), resolve=False)
    finally:
        token_accepted.disconnect(fail)


@either_token_of
def test_a_receiver_may_ask_the_request_again(token_of, fake_issuer):
    calls = []

    def ask(request, error, **payload):
        calls.append(error)
        with pytest.raises(InvalidToken):
            access_token_of(request)

    token_rejected.connect(ask)
    try:
        with pytest.raises(InvalidToken):
            token_of(get("x.y.z"))
    finally:
        token_rejected.disconnect(ask)
    assert len(calls) == 1


# Logs.


@pytest.mark.parametrize(
    ("make", "reason", "alias"),
    [
        pytest.param(forged, "bad_signature", "default", id="signature"),
        pytest.param(
            lambda issuer: issuer.access_token(exp=1), "expired_token", "default"
        ),
        pytest.param(
            lambda issuer: issuer.access_token(iss="https://evil.test"),
            "untrusted_issuer",
            None,
        ),
        pytest.param(lambda issuer: "garbage", "malformed_token", None),
    ],
)
def test_the_log_tells_reason_and_issuer(fake_issuer, caplog, make, reason, alias):
    with (
        caplog.at_level(logging.INFO, "django_oidc_rs"),
        pytest.raises(InvalidToken),
    ):
        access_token_of(get(make(fake_issuer)))
    [record] = [each for each in caplog.records if each.name.endswith("requests")]
    assert record.levelno == logging.INFO
    assert (record.reason, record.issuer_alias) == (reason, alias)


def test_an_outage_is_a_warning(fake_issuer, caplog):
    fake_issuer.fail()
    with pytest.raises(KeysUnavailable):
        access_token_of(get(fake_issuer.access_token()))
    [record] = [each for each in caplog.records if each.name.endswith("requests")]
    assert record.levelno == logging.WARNING
    assert (record.reason, record.issuer_alias) == ("keys_unavailable", "default")


HOSTILE = "x\r\nCRITICAL root logged in\x1b[31m\x00\u202e" * 100


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda issuer: issuer.access_token(iss=HOSTILE), id="iss"),
        pytest.param(lambda issuer: issuer.access_token(HOSTILE), id="sub"),
        pytest.param(lambda issuer: issuer.access_token(aud=HOSTILE), id="aud"),
        pytest.param(
            lambda issuer: issuer.access_token(header={"alg": HOSTILE}), id="alg"
        ),
        pytest.param(
            lambda issuer: issuer.access_token(
                header={"alg": issuer.algorithm, "typ": HOSTILE}
            ),
            id="typ",
        ),
        pytest.param(
            lambda issuer: issuer.access_token(
                header={"alg": issuer.algorithm, "kid": HOSTILE}
            ),
            id="kid",
        ),
    ],
)
def test_hostile_text_is_escaped_and_cut_in_logs(fake_issuer, caplog, make):
    """A225, A226."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidToken):
        access_token_of(get(make(fake_issuer)))
    for record in caplog.records:
        message = record.getMessage()
        assert message.isprintable()
        assert message.isascii()
        assert len(message) < 300


def leaks(raw_token, text):
    """Return the parts of ``raw_token`` that stand in ``text``."""
    return [part for part in {raw_token, *raw_token.split(".")} if part in text]


def tokens(issuer):
    return {
        "good": issuer.access_token(),
        "signature": forged(issuer),
        "expired": issuer.access_token(exp=1),
        "issuer": issuer.access_token(iss="https://evil.test"),
        "kid": issuer.access_token(header={"alg": issuer.algorithm, "kid": "other"}),
        "json": "bm90IGpzb24.bm90IGpzb24.c2lnbmF0dXJl",
        "long": "eyJhbGciOiJFUzI1NiJ9" * 1000,
    }


@both
@pytest.mark.parametrize(
    "kind", ["good", "signature", "expired", "issuer", "kid", "json", "long"]
)
def test_the_raw_token_is_in_no_log_at_debug(send, fake_issuer, caplog, kind):
    """A223."""
    caplog.set_level(logging.DEBUG)
    raw_token = tokens(fake_issuer)[kind]
    for url in ("/guarded", "/aguarded"):
        send(url, raw_token)
    assert not leaks(raw_token, caplog.text)
    assert not leaks(raw_token, repr([vars(record) for record in caplog.records]))


@either_token_of
@pytest.mark.parametrize("kind", ["good", "signature", "json", "long"])
def test_the_outcome_does_not_hold_the_raw_token(token_of, fake_issuer, kind):
    raw_token = tokens(fake_issuer)[kind]
    request = get(raw_token)
    try:
        token_of(request)
    except InvalidToken:
        assert kind != "good"
    outcome = request._django_oidc_rs
    assert not leaks(raw_token, repr(outcome))
    assert not leaks(raw_token, repr(request))
    dumped = pickle.dumps(outcome)
    assert not [part for part in raw_token.split(".") if part.encode() in dumped]


# Error pages and mails. A224.


@both
@pytest.mark.parametrize("url", ["/broken", "/abroken"])
def test_an_error_page_shows_no_raw_token(send, url, fake_issuer, settings):
    settings.DEBUG = True
    raw_token = fake_issuer.access_token()
    client = Client(raise_request_exception=False)
    response = send(url, raw_token, client=client)
    assert response.status_code == 500
    page = response.content.decode()
    assert "after the token was accepted" in page
    assert not leaks(raw_token, page)


@both
@pytest.mark.parametrize("url", ["/guarded", "/aguarded"])
def test_an_error_page_of_a_broken_validator_shows_no_raw_token(
    send, url, fake_issuer, settings, configure
):
    """DEBUG switches Django's own filter of local variables off."""
    configure(VALIDATORS=[f"{__name__}.explode"])
    settings.DEBUG = True
    raw_token = fake_issuer.access_token()
    client = Client(raise_request_exception=False)
    response = send(url, raw_token, client=client)
    assert response.status_code == 500
    page = response.content.decode()
    assert "a fault of the project" in page
    assert not leaks(raw_token, page)


@pytest.mark.parametrize("reason", ["signature", "json", "validator"])
@either_token_of
def test_an_error_caused_by_a_refusal_shows_no_raw_token(
    token_of, fake_issuer, configure, reason
):
    """A project may turn our refusal into its own exception."""
    if reason == "validator":
        configure(VALIDATORS=[f"{__name__}.refuse"])
    raw_token = tokens(fake_issuer).get(reason) or fake_issuer.access_token()
    with pytest.raises(InvalidToken) as raised:
        token_of(get(raw_token))
    error = raised.value
    shown = []
    while error is not None:
        frame = error.__traceback__
        while frame is not None:
            if "/django_oidc_rs/" in frame.tb_frame.f_code.co_filename:
                shown.append(repr(frame.tb_frame.f_locals))
            frame = frame.tb_next
        error = error.__cause__ or error.__context__
    assert shown
    assert not leaks(raw_token, "".join(shown))


class Collecting(AdminEmailHandler):
    """Collects what would be mailed to ADMINS."""

    def __init__(self):
        super().__init__(include_html=True)
        self.mails = []

    def send_mail(self, subject, message, *args, **kwargs):
        self.mails.append((subject, message, kwargs["html_message"]))


@both
@pytest.mark.parametrize("url", ["/broken", "/abroken", "/guarded", "/aguarded"])
def test_mail_to_admins_shows_no_raw_token(send, url, fake_issuer, configure):
    if "broken" not in url:
        configure(VALIDATORS=[f"{__name__}.explode"])
    raw_token = fake_issuer.access_token()
    mail = mail_of(send, url, raw_token)
    assert "RuntimeError" in mail
    assert "HTTP_AUTHORIZATION" in mail
    assert not leaks(raw_token, mail)


def mail_of(send, url, raw_token):
    """Return the one mail that ADMINS get of a request that fails."""
    handler = Collecting()
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        client = Client(raise_request_exception=False)
        response = send(url, raw_token, client=client)
    finally:
        logger.removeHandler(handler)
    assert response.status_code == 500
    [mail] = handler.mails
    return "".join(mail)


def test_the_drivers_are_what_they_say(fake_issuer):
    raw_token = fake_issuer.access_token()
    assert wsgi("/guarded", raw_token).wsgi_request.__class__.__name__ == "WSGIRequest"
    assert asgi("/aguarded", raw_token).asgi_request.__class__.__name__ == "ASGIRequest"


# Claims, in error pages and mails.

CLAIM = "Ada Lovelace of London"


@contextmanager
def failing(verb):
    """Let the database go while it writes a user's row."""

    def execute(run, sql, *rest):
        if sql.startswith(verb) and "auth_user" in sql:
            raise OperationalError("the database is gone")
        return run(sql, *rest)

    with connection.execute_wrapper(execute):
        yield


class Hostile(str):
    """Compares with nothing."""

    __slots__ = ()

    def __eq__(self, other):
        raise RuntimeError("a value of the project")

    __hash__ = str.__hash__


@pytest.fixture(params=["INSERT", "UPDATE", "field"])
def failure(request, configure, fake_issuer, monkeypatch):
    """Return a token with a claim, whose user cannot be resolved."""
    configure(users={"FIELDS": {"first_name": "name"}})
    if request.param == "UPDATE":
        authenticate(get(fake_issuer.access_token("alice", name="Ada")))
    if request.param == "field":

        def clean(value, instance):
            raise LookupError("a field of the project")

        field = get_user_model()._meta.get_field("first_name")
        monkeypatch.setattr(field, "clean", clean)
    with failing(request.param):
        yield fake_issuer.access_token("alice", name=CLAIM)


def our_locals(error):
    """Return what the frames of the package hold, of all exceptions in the chain."""
    shown = []
    while error is not None:
        for frame, _line in walk_tb(error.__traceback__):
            if "/django_oidc_rs/" in frame.f_code.co_filename:
                shown.append(repr(frame.f_locals))
        error = error.__cause__ or error.__context__
    assert shown
    return "".join(shown)


@pytest.mark.django_db
@either_authenticate
def test_our_frames_hold_no_claims(authenticated_by, failure):
    with pytest.raises((OperationalError, LookupError)) as raised:
        authenticated_by(get(failure))
    assert CLAIM not in our_locals(raised.value)


@pytest.mark.django_db
@either_authenticate
def test_frames_of_the_project_stay_as_they_are(
    authenticated_by, fake_issuer, configure
):
    """Not those of a coroutine either that waits, nor what its caller handles."""
    configure(users={"RESOLVER": f"{__name__}.resolve_badly"})
    with pytest.raises(LookupError) as raised:
        authenticated_by(get(fake_issuer.access_token()))
    frames = [frame for frame, _line in walk_tb(raised.value.__traceback__)]
    assert frames[-1].f_locals["explanation"] == "of use to the project"


def resolve_badly(access_token):
    explanation = "of use to the project"
    raise LookupError(explanation)


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/who", "/awho"])
@pytest.mark.parametrize("failure", ["INSERT", "UPDATE"], indirect=True)
def test_mail_to_admins_shows_no_claims(send, url, failure):
    """Django's own frames hold the parameters of the statement."""
    mail = mail_of(send, url, failure)
    assert "the database is gone" in mail
    assert CLAIM not in mail


@both
@pytest.mark.parametrize("url", ["/broken", "/abroken", "/judged"])
def test_mail_about_a_view_that_holds_a_token_shows_no_claims(send, url, fake_issuer):
    raw_token = fake_issuer.access_token(names=[[CLAIM]])
    mail = mail_of(send, url, raw_token)
    assert "AccessToken(issuer=" in mail
    assert CLAIM not in mail


@both
@pytest.mark.parametrize("url", ["/broken", "/abroken"])
def test_an_error_page_of_a_view_that_holds_a_token_shows_no_claims(
    send, url, fake_issuer, settings
):
    settings.DEBUG = True
    client = Client(raise_request_exception=False)
    response = send(url, fake_issuer.access_token(name=CLAIM), client=client)
    page = html.unescape(response.content.decode())
    assert "AccessToken(issuer=" in page
    assert CLAIM not in page
