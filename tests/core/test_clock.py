"""The machine's clocks."""

from __future__ import annotations

import time

import pytest

from django_oidc_rs.core.clock import SystemClock


def test_now_is_the_wall_clock():
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux alone has it")
def test_monotonic_goes_on_while_the_machine_is_suspended():
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = SystemClock().monotonic()
    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_monotonic_never_runs_backwards():
    readings = [SystemClock().monotonic() for _ in range(1000)]
    assert readings == sorted(readings)
