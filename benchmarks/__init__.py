"""Measurements, by hand: ``python -m benchmarks.hot_path``. No test times anything."""
