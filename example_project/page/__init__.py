"""The page at ``/``: a browser's part of the example, in plain HTML, CSS and JavaScript.

``files`` is served as it is, without a build step. ``files/oauth.js`` signs in, refreshes
and signs out; ``files/words.js`` holds the calls and what is said about claims and answers;
``files/main.js`` puts both on the screen.
"""
