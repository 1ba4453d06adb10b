"""The API of every contestant: Django, REST framework, one protected view.

Runs in the contestant's own environment: standard library, Django, REST framework and
gunicorn alone are imported here.
"""
