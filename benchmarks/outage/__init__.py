"""Outages of the issuer, acted out: ``python -m benchmarks.outage``."""
