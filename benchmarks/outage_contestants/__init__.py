"""Who is compared: one module each, with the settings its own README gives.

A module has ``APPS``, the ``AUTHENTICATION`` class's name, and ``configure``, which
returns further settings for an issuer's address and options.
Lifetimes are 300 to 600 seconds everywhere, users come from the token alone.
"""
