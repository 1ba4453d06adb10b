"""Reads from a replica, writes to the primary."""

from __future__ import annotations


class PrimaryReplica:
    """No say on relations: Django's own rule then wants one database for both."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


class Elsewhere:
    """Users and all the rest live in a database that is not the default one."""

    def db_for_read(self, model, **hints):
        return "replica"

    db_for_write = db_for_read
