"""Measurements, by hand: ``python -m benchmarks``. No test times anything."""
