"""Four real processes, one store, one issuer that counts."""

from __future__ import annotations

import pytest

from django_oidc_rs.testing.signing import SigningKey

LIFETIME = 600


def only(name):
    """Try one store, where the others could not make a difference."""
    return pytest.mark.parametrize("shared", [name], indirect=True)


@only("mariadb")
def test_jc_29_s_a_wait_for_another_process_has_an_end(fleet, issuer):
    """Who has keys serves them; who looks for one is told to come again."""
    holder, other = fleet.start(2)
    good = issuer.token()
    assert fleet.statuses(good) == [200, 200]
    with issuer.held():
        holder.send("ask", tokens=issuer.forgeries(1))
        issuer.await_count(2)
        fleet.processes[1].do("pass_time", seconds=2)
        known, unknown = other.ask(good, issuer.forgeries(1)[0])
        assert known["status"] == 200
        assert unknown["status"] == 503
        assert unknown["retry_after"] == "1"
        assert unknown["took"] < 4
    holder.receive()


@pytest.mark.parametrize("delay", [0.3, 0.0], ids=["slow", "quick"])
def test_jc_01_s_a_cold_start_is_one_fetch(fleet, issuer, delay):
    issuer.delay = delay
    fleet.start(4)
    token = issuer.token()
    assert set(fleet.statuses(*[token] * 5, at_once=True)) == {200}
    assert issuer.count() == 1
    assert issuer.count("/.well-known/openid-configuration") == 1


def test_jc_11_s_a_flood_of_unknown_kids_is_two_fetches(fleet, issuer):
    fleet.start(4)
    good = issuer.token()
    assert fleet.statuses(good) == [200] * 4
    before = issuer.count()
    mixed = [token for bad in issuer.forgeries(25) for token in (good, bad)]
    answers = fleet.ask(*mixed)
    assert [answer["status"] for answer in answers[::2]] == [200] * 100
    assert {answer["status"] for answer in answers[1::2]} <= {401, 503}
    assert 1 <= issuer.count() - before <= 2
    # The rest was refused without asking anybody.
    assert [answer["status"] for answer in answers[1::2]].count(401) >= 80


@only("redis")
def test_jc_07_s_jc_09_s_nothing_is_left_for_others(fleet, issuer):
    """What one process has spent no other has: refused at once, and with 401."""
    one, *others = fleet.start(3)
    assert fleet.statuses(issuer.token()) == [200] * 3
    one.ask(*issuer.forgeries(3))
    before = issuer.count()
    # Past what a look at the store costs, well within the cooldown.
    fleet.pass_time(2)
    for process in others:
        assert process.status(issuer.forgeries(1)[0]) == 401
    assert issuer.count() == before


@only("mariadb")
def test_jc_10_s_a_flood_does_not_delay_a_refresh(fleet, issuer):
    fleet.start(2)
    good = issuer.token()
    fleet.statuses(good, *issuer.forgeries(10))
    before = issuer.count()
    fleet.pass_time(LIFETIME - 1)
    assert fleet.statuses(good) == [200] * 2
    issuer.await_count(before + 1)


def test_jc_06_s_jc_23_s_a_rotation(fleet, issuer):
    """The new key is found by its first request, everywhere; the old one dies."""
    fleet.start(4)
    old, new = issuer.keys[0], SigningKey()
    fleet.statuses(issuer.token())
    issuer.keys = [new, old]
    before = issuer.count()
    assert fleet.statuses(issuer.token(new)) == [200] * 4
    assert fleet.statuses(issuer.token(old)) == [200] * 4
    assert issuer.count() - before <= 2
    issuer.keys = [new]
    fleet.pass_time(LIFETIME - 1)
    # One of them fetches ahead; the others learn of it within 15 seconds.
    fleet.processes[0].ask(issuer.token(new))
    fleet.settle()
    fleet.pass_time(16)
    fleet.statuses(issuer.token(new))
    fleet.settle()
    assert fleet.statuses(issuer.token(old)) == [401] * 4


@only("mariadb")
def test_ss_01_what_one_fetched_the_others_read(fleet, issuer):
    first, second = fleet.start(2)
    assert fleet.statuses(issuer.token()) == [200, 200]
    new = SigningKey()
    issuer.keys = [new]
    assert first.status(issuer.token()) == 200
    fleet.settle()
    before = issuer.count()
    # The store is read once a second on a miss.
    fleet.pass_time(1.1)
    assert second.status(issuer.token()) == 200
    assert issuer.count() == before


def test_jc_03_s_jc_04_s_one_refresh_for_a_lifetime(fleet, issuer):
    fleet.start(4)
    token = issuer.token()
    fleet.statuses(token)
    fleet.pass_time(LIFETIME - 1)
    answers = [fleet.ask(token) for _ in range(3)]
    assert {answer["status"] for each in answers for answer in each} == {200}
    fleet.settle()
    assert issuer.count() == 2


def test_jc_16_s_jc_18_s_jc_19_s_an_outage(fleet, issuer):
    """Good tokens pass, and one backoff is kept by all."""
    fleet.start(4)
    good, unknown = issuer.token(), issuer.forgeries(1)[0]
    fleet.statuses(good)
    before = issuer.count()
    issuer.status = 503
    fleet.pass_time(LIFETIME + 60)
    for _ in range(5):
        assert fleet.statuses(good) == [200] * 4
        # JC-18: whether the key is real nobody can tell now.
        assert fleet.statuses(unknown) == [503] * 4
    fleet.settle()
    # Each attempt is repeated once at once; the second comes a second later.
    assert issuer.count() - before <= 2 * 3


@only("postgresql")
def test_jc_17_s_and_its_end(fleet, issuer):
    fleet.start(2, keys={"STALE_IF_ERROR": 3600})
    token = issuer.token()
    fleet.statuses(token)
    issuer.status = 500
    fleet.pass_time(LIFETIME + 3600)
    answers = fleet.ask(token)
    assert [answer["status"] for answer in answers] == [503] * 2
    assert all(1 <= int(answer["retry_after"]) <= 72 for answer in answers)
    issuer.status = 200
    fleet.pass_time(80)
    assert fleet.statuses(token) == [200] * 2


def test_jc_28_s_a_holder_killed_in_mid_fetch(fleet, issuer, shared):
    """Its lease runs out; who has keys never waits, who has none goes on then."""
    holder, warm, cold = fleet.start(3)
    token = issuer.token()
    assert warm.status(token) == 200
    fleet.pass_time(LIFETIME - 1)
    with issuer.held():
        holder.ask(token)
        issuer.await_count(2)
        assert shared.holder(issuer.url)
        holder.kill()
        fleet.processes.remove(holder)
        answers = warm.ask(token, token)
        assert [answer["status"] for answer in answers] == [200, 200]
        # Nobody else set out while the lease lasts.
        assert issuer.count() == 2
    shared.end_lease(issuer.url)
    fleet.pass_time(2)
    assert warm.status(token) == 200
    issuer.await_count(3)
    fleet.settle()
    assert cold.status(token) == 200
    assert issuer.count() == 3


@only("redis")
def test_jc_01_s_a_cold_fleet_outlives_its_holder(fleet, issuer, shared):
    holder, other = fleet.start(2)
    token = issuer.token()
    with issuer.held():
        holder.send("ask", tokens=[token])
        issuer.await_count(1)
        holder.kill()
        fleet.processes.remove(holder)
    other.send("ask", tokens=[token])
    shared.end_lease(issuer.url)
    (answer,) = other.receive()
    assert answer["status"] == 200
    assert issuer.count() == 2


def test_ss_09_hosts_two_minutes_apart(fleet, issuer):
    fleet.start(2, slow_by=60)
    fleet.start(2, slow_by=-60)
    token = issuer.token()
    assert fleet.statuses(token) == [200] * 4
    assert issuer.count() == 1
    # Fresh for all of them still: who took its own clock would fetch by now.
    fleet.pass_time(300)
    assert fleet.statuses(token) == [200] * 4
    fleet.settle()
    assert issuer.count() == 1
    fleet.pass_time(299)
    for _ in range(3):
        assert fleet.statuses(token) == [200] * 4
        fleet.settle()
    assert issuer.count() == 2


@only("redis")
def test_jc_27_s_a_slow_old_answer_takes_nothing_back(fleet, issuer, shared):
    slow, quick = fleet.start(2)
    old, new = issuer.keys[0], SigningKey()
    with issuer.held():
        slow.send("ask", tokens=[issuer.token()])
        issuer.await_count(1)
        # As if the holder had stopped for longer than its lease.
        shared.end_lease(issuer.url)
        issuer.keys = [new]
        quick.send("ask", tokens=[issuer.token(new)])
        issuer.await_count(2)
    answers = [process.receive()[0]["status"] for process in (slow, quick)]
    assert answers[1] == 200
    fleet.settle()
    fleet.pass_time(16)
    fleet.statuses(issuer.token(new))
    fleet.settle()
    # Whichever was published first, both agree, and on what the issuer says now.
    assert fleet.statuses(issuer.token(new)) == [200, 200]
    assert fleet.statuses(issuer.token(old)) == [401, 401]


def test_ss_11_workers_forked_after_a_warm_up(fleet, issuer):
    """gunicorn --preload: the parent has keys, locks and threads already."""
    (parent,) = fleet.start(1)
    token = issuer.token()
    assert parent.status(token) == 200
    assert parent.do("connected") is False
    # OpenSSL's locks, which a driver takes to connect, survive no fork.
    parent.do("settle")
    children = [fleet.forked(parent) for _ in range(3)]
    assert [child.status(token) for child in children] == [200] * 3
    # They read what is stored, on connections of their own.
    assert issuer.count() == 1
    assert parent.status(token) == 200


@only("postgresql")
def test_ss_11_a_worker_forked_in_mid_fetch(fleet, issuer, shared):
    """The thread that fetches, and its locks, are the parent's alone."""
    (parent,) = fleet.start(1)
    token = issuer.token()
    assert parent.status(token) == 200
    fleet.pass_time(LIFETIME - 1)
    with issuer.held():
        assert parent.status(token) == 200
        issuer.await_count(2)
        child = fleet.forked(parent)
        assert child.status(token) == 200
    assert parent.status(token) == 200


@pytest.mark.parametrize("shared", ["postgresql", "mariadb"], indirect=True)
def test_atomic_requests_undo_no_keys(fleet, issuer):
    """The refresher is never in the request's transaction, whose end may undo all."""
    first, second = fleet.start(2, atomic=True)
    (answer,) = first.ask(issuer.token(), path="/fail/")
    assert answer["status"] == 500
    fleet.settle()
    assert second.status(issuer.token()) == 200
    assert issuer.count() == 1
