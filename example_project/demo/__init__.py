"""``manage.py demo``: both servers, real tokens, and a table of what the API answers.

``servers`` runs the processes, ``oauth_client`` gets tokens as a client would,
``scenarios`` and ``revocation`` say what is asked and expected, ``run`` does it and
prints.
"""
