"""Under ASGI: what waits for keys waits in a thread, and the loop goes on."""

from __future__ import annotations

import pytest

ANY = pytest.mark.parametrize("shared", ["postgresql"], indirect=True)
"""Where the store is not what makes it wait."""
SILENCE = 0.75
"""Seconds; on a busy machine a beat may come late, but not as late as an issuer."""


@ANY
def test_jc_01_s_a_cold_start_does_not_block_the_loop(fleet, issuer):
    issuer.delay = 1.5
    fleet.start(2)
    told = fleet.all_do("ask_on_a_loop", tokens=[issuer.token()] * 8)
    assert [each["statuses"] for each in told] == [[200] * 8] * 2
    assert max(each["silence"] for each in told) < SILENCE
    assert issuer.count() == 1


@ANY
def test_jc_06_an_unknown_kid_does_not_block_the_loop(fleet, issuer):
    (process,) = fleet.start(1)
    good = issuer.token()
    assert process.status(good) == 200
    issuer.delay = 1.2
    told = process.do("ask_on_a_loop", tokens=[*issuer.forgeries(3), good])
    assert told["statuses"][-1] == 200
    assert set(told["statuses"][:-1]) <= {401, 503}
    assert told["silence"] < SILENCE


@ANY
def test_jc_28_a_caller_that_goes_away_takes_no_fetch_with_it(fleet, issuer):
    (process,) = fleet.start(1)
    issuer.delay = 1.0
    tokens = [issuer.token()] * 3
    told = process.do("ask_on_a_loop", tokens=tokens, give_up_first=True)
    assert told["statuses"] == [200, 200]
    assert issuer.count() == 1


def test_ss_03_a_store_that_hangs_does_not_block_the_loop(fleet, issuer, shared):
    (process,) = fleet.start(1, patient=False)
    with shared.hung():
        told = process.do("ask_on_a_loop", tokens=[issuer.token()] * 4)
        assert told["statuses"] == [200] * 4
        assert told["silence"] < SILENCE
