"""The machine's clocks."""

from __future__ import annotations

import time

from django_oidc_rs.core.clock import SystemClock


def test_now_is_the_wall_clock():
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_monotonic_is_the_monotonic_clock():
    before = time.monotonic()
    assert before <= SystemClock().monotonic() <= time.monotonic()
