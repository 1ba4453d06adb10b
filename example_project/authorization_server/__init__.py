"""A real authorization server to try the API with: django-allauth's.

It runs as a process of its own, with its own settings and database, and shares nothing
with the API but the state directory that both live in.
"""
