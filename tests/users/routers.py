"""Reads from a replica, writes to the primary."""

from __future__ import annotations


class PrimaryReplica:
    """No say on relations: Django's own rule then wants one database for both."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"
