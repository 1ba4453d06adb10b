"""Who is compared: one module each, with the settings its own README gives.

A module has

- ``TITLE``, ``APPS``, ``MIDDLEWARE`` and ``AUTHENTICATION``, the dotted name of its
  REST framework class, or None;
- ``ALGORITHMS`` it can check tokens of;
- ``configure(lane)``: further settings. ``lane`` tells ``issuer``, ``audience``,
  ``algorithm``, ``public_key`` (PEM), ``tokens`` and ``subjects``; it may raise
  ``Skip``;
- if need be, ``tokens(lane)``: its own tokens instead of the issuer's, made once its
  database is there; ``guarded_view(view)``: the view it guards by itself.

A user's ``sub`` is the user name, ``<sub>@example.test`` the address.
"""

ALL = frozenset(("RS256", "ES256", "ES384", "EdDSA"))


class Skip(Exception):
    """The contestant cannot take part; the text says why."""
